"""How well classes are told apart, and how sure that is: accuracy, AUC, their intervals, and the null test.

The independent units are origins (seed:replica). Configurations of one origin, its frames and its liquid and its
glass, are never counted as if they were independent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from vitrify.analysis.statistics import RESAMPLES, Interval, bootstrap_interval, wilson_interval

INTERVALS = "95 %, bootstrap over replicas, no narrower than Wilson's (accuracy) or Newcombe's (AUC)"


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score with its 95 % interval.

    Attributes:
        value: the score.
        interval: its interval.
    """

    value: float
    interval: Interval


def accuracy(
    correct: np.ndarray, label: np.ndarray, origin: np.ndarray, *, seed: int, resamples: int = RESAMPLES
) -> Score:
    """Fraction of configurations that are classified correctly.

    Its interval is that of the bootstrap over origins or Wilson's, whichever reaches further at either end. The
    bootstrap knows that configurations of one origin resemble each other; but with few origins, or when each has the
    same fraction right, its resamples scatter too little. Wilson's counts every class of every origin as one trial.

    Args:
        correct: (C,) bool.
        label: (C,) the true class.
        origin: (C,) the origin of each configuration.
        seed: what the resamples derive from.
        resamples: number of them.

    >>> score = accuracy(np.ones(20, bool), np.zeros(20), np.arange(20), seed=1)
    >>> score.value, round(score.interval.low, 3), score.interval.high
    (1.0, 0.839, 1.0)
    """
    value = float(correct.mean())
    units, unit = np.unique(origin, return_inverse=True)
    trials = len(set(zip(unit.tolist(), label.tolist(), strict=True)))
    right, count = np.bincount(unit, weights=correct), np.bincount(unit)

    def of_draw(rows: np.ndarray) -> float:
        return float(right[rows].sum() / count[rows].sum())

    closed = wilson_interval(value * trials, trials)
    return Score(value=value, interval=_wider(closed, of_draw, len(units), seed, resamples))


def auc(score: np.ndarray, positive: np.ndarray, origin: np.ndarray, *, seed: int, resamples: int = RESAMPLES) -> Score:
    """Area under the ROC curve: how often a positive scores higher than a negative, ties counting half.

    Its interval is that of the bootstrap over origins or Newcombe's, whichever reaches further at either end, for the
    reasons given at :func:`accuracy`. The sample sizes of Newcombe's are the origins of each class.

    Args:
        score: (C,) higher for what looks more like the positive class.
        positive: (C,) bool.
        origin: (C,) the origin of each configuration.
        seed: what the resamples derive from.
        resamples: number of them.

    Raises:
        ValueError: when one of the classes is missing.

    >>> score = auc(np.arange(4.0), np.array([False, True, False, True]), np.arange(4), seed=1)
    >>> score.value
    0.75
    """
    value = area_under_curve(score, positive)
    units, unit = np.unique(origin, return_inverse=True)
    wins = _wins(score, positive, unit, len(units))
    plus = np.bincount(unit, weights=positive, minlength=len(units))
    minus = np.bincount(unit, weights=~positive, minlength=len(units))

    def of_draw(rows: np.ndarray) -> float:
        times = np.bincount(rows, minlength=len(units)).astype(np.float64)
        pairs = (times @ plus) * (times @ minus)
        return float(times @ wins @ times / pairs) if pairs else np.nan

    closed = newcombe_interval(value, int((plus > 0).sum()), int((minus > 0).sum()))
    return Score(value=value, interval=_wider(closed, of_draw, len(units), seed, resamples))


def _wider(closed: Interval, of_draw: Callable[[np.ndarray], float], units: int, seed: int, resamples: int) -> Interval:
    if units < 2:
        return closed
    drawn = bootstrap_interval(of_draw, units, seed=seed, resamples=resamples)
    return Interval(low=min(closed.low, drawn.low), high=max(closed.high, drawn.high), level=closed.level)


