"""The time in which a liquid forgets: tau_alpha, where a correlation has fallen to 1/e."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.dynamics.correlations import KINDS, SPECIES, Dynamics
from vitrify.analysis.statistics import Interval, Quantity, jackknife, mean_without_each

LEVEL = np.exp(-1.0)
"""What F_s and Q have fallen to at tau_alpha."""

DECAYS = ("fs", "overlap")
"""The correlations that tau_alpha is read from."""


@dataclass(frozen=True, kw_only=True)
class RelaxationTime:
    """tau_alpha of one liquid, read from one correlation.

    Attributes:
        kt: temperature [eps_AA].
        tau: tau_alpha with its interval over replicas [tau]; NaN and a note where 1/e is not reached.
        without: (R,) ln tau_alpha with each replica left out.
    """

    kt: float
    tau: Quantity
    without: np.ndarray

    @property
    def reached(self) -> bool:
        """Whether the correlation fell to 1/e, with all replicas and without any of them."""
        return bool(np.isfinite(self.tau.value) and np.isfinite(self.without).all())


def log_crossing(time: np.ndarray, decay: np.ndarray, level: float = LEVEL) -> float:
    """Logarithm of the time at which a decay first falls to ``level``; NaN where it does not, or began below.

    Between two lags the decay is taken to be straight in the logarithm of time. A stretched exponential has its
    inflection there just where it is 1/e, whatever its exponent: the error is of third order in the spacing.

    Args:
        time: (L,) ascending [tau].
        decay: (L,) the correlation.
        level: what it falls to.

    >>> time = np.geomspace(0.01, 100, 17)
    >>> round(float(np.exp(log_crossing(time, np.exp(-((time / 2.5) ** 0.7))))), 2)
    2.5
    """
    below = np.flatnonzero(decay <= level)
    if len(below) == 0 or below[0] == 0:
        return float("nan")
    late = below[0]
    along = (decay[late - 1] - level) / (decay[late - 1] - decay[late])
    return float(np.log(time[late - 1]) + along * np.log(time[late] / time[late - 1]))


def relaxation_time(time: np.ndarray, decay: np.ndarray) -> tuple[Quantity, np.ndarray]:
    """tau_alpha of the mean decay, with its interval over replicas.

    The jackknife is that of ln tau_alpha, so that the interval lies above zero.

    Args:
        time: (L,) lags [tau].
        decay: (R, L) the correlation of each replica.

    Returns:
        tau_alpha [tau], and (R,) ln tau_alpha with each replica left out.
    """
    mean = decay.mean(axis=0)
    value = log_crossing(time, mean)
    without = np.array([log_crossing(time, one) for one in mean_without_each(decay)])
    if not np.isfinite(value):
        if mean[0] <= LEVEL:
            note = f"already {mean[0]:.2f} after {time[0]:g} tau"
        else:
            note = f"not reached: {mean[-1]:.2f} after {time[-1]:g} tau"
        return Quantity(value=value, note=note), without
    found = jackknife(value, [without])
    interval = None
    if found.interval is not None:
        low, high = np.exp(found.low), np.exp(found.high)
        interval = Interval(low=float(low), high=float(high), level=found.interval.level)
    tau = float(np.exp(value))
    return Quantity(value=tau, error=tau * found.error, interval=interval, note=found.note), without


def relaxation_times(liquids: Sequence[Dynamics]) -> dict[tuple[str, str, str], list[RelaxationTime]]:
    """tau_alpha of each liquid by correlation, species and kind of displacement, as DECAYS, SPECIES and KINDS."""
    found: dict[tuple[str, str, str], list[RelaxationTime]] = {}
    for decay in DECAYS:
        for species in SPECIES:
            for kind in KINDS:
                times = found.setdefault((decay, species, kind), [])
                for liquid in liquids:
                    tau, without = relaxation_time(liquid.time, liquid.of(decay, species, kind))
                    times.append(RelaxationTime(kt=liquid.kt, tau=tau, without=without))
    return found
