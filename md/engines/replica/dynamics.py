"""A segment of molecular dynamics of one replica: velocity Verlet, thermostat, rebuilds by its own displacements."""

from __future__ import annotations

import numpy as np

from vitrify.md.engines.replica.forces import external_forces, pair_forces
from vitrify.md.engines.replica.neighbours import is_near, list_neighbours, sort_particles, stayed
from vitrify.md.engines.replica.serial import all_lanes, barrier, fixed, lane, lanes, real, total
from vitrify.md.engines.replica.state import DONE, LIST_FULL, LOST, TOO_FAST
from vitrify.md.engines.replica.thermostat import rescaling


def rebuild(particles, neighbours, grid, box, pairs, scratch):
    """Sort, and list the neighbours anew; False when the list is too small."""
    sort_particles(particles, grid, box, scratch)
    return list_neighbours(particles, neighbours, grid, box, pairs)


def all_forces(particles, neighbours, box, pairs, externals):
    """Pair forces, tethers and walls."""
    pair_forces(particles, neighbours, box, pairs)
    external_forces(particles, box, externals)


def kick_and_drift(particles, box, time_step, slack2):
    """Half a kick and the whole drift of velocity Verlet; whether all have ``stayed`` afterwards."""
    half_step = real(0.5) * time_step
    steps_x, steps_y = time_step / box.scale_x, time_step / box.scale_y
    near, own = 0, 0
    for i in range(lane(), len(particles.slot), lanes()):
        vx = particles.vx[i] + half_step * particles.fx[i]
        vy = particles.vy[i] + half_step * particles.fy[i]
        x = fixed(particles.x[i] + nearest(vx * steps_x))
        y = fixed(particles.y[i] + nearest(vy * steps_y))
        particles.vx[i] = vx
        particles.vy[i] = vy
        particles.x[i] = x
        particles.y[i] = y
        near += is_near(x, y, particles, i, box, slack2)
        own += 1
    return all_lanes(near == own)


def nearest(steps):
    """The nearest whole number of fixed-point steps."""
    return fixed(steps + (real(0.5) if steps >= real(0) else real(-0.5)))


def kick(particles, half_step, member, scratch):
    """The second half kick; returns sum v^2 over the thermostat group."""
    twice_kinetic = 0.0
    for i in range(lane(), len(particles.slot), lanes()):
        vx = particles.vx[i] + half_step * particles.fx[i]
        vy = particles.vy[i] + half_step * particles.fy[i]
        particles.vx[i] = vx
        particles.vy[i] = vy
        twice_kinetic += member[particles.species[i]] * (vx * vx + vy * vy)
    return total(twice_kinetic, scratch)


def shared_factor(bath, step, twice_kinetic, scratch):
    """The thermostat's factor, worked out by one lane for all."""
    if lane() == 0:
        scratch[0] = rescaling(bath, step, twice_kinetic)
    barrier()
    factor = real(scratch[0])
    barrier()
    return factor


def rescale(particles, factor, member, half_step, fastest2):
    """Scale the velocities of the thermostat group.

    Returns:
        Whether every squared speed after the next half kick is a number up to ``fastest2``. They are counted, as in
        ``stayed``, since compilers make no vectors of a maximum.
    """
    slow, own = 0, 0
    for i in range(lane(), len(particles.slot), lanes()):
        scale = factor if member[particles.species[i]] > real(0) else real(1)
        vx, vy = scale * particles.vx[i], scale * particles.vy[i]
        particles.vx[i] = vx
        particles.vy[i] = vy
        vx += half_step * particles.fx[i]
        vy += half_step * particles.fy[i]
        slow += 1 if vx * vx + vy * vy <= fastest2 else 0
        own += 1
    return all_lanes(slow == own)


def inside(particles, box):
    """Whether every particle lies within the box along an open axis."""
    furthest = 0
    for i in range(lane(), len(particles.slot), lanes()):
        furthest = max(furthest, abs(np.int64(particles.y[i])))
    return all_lanes(furthest <= box.limit)


def integrate_replica(
    particles, neighbours, grid, box, pairs, externals, bath, time_step, start, steps, current_x, current_y, scratch
):
    """Advance one replica.

    ``particles`` come with their coordinates at the last build of the neighbour list and their velocities of now;
    ``current_x`` and ``current_y``, by slot, are the coordinates of now. So the list is what it was when the last
    segment ended. ``start`` is the replica's clock. Each function is called in one place: compilers copy it to each.

    Returns:
        How the segment ended, and the clock.
    """
    half_step = real(0.5) * time_step
    fastest = box.skin / time_step
    slack2 = slack2_of(box)
    step, at_origin, moved, due = start, True, False, True
    while True:
        if due and not rebuild(particles, neighbours, grid, box, pairs, scratch):
            return LIST_FULL, step
        if at_origin:
            go_to(particles, current_x, current_y)
            at_origin = False
            due = not stayed(particles, box, slack2)
            continue
        all_forces(particles, neighbours, box, pairs, externals)
        factor = real(1)
        if moved:
            twice_kinetic = kick(particles, half_step, bath.member, scratch)
            if bath.freedom > 0:
                factor = shared_factor(bath, step, twice_kinetic, scratch)
        slow = rescale(particles, factor, bath.member, half_step, fastest * fastest)
        if step == start + steps:
            return DONE, step
        if not slow:
            return TOO_FAST, step
        due = not kick_and_drift(particles, box, time_step, slack2)
        step += 1
        moved = True
        if box.limit > 0 and not inside(particles, box):
            return LOST, step


def go_to(particles, current_x, current_y):
    """Take the particles to coordinates given by slot."""
    for i in range(lane(), len(particles.slot), lanes()):
        particles.x[i] = current_x[particles.slot[i]]
        particles.y[i] = current_y[particles.slot[i]]
    barrier()


def slack2_of(box):
    """How far squared a particle may go before two of them could meet unlisted: half the skin each."""
    return real(0.25) * box.skin * box.skin