def area_under_curve(score: np.ndarray, positive: np.ndarray) -> float:
    """AUC by the Mann-Whitney statistic, ``(sum of the ranks of the positives - p (p + 1) / 2) / (p n)``.

    >>> area_under_curve(np.array([1.0, 1.0]), np.array([True, False]))
    0.5
    """
    plus, minus = int(positive.sum()), int((~positive).sum())
    if not plus or not minus:
        raise ValueError(f"AUC: got {plus} positive and {minus} negative configurations, expected some of both")
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2
    return float((rank[place][positive].sum() - plus * (plus + 1) / 2) / (plus * minus))


def newcombe_interval(value: float, positives: int, negatives: int, level: float = 0.95) -> Interval:
    """Interval of an AUC that does not shrink to nothing where the separation is perfect, as Wilson's for a proportion.

    All areas whose Hanley-McNeil standard error, taken at that area and not at the observed one, reaches the value.

    Source: R. G. Newcombe, Stat. Med. 25, 559 (2006), method 5.

    >>> interval = newcombe_interval(1.0, 10, 10)
    >>> round(interval.low, 2), interval.high
    (0.8, 1.0)
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    area = np.linspace(0.0, 1.0, 100_001)
    half = (positives + negatives) / 2 - 1
    spread = 1 + half * ((1 - area) / (2 - area) + area / (1 + area))
    inside = (area - value) ** 2 <= z**2 * area * (1 - area) * spread / (positives * negatives)
    return Interval(low=float(area[inside].min()), high=float(area[inside].max()), level=level)


def permutation_p_value(
    score: np.ndarray, positive: np.ndarray, origin: np.ndarray, *, permutations: int, rng: np.random.Generator
) -> float:
    """Null test: how often shuffled labels give an AUC as far from 0.5 as the true ones, counting the true ones once.

    >>> labels = np.repeat([True, False], 10)
    >>> permutation_p_value(labels + 0.0, labels, np.arange(20), permutations=99, rng=np.random.default_rng(1))
    0.01
    """
    if permutations < 1:
        raise ValueError(f"null permutations: got {permutations}, expected at least 1")
    found = abs(area_under_curve(score, positive) - 0.5)
    shuffled = [permuted_labels(positive.astype(int), origin, rng) == 1 for _ in range(permutations)]
    extreme = sum(abs(area_under_curve(score, labels) - 0.5) >= found - 1e-12 for labels in shuffled)
    return (1 + extreme) / (1 + permutations)


def permuted_labels(label: np.ndarray, origin: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels dealt out anew, in a way that would change nothing if they meant nothing.

    All configurations of one origin and one class keep one label, since they resemble each other. Within an origin
    the classes swap their labels at random; origins of the same classes stay what they are to each other, and origins
    of one class only swap labels among themselves.

    >>> permuted_labels(np.array([0, 1, 1, 0]), np.array(["a", "a", "b", "b"]), np.random.default_rng(1)).tolist()
    [0, 1, 1, 0]
    """
    _, unit = np.unique(origin, return_inverse=True)
    blocks, block = np.unique(np.stack([unit, label], axis=1), axis=0, return_inverse=True)
    owner, classes = blocks.T
    shared = np.bincount(owner)[owner] > 1
    within_owner = np.lexsort((rng.random(len(blocks)), owner))
    dealt = np.where(shared, classes[within_owner], classes)
    dealt[~shared] = rng.permutation(classes[~shared])
    return dealt[block]


def _wins(score: np.ndarray, positive: np.ndarray, unit: np.ndarray, units: int) -> np.ndarray:
    """(U, U): over pairs of a positive of unit u and a negative of unit v, how often the positive scores higher."""
    plus, minus = np.flatnonzero(positive), np.flatnonzero(~positive)
    order = minus[np.argsort(score[minus], kind="stable")]
    wins = np.zeros((units, units))
    for row in plus:
        below = np.searchsorted(score[order], score[row], side="left")
        level = np.searchsorted(score[order], score[row], side="right")
        wins[unit[row]] += np.bincount(unit[order[:below]], minlength=units)
        wins[unit[row]] += 0.5 * np.bincount(unit[order[below:level]], minlength=units)
    return wins
