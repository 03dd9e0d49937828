"""Stochastic velocity rescaling with random numbers that are a function of (seed, replica, step).

Sources: Bussi, Donadio and Parrinello, J. Chem. Phys. 126, 014101 (2007); Salmon et al., "Parallel random numbers: as
easy as 1, 2, 3", SC11 (Philox4x32-10); Marsaglia and Tsang, ACM Trans. Math. Softw. 26, 363 (2000) (gamma variates).
"""

from __future__ import annotations

import math

import numpy as np

LOW = 0xFFFFFFFF
PURPOSE = 2
"""vitrify.md.randomness.Purpose.THERMOSTAT."""


def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10: four random 32-bit words for a counter of four words and a key of two."""
    c0, c1, c2, c3 = np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3)
    k0, k1 = np.uint64(k0), np.uint64(k1)
    low, half = np.uint64(LOW), np.uint64(32)
    for _ in range(10):
        p0 = np.uint64(0xD2511F53) * c0
        p1 = np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ k0, p1 & low, (p0 >> half) ^ c3 ^ k1, p0 & low
        k0 = (k0 + np.uint64(0x9E3779B9)) & low
        k1 = (k1 + np.uint64(0xBB67AE85)) & low
    return c0, c1, c2, c3


def draw(bath, step, index):
    """A uniform number in (0, 1) and a standard normal one, the ``index``-th of this step."""
    seed, now = np.uint64(bath.seed), np.uint64(step)
    low, half = np.uint64(LOW), np.uint64(32)
    purpose = np.uint64(PURPOSE) | (np.uint64(index) << np.uint64(8))
    a, b, c, d = philox(
        now & low, (now >> half) & low, purpose, np.uint64(bath.replica) & low, seed & low, (seed >> half) & low
    )
    uniform = (float(a) + 0.5) * 2.0**-32
    radius = math.sqrt(-2.0 * math.log((float(b) + 0.5) * 2.0**-32))
    angle = 2.0 * math.pi * (float(c) + (float(d) + 0.5) * 2.0**-32) * 2.0**-32
    return uniform, radius * math.cos(angle)


def sum_of_squares(bath, step, terms):
    """The sum of the squares of ``terms`` standard normal numbers, as twice a gamma variate of shape terms / 2."""
    if terms < 1:
        return 0.0
    boost = 0.0 if terms > 1 else 1.0  # below shape 1 the method draws at shape + 1 and takes a power of a uniform
    shape = 0.5 * terms + boost
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    index = 1
    while True:
        uniform, normal = draw(bath, step, index)
        index += 1
        v = (1.0 + c * normal) ** 3
        if v > 0.0 and math.log(uniform) < 0.5 * normal * normal + d - d * v + d * math.log(v):
            gamma = d * v
            break
    if boost > 0.0:
        uniform, _ = draw(bath, step, 0x10000)
        gamma *= uniform ** (1.0 / (0.5 * terms))
    return 2.0 * gamma


def set_temperature(bath, step):
    """KT of the schedule at an absolute step: straight lines between knots, constant outside."""
    knots = len(bath.knot_step)
    if step <= bath.knot_step[0]:
        return bath.knot_kt[0]
    if step >= bath.knot_step[knots - 1]:
        return bath.knot_kt[knots - 1]
    k = 1
    while bath.knot_step[k] < step:
        k += 1
    fraction = (step - bath.knot_step[k - 1]) / (bath.knot_step[k] - bath.knot_step[k - 1])
    return bath.knot_kt[k - 1] + fraction * (bath.knot_kt[k] - bath.knot_kt[k - 1])


def rescaling(bath, step, twice_kinetic):
    """The factor by which Bussi's thermostat scales the group's velocities at the end of ``step``."""
    if twice_kinetic <= 0.0:
        return 1.0
    _, normal = draw(bath, step, 0)
    squares = sum_of_squares(bath, step, bath.freedom - 1)
    noise = (1.0 - bath.memory) * set_temperature(bath, step) / twice_kinetic
    along = math.sqrt(bath.memory) + math.sqrt(noise) * normal
    return math.sqrt(along * along + noise * squares)
