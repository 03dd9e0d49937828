"""What a GPU launches: one thread block a replica, its coordinates in shared memory, until its segment is done.

Arguments are the fields of wave.Batch. targets.py compiles these functions with the program, which they call by name.
"""

# pyright: reportArgumentType=false
# Numba declares the shape of shared memory as if it were an object of its own.

from __future__ import annotations

from numba import cuda, float64, int32

from vitrify.md.engines.replica.dynamics import integrate_replica
from vitrify.md.engines.replica.minimizer import minimize_replica
from vitrify.md.engines.replica.serial import barrier, lane, lanes
from vitrify.md.engines.replica.state import (
    DONE,
    MOST_LANES,
    UNFINISHED,
    Bath,
    Box,
    Externals,
    Grid,
    Neighbours,
    Pairs,
    Particles,
)

SCRATCH = MOST_LANES + 32
"""Places where lanes meet: one for each and one for each of a warp."""

coordinate = int32
"""The compiler's name for fixed-point numbers, bound anew for each precision."""


def particles_of(size, built, velocities, species, slot, place, forces, way, shared, row):
    """The particles of replica ``row``, with their coordinates in shared memory."""
    n = size[row]
    return Particles(
        shared[:n],
        shared[n : 2 * n],
        velocities[row, 0, :n],
        velocities[row, 1, :n],
        forces[row, 0, :n],
        forces[row, 1, :n],
        species[row, :n],
        slot[row, :n],
        place[row],
        built[row, 0, :n],
        built[row, 1, :n],
        way[row, 0],
        way[row, 1],
    )


def grid_of(order, spare, spare_real, cells, row):
    """Scratch for sorting."""
    return Grid(cells[row, 0], cells[row, 1], order[row, 0], order[row, 1], spare[row], spare_real[row], order[row, 2])


def box_of(lengths, shape, row):
    """The geometry of replica ``row``."""
    return Box(
        lengths[row, 0], lengths[row, 1], shape[row, 0], shape[row, 1], shape[row, 2], shape[row, 3], lengths[row, 2]
    )


def take_coordinates(particles):
    """Fetch the coordinates of the last build into shared memory."""
    for i in range(lane(), len(particles.slot), lanes()):
        particles.x[i] = particles.built_x[i]
        particles.y[i] = particles.built_y[i]
    barrier()


def leave_coordinates(particles, now):
    """Write the coordinates back, by slot."""
    barrier()
    for i in range(lane(), len(particles.slot), lanes()):
        now[0, particles.slot[i]] = particles.x[i]
        now[1, particles.slot[i]] = particles.y[i]


def integrate_kernel(
    size, now, built, velocities, species, slot, place, way, forces, order, spare, spare_real, cells, counts, ids,
    lengths, shape, table, tethered, sites, springs, wall_start, wall_stiffness, ended, clock, max_force, fire,
    knot_step, knot_kt, member, freedom, memory, seed, replica, time_step, steps,
):  # fmt: skip
    """Advance every replica that has not failed by ``steps``."""
    row = cuda.blockIdx.x
    if ended[row] != UNFINISHED and ended[row] != DONE:
        return
    scratch = cuda.shared.array(SCRATCH, float64)
    shared = cuda.shared.array(0, coordinate)
    particles = particles_of(size, built, velocities, species, slot, place, forces, way, shared, row)
    take_coordinates(particles)
    how, at = integrate_replica(
        particles,
        Neighbours(counts[row], ids[row]),
        grid_of(order, spare, spare_real, cells, row),
        box_of(lengths, shape, row),
        Pairs(table[0], table[1], table[2], table[3]),
        Externals(tethered, sites[row, 0], sites[row, 1], springs[0], springs[1], wall_start[row], wall_stiffness),
        Bath(knot_step, knot_kt, member, freedom[row], memory, seed, replica[row]),
        time_step,
        clock[row],
        steps,
        now[row, 0],
        now[row, 1],
        scratch,
    )
    leave_coordinates(particles, now[row])
    if lane() == 0:
        ended[row] = how
        clock[row] = at


def minimize_kernel(
    size, now, built, velocities, species, slot, place, way, forces, order, spare, spare_real, cells, counts, ids,
    lengths, shape, table, tethered, sites, springs, wall_start, wall_stiffness, ended, clock, max_force, fire,
    fmax, evaluations,
):  # fmt: skip
    """Take every replica that is not done nearer to its minimum; ``clock`` counts force evaluations."""
    row = cuda.blockIdx.x
    if ended[row] != UNFINISHED:
        return
    scratch = cuda.shared.array(SCRATCH, float64)
    shared = cuda.shared.array(0, coordinate)
    particles = particles_of(size, built, velocities, species, slot, place, forces, way, shared, row)
    take_coordinates(particles)
    how, strongest, spent = minimize_replica(
        particles,
        Neighbours(counts[row], ids[row]),
        grid_of(order, spare, spare_real, cells, row),
        box_of(lengths, shape, row),
        Pairs(table[0], table[1], table[2], table[3]),
        Externals(tethered, sites[row, 0], sites[row, 1], springs[0], springs[1], wall_start[row], wall_stiffness),
        fire[row],
        fmax,
        evaluations,
        scratch,
    )
    leave_coordinates(particles, now[row])
    for i in range(lane(), size[row], lanes()):  # the next launch goes on from here
        particles.built_x[i] = particles.x[i]
        particles.built_y[i] = particles.y[i]
    if lane() == 0:
        ended[row] = how
        clock[row] += spent
        max_force[row] = strongest
