"""The inner loops of the CPU: forces on blocks of eight or sixteen particles, side by side in a vector register.

Neighbours in the sort are neighbours in space, so particles in a row share most of their neighbours. A block keeps one
list of all of them, by species so that pair parameters stay in registers; each entry is read once and acts on the whole
block, without a gather, a reduction or a remainder. list_neighbours, pair_forces and pair_sums take the
place of their namesakes in neighbours.py and forces.py; nothing else differs between the programs of CPU and GPU.

The arrays are padded to whole blocks with copies of the last particle, whose forces nobody reads.
"""

from __future__ import annotations

from vitrify.md.engines.replica.neighbours import column_of, members_between, round_the_box, row_of
from vitrify.md.engines.replica.serial import fixed, real
from vitrify.md.engines.replica.vectors import any_of, convert, load, places, select, splat, store
from vitrify.md.pair_law import force_over_distance, half_energy

WIDTH = 8
"""Particles of a block, bound anew for each program."""


def read(array, begin):
    """What ``array`` has for the particles of a block."""
    return load(array, begin, WIDTH)


def fill_last_block(particles):
    """Copy the last particle into the padding."""
    n = len(particles.slot)
    for i in range(n, len(particles.x)):
        particles.x[i] = particles.x[n - 1]
        particles.y[i] = particles.y[n - 1]
        particles.species[i] = particles.species[n - 1]


def list_neighbours(particles, neighbours, grid, box, pairs):
    """List for each block whatever is within the cut-off and the skin of any of its particles; False without room."""
    fill_last_block(particles)
    fits = True
    for block in range(neighbours.count.shape[0]):
        set_parameters(particles, neighbours, pairs, block)
        fits &= list_for_block(particles, neighbours, grid, box, block)
    return fits


def set_parameters(particles, neighbours, pairs, block):
    """The pair parameters of a block's particles with each species."""
    for other in range(pairs.cutoff2.shape[0]):
        for k in range(WIDTH):
            species = particles.species[block * WIDTH + k]
            neighbours.reach2[block, other, k] = pairs.reach2[species, other]
            neighbours.cutoff2[block, other, k] = pairs.cutoff2[species, other]
            neighbours.repulsion[block, other, k] = pairs.repulsion[species, other]
            neighbours.attraction[block, other, k] = pairs.attraction[species, other]


def list_for_block(particles, neighbours, grid, box, block):
    """List the neighbours of one block outside it."""
    kinds, room = neighbours.count.shape[1], neighbours.ids.shape[2]
    begin = block * WIDTH
    last = min(begin + WIDTH, len(particles.slot)) - 1
    x, y = read(particles.x, begin), read(particles.y, begin)
    lowest = highest = row_of(particles, begin, box)
    for i in range(begin + 1, last + 1):
        row = row_of(particles, i, box)
        lowest, highest = min(lowest, row), max(highest, row)
    first_column, last_column = column_of(particles, begin, box), column_of(particles, last, box)
    for other in range(kinds):
        neighbours.count[block, other] = 0
    for strip in range(min(box.columns, last_column - first_column + 3)):
        column = round_the_box(first_column + strip - 1, box.columns)
        for part in range(2):
            start, end = members_between(grid, box, column, lowest - box.margin, highest + box.margin, part)
            for j in range(start, end):
                dx, dy = apart(x, particles.x[j], box.scale_x), apart(y, particles.y[j], box.scale_y)
                other = particles.species[j]
                reach2 = read(neighbours.reach2, (block * kinds + other) * WIDTH)
                if any_of(dx * dx + dy * dy < reach2) and (j < begin or j > last):
                    found = neighbours.count[block, other]
                    if found == room:
                        return False
                    neighbours.ids[block, other, found] = j
                    neighbours.count[block, other] = found + 1
    return True


