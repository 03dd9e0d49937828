"""The area under the receiver operating characteristic, its variance over origins, and its resamples: O(n log n).

Configurations of one origin, its frames, its windows, its liquid and its glass, resemble each other. So the variance is
that of DeLong, with structural components added up within each origin before they are squared.

Sources: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44, 837 (1988); N. A. Obuchowski, Biometrics 53,
567 (1997), for clustered data; X. Sun, W. Xu, IEEE Signal Process. Lett. 21, 1389 (2014), from ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import rankdata

from vitrify.analysis.statistics import satterthwaite

CHUNK = 1 << 22
"""Numbers that a block of resamples may hold."""

FEWEST = 4
"""Fewest origins of one kind whose scatter is taken for that of their kind."""


def area_under_curve(score: np.ndarray, positive: np.ndarray) -> float:
    """How often a positive scores higher than a negative, ties counting half; the statistic of Mann and Whitney.

    Raises:
        ValueError: when one of the classes is missing.

    >>> area_under_curve(np.array([1.0, 1.0]), np.array([True, False]))
    0.5
    """
    plus, minus = int(positive.sum()), int((~positive).sum())
    if not plus or not minus:
        raise ValueError(f"AUC: got {plus} positive and {minus} negative configurations, expected some of both")
    return float((rankdata(score)[positive].sum() - plus * (plus + 1) / 2) / (plus * minus))


@dataclass(frozen=True, kw_only=True)
class Influence:
    """What each origin contributes to an AUC.

    Attributes:
        area: the AUC.
        plus: (U,) sum over the origin's positives of how much more often than the mean they beat a negative, over the
            number of positives.
        minus: (U,) the same of its negatives.
        has_plus: (U,) bool, whether the origin has positives.
        has_minus: (U,) bool.
    """

    area: float
    plus: np.ndarray
    minus: np.ndarray
    has_plus: np.ndarray
    has_minus: np.ndarray

    @property
    def origins(self) -> tuple[int, int]:
        """How many have positives, and how many negatives."""
        return int(self.has_plus.sum()), int(self.has_minus.sum())

    @property
    def total(self) -> np.ndarray:
        """(U,) influence of each origin."""
        return self.plus + self.minus

    @cached_property
    def variance(self) -> float:
        """Of the AUC; each sum of squares is scaled for the mean that was taken out."""
        ones, zeros, both = *self.origins, len(self.plus)
        plus = (self.plus**2).sum() * _bessel(ones)
        minus = (self.minus**2).sum() * _bessel(zeros)
        return max(float(plus + minus + 2 * (self.plus * self.minus).sum() * _bessel(both)), 0.0)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of that variance, after Satterthwaite, over origins with both classes and with one."""
        kinds = [
            (self.has_plus & self.has_minus, min(self.origins)),
            (self.has_plus & ~self.has_minus, self.origins[0]),
            (self.has_minus & ~self.has_plus, self.origins[1]),
        ]
        known = [(self.total[kind], count) for kind, count in kinds if kind.any()]
        freedom = [max((len(own) if len(own) >= FEWEST else count) - 1, 1) for own, count in known]
        return satterthwaite([float((own**2).sum()) for own, _ in known], freedom)


def influence(score: np.ndarray, positive: np.ndarray, unit: np.ndarray, units: int) -> Influence:
    """What each origin contributes to the AUC of ``score`` (C,); ``unit`` (C,) is the number of its origin."""
    area = area_under_curve(score, positive)
    plus, minus = int(positive.sum()), int((~positive).sum())
    rank = rankdata(score)
    wins = (rank[positive] - rankdata(score[positive])) / minus
    losses = 1 - (rank[~positive] - rankdata(score[~positive])) / plus
    return Influence(
        area=area,
        plus=np.bincount(unit[positive], weights=wins - area, minlength=units) / plus,
        minus=np.bincount(unit[~positive], weights=losses - area, minlength=units) / minus,
        has_plus=np.bincount(unit[positive], minlength=units) > 0,
        has_minus=np.bincount(unit[~positive], minlength=units) > 0,
    )


def resampled_areas(score: np.ndarray, positive: np.ndarray, unit: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(B,) AUC of resamples in which origin u occurs ``times[b, u]`` times; NaN where one of the classes is missing.

    >>> score, positive = np.array([0.1, 0.4, 0.3, 0.8]), np.array([False, False, True, True])
    >>> resampled_areas(score, positive, np.arange(4), np.array([[1, 1, 1, 1], [1, 0, 2, 1], [0, 0, 1, 1]])).tolist()
    [0.75, 1.0, nan]
    """
    order = np.argsort(score, kind="stable")
    _, level = np.unique(score[order], return_inverse=True)
    first = np.flatnonzero(np.diff(level, prepend=-1))
    areas = np.full(len(times), np.nan)
    for rows in _blocks(len(times), len(score)):
        weight = times[rows][:, unit[order]].astype(np.float64)
        plus = np.add.reduceat(weight * positive[order], first, axis=1)
        minus = np.add.reduceat(weight * ~positive[order], first, axis=1)
        below = np.cumsum(minus, axis=1) - minus / 2
        pairs = plus.sum(axis=1) * minus.sum(axis=1)
        won = (plus * below).sum(axis=1)
        areas[rows] = np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return areas


def _blocks(count: int, width: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(1, width))
    return (slice(start, start + step) for start in range(0, count, step))


def _bessel(count: int) -> float:
    return count / (count - 1) if count > 1 else 1.0
