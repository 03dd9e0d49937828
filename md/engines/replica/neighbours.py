"""Sorting into cells, and the neighbour list. Both are functions of the positions alone: a restart repeats them exactly."""

from __future__ import annotations

from vitrify.md.engines.replica.serial import add_one, barrier, fixed, lane, lanes, largest, real, upper_bits


def bin_into_cells(particles, grid, box, scratch):
    """List the members of every cell, by slot within a cell whatever order the lanes come in."""
    n = len(particles.x)
    cells = box.columns * box.rows
    for cell in range(lane(), cells, lanes()):
        grid.cursor[cell] = 0
    barrier()
    for i in range(lane(), n, lanes()):
        column = (upper_bits(particles.x[i]) * box.columns) >> 32
        row = (upper_bits(particles.y[i]) * box.rows) >> 32
        cell = row * box.columns + column
        grid.cell[i] = cell
        add_one(grid.cursor, cell)
    barrier()
    if lane() == 0:
        before = 0
        for cell in range(cells):
            size = grid.cursor[cell]
            grid.start[cell] = before
            grid.cursor[cell] = before
            before += size
        grid.start[cells] = before
    barrier()
    for i in range(lane(), n, lanes()):
        grid.member[add_one(grid.cursor, grid.cell[i])] = i
    barrier()
    for cell in range(lane(), cells, lanes()):
        sort_cell(grid.member, grid.start[cell], grid.start[cell + 1], particles.slot)
    barrier()


def sort_cell(member, start, end, slot):
    """Insertion sort of one cell's members by slot."""
    for m in range(start + 1, end):
        held = member[m]
        hole = m
        while hole > start and slot[member[hole - 1]] > slot[held]:
            member[hole] = member[hole - 1]
            hole -= 1
        member[hole] = held


def reorder(values, member, spare):
    """``values = values[member]``."""
    for i in range(lane(), len(values), lanes()):
        spare[i] = values[member[i]]
    barrier()
    for i in range(lane(), len(values), lanes()):
        values[i] = spare[i]
    barrier()


def sort_particles(particles, grid, box, scratch):
    """Renumber the particles cell by cell."""
    bin_into_cells(particles, grid, box, scratch)
    reorder(particles.x, grid.member, grid.spare)
    reorder(particles.y, grid.member, grid.spare)
    reorder(particles.vx, grid.member, grid.spare_real)
    reorder(particles.vy, grid.member, grid.spare_real)
    reorder(particles.species, grid.member, grid.spare_index)
    reorder(particles.slot, grid.member, grid.spare_index)
    reorder(grid.cell, grid.member, grid.spare_index)
    for i in range(lane(), len(particles.x), lanes()):
        grid.member[i] = i
        particles.place[particles.slot[i]] = i
    barrier()


def list_neighbours(particles, neighbours, grid, box, pairs, scratch):
    """List every pair within its cut-off and the skin; returns the longest list, which may be more than there is room for."""
    n = len(particles.x)
    room = neighbours.ids.shape[1]
    across, along = min(box.columns, 3), min(box.rows, 3)
    longest = 0
    for i in range(lane(), n, lanes()):
        x, y, species = particles.x[i], particles.y[i], particles.species[i]
        column, row = grid.cell[i] % box.columns, grid.cell[i] // box.columns
        found = 0
        for b in range(along):
            neighbour_row = (row + b + box.rows - 1) % box.rows
            for a in range(across):
                cell = neighbour_row * box.columns + (column + a + box.columns - 1) % box.columns
                for m in range(grid.start[cell], grid.start[cell + 1]):
                    j = grid.member[m]
                    dx = real(fixed(x - particles.x[j])) * box.scale_x
                    dy = real(fixed(y - particles.y[j])) * box.scale_y
                    if dx * dx + dy * dy < pairs.reach2[species, particles.species[j]] and j != i:
                        if found < room:
                            neighbours.ids[i, found] = j
                        found += 1
        neighbours.count[i] = min(found, room)
        longest = max(longest, found)
    for i in range(lane(), n, lanes()):
        particles.built_x[i] = particles.x[i]
        particles.built_y[i] = particles.y[i]
    return largest(longest, scratch)


def furthest_moved2(particles, box, scratch):
    """The largest squared displacement since the last build."""
    furthest = real(0)
    for i in range(lane(), len(particles.x), lanes()):
        dx = real(fixed(particles.x[i] - particles.built_x[i])) * box.scale_x
        dy = real(fixed(particles.y[i] - particles.built_y[i])) * box.scale_y
        furthest = max(furthest, dx * dx + dy * dy)
    return largest(furthest, scratch)
