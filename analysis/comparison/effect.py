"""How far two sets lie apart in one descriptor, in standard deviations, with an interval that covers.

The difference of the means over its standard error follows a noncentral t distribution, whose noncentrality is the
effect size times a known number. All noncentralities that would give the value found with 95 % are the interval; so it
holds for four configurations as for four hundred, and for sets that hardly touch. Sets may scatter unequally: degrees
of freedom are those of Welch and Satterthwaite.

Source: J. H. Steiger, R. T. Fouladi, in What If There Were No Significance Tests? (1997), chapter 9; L. V. Hedges,
J. Educ. Stat. 6, 107 (1981), for g; coverage: docs/coverage-analysis.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, nctdtrinc
from scipy.stats import t as student

from vitrify.analysis.statistics import FEWEST_REPLICAS, Interval, Quantity, satterthwaite, students_interval

ROUNDING = 1e-9
"""Scatter, relative to the values, that is rounding: such a descriptor is a constant and has no effect size."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One descriptor in two sets.

    Attributes:
        means: of the first and the second set.
        difference: first less second, with Student's interval.
        size: the difference in standard deviations, Hedges' g, with its interval; NaN for a constant.
        p: probability of a difference as large if there were none, two-sided; NaN for a constant.
        counts: how many configurations of each set know the descriptor.
    """

    means: tuple[float, float]
    difference: Quantity
    size: Quantity
    p: float
    counts: tuple[int, int]


def paired_effect(first: np.ndarray, second: np.ndarray, level: float = 0.95) -> Effect:
    """Sets of pairs, independent of one another.

    The unit is the deviation of one configuration about what its pair has in common: that of the differences over the
    square root of two. In pairs of one energy that is the deviation at that energy.

    Args:
        first: (P,) of each pair; NaN where it is not defined, which leaves the pair out.
        second: (P,) of the partners.
        level: nominal coverage of the intervals.

    >>> found = paired_effect(np.array([1.0, 2.0, 3.0, 4.5]), np.array([0.0, 1.5, 1.5, 3.5]))
    >>> found.difference.value, round(found.size.value, 3), round(found.p, 4)
    (1.0, 2.507, 0.0163)
    """
    known = np.isfinite(first) & np.isfinite(second)
    first, second = np.asarray(first)[known], np.asarray(second)[known]
    count = len(first)
    if count < 2:
        return _unknown(first, second, f"{count} pairs know it, expected at least {FEWEST_REPLICAS}")
    apart = first - second
    deviation = float(apart.std(ddof=1))
    return _effect(first, second, deviation / np.sqrt(count), count - 1, deviation / np.sqrt(2), level)


def unpaired_effect(
    first: np.ndarray,
    second: np.ndarray,
    first_origins: np.ndarray,
    second_origins: np.ndarray,
    level: float = 0.95,
) -> Effect:
    """Whole sets, whose configurations are independent but for those of one origin.

    The unit is the root mean square of the standard deviations of both sets.

    Args:
        first: (n,) of each configuration; NaN where it is not defined.
        second: (m,) of the other set.
        first_origins: (n,) what each began with, each origin once; one that is in both sets makes a pair.
        second_origins: (m,) of the other set.
        level: nominal coverage of the intervals.

    >>> first, second = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 1.0, 1.5, 2.5])
    >>> found = unpaired_effect(first, second, np.arange(4), np.arange(4) + 4)
    >>> found.difference.value, round(found.size.value, 3), round(found.p, 3)
    (1.25, 0.919, 0.185)
    """
    known, known_second = np.isfinite(first), np.isfinite(second)
    sides = np.asarray(first)[known], np.asarray(second)[known_second]
    names = np.asarray(first_origins)[known].tolist(), np.asarray(second_origins)[known_second].tolist()
    counts = [len(side) for side in sides]
    if min(counts) < 2:
        return _unknown(
            sides[0], sides[1], f"{counts[0]} and {counts[1]} configurations know it, expected {FEWEST_REPLICAS} each"
        )
    influence: dict[object, float] = {}
    for sign, side, origins in zip((1, -1), sides, names, strict=True):
        for origin, away in zip(origins, (side - side.mean()).tolist(), strict=True):
            influence[origin] = influence.get(origin, 0.0) + sign * away / np.sqrt(len(side) * (len(side) - 1.0))
    kinds = ({*names[0]} - {*names[1]}, {*names[1]} - {*names[0]}, {*names[0]} & {*names[1]})
    variances = [sum(influence[origin] ** 2 for origin in kind) for kind in kinds]
    # A remainder of a set too small to know its own scatter has the set's degrees of freedom.
    freedom = [
        max((len(kind) if len(kind) >= FEWEST_REPLICAS else whole) - 1, 1)
        for kind, whole in zip(kinds, (*counts, min(counts)), strict=True)
    ]
    error, deviation = (float(np.sqrt(v)) for v in (sum(variances), np.mean([side.var(ddof=1) for side in sides])))
    return _effect(sides[0], sides[1], error, satterthwaite(variances, freedom), deviation, level)


def hedges_factor(freedom: float) -> float:
    """What takes the bias out of a standardised difference, ``Gamma(f/2) / (sqrt(f/2) Gamma((f-1)/2))``.

    >>> round(hedges_factor(3), 4), round(hedges_factor(30), 4)
    (0.7236, 0.9748)
    """
    if freedom <= 1:
        return float("nan")
    return float(np.exp(gammaln(freedom / 2) - gammaln((freedom - 1) / 2)) / np.sqrt(freedom / 2))


def _unknown(first: np.ndarray, second: np.ndarray, note: str) -> Effect:
    """Too few configurations for anything but means."""
    means = tuple(float(side.mean()) if len(side) else float("nan") for side in (first, second))
    unknown = Quantity(value=float("nan"), note=note)
    return Effect(
        means=(means[0], means[1]), difference=unknown, size=unknown, p=float("nan"), counts=(len(first), len(second))
    )


def _effect(
    first: np.ndarray, second: np.ndarray, error: float, freedom: float, deviation: float, level: float = 0.95
) -> Effect:
    """What the difference, its error and the unit give."""
    means, counts = (float(first.mean()), float(second.mean())), (len(first), len(second))
    value = means[0] - means[1]
    if not min(error, deviation) > ROUNDING * max(map(abs, means)) or not np.isfinite(freedom):
        constant = Quantity(value=float("nan"), note="it does not vary")
        return Effect(means=means, difference=Quantity(value=value), size=constant, p=float("nan"), counts=counts)
    difference, size = (
        students_interval(value, error, freedom, level),
        float(value / deviation) * hedges_factor(freedom),
    )
    p = float(2 * student.sf(abs(value) / error, freedom))
    if min(counts) < FEWEST_REPLICAS:
        note = f"no interval: {min(counts)} configurations, expected at least {FEWEST_REPLICAS}"
        difference = Quantity(value=value, error=error, note=note)
        return Effect(means=means, difference=difference, size=Quantity(value=size, note=note), p=p, counts=counts)
    low, high = nctdtrinc(freedom, np.array([1 + level, 1 - level]) / 2, value / error) * error / deviation
    interval = Interval(low=float(low), high=float(high), level=level)
    return Effect(means=means, difference=difference, size=Quantity(value=size, interval=interval), p=p, counts=counts)
