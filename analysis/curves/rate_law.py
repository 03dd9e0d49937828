"""Glass transition and fictive temperatures against the logarithm of the cooling rate, ``T = T_1 + s log10(rate)``.

Over the decades that a simulation spans both are close to straight lines in log(rate). What the line says of slower
ramps is an extrapolation: a law of Vogel, Fulcher and Tammann bends towards its T_0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.statistics import Quantity, jackknife

FEWEST_RATES = 3
"""Fewest rates that a law is extrapolated from."""

ROUNDING = 1e-12
"""Square of what is left of the curve, in decades, that is rounding."""


@dataclass(frozen=True, kw_only=True)
class RateLaw:
    """A straight line in log10(rate), by least squares, each ramp counting alike.

    Attributes:
        rates: (K,) cooling rates it was fitted to [eps_AA / tau].
        temperatures: (K,) kT at each [eps_AA].
        slope: change of kT per decade of the rate [eps_AA], its interval over replicas of all ramps.
        bend: coefficient of the square of the logarithm, were it fitted too [eps_AA]; zero for two rates.
        at_unit_rate: kT the line has at rate 1 [eps_AA].
    """

    rates: np.ndarray
    temperatures: np.ndarray
    slope: Quantity
    bend: Quantity
    at_unit_rate: float

    def __call__(self, rate: np.ndarray | float) -> np.ndarray | float:
        """KT of the line at a rate; outside ``rates`` an extrapolation [eps_AA]."""
        return self.at_unit_rate + self.slope.value * np.log10(rate)

    @property
    def no_further(self) -> str:
        """Why it says nothing of slower ramps, or ""."""
        if len(np.unique(self.rates)) < FEWEST_RATES:
            return f"a line through {len(self.rates)} rates always fits"
        if not self.slope.low > 0:
            return "kT does not fall with slower cooling beyond the slope's interval"
        if self.bend.low > 0 or self.bend.high < 0:
            return "kT bends against the logarithm of the rate, beyond its interval"
        return ""

    def extrapolates(self, rate: float) -> bool:
        """Whether a rate lies outside of those that were simulated."""
        return not self.rates.min() <= rate <= self.rates.max()


def rate_law(
    rates: Sequence[float],
    temperatures: Sequence[float],
    without: Sequence[Mapping[str, np.ndarray]],
    level: float = 0.95,
) -> RateLaw:
    """Fit the line.

    Args:
        rates: of each ramp [eps_AA / tau].
        temperatures: of each ramp [eps_AA].
        without: for each ramp, by the key of a group of replicas, its temperature with each of them left out, (n,).
            Groups of one key are the same replicas: those of the liquids stand behind the fictive temperature of every
            ramp.
        level: nominal coverage of the slope's interval.

    Raises:
        ValueError: for fewer than two different rates.

    >>> law = rate_law([0.01, 0.001], [0.5, 0.45], [{"a": np.array([0.5] * 4)}, {"b": np.array([0.45] * 4)}])
    >>> round(law.slope.value, 6), round(float(law(0.0001)), 6), law.extrapolates(0.0001)
    (0.05, 0.4, True)
    """
    decades = np.log10(np.asarray(rates, dtype=np.float64))
    values = np.asarray(temperatures, dtype=np.float64)
    away = decades - decades.mean()
    if len(np.unique(decades)) < 2:
        raise ValueError(f"rate law: got {len(values)} temperatures at one rate, expected at least two rates")
    weights = away / (away**2).sum()
    keys = {key: len(one) for group in without for key, one in group.items()}

    def combined(weights: np.ndarray) -> Quantity:
        """A weighted sum of the temperatures, its interval over the replicas of all groups."""
        changes = [
            sum(
                (weight * (group[key] if key in group else np.full(count, value))
                 for weight, group, value in zip(weights, without, values, strict=True)),
                start=np.zeros(count),
            )
            for key, count in keys.items()
        ]  # fmt: skip
        return jackknife(float(weights @ values), changes, level)

    slope = combined(weights)
    design = np.stack([np.ones_like(away), away], axis=1)
    curved = away**2 - design @ np.linalg.lstsq(design, away**2)[0]
    squares = float((curved**2).sum())
    straight = squares < ROUNDING
    bend = Quantity(value=0.0, note="two rates") if straight else combined(curved / squares)
    return RateLaw(
        rates=np.asarray(rates, dtype=np.float64),
        temperatures=values,
        slope=slope,
        bend=bend,
        at_unit_rate=float(values.mean() - slope.value * decades.mean()),
    )
