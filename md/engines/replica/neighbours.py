"""Sorting into cells, and neighbour lists. Both are functions of the positions alone: a restart repeats them exactly.

The box is cut into strips along y, each at least as wide as forces and skin reach, and the strips into low cells. Cells
are numbered strip by strip, up one and down the next, so that particles sorted by cell follow a path without jumps, and
the particles between two heights of a strip are one run of memory.
"""

from __future__ import annotations

import numpy as np

from vitrify.md.engines.replica.serial import SHIFT, add_one, all_lanes, barrier, fixed, lane, lanes, real, sum_before


def note_way(particles):
    """Add what each particle has gone since the last build to its way, where anyone asks for it.

    Between two builds none goes further than the skin, so that the difference is not wrapped, and all sums are exact.
    """
    if len(particles.way_x) > 0:
        for i in range(lane(), len(particles.slot), lanes()):
            slot = particles.slot[i]
            particles.way_x[slot] += np.int64(fixed(particles.x[i] - particles.built_x[i]))
            particles.way_y[slot] += np.int64(fixed(particles.y[i] - particles.built_y[i]))


def sort_particles(particles, grid, box, scratch):
    """Renumber the particles cell by cell, by slot within a cell whatever order the lanes come in."""
    note_way(particles)
    n = len(particles.slot)
    cells = box.columns * box.rows
    for cell in range(lane(), cells, lanes()):
        grid.cursor[cell] = 0
    barrier()
    for i in range(lane(), n, lanes()):
        grid.cell[i] = cell_of(column_of(particles, i, box), row_of(particles, i, box), box)
        add_one(grid.cursor, grid.cell[i])
    barrier()
    share = (cells + lanes() - 1) // lanes()  # of the cells, lane by lane
    first, last = lane() * share, min((lane() + 1) * share, cells)
    own = 0
    for cell in range(first, last):
        own += grid.cursor[cell]
    before = sum_before(own, scratch)
    for cell in range(first, last):
        size = grid.cursor[cell]
        grid.start[cell] = before
        grid.cursor[cell] = before
        before += size
    if lane() == 0:
        grid.start[cells] = n
    barrier()
    for i in range(lane(), n, lanes()):
        grid.member[add_one(grid.cursor, grid.cell[i])] = i
    barrier()
    for cell in range(lane(), cells, lanes()):
        sort_cell(grid.member, grid.start[cell], grid.start[cell + 1], particles.slot)
    barrier()
    reorder(particles.x, grid.member, grid.spare, n)
    reorder(particles.y, grid.member, grid.spare, n)
    reorder(particles.vx, grid.member, grid.spare_real, n)
    reorder(particles.vy, grid.member, grid.spare_real, n)
    reorder(particles.species, grid.member, grid.spare_index, n)
    reorder(particles.slot, grid.member, grid.spare_index, n)
    for i in range(lane(), n, lanes()):
        particles.place[particles.slot[i]] = i
        particles.built_x[i] = particles.x[i]
        particles.built_y[i] = particles.y[i]
    barrier()


def upper_bits(coordinate):
    """The upper 32 bits of a coordinate as a non-negative number: exactly which cell it lies in."""
    return (np.int64(coordinate) >> SHIFT) + 2147483648


def column_of(particles, i, box):
    """The strip particle ``i`` lies in."""
    return (upper_bits(particles.x[i]) * box.columns) >> 32


def row_of(particles, i, box):
    """How far up its strip particle ``i`` lies."""
    return (upper_bits(particles.y[i]) * box.rows) >> 32


def round_the_box(number, count):
    """``number`` modulo ``count``, for less than one time round; division is slow."""
    return number + count if number < 0 else (number - count if number >= count else number)


def cell_of(column, row, box):
    """The number of a cell: odd strips are counted downwards."""
    return column * box.rows + (box.rows - 1 - row if column & 1 else row)


def sort_cell(member, start, end, slot):
    """Insertion sort of one cell's members by slot."""
    for m in range(start + 1, end):
        held = member[m]
        hole = m
        while hole > start and slot[member[hole - 1]] > slot[held]:
            member[hole] = member[hole - 1]
            hole -= 1
        member[hole] = held


def reorder(values, member, spare, n):
    """``values = values[member]``."""
    for i in range(lane(), n, lanes()):
        spare[i] = values[member[i]]
    barrier()
    for i in range(lane(), n, lanes()):
        values[i] = spare[i]
    barrier()


def members_between(grid, box, column, lowest, highest, part):
    """The run of particles between two rows of a strip: ``part`` 0 within the box, ``part`` 1 round its ends."""
    if highest - lowest + 1 >= box.rows:
        lowest, highest = 0, box.rows - 1
    first, last = max(lowest, 0), min(highest, box.rows - 1)
    if part == 1:
        first, last = (lowest + box.rows, box.rows - 1) if lowest < 0 else (0, highest - box.rows)
    if first > last:
        return 0, 0
    begin, end = cell_of(column, first, box), cell_of(column, last, box)
    return grid.start[min(begin, end)], grid.start[max(begin, end) + 1]


def list_neighbours(particles, neighbours, grid, box, pairs):
    """List every pair within its cut-off and the skin, by particle and species; False where a list has no more room."""
    n = len(particles.slot)
    kinds, room = neighbours.ids.shape[0], neighbours.ids.shape[1]
    fits = True
    for i in range(lane(), n, lanes()):
        x, y, species = particles.x[i], particles.y[i], particles.species[i]
        column, row = column_of(particles, i, box), row_of(particles, i, box)
        for other in range(kinds):
            neighbours.count[other, i] = 0
        for strip in range(min(box.columns, 3)):
            beside = round_the_box(column + strip - 1, box.columns)
            for part in range(2):
                start, end = members_between(grid, box, beside, row - box.margin, row + box.margin, part)
                for j in range(start, end):
                    other = particles.species[j]
                    dx = real(fixed(x - particles.x[j])) * box.scale_x
                    dy = real(fixed(y - particles.y[j])) * box.scale_y
                    if j != i and dx * dx + dy * dy < pairs.reach2[species, other]:
                        found = neighbours.count[other, i]
                        if found < room:
                            neighbours.ids[other, found, i] = j
                            neighbours.count[other, i] = found + 1
                        else:
                            fits = False
    return all_lanes(fits)


def stayed(particles, box, slack2):
    """Whether no particle has moved further than the root of ``slack2`` since the last build."""
    near, own = 0, 0
    for i in range(lane(), len(particles.slot), lanes()):
        near += is_near(particles.x[i], particles.y[i], particles, i, box, slack2)
        own += 1
    return all_lanes(near == own)


def is_near(x, y, particles, i, box, slack2):
    """1 where ``x``, ``y`` is within the root of ``slack2`` of where particle ``i`` was at the last build, else 0."""
    dx = real(fixed(x - particles.built_x[i])) * box.scale_x
    dy = real(fixed(y - particles.built_y[i])) * box.scale_y
    return 1 if dx * dx + dy * dy <= slack2 else 0
