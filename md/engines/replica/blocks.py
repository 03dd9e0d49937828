"""The inner loops of the CPU: forces on blocks of eight or sixteen particles, side by side in a vector register.

Neighbours in the sort are neighbours in space, so particles in a row share most of their neighbours. A block keeps one
list of all of them that come after it in the sort; each entry is read once and acts on the whole block, without a
gather, a reduction or a remainder. What the block does to that neighbour in turn is kept in as many parts as the block
has particles, ``given``, and summed up when the neighbour's own block has its turn.
list_neighbours, pair_forces and pair_sums take the place of their namesakes in neighbours.py and forces.py; nothing
else differs between the programs of CPU and GPU.

The arrays are padded to whole blocks with copies of the last particle, whose forces nobody reads.
"""

from __future__ import annotations

import numpy as np

from vitrify.md.engines.replica.neighbours import column_of, members_between, round_the_box, row_of
from vitrify.md.engines.replica.serial import fixed, real
from vitrify.md.engines.replica.vectors import any_of, convert, load, places, select, splat, store, sums_of_rows
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
    """List for each block what comes after it within cut-off and skin of any of its particles; False without room."""
    fill_last_block(particles)
    fits = True
    for block in range(neighbours.count.shape[0]):
        set_parameters(particles, neighbours, box, pairs, block)
        fits &= list_for_block(particles, neighbours, grid, box, block)
    return fits


def set_parameters(particles, neighbours, box, pairs, block):
    """The pair parameters of a block's particles with each species; squared distances in fixed-point steps along x."""
    kinds, steps2 = pairs.cutoff2.shape[0], square(real(1) / box.scale_x)
    species = read(particles.species, block * WIDTH)
    for other in range(kinds):
        row = (block * kinds + other) * WIDTH
        store(neighbours.reach2, row, steps2 * of_species(pairs.reach2, other, species))
        store(neighbours.cutoff2, row, steps2 * of_species(pairs.cutoff2, other, species))
        store(neighbours.numerator, row, steps2 * of_species(pairs.numerator, other, species))
        store(neighbours.offset, row, of_species(pairs.offset, other, species))


def of_species(table, other, species):
    """What ``table`` has for each of ``species`` with ``other``."""
    values = splat(table[0, other], WIDTH)
    for kind in range(1, table.shape[0]):
        values = select(species == np.int32(kind), splat(table[kind, other], WIDTH), values)
    return values


def list_for_block(particles, neighbours, grid, box, block):
    """List the neighbours of one block that come after it."""
    kinds, room = neighbours.reach2.shape[1], neighbours.ids.shape[1]
    begin = block * WIDTH
    last = min(begin + WIDTH, len(particles.slot)) - 1
    x, y = read(particles.x, begin), read(particles.y, begin)
    lowest = highest = row_of(particles, begin, box)
    for i in range(begin + 1, last + 1):
        row = row_of(particles, i, box)
        lowest, highest = min(lowest, row), max(highest, row)
    first_column, last_column = column_of(particles, begin, box), column_of(particles, last, box)
    found, one, none = np.uint64(0), np.uint64(1), np.uint64(0)  # unsigned: no index is looked at for its sign
    for strip in range(min(box.columns, last_column - first_column + 3)):
        column = round_the_box(first_column + strip - 1, box.columns)
        for part in range(2):
            start, end = members_between(grid, box, column, lowest - box.margin, highest + box.margin, part)
            start = max(start, last + 1)
            end = max(start, end)
            if np.int64(found) + end - start > room:
                return False
            for j in range(np.uint64(start), np.uint64(end)):
                dx, dy = steps_apart(x, particles.x[j]), steps_apart(y, particles.y[j]) * aspect(box)
                reach2 = read(neighbours.reach2, (block * kinds + particles.species[j]) * WIDTH)
                # Written whether or not it is a neighbour: a branch that goes either way costs more than all the rest.
                neighbours.ids[block, found] = j
                found += one if any_of(dx * dx + dy * dy < reach2) else none
    neighbours.count[block] = found
    return True


def pair_forces(particles, neighbours, box, pairs):
    """Set fx, fy to the pair forces."""
    fill_last_block(particles)
    if box.scale_x == box.scale_y:
        forces_on_blocks(particles, neighbours, box, real(1))  # known to the compiler: a product less for every pair
    else:
        forces_on_blocks(particles, neighbours, box, aspect(box))