def pair_forces(particles, neighbours, box, pairs):
    """Set fx, fy to the pair forces."""
    fill_last_block(particles)
    nothing = splat(real(0), WIDTH)
    kinds = neighbours.count.shape[1]
    for block in range(neighbours.count.shape[0]):
        begin = block * WIDTH
        x, y = read(particles.x, begin), read(particles.y, begin)
        fx, fy = nothing, nothing
        for other in range(kinds):
            row = (block * kinds + other) * WIDTH
            cutoff2 = read(neighbours.cutoff2, row)
            repulsion, attraction = read(neighbours.repulsion, row), read(neighbours.attraction, row)
            for k in range(neighbours.count[block, other]):
                j = neighbours.ids[block, other, k]
                dx, dy = apart(x, particles.x[j], box.scale_x), apart(y, particles.y[j], box.scale_y)
                r2 = dx * dx + dy * dy
                strength = select(r2 < cutoff2, force_over_distance(r2, repulsion, attraction), nothing)
                fx, fy = fx + strength * dx, fy + strength * dy
        for j in range(begin, min(begin + WIDTH, len(particles.slot))):
            row = (block * kinds + particles.species[j]) * WIDTH
            cutoff2 = read(neighbours.cutoff2, row)
            dx, dy = apart(x, particles.x[j], box.scale_x), apart(y, particles.y[j], box.scale_y)
            r2 = select(itself(j - begin), cutoff2, dx * dx + dy * dy)
            strength = force_over_distance(r2, read(neighbours.repulsion, row), read(neighbours.attraction, row))
            strength = select(r2 < cutoff2, strength, nothing)
            fx, fy = fx + strength * dx, fy + strength * dy
        store(particles.fx, begin, fx)
        store(particles.fy, begin, fy)


def pair_sums(particles, neighbours, box, pairs, energies, virials):
    """Set ``energies`` and ``virials`` to half of what each particle's pairs have, truncated and not shifted."""
    fill_last_block(particles)
    nothing = splat(real(0), WIDTH)
    kinds = neighbours.count.shape[1]
    for block in range(neighbours.count.shape[0]):
        begin = block * WIDTH
        last = min(begin + WIDTH, len(particles.slot)) - 1
        x, y = read(particles.x, begin), read(particles.y, begin)
        energy, virial = nothing, nothing
        for other in range(kinds):
            row = (block * kinds + other) * WIDTH
            cutoff2 = read(neighbours.cutoff2, row)
            repulsion, attraction = read(neighbours.repulsion, row), read(neighbours.attraction, row)
            for k in range(neighbours.count[block, other]):
                j = neighbours.ids[block, other, k]
                dx, dy = apart(x, particles.x[j], box.scale_x), apart(y, particles.y[j], box.scale_y)
                r2 = dx * dx + dy * dy
                energy = energy + select(r2 < cutoff2, half_energy(r2, repulsion, attraction), nothing)
                strength = force_over_distance(r2, repulsion, attraction)
                virial = virial + select(r2 < cutoff2, r2 * strength, nothing)
        for j in range(begin, last + 1):
            row = (block * kinds + particles.species[j]) * WIDTH
            cutoff2 = read(neighbours.cutoff2, row)
            dx, dy = apart(x, particles.x[j], box.scale_x), apart(y, particles.y[j], box.scale_y)
            r2 = select(itself(j - begin), cutoff2, dx * dx + dy * dy)
            repulsion, attraction = read(neighbours.repulsion, row), read(neighbours.attraction, row)
            energy = energy + select(r2 < cutoff2, half_energy(r2, repulsion, attraction), nothing)
            strength = force_over_distance(r2, repulsion, attraction)
            virial = virial + select(r2 < cutoff2, r2 * strength, nothing)
        store(energies, begin, energy)
        store(virials, begin, virial * real(0.5))


def apart(block, other, scale):
    """Separations of a block's particles from another one along an axis, nearest images."""
    return convert(block - other, scale) * scale


def itself(k):
    """The mask of place ``k`` of a block."""
    return places(fixed(0), WIDTH) == fixed(k)
