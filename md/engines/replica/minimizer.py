"""Inherent structures by forces alone: FIRE, in double precision.

The unshifted energy jumps at the cut-off, so that a line search on energies stalls there; forces do not know of it.

Source: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006).
"""

from __future__ import annotations

import math

from vitrify.md.engines.replica.dynamics import all_forces, nearest, rebuild
from vitrify.md.engines.replica.neighbours import furthest_moved2
from vitrify.md.engines.replica.serial import barrier, fixed, lane, lanes, largest, real, total
from vitrify.md.engines.replica.state import DONE, LIST_FULL

FIRST_STEP, LONGEST_STEP = 0.005, 0.03
"""Time steps of FIRE [tau]."""

LONGEST_MOVE = 0.1
"""How far a particle may go in one step [sigma_AA]."""


def strongest_force(particles, scratch):
    """max|F| over particles [eps_AA / sigma_AA]."""
    strongest2 = real(0)
    for i in range(lane(), len(particles.slot), lanes()):
        force2 = particles.fx[i] * particles.fx[i] + particles.fy[i] * particles.fy[i]
        strongest2 = max(strongest2, force2)
    return math.sqrt(largest(strongest2, scratch))


def mix(particles, time_step, fraction, scratch):
    """Kick, and turn velocities towards the forces; returns the power F.v before it, and the top speed after it."""
    power, force2, speed2 = 0.0, 0.0, 0.0
    for i in range(lane(), len(particles.slot), lanes()):
        fx, fy = particles.fx[i], particles.fy[i]
        vx, vy = particles.vx[i], particles.vy[i]
        power += fx * vx + fy * vy
        force2 += fx * fx + fy * fy
        speed2 += vx * vx + vy * vy
    power, force2, speed2 = total(power, scratch), total(force2, scratch), total(speed2, scratch)
    keep, turn = (0.0, 0.0) if power <= 0.0 else (1.0 - fraction, fraction * math.sqrt(speed2 / force2))
    fastest2 = 0.0
    for i in range(lane(), len(particles.slot), lanes()):
        vx = keep * particles.vx[i] + (turn + time_step) * particles.fx[i]
        vy = keep * particles.vy[i] + (turn + time_step) * particles.fy[i]
        particles.vx[i] = vx
        particles.vy[i] = vy
        fastest2 = max(fastest2, vx * vx + vy * vy)
    return power, math.sqrt(largest(fastest2, scratch))


def drift(particles, box, time_step):
    """Move along the velocities."""
    for i in range(lane(), len(particles.slot), lanes()):
        particles.x[i] = fixed(particles.x[i] + nearest(particles.vx[i] * time_step / box.scale_x))
        particles.y[i] = fixed(particles.y[i] + nearest(particles.vy[i] * time_step / box.scale_y))
    barrier()


def minimize_replica(particles, neighbours, grid, box, pairs, externals, fmax, evaluations, scratch):
    """Follow FIRE to max|F| < fmax or for ``evaluations`` force evaluations.

    Returns:
        How it ended, max|F|, and the number of force evaluations.
    """
    if not rebuild(particles, neighbours, grid, box, pairs, scratch):
        return LIST_FULL, math.inf, 0
    time_step, fraction, downhill = FIRST_STEP, 0.1, 0
    for evaluation in range(1, evaluations + 1):
        all_forces(particles, neighbours, box, pairs, externals)
        strongest = strongest_force(particles, scratch)
        if strongest < fmax:
            return DONE, strongest, evaluation
        power, fastest = mix(particles, time_step, fraction, scratch)
        if power > 0.0:
            downhill += 1
            if downhill > 5:
                time_step, fraction = min(1.1 * time_step, LONGEST_STEP), 0.99 * fraction
        else:
            time_step, fraction, downhill = 0.5 * time_step, 0.1, 0
        drift(particles, box, min(time_step, LONGEST_MOVE / max(fastest, 1e-300)))
        if furthest_moved2(particles, box, scratch) > 0.25 * box.skin * box.skin:
            if not rebuild(particles, neighbours, grid, box, pairs, scratch):
                return LIST_FULL, strongest, evaluation
    return DONE, strongest, evaluations
