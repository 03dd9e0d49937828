"""Who is next to whom: pairs within a radius, and nearest neighbours.

freud finds nearest neighbours in single precision and in a box that is periodic everywhere. So an open axis is closed
far behind the last particle, and separations are worked out again in double precision before anything is cut or sorted.

Sources: Bentley, Commun. ACM 18, 509 (1975); Ramasubramani, Dice, Harper, Spellings, Anderson and Glotzer, Comput.
Phys. Commun. 254, 107275 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import freud
import numpy as np
from scipy.spatial import KDTree

HAIR = 1e-4
"""How much farther is looked than wanted [sigma_AA], since positions are rounded on the way."""

SPARE = 2
"""Nearest neighbours that freud is asked for beyond those wanted: two that are equally far in single precision may
stand in the wrong order."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Directed neighbour pairs, each pair twice, sorted by ``i``, then ``j``.

    Attributes:
        i: (P,) the particle.
        j: (P,) its neighbour.
        separation: (P, 2) minimum image of ``r_j - r_i`` [sigma_AA].
        distance: (P,) its length [sigma_AA].
    """

    i: np.ndarray
    j: np.ndarray
    separation: np.ndarray
    distance: np.ndarray

    def select(self, mask: np.ndarray) -> Neighbours:
        """The pairs at which ``mask`` (P,) is true."""
        kept = np.flatnonzero(mask)
        if len(kept) == len(self.i):
            return self
        return Neighbours(
            i=self.i[kept], j=self.j[kept], separation=self.separation[kept], distance=self.distance[kept]
        )


def freud_system(
    positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool], room: float
) -> tuple[freud.box.Box, np.ndarray]:
    """A configuration as freud takes it.

    Args:
        positions: (N, 2) [sigma_AA], in the box or not.
        box: (2,) edge lengths [sigma_AA].
        periodic: which axes are periodic.
        room: empty space between the particles and their images along an open axis [sigma_AA].

    Returns:
        box: periodic along both axes; an open axis is as long as the particles reach, and ``room``.
        points: (N, 3) float32, in that box.
    """
    points, edges = np.zeros((len(positions), 3), dtype=np.float32), []
    for axis, (edge, wraps) in enumerate(zip(box, periodic, strict=True)):
        along = positions[:, axis]
        if wraps:
            points[:, axis] = along - edge * np.rint(along / edge)
            edges.append(float(edge))
        else:
            low, high = float(along.min()), float(along.max())
            points[:, axis] = along - (low + high) / 2
            edges.append(high - low + room)
    return freud.box.Box(Lx=edges[0], Ly=edges[1], is2D=True), points


def neighbours_within(radius: float, positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]) -> Neighbours:
    """All pairs closer than ``radius``, from SciPy's k-d tree.

    The one search that is not freud's: most of ``freud.locality.AABBQuery``'s time goes into sorting its list. For
    N = 4320 and a radius of 4, all that a configuration is measured with took 0.35 CPU seconds with it, of which 0.085
    went here, and 0.025 with this tree, on the same busy machine: too long to measure 400 of them in 120.

    Args:
        radius: [sigma_AA]; less than half the box on every periodic axis, by HAIR.
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
    half_box = half_of_the_box(box, periodic)
    if not 0 < radius < half_box - HAIR:
        raise ValueError(f"radius: got {radius}, expected a positive one below half of the box, {half_box}")
    wraps, count = np.array(periodic), len(positions)
    inside = np.where(wraps, positions % box, positions)
    inside = np.where(wraps & (inside >= box), 0.0, inside)  # -1e-17 % 10 is 10
    tree = KDTree(inside, boxsize=np.where(wraps, box, 0.0))
    one, other = tree.query_pairs(radius + HAIR, output_type="ndarray").T
    i, j = np.divmod(np.sort(np.concatenate([one * count + other, other * count + one])), max(1, count))
    near = _between(i, j, positions, box, periodic)
    return near.select(near.distance < radius)


def nearest_in_order(k: int, positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]) -> np.ndarray:
    """The ``k`` nearest of every particle, (N, k), the nearest first.

    Args:
        k: neighbours of each particle, at least 1.
        positions: (N, 2) [sigma_AA], in the box or not.
        box: (2,) edge lengths [sigma_AA].
        periodic: which axes are periodic.

    Raises:
        ValueError: for a ``k`` that is not at least 1 and below the number of particles.
    """
    count = len(positions)
    if not 1 <= k < count:
        raise ValueError(f"k: got {k} nearest neighbours of {count} particles, expected 1 to {count - 1}")
    # Images across an open axis are farther than any two particles can be.
    across = np.where(periodic, np.asarray(box) / 2, np.ptp(positions, axis=0))
    system, points = freud_system(positions, box, periodic, room=1.1 * float(np.hypot(*across)) + 1)
    asked = {"mode": "nearest", "num_neighbors": min(k + SPARE, count - 1), "exclude_ii": True}
    found = freud.locality.AABBQuery(system, points).query(points, asked).toNeighborList()
    near = _between(found.query_point_indices[:], found.point_indices[:], positions, box, periodic)
    order = np.lexsort((near.distance, near.i))
    first = np.searchsorted(near.i, np.arange(count))
    return near.j[order][first[:, None] + np.arange(k)]


def nearest_neighbours(k: int, positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]) -> Neighbours:
    """The pairs of which one is among the ``k`` nearest of the other: the undirected union of both directions.

    Args:
        k: neighbours of each particle, at least 1.
        positions: (N, 2) [sigma_AA], in the box or not.
        box: (2,) edge lengths [sigma_AA].
        periodic: which axes are periodic.

    Raises:
        ValueError: for a ``k`` that is not at least 1 and below the number of particles.

    >>> line = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]])
    >>> pairs = nearest_neighbours(1, line, np.array([9.0, 9.0]), (True, True))
    >>> list(zip(pairs.i.tolist(), pairs.j.tolist()))
    [(0, 1), (1, 0), (1, 2), (2, 1)]
    """
    return joined(nearest_in_order(k, positions, box, periodic), positions, box, periodic)


def joined(order: np.ndarray, positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]) -> Neighbours:
    """The undirected union of what each particle (N,) was given as neighbours (N, k)."""
    count, k = order.shape
    i, j = np.repeat(np.arange(count), k), order.ravel()
    key = np.unique(np.concatenate([i * count + j, j * count + i]))
    return _between(key // count, key % count, positions, box, periodic)


def half_of_the_box(box: np.ndarray, periodic: tuple[bool, bool]) -> float:
    """Half of the shortest periodic edge [sigma_AA]; infinite where there is none."""
    return min((float(edge) / 2 for edge, wraps in zip(box, periodic, strict=True) if wraps), default=np.inf)


def widest_radius(box: np.ndarray, periodic: tuple[bool, bool]) -> float:
    """A radius that :func:`neighbours_within` takes, just below half of the box [sigma_AA]."""
    return half_of_the_box(box, periodic) - 2 * HAIR


def _between(
    i: np.ndarray, j: np.ndarray, positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]
) -> Neighbours:
    """Pairs with their separations in double precision."""
    i, j = i.astype(np.int64), j.astype(np.int64)
    separation = np.empty((len(i), 2))
    for axis in range(2):  # by axis, along contiguous memory: three times faster than rows of two
        along = np.ascontiguousarray(positions[:, axis])
        apart = along[j] - along[i]
        separation[:, axis] = apart - box[axis] * np.rint(apart / box[axis]) if periodic[axis] else apart
    return Neighbours(i=i, j=j, separation=separation, distance=np.hypot(separation[:, 0], separation[:, 1]))
