"""The null test: would a classifier have scored as well if the classes meant nothing?"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from vitrify.learn.auc import area_under_curve


def permutation_p_value(
    score: np.ndarray, positive: np.ndarray, origin: np.ndarray, *, permutations: int, rng: np.random.Generator
) -> float:
    """How often shuffled labels give an AUC as far from 0.5 as the true ones, counting the true ones once.

    What is shuffled and what is ranked are means over the configurations of one class of one origin: frames of a
    replica resemble each other, and with unequal numbers of them an AUC over configurations hangs on the replicas with
    the most. Within an origin of both classes the two means swap their labels at random; origins of one class swap
    labels among themselves. O(n log n) once, O(origins) a permutation.

    Args:
        score: (C,) higher for what looks more like the positive class.
        positive: (C,) bool.
        origin: (C,) the origin of each configuration.
        permutations: number of shuffles, at least 1.
        rng: where they come from.

    >>> labels = np.repeat([True, False], 10)
    >>> permutation_p_value(labels + 0.0, labels, np.arange(20), permutations=99, rng=np.random.default_rng(1))
    0.01
    """
    if permutations < 1:
        raise ValueError(f"null permutations: got {permutations}, expected at least 1")
    mean, label, owner = origin_means(score, positive, origin)
    rank = rankdata(mean)
    found = abs(area_under_curve(mean, label) - 0.5)
    plus, minus = int(label.sum()), int((~label).sum())
    extreme = 0
    for _ in range(permutations):
        total = rank[permuted_labels(label, owner, rng)].sum()
        extreme += abs((total - plus * (plus + 1) / 2) / (plus * minus) - 0.5) >= found - 1e-12
    return float((1 + extreme) / (1 + permutations))


def origin_means(
    score: np.ndarray, positive: np.ndarray, origin: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean score, label and origin's number of every class of every origin, (K,) each, by origin.

    >>> found = origin_means(np.array([1.0, 3.0, 5.0]), np.array([True, True, False]), np.array(["a", "a", "b"]))
    >>> [column.tolist() for column in found]
    [[2.0, 5.0], [True, False], [0, 1]]
    """
    _, unit = np.unique(origin, return_inverse=True)
    blocks, block = np.unique(2 * unit + positive, return_inverse=True)
    return np.bincount(block, weights=score) / np.bincount(block), blocks % 2 == 1, blocks // 2


def permuted_labels(label: np.ndarray, owner: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels dealt out anew, in a way that would change nothing if they meant nothing.

    Args:
        label: (K,) bool, of each class of each origin, one entry each.
        owner: (K,) number of the origin, in order.
        rng: where the choice comes from.

    >>> permuted_labels(np.array([False, True]), np.array([0, 0]), np.random.default_rng(1)).tolist()
    [False, True]
    """
    shared = np.bincount(owner)[owner] > 1
    dealt = label[np.lexsort((rng.random(len(owner)), owner))]
    dealt[~shared] = rng.permutation(label[~shared])
    return dealt
