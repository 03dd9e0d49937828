"""Voronoi cells: who shares a side with whom, how long it is, how large a cell is, and which cells are closed.

freud hands positions, rounded to single precision, to voro++, which cuts the cells in double precision: every particle
has the right neighbours, areas add up to the box, and a side is off by 1e-5.

Sources: Rycroft, Chaos 19, 041111 (2009), and the one of :mod:`vitrify.analysis.structure.neighbours`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import freud
import numpy as np

from vitrify.analysis.structure.neighbours import Neighbours, freud_system

COINCIDENT = 1e-4
"""Distance below which two particles are at one place [sigma_AA]."""

CLOSED_REACH = 1.5
"""A cell is closed when none of its corners is farther from its particle [sigma_AA]: no circle of this radius that
touches the particle is empty. The farthest corners of dense liquids at rho = 1.2 are 1.1 away."""

ROOM = 20.0
"""Empty space behind an open axis [sigma_AA]; from 4 CLOSED_REACH on, closed cells do not change any more."""


@dataclass(frozen=True, kw_only=True)
class VoronoiCells:
    """The Voronoi cells of N particles.

    Attributes:
        near: the pairs of cells that share a side.
        side: (P,) length of that side [sigma_AA]. Between two cells that are not closed it ends in the void, somewhere.
        area: (N,) area of each cell [sigma_AA^2]; NaN where it is not closed.
        closed: (N,) bool, False for cells that reach into the void: their shape says nothing about the structure.
    """

    near: Neighbours
    side: np.ndarray
    area: np.ndarray
    closed: np.ndarray


def voronoi_cells(positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]) -> VoronoiCells:
    """The Voronoi cells.

    A particle has as many sides as it has entries in ``near.i``. At an open edge a cell has no outer side and is not
    closed; so are the cells around a void.

    Args:
        positions: (N, 2) [sigma_AA], in the box or not.
        box: (2,) edge lengths [sigma_AA].
        periodic: which axes are periodic.

    Raises:
        ValueError: for fewer than three particles, or two at one place.
    """
    count = len(positions)
    if count < 3:
        raise ValueError(f"positions: got {count} particles, expected at least 3 to have cells")
    system, points = freud_system(positions, box, periodic, ROOM)
    _require_apart(system, points)
    found = freud.locality.Voronoi().compute((system, points))
    i, j = found.nlist[:].astype(np.int64).T
    order = np.lexsort((j, i))
    i, j, side = i[order], j[order], found.nlist.weights[order].astype(np.float64)
    # Which image of j freud means; then its separation in double precision.
    wraps, apart = np.array(periodic), positions[j] - positions[i]
    length = np.where(wraps, box, [system.Lx, system.Ly])
    image = np.rint((found.nlist.vectors[order, :2] - apart) / length)
    separation = apart + image * length
    here = (image[:, ~wraps] == 0).all(axis=1)  # the others face each other across an open axis
    closed = np.ones(count, dtype=bool) if wraps.all() else _reach(found.polytopes, points) <= CLOSED_REACH
    near = Neighbours(i=i, j=j, separation=separation, distance=np.hypot(separation[:, 0], separation[:, 1]))
    return VoronoiCells(
        near=near.select(here), side=side[here], area=np.where(closed, found.volumes, np.nan), closed=closed
    )


def voronoi_neighbours(positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]) -> Neighbours:
    """The pairs of :func:`voronoi_cells` alone."""
    return voronoi_cells(positions, box, periodic).near


def _require_apart(system: freud.box.Box, points: np.ndarray) -> None:
    """Raise ValueError for two particles at one place: no side lies between them."""
    asked = {"mode": "ball", "r_max": COINCIDENT, "exclude_ii": True}
    same = freud.locality.AABBQuery(system, points).query(points, asked).toNeighborList()
    if len(same):
        one, other = sorted(same[:][0].tolist())
        raise ValueError(f"positions: got particles {one} and {other} at one place, expected them apart")


def _reach(corners: Sequence[np.ndarray], points: np.ndarray) -> np.ndarray:
    """How far each cell's farthest corner is from its particle, (N,) [sigma_AA]."""
    first = np.cumsum([0, *(len(cell) for cell in corners[:-1])])
    own = np.repeat(np.arange(len(points)), [len(cell) for cell in corners])
    away = np.concatenate(corners)[:, :2] - points[own, :2]
    return np.maximum.reduceat(np.hypot(away[:, 0], away[:, 1]), first)
