"""How sure we are: standard errors and intervals over independent replicas.

Replicas are independent, frames of one replica and particles of one frame are not: every error bar of vitrify is taken
over replicas. A replica that failed, or a quench that did not converge, is NaN in the arrays given here; it is left
out and the count that remains is reported beside the number.

Intervals of what is read from mean curves, such as Tg, are those of the jackknife with Student's t: with few replicas
the percentiles of a bootstrap are too narrow. How often they hold the truth is in :mod:`vitrify.analysis.coverage`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from scipy.stats import t as student

RESAMPLES = 2000
"""Default number of bootstrap resamples: the ends of a 95 % interval then scatter by some 5 % of its width."""


FEWEST_REPLICAS = 4
"""Fewest replicas that an interval is given for."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over replicas, its standard error, and how many replicas stand behind it.

    Attributes:
        mean: mean over the replicas that are not NaN; NaN where there is none.
        error: standard error of that mean; NaN where fewer than two replicas are left.
        replicas: how many replicas were used.
    """

    mean: np.ndarray
    error: np.ndarray
    replicas: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: lower end.
        high: upper end.
        level: nominal coverage, 0.95 for 95 %.
        undefined: resamples in which the statistic had no value; they are left out of the percentiles.
    """

    low: float
    high: float
    level: float
    undefined: int = 0

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def mean_and_error(values: np.ndarray) -> Estimate:
    """Mean and standard error over replicas, the first axis of ``values`` (R, ...); NaN entries are left out.

    >>> estimate = mean_and_error(np.array([1.0, 3.0, np.nan]))
    >>> float(estimate.mean), float(estimate.error), int(estimate.replicas)
    (2.0, 1.0, 2)
    """
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    mean = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return Estimate(mean=mean, error=standard_error(values), replicas=count)


def standard_error(values: np.ndarray) -> np.ndarray:
    """Standard error of the mean over replicas, the first axis of ``values`` (R, ...); NaN entries are left out.

    Returns:
        ``s / sqrt(n)`` with the unbiased s, shape ``values.shape[1:]``; NaN where fewer than two replicas are left.

    >>> float(standard_error(np.array([1.0, 3.0])))
    1.0
    """
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    count = known.sum(axis=0)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(axis=0) / np.maximum(count, 1)
    squares = (np.where(known, values - mean, 0.0) ** 2).sum(axis=0)
    enough = count > 1
    variance = np.divide(squares, count - 1, out=np.full(np.shape(squares), np.nan), where=enough)
    return np.sqrt(variance / np.maximum(count, 1))


