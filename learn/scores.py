"""How well classes are told apart, and how sure that is: accuracy, AUC, differences, and their intervals.

The independent units are origins (seed:replica). Configurations of one origin, its frames and its liquid and its
glass, are never counted as if they were independent. How often the intervals hold the truth was measured,
``tests/validation/test_coverage_of_scores.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.stats import norm, rankdata
from scipy.stats import t as student

from vitrify.analysis.statistics import RESAMPLES, Interval, wilson_interval
from vitrify.learn.auc import Influence, area_under_curve, influence, resampled_areas
from vitrify.md.randomness import Purpose, stream

INTERVALS = (
    "95 % over origins: AUC by clustered DeLong on the logit, accuracy by Wilson with the effective number of trials, "
    "differences by a paired bootstrap"
)


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score with its 95 % interval.

    Attributes:
        value: the score.
        interval: its interval.
    """

    value: float
    interval: Interval


def accuracy(correct: np.ndarray, label: np.ndarray, origin: np.ndarray, level: float = 0.95) -> Score:
    """Fraction of configurations that are classified correctly.

    Its interval is Wilson's, with the number of trials that would scatter as much as the origins do, by Student's t,
    and never more trials than every class of every origin.

    Args:
        correct: (C,) bool.
        label: (C,) the true class.
        origin: (C,) the origin of each configuration.
        level: nominal coverage.

    Source: E. L. Korn, B. I. Graubard, Survey Methodology 24, 193 (1998).

    >>> score = accuracy(np.ones(20, bool), np.zeros(20), np.arange(20))
    >>> score.value, round(score.interval.low, 3), score.interval.high
    (1.0, 0.839, 1.0)
    """
    value = float(correct.mean())
    units, unit = np.unique(origin, return_inverse=True)
    trials = float(len(set(zip(unit.tolist(), label.tolist(), strict=True))))
    count = np.bincount(unit)
    excess = (np.bincount(unit, weights=correct) - value * count) / len(correct)
    freedom = max(len(units) - 1, 1)
    variance = float((excess**2).sum()) * len(units) / freedom
    if variance > 0:
        student_t = float(student.ppf((1 + level) / 2, freedom))
        effective = value * (1 - value) / variance * (NormalDist().inv_cdf((1 + level) / 2) / student_t) ** 2
        trials = max(min(effective, trials), 1.0)
    return Score(value=value, interval=wilson_interval(value * trials, trials, level))


def auc(score: np.ndarray, positive: np.ndarray, origin: np.ndarray, level: float = 0.95) -> Score:
    """Area under the ROC curve: how often a positive scores higher than a negative, ties counting half.

    Its interval is Student's on the logit of the area, with DeLong's variance over origins. Where all positives score
    above all negatives, or below, that variance is none, and the interval is Newcombe's, of as many of each class as
    there are origins with it.

    Args:
        score: (C,) higher for what looks more like the positive class.
        positive: (C,) bool.
        origin: (C,) the origin of each configuration.
        level: nominal coverage.

    Raises:
        ValueError: when one of the classes is missing.

    >>> score = auc(np.arange(4.0), np.array([False, True, False, True]), np.arange(4))
    >>> score.value
    0.75
    """
    units, unit = np.unique(origin, return_inverse=True)
    return Score(
        value=area_under_curve(score, positive), interval=_interval(influence(score, positive, unit, len(units)), level)
    )


def _interval(found: Influence, level: float) -> Interval:
    if not 0 < found.area < 1 or not found.variance > 0:
        return newcombe_interval(found.area, *found.origins, level)
    half = student.ppf((1 + level) / 2, found.freedom) * np.sqrt(found.variance) / (found.area * (1 - found.area))
    odds = found.area / (1 - found.area) * np.exp(np.array([-half, half]))
    low, high = 1 / (1 + 1 / odds)
    return Interval(low=float(low), high=float(high), level=level)


def auc_difference(
    first: np.ndarray,
    second: np.ndarray,
    positive: np.ndarray,
    origin: np.ndarray,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Score:
    """AUC of one score less that of another one on the same configurations.

    Its interval is that of a bootstrap over origins, both scores resampled together; the percentiles are those of
    Student's t, or they would be too narrow with few origins.

    Args:
        first: (C,) higher for what looks more like the positive class.
        second: (C,) likewise.
        positive: (C,) bool.
        origin: (C,) the origin of each configuration.
        seed: what the resamples derive from.
        resamples: number of them.
        level: nominal coverage.

    Source: T. C. Hesterberg, Am. Stat. 69, 371 (2015), for the percentiles.

    >>> score = auc_difference(np.arange(9.0), np.arange(9.0), np.arange(9) > 4, np.arange(9), seed=1, resamples=99)
    >>> score.value, score.interval.low, score.interval.high
    (0.0, 0.0, 0.0)
    """
    units, unit = np.unique(origin, return_inverse=True)
    found = [influence(score, positive, unit, len(units)) for score in (first, second)]
    value = found[0].area - found[1].area
    draws = stream(seed, Purpose.BOOTSTRAP).multinomial(len(units), np.full(len(units), 1 / len(units)), size=resamples)
    drawn = [resampled_areas(score, positive, unit, draws) for score in (first, second)]
    differences = drawn[0] - drawn[1]
    known = differences[np.isfinite(differences)]
    if len(known) < 2 or len(units) < 2:
        return Score(value=value, interval=Interval(low=-1.0, high=1.0, level=level))
    if np.ptp(known) == 0 and not np.array_equal(rankdata(first), rankdata(second)):
        return Score(value=value, interval=_apart([_interval(one, level) for one in found], found, level))
    freedom = max(min(one.freedom for one in found), 1.0)
    quantile = student.ppf((1 + level) / 2, freedom) * np.sqrt(1 + 1 / freedom)
    low, high = np.quantile(known, norm.cdf([-quantile, quantile]))
    undefined = resamples - len(known)
    return Score(value=value, interval=Interval(low=float(low), high=float(high), level=level, undefined=undefined))


def _apart(intervals: list[Interval], found: list[Influence], level: float) -> Interval:
    """Of a difference that no resample moves, both scores being perfect: from the intervals of the two, as if apart.

    Source: G. Y. Zou, A. Donner, Stat. Med. 27, 1693 (2008).
    """
    (first, second), value = intervals, found[0].area - found[1].area
    below = np.hypot(found[0].area - first.low, second.high - found[1].area)
    above = np.hypot(first.high - found[0].area, found[1].area - second.low)
    return Interval(low=float(value - below), high=float(value + above), level=level)


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
    return Interval(
        low=min(value, float(area[inside].min(initial=1))),
        high=max(value, float(area[inside].max(initial=0))),
        level=level,
    )