def forces_on_blocks(particles, neighbours, box, aspect):
    """The pair forces on every block; lengths in fixed-point steps along x, as many to a step along y as ``aspect``."""
    nothing, kinds = splat(real(0), WIDTH), neighbours.reach2.shape[1]
    for block in range(neighbours.count.shape[0]):
        begin = block * WIDTH
        x, y = read(particles.x, begin), read(particles.y, begin)
        fx, fy = taken(neighbours.given_x, begin), taken(neighbours.given_y, begin)
        for k in range(neighbours.count[block]):
            j = neighbours.ids[block, k]
            row = (block * kinds + particles.species[j]) * WIDTH
            dx, dy = steps_apart(x, particles.x[j]), steps_apart(y, particles.y[j]) * aspect
            r2 = dx * dx + dy * dy
            strength = force_over_distance(read(neighbours.numerator, row) / r2, read(neighbours.offset, row))
            strength = select(r2 < read(neighbours.cutoff2, row), strength, nothing)
            along_x, along_y = strength * dx, strength * dy
            fx, fy = fx + along_x, fy + along_y
            give(neighbours.given_x, j, nothing - along_x)
            give(neighbours.given_y, j, nothing - along_y)
        for k in range(np.uint64(min(WIDTH, len(particles.slot) - begin))):
            j = np.uint64(begin) + k
            row = (block * kinds + particles.species[j]) * WIDTH
            cutoff2 = read(neighbours.cutoff2, row)
            dx, dy = steps_apart(x, particles.x[j]), steps_apart(y, particles.y[j]) * aspect
            r2 = select(itself(k), cutoff2, dx * dx + dy * dy)
            strength = force_over_distance(read(neighbours.numerator, row) / r2, read(neighbours.offset, row))
            strength = select(r2 < cutoff2, strength, nothing)
            fx, fy = fx + strength * dx, fy + strength * dy
        store(particles.fx, begin, fx * box.scale_x)
        store(particles.fy, begin, fy * box.scale_x)


def pair_sums(particles, neighbours, box, pairs, energies, virials):
    """Set ``energies`` and ``virials`` to half of what each particle's pairs have, truncated and not shifted."""
    fill_last_block(particles)
    nothing, length2 = splat(real(0), WIDTH), square(box.scale_x)
    kinds = neighbours.reach2.shape[1]
    for block in range(neighbours.count.shape[0]):
        begin = block * WIDTH
        x, y = read(particles.x, begin), read(particles.y, begin)
        energy, virial = taken(neighbours.given_x, begin), taken(neighbours.given_y, begin)
        outside, own = neighbours.count[block], min(WIDTH, len(particles.slot) - begin)
        for k in range(outside + own):
            j = neighbours.ids[block, k] if k < outside else begin + k - outside
            row = (block * kinds + particles.species[j]) * WIDTH
            cutoff2, numerator = read(neighbours.cutoff2, row), read(neighbours.numerator, row)
            offset = read(neighbours.offset, row)
            dx, dy = steps_apart(x, particles.x[j]), steps_apart(y, particles.y[j]) * aspect(box)
            r2 = select(itself(j - begin), cutoff2, dx * dx + dy * dy)
            nearness = numerator / r2
            pair_energy = select(r2 < cutoff2, half_energy(nearness, numerator, offset), nothing)
            pair_virial = select(r2 < cutoff2, force_over_distance(nearness, offset) * r2, nothing)
            energy, virial = energy + pair_energy, virial + pair_virial
            if k < outside:
                give(neighbours.given_x, j, pair_energy)
                give(neighbours.given_y, j, pair_virial)
        store(energies, begin, energy * length2)
        store(virials, begin, virial * (real(0.5) * length2))


def give(given, j, parts):
    """Add what each particle of a block gives to particle ``j`` of a later one."""
    store(given, j * WIDTH, read(given, j * WIDTH) + parts)


def taken(given, begin):
    """What a block was given by earlier ones; leaves nothing behind."""
    total = sums_of_rows(given, begin * WIDTH, WIDTH)
    for i in range(begin, begin + WIDTH):
        store(given, i * WIDTH, splat(real(0), WIDTH))
    return total


def steps_apart(block, other):
    """Separations of a block's particles from another one along an axis in fixed-point steps, nearest images."""
    return convert(block - other, real(0))


def aspect(box):
    """How many steps along x are as long as one along y. Lengths in steps along x save two products a pair."""
    return box.scale_y / box.scale_x


def square(length):
    """``length`` squared."""
    return length * length


def itself(k):
    """The mask of place ``k`` of a block."""
    return places(fixed(0), WIDTH) == fixed(k)
