"""Graphs of configurations, dense: each particle with its neighbours within a cutoff, nearest first.

All configurations of a set share one number of slots K, that of the most crowded particle; a slot that is not needed
holds the particle itself. Separations are not kept: networks take them from the positions, so that a score can be
followed to the positions.

A window that was cut out of a configuration has particles whose neighbours were left behind. They are neighbours of
others, but not counted: counted are those that lie deeper than the cutoff below the convex hull of the window, which
turns with it. Along one open axis of a film depth is counted from its lowest and highest particle.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from vitrify.analysis.structure.neighbours import neighbours_within, widest_radius
from vitrify.learn.configurations import Configurations
from vitrify.md.model import EMPTY

FEWEST_COUNTED = 10
"""Of a window so small that fewer particles have all their neighbours, so many, the deepest, are counted."""

_SLOTS = 4
"""Slots come in multiples of this, so that sets that are alike share a compiled program."""


@dataclass(frozen=True, kw_only=True)
class Graphs:
    """C configurations as graphs.

    Attributes:
        positions: (C, N, 2) float64 [sigma_AA].
        species: (C, N) int8, EMPTY (-1) for an empty slot.
        box: (C, 2) edges [sigma_AA], infinite along an open axis.
        neighbours: (C, N, K) int16 or int32, nearest first; the particle itself in a slot that is not needed.
        counted: (C, N) bool, the particles that are averaged over.
    """

    positions: np.ndarray
    species: np.ndarray
    box: np.ndarray
    neighbours: np.ndarray
    counted: np.ndarray

    def __len__(self) -> int:
        return len(self.species)


def graphs_of(configurations: Configurations, cutoff: float) -> Graphs:
    """The graphs of all configurations, some 8 ms each at N = 1080, on all cores.

    Args:
        configurations: whole ones, films or windows.
        cutoff: longest edge [sigma_AA]. In a periodic box narrower than twice that edges end below half of the box.

    Raises:
        ValueError: for a configuration without particles.
    """
    rows = range(len(configurations))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        lists = list(pool.map(lambda row: _sorted_neighbours(configurations, row, cutoff), rows))
        counted = list(pool.map(lambda row: counted_particles(configurations, row, cutoff), rows))
    slots = max((degree.max(initial=1) for _, _, degree in lists), default=1)
    slots = -(-int(slots) // _SLOTS) * _SLOTS
    particles = configurations.species.shape[1]
    kind = np.int16 if particles < 2**15 else np.int32
    neighbours = np.broadcast_to(np.arange(particles, dtype=kind)[None, :, None], (len(lists), particles, slots)).copy()
    for row, (i, j, degree) in enumerate(lists):
        first = np.concatenate([[0], np.cumsum(degree)])[:-1]
        neighbours[row, i, np.arange(len(i)) - first[i]] = j
    return Graphs(
        positions=np.asarray(configurations.positions),
        species=np.asarray(configurations.species),
        box=np.where(configurations.periodic, configurations.box, np.inf),
        neighbours=neighbours,
        counted=np.array(counted).reshape(len(lists), particles),
    )


def counted_particles(configurations: Configurations, row: int, cutoff: float) -> np.ndarray:
    """(N,) bool, the particles of one configuration whose neighbours within ``cutoff`` are all there.

    At least FEWEST_COUNTED of them, the deepest, where there are so many.
    """
    filled = np.asarray(configurations.species[row]) != EMPTY
    depth = np.full(len(filled), -np.inf)
    depth[filled] = depth_below_edge(np.asarray(configurations.positions[row])[filled], configurations.periodic[row])
    enough = np.sort(depth[filled])[::-1][min(FEWEST_COUNTED, int(filled.sum())) - 1]
    return depth >= min(cutoff, enough)


def depth_below_edge(positions: np.ndarray, periodic: Iterable[bool]) -> np.ndarray:
    """How far below the edge of a window each particle lies [sigma_AA], (N,); infinite where there is no edge.

    >>> square = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [2.0, 1.0]])
    >>> depth_below_edge(square, (False, False)).tolist()
    [0.0, 0.0, 0.0, 0.0, 1.0]
    """
    along_x, along_y = periodic
    if along_x and along_y:
        return np.full(len(positions), np.inf)
    if along_x or along_y:
        across = positions[:, 0] if along_y else positions[:, 1]
        return np.minimum(across - across.min(), across.max() - across)
    if len(positions) < 3 or np.linalg.matrix_rank(positions - positions.mean(axis=0), tol=1e-9) < 2:
        return np.zeros(len(positions))
    faces = ConvexHull(positions).equations
    return np.abs((positions @ faces[:, :2].T + faces[:, 2]).max(axis=1))


def _sorted_neighbours(
    configurations: Configurations, row: int, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (i, j) by i and then by distance, and how many each particle has, (N,)."""
    species = np.asarray(configurations.species[row])
    filled = np.flatnonzero(species != EMPTY)
    if not len(filled):
        raise ValueError(f"configuration {row}: got no particles, expected some")
    box, (along_x, along_y) = configurations.box[row], configurations.periodic[row].tolist()
    reach = min(cutoff, widest_radius(box, (along_x, along_y)))
    near = neighbours_within(reach, np.asarray(configurations.positions[row])[filled], box, (along_x, along_y))
    order = np.lexsort((near.j, near.distance, near.i))
    return filled[near.i[order]], filled[near.j[order]], np.bincount(filled[near.i], minlength=len(species))
