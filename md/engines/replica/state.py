"""What the replica program works on: the arrays of one replica, and the numbers it is driven by.

Particles are numbered in the order of the last sort, so that neighbours in space are neighbours in memory;
``slot`` says which slot of the ensemble each one is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DONE, LIST_FULL, TOO_FAST, LOST, UNFINISHED = 0, 1, 2, 3, 4
"""How a segment ended."""

MOST_LANES = 1024
"""Threads of a GPU block at most."""


class Particles(NamedTuple):
    """The particles of one replica; (N,), or longer where said so, on the CPU to a multiple of its vectors."""

    x: np.ndarray  # fixed point; longer
    y: np.ndarray
    vx: np.ndarray  # [sigma_AA / tau]
    vy: np.ndarray
    fx: np.ndarray  # [eps_AA / sigma_AA]; longer
    fy: np.ndarray
    species: np.ndarray  # longer
    slot: np.ndarray
    place: np.ndarray  # (slots,) the inverse of slot; -1 for an empty slot
    built_x: np.ndarray  # coordinates at the last build of the neighbour list
    built_y: np.ndarray
    way_x: np.ndarray  # (slots,) fixed-point steps gone up to the last build, by slot; (0,) where nobody asks
    way_y: np.ndarray


class Grid(NamedTuple):
    """Scratch for sorting into cells."""

    start: np.ndarray  # (cells + 1,) the first particle of each cell
    cursor: np.ndarray  # (cells,)
    cell: np.ndarray  # (N,) of each particle, before the sort
    member: np.ndarray  # (N,) particles cell by cell, by their numbers before the sort
    spare: np.ndarray  # (N,) fixed point
    spare_real: np.ndarray  # (N,)
    spare_index: np.ndarray  # (N,)


class Neighbours(NamedTuple):
    """A full list by particle and species of the neighbour: every pair twice, so that forces are gathered."""

    count: np.ndarray  # (S, N)
    ids: np.ndarray  # (S, room, N): lanes read side by side


class BlockNeighbours(NamedTuple):
    """A half list by block of particles side by side, of later particles alone; see blocks.py."""

    count: np.ndarray  # (blocks,)
    ids: np.ndarray  # (blocks, room)
    reach2: np.ndarray  # (blocks, S, WIDTH) pair parameters of the block's particles with each species
    cutoff2: np.ndarray
    numerator: np.ndarray
    offset: np.ndarray
    given_x: (
        np.ndarray
    )  # (padded N, WIDTH) what earlier blocks gave each particle, in parts; 0 when all have had theirs
    given_y: np.ndarray


class Box(NamedTuple):
    """The geometry of one replica."""

    scale_x: np.ndarray  # length of one fixed-point step [sigma_AA]
    scale_y: np.ndarray
    columns: int  # strips along x
    rows: int  # cells along a strip
    margin: int  # how many rows forces and skin reach
    limit: int  # largest |y| in fixed point before a particle has left an open box
    skin: float  # [sigma_AA]


class Pairs(NamedTuple):
    """Pair parameters, (S, S) each."""

    cutoff2: np.ndarray
    numerator: np.ndarray  # the coefficients of pair_law.py
    offset: np.ndarray
    reach2: np.ndarray  # (cut-off + skin)^2


class Externals(NamedTuple):
    """Tethers, one row each, and walls."""

    slot: np.ndarray  # (T,)
    site_x: np.ndarray  # (T,) fixed point
    site_y: np.ndarray
    stiffness_x: np.ndarray  # (T,) 0 along an axis without spring
    stiffness_y: np.ndarray
    wall_start: np.ndarray  # (W,) fixed point
    wall_stiffness: np.ndarray  # (W,)


class Bath(NamedTuple):
    """The thermostat of one replica."""

    knot_step: np.ndarray  # (K,) absolute steps
    knot_kt: np.ndarray  # (K,)
    member: np.ndarray  # (S,) 1 where a species belongs to the group
    freedom: int  # degrees of freedom of the group; 0 without a thermostat
    memory: float  # exp(-dt / tau)
    seed: int
    replica: int
