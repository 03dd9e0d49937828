"""What the bonds say: coordination, rings around a particle, and the graph of nearest neighbours around B.

Bonds join A and B no farther apart than BOND_LENGTH, the first minima of the partial g(r). The graph of nearest
neighbours is that of the published network.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vitrify.analysis.structure.neighbours import Neighbours
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.md.model import A, B


def bonded(kind: int) -> Callable[[Surroundings], np.ndarray]:
    """The measure: number of bonded neighbours of a species, (N,)."""

    def measure(around: Surroundings) -> np.ndarray:
        near, species = around.bonds, around.species
        found = np.bincount(near.i, weights=species[near.j] == kind, minlength=around.count)
        return np.where(around.matter, found, np.nan)

    return measure


def ring(around: Surroundings) -> np.ndarray:
    """Number of bonded neighbours that form a closed ring, (N,); 0 where the ring is open.

    The ring is closed when each bonded neighbour is bonded to the next one around the particle, so that particle and
    ring are a fan of bonded triangles: the locally favoured motifs of discs. A B in a ring of five is the pentagon of
    the Kob-Andersen mixture, an A in a ring of six a piece of a triangular crystal.

    Source: the two-dimensional case of the bonded clusters of Malins, Williams, Eggers and Royall, J. Chem. Phys. 139,
    234506 (2013).
    """
    near, count = around.bonds, around.count
    angle = np.arctan2(near.separation[:, 1], near.separation[:, 0])
    order = np.lexsort((angle, near.i))
    i, j = near.i[order], near.j[order]
    degree = np.bincount(i, minlength=count)
    first = np.searchsorted(i, i)
    place = np.arange(len(i))
    following = np.where(place == first + degree[i] - 1, first, place + 1)
    key = near.i * count + near.j  # sorted, as the pairs are
    wanted = j * count + j[following] if len(i) else key
    found = np.searchsorted(key, wanted).clip(max=max(0, len(key) - 1))
    joined = key[found] == wanted if len(key) else np.zeros(0, dtype=bool)
    closed = (np.bincount(i, weights=joined, minlength=count) == degree) & (degree >= 3)
    return np.where(around.matter, np.where(closed, degree, 0), np.nan)


def clusters(near: Neighbours, particles: int) -> np.ndarray:
    """Connected clusters: (N,) labels from 0, equal for particles that a chain of pairs joins.

    >>> pairs = Neighbours(
    ...     i=np.array([0, 1, 3, 4]), j=np.array([1, 0, 4, 3]), separation=np.ones((4, 2)), distance=np.ones(4)
    ... )
    >>> clusters(pairs, 5).tolist()
    [0, 0, 1, 2, 2]
    """
    edges = coo_array((np.ones(len(near.i), dtype=np.int8), (near.i, near.j)), shape=(particles, particles))
    return connected_components(edges, directed=False)[1]


def graph_around_b(around: Surroundings, k: int) -> dict[str, float]:
    """The three metrics that the published network's attention led to, on its graph.

    Every particle is joined to its ``k`` nearest neighbours, the edges taken without direction, periodic here.

    ===============  ===========================================================================================
    ``b_clusters``   connected clusters of the edges that touch a B (those with a member)
    ``bb_edges``     edges between two B, each counted once (half for each end that is a member)
    ``a_outside``    A that no such edge touches
    ===============  ===========================================================================================

    each divided by the number of members, to be comparable over sizes.

    Source: Swanson, Trivedi, Lequieu, Swanson and Kondor, Soft Matter 16, 435 (2020); its training script takes k = 2.
    There, neighbours end at the edges of the box.
    """
    species, member = around.species, around.members
    near = around.nearest(k)
    touching = near.select((species[near.i] == B) | (species[near.j] == B))
    touched = np.zeros(around.count, dtype=bool)
    touched[touching.i] = True
    label = clusters(touching, around.count)
    both = (species[near.i] == B) & (species[near.j] == B) & member[near.i]
    count = int(member.sum())
    return {
        "b_clusters": len(np.unique(label[touched & member])) / count,
        "bb_edges": float(both.sum()) / 2 / count,
        "a_outside": float((member & (species == A) & ~touched).sum()) / count,
    }
