"""Inherent structures by forces alone: FIRE, down to ROUGH in single precision where an engine likes, then in double.

The unshifted energy jumps at the cut-off, so that a line search on energies stalls there; forces do not know of it.

Source: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006).
"""

from __future__ import annotations

import math

from vitrify.md.engines.replica.dynamics import all_forces, inside, nearest, rebuild, slack2_of
from vitrify.md.engines.replica.neighbours import is_near
from vitrify.md.engines.replica.serial import all_lanes, fixed, lane, lanes, largest, real, total
from vitrify.md.engines.replica.state import DONE, LIST_FULL, LOST, TOO_FAST, UNFINISHED

FIRST_STEP, LONGEST_STEP = 0.005, 0.03
"""Time steps of FIRE [tau]; the longest that pays, see README.md."""

FIRST_FRACTION, PATIENCE = 0.1, 5
"""How strongly velocities turn towards the forces, and the downhill steps before that fades and the time step grows."""

AT_REST = (FIRST_STEP, FIRST_FRACTION, 0.0)
"""Where FIRE begins: time step, mixing fraction, downhill steps."""

ROUGH = 1e-3
"""``max|F|`` down to which single precision will do: its coordinates' steps and its roundings are forces of 1e-5."""

ROUGH_UP_TO = 100.0
"""Edge of a box up to which that holds; in larger ones ROUGH grows as the steps of coordinates do [sigma_AA]."""

LONGEST_MOVE = 0.1
"""How far a particle may go in one step [sigma_AA]."""


def measure(particles, fmax2, scratch):
    """The power F.v, the sums of F^2 and v^2, and whether all F^2 are up to ``fmax2``."""
    power, force2, speed2, calm, own = 0.0, 0.0, 0.0, 0, 0
    for i in range(lane(), len(particles.slot), lanes()):
        fx, fy = particles.fx[i], particles.fy[i]
        vx, vy = particles.vx[i], particles.vy[i]
        power += fx * vx + fy * vy
        speed2 += vx * vx + vy * vy
        force2 += fx * fx + fy * fy
        calm += 1 if fx * fx + fy * fy <= fmax2 else 0  # counted, as in stayed
        own += 1
    return total(power, scratch), total(force2, scratch), total(speed2, scratch), all_lanes(calm == own)


def strongest_force(particles, scratch):
    """The largest ``|F|``."""
    strongest2 = 0.0
    for i in range(lane(), len(particles.slot), lanes()):
        fx, fy = particles.fx[i], particles.fy[i]
        strongest2 = max(strongest2, fx * fx + fy * fy)
    return math.sqrt(largest(strongest2, scratch))


def turn(particles, keep, along, fastest2):
    """Set v = keep v + along F; whether all squared speeds are then up to ``fastest2``."""
    slow, own = 0, 0
    for i in range(lane(), len(particles.slot), lanes()):
        vx = keep * particles.vx[i] + along * particles.fx[i]
        vy = keep * particles.vy[i] + along * particles.fy[i]
        particles.vx[i] = vx
        particles.vy[i] = vy
        slow += 1 if vx * vx + vy * vy <= fastest2 else 0  # counted, as in stayed
        own += 1
    return all_lanes(slow == own)


def top_speed(particles, scratch):
    """The largest ``|v|``."""
    fastest2 = 0.0
    for i in range(lane(), len(particles.slot), lanes()):
        vx, vy = particles.vx[i], particles.vy[i]
        fastest2 = max(fastest2, vx * vx + vy * vy)
    return math.sqrt(largest(fastest2, scratch))


def drift(particles, box, time_step, slack2):
    """Move along the velocities; whether all have ``stayed`` afterwards."""
    steps_x, steps_y = time_step / box.scale_x, time_step / box.scale_y
    near, own = 0, 0
    for i in range(lane(), len(particles.slot), lanes()):
        x = fixed(particles.x[i] + nearest(particles.vx[i] * steps_x))
        y = fixed(particles.y[i] + nearest(particles.vy[i] * steps_y))
        particles.x[i] = x
        particles.y[i] = y
        near += is_near(x, y, particles, i, box, slack2)
        own += 1
    return all_lanes(near == own)


def minimize_replica(particles, neighbours, grid, box, pairs, externals, fire, fmax, evaluations, scratch):
    """Follow FIRE to max|F| < fmax or for ``evaluations`` force evaluations.

    ``fire`` holds its time step, mixing fraction and downhill steps, and the particles have velocities, so that another
    call goes on where this one ends, in either precision.

    Returns:
        How it ended, ``max|F|``, and the number of force evaluations.
    """
    slack2 = slack2_of(box)
    time_step, fraction, downhill = fire[0], fire[1], fire[2]
    how, spent, due = UNFINISHED, 0, True
    while how == UNFINISHED and spent < evaluations:
        if due and not rebuild(particles, neighbours, grid, box, pairs, scratch):
            return LIST_FULL, math.inf, spent
        all_forces(particles, neighbours, box, pairs, externals)
        spent += 1
        power, force2, speed2, calm = measure(particles, real(fmax * fmax), scratch)
        if not force2 < math.inf:
            return TOO_FAST, math.inf, spent
        if calm and strongest_force(particles, scratch) < fmax:
            how = DONE
            break
        if power > 0.0:
            keep, along = 1.0 - fraction, fraction * math.sqrt(speed2 / force2)
            downhill += 1.0
            if downhill > PATIENCE:
                time_step, fraction = min(1.1 * time_step, LONGEST_STEP), 0.99 * fraction
        else:
            keep, along = 0.0, 0.0
            time_step, fraction, downhill = 0.5 * time_step, FIRST_FRACTION, 0.0
        drift_time, fastest = time_step, LONGEST_MOVE / time_step
        if not turn(particles, real(keep), real(along + time_step), real(fastest * fastest)):
            drift_time = LONGEST_MOVE / top_speed(particles, scratch)
        due = not drift(particles, box, real(drift_time), slack2)
        if box.limit > 0 and not inside(particles, box):
            how = LOST
    if lane() == 0:
        fire[0], fire[1], fire[2] = time_step, fraction, downhill
    return how, strongest_force(particles, scratch), spent
