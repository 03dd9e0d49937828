"""Who is next to whom: neighbour pairs within a radius and Voronoi neighbours, found by freud.

The only file that imports freud. freud holds positions and distances in single precision, so that only the identity of
the pairs is taken from it: separations are computed here from the double-precision positions, and a radius is queried
a little wider and cut exactly.

freud has no pair queries in open boxes. An open axis is given a box so long that no pair crosses its ends.

Source: Ramasubramani et al., Comput. Phys. Commun. 254, 107275 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import freud
import numpy as np

from vitrify.md.model import minimum_image

MARGIN = 1e-3
"""Added to a queried radius [sigma_AA]: far above the rounding of single precision, far below a shell of neighbours."""

COINCIDENT = 1e-4
"""Distance below which two particles are at one place in single precision [sigma_AA]."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Directed neighbour pairs, each pair twice, sorted by ``i``.

    Attributes:
        i: (P,) the particle.
        j: (P,) its neighbour.
        separation: (P, 2) minimum image of ``r_j - r_i`` in double precision [sigma_AA].
        distance: (P,) its length [sigma_AA].
    """

    i: np.ndarray
    j: np.ndarray
    separation: np.ndarray
    distance: np.ndarray

    def select(self, mask: np.ndarray) -> Neighbours:
        """The pairs at which ``mask`` (P,) is true."""
        return Neighbours(
            i=self.i[mask], j=self.j[mask], separation=self.separation[mask], distance=self.distance[mask]
        )


def neighbours_within(radius: float, positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]) -> Neighbours:
    """All pairs closer than ``radius``.

    Args:
        radius: [sigma_AA]; less than half the box on every periodic axis.
        positions: (N, 2) [sigma_AA], in the box or not.
        box: (2,) edge lengths [sigma_AA].
        periodic: which axes are periodic.

    Raises:
        ValueError: for a radius that is not positive or reaches beyond the minimum image.

    >>> chain = np.array([[0.0, 0.0], [1.0, 0.0], [9.5, 0.0]])
    >>> pairs = neighbours_within(1.2, chain, np.array([10.0, 10.0]), (True, True))
    >>> list(zip(pairs.i.tolist(), pairs.j.tolist(), pairs.distance.tolist()))
    [(0, 1, 1.0), (0, 2, 0.5), (1, 0, 1.0), (2, 0, 0.5)]
    """
    half_box = min((edge / 2 for edge, wraps in zip(box, periodic, strict=True) if wraps), default=np.inf)
    if not 0 < radius < half_box - MARGIN:
        raise ValueError(f"radius: got {radius}, expected a positive one below half of the box, {half_box}")
    freud_box, points = _in_freud_box(positions, box, periodic, gap=2 * (radius + MARGIN))
    query = freud.locality.AABBQuery(freud_box, points)
    found = query.query(points, {"r_max": radius + MARGIN, "exclude_ii": True}).toNeighborList()
    pairs = _in_double_precision(np.asarray(found[:]), positions, box, periodic)
    return pairs.select(pairs.distance < radius)


def voronoi_neighbours(positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]) -> Neighbours:
    """All pairs whose Voronoi cells share a side.

    A particle has as many sides as it has entries in ``i``. At an open edge a cell has no outer side; leave such
    particles out of an average, their cells say nothing about the structure within.

    Args:
        positions: (N, 2) [sigma_AA], in the box or not.
        box: (2,) edge lengths [sigma_AA].
        periodic: which axes are periodic.

    Raises:
        ValueError: for two particles at one place, on which the library below freud ends the process.
    """
    same = neighbours_within(COINCIDENT, positions, box, periodic)
    if len(same.i):
        raise ValueError(f"positions: got particles {same.i[0]} and {same.j[0]} at one place, expected them apart")
    freud_box, points = _in_freud_box(positions, box, periodic, gap=float(max(box)))
    voronoi = freud.locality.Voronoi()
    voronoi.compute((freud_box, points))
    bonds, reach = np.asarray(voronoi.nlist[:]), np.asarray(voronoi.nlist.vectors)[:, :2]
    separation = positions[bonds[:, 1]] - positions[bonds[:, 0]]
    across_the_gap = np.abs(reach - separation) > np.where(periodic, np.inf, np.array([freud_box.Lx, freud_box.Ly]) / 2)
    return _in_double_precision(bonds[~np.logical_or.reduce(across_the_gap, axis=1)], positions, box, periodic)


def _in_freud_box(
    positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool], gap: float
) -> tuple[freud.box.Box, np.ndarray]:
    """Box of freud, centred on the origin, and the points in it; an open axis is its own extent and a gap long."""
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
    extent = np.ptp(positions, axis=0)
    edges = np.where(periodic, box, extent + gap)
    centred = np.where(periodic, positions - box * np.rint(positions / box), positions - middle)
    points = np.zeros((len(positions), 3), dtype=np.float32)
    points[:, :2] = centred
    return freud.box.Box(Lx=edges[0], Ly=edges[1], is2D=True), points


def _in_double_precision(
    bonds: np.ndarray, positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]
) -> Neighbours:
    """The pairs (P, 2) that freud found, sorted, with their separations."""
    i, j = bonds[np.lexsort((bonds[:, 1], bonds[:, 0]))].reshape(-1, 2).astype(np.int64).T
    separation = minimum_image(positions[j] - positions[i], np.where(periodic, box, np.inf))
    return Neighbours(i=i, j=j, separation=separation, distance=np.hypot(separation[:, 0], separation[:, 1]))
