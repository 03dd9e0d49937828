"""Configurations of two groups paired by energy, so that nothing told apart afterwards is the energy."""

from __future__ import annotations

import numpy as np


def match(first: np.ndarray, second: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of one of each group whose values lie within ``tolerance``, each value in one pair at most.

    The nearest two are paired first, then the nearest two of those left, and so on: the means of the two groups then
    differ by much less than the tolerance, where a matching of as many as possible pairs one group's lower half with
    the other's upper half. Some five per cent fewer find a partner.

    Args:
        first: (n,) values of one group, such as E_IS per particle [eps_AA]; NaN is never paired.
        second: (m,) of the other.
        tolerance: largest difference within a pair.

    Returns:
        (P,) places in the first and (P,) places in the second group, pair by pair, in the order of the first.

    Raises:
        ValueError: for a tolerance that is not positive.

    >>> rows, partners = match(np.array([1.0, 2.0, 3.0]), np.array([2.9, 1.2, 7.0]), tolerance=0.5)
    >>> rows.tolist(), partners.tolist()
    ([0, 2], [1, 0])
    """
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"tolerance: got {tolerance}, expected a positive number")
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    order = np.argsort(second, kind="stable")[: np.isfinite(second).sum()]
    low = np.searchsorted(second[order], first - tolerance, "left")
    high = np.searchsorted(second[order], first + tolerance, "right")
    count = np.where(np.isfinite(first), high - low, 0)
    row = np.repeat(np.arange(len(first)), count)
    place = np.repeat(low, count) + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    partner = order[place]
    free_first, free_second = [True] * len(first), [True] * len(second)
    pairs = []
    for nearest in np.argsort(np.abs(first[row] - second[partner]), kind="stable").tolist():
        one, other = int(row[nearest]), int(partner[nearest])
        if free_first[one] and free_second[other]:
            free_first[one] = free_second[other] = False
            pairs.append((one, other))
    found = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]