def combined_sigmas(
    first: np.ndarray | float,
    first_error: np.ndarray | float,
    second: np.ndarray | float,
    second_error: np.ndarray | float,
) -> np.ndarray:
    """How many combined standard errors lie between two independent estimates, ``|a - b| / sqrt(ea^2 + eb^2)``.

    >>> float(combined_sigmas(1.0, 0.3, 0.0, 0.4))
    2.0
    """
    return np.abs(np.subtract(first, second)) / np.hypot(first_error, second_error)


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number read from the mean over replicas, and how sure it is.

    Attributes:
        value: the number; NaN where there is none.
        error: its standard error; NaN where there are too few replicas.
        interval: its interval; None where none can be given.
        note: why there is no value or no interval, or "".
    """

    value: float
    error: float = float("nan")
    interval: Interval | None = None
    note: str = ""

    @property
    def low(self) -> float:
        """Lower end of the interval, NaN without one."""
        return self.interval.low if self.interval else float("nan")

    @property
    def high(self) -> float:
        """Upper end of the interval, NaN without one."""
        return self.interval.high if self.interval else float("nan")


def mean_without_each(values: np.ndarray) -> np.ndarray:
    """Mean over all replicas but one, for each that is left out; ``values`` (R, ...), NaN entries are left out.

    Returns:
        (R, ...); NaN where no other replica is known.

    >>> mean_without_each(np.array([1.0, 2.0, 6.0])).tolist()
    [4.0, 3.5, 1.5]
    """
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    count = known.sum(axis=0) - known
    total = filled.sum(axis=0) - filled
    return np.divide(total, count, out=np.full(values.shape, np.nan), where=count > 0)


def jackknife(value: float, without: Sequence[np.ndarray], level: float = 0.95) -> Quantity:
    """A statistic of one or several groups of independent replicas, with its interval by the jackknife.

    Its variance is the sum over groups of ``(n - 1) / n sum_i (s_i - mean s)^2``, where s_i is the statistic with
    replica i of the group left out; the interval is ``value +- t error`` with Student's t at the degrees of freedom
    after Welch and Satterthwaite. Of a mean over one group it is Student's own.

    Args:
        value: the statistic of all replicas.
        without: for each group, the statistic with each of its replicas left out, (n,).
        level: nominal coverage.

    Returns:
        no interval where a group has fewer than FEWEST_REPLICAS, or the statistic no value without one of them.

    Source: B. Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), chapter 3.

    >>> heights = np.array([1.0, 2.0, 3.0, 4.0])
    >>> found = jackknife(2.5, [mean_without_each(heights)])
    >>> round(found.error, 4) == round(float(standard_error(heights)), 4), round(found.low, 3), round(found.high, 3)
    (True, 0.446, 4.554)
    """
    fewest = min((len(group) for group in without), default=0)
    if not np.isfinite(value):
        return Quantity(value=value, note="it has no value")
    if fewest < 2:
        return Quantity(value=value, note=f"no interval: {fewest} replica(s), expected at least {FEWEST_REPLICAS}")
    variances = np.array([(len(one) - 1) * np.mean((one - one.mean()) ** 2) for one in map(np.asarray, without)])
    error = float(np.sqrt(variances.sum()))
    if not np.isfinite(error):
        return Quantity(value=value, note="no interval: it has no value when one of the replicas is left out")
    if fewest < FEWEST_REPLICAS:
        note = f"no interval: {fewest} replicas, expected at least {FEWEST_REPLICAS}"
        return Quantity(value=value, error=error, note=note)
    return students_interval(value, error, satterthwaite(variances, [len(group) - 1 for group in without]), level)


def satterthwaite(variances: Sequence[float] | np.ndarray, freedom: Sequence[float] | np.ndarray) -> float:
    """Degrees of freedom of a sum of independent variances, each with its own; without end where all are zero.

    Source: F. E. Satterthwaite, Biometrics Bull. 2, 110 (1946).

    >>> round(satterthwaite([1.0, 1.0], [3, 3]), 9), round(satterthwaite([1.0, 0.0], [3, 9]), 9)
    (6.0, 3.0)
    """
    variances = np.asarray(variances, dtype=np.float64)
    spread = float((variances**2 / np.asarray(freedom)).sum())
    return float(variances.sum()) ** 2 / spread if spread > 0 else float("inf")


def students_interval(value: float, error: float, freedom: float, level: float = 0.95) -> Quantity:
    """A number, its standard error of so many degrees of freedom, and Student's interval ``value +- t error``."""
    half = float(student.ppf((1 + level) / 2, freedom)) * error if error > 0 else 0.0
    return Quantity(value=value, error=error, interval=Interval(low=value - half, high=value + half, level=level))


def wilson_interval(successes: float, trials: float, level: float = 0.95) -> Interval:
    """Interval of a proportion, such as an accuracy: Wilson's score interval, sound near 0 and 1 and for few trials.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927).

    >>> interval = wilson_interval(10, 10)
    >>> round(interval.low, 3), interval.high
    (0.722, 1.0)
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"proportion: got {successes} of {trials}, expected 0 <= successes <= trials and a trial")
    z = NormalDist().inv_cdf((1 + level) / 2)
    p = successes / trials
    centre = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    return Interval(low=max(0.0, centre - half), high=min(1.0, centre + half), level=level)
