"""The temperature that a glass remembers, by any number of its structure.

Liquids in equilibrium give a line x(kT) = a + b / kT for each number x, as they do for E_IS, temperatures weighted by
their replicas, of which one may have many more than others; the fictive temperature by x is the kT at which that line
has the mean of the glass. A glass that were a liquid stopped at one instant would have one fictive temperature,
whatever x; a real one has several, since numbers fall out of equilibrium one after the other.

Source: A. Q. Tool, J. Am. Ceram. Soc. 29, 240 (1946), for the temperature; C. T. Moynihan, A. J. Easteal, M. A. DeBolt
and J. Tucker, J. Am. Ceram. Soc. 59, 12 (1976), for reading it from the equilibrium line of a property.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution

from vitrify.analysis.curves.equilibrium_line import SETTLED, fit_line, lines_without_each, temperature_at
from vitrify.analysis.statistics import (
    FEWEST_REPLICAS,
    Estimate,
    Quantity,
    jackknife,
    mean_and_error,
    mean_without_each,
)

FEWEST = 3
"""Fewest temperatures of liquids that a line goes through."""


@dataclass(frozen=True, kw_only=True)
class FictiveTemperature:
    """The fictive temperature by one number.

    Attributes:
        name: of the number.
        glass: its mean in the glass.
        kt: (K,) temperatures of the liquids, rising [eps_AA].
        liquids: its means there, (K,) each.
        line: a and b of x = a + b / kT.
        slope: b with its interval over replicas.
        misfit: p value of the means' scatter about such a line, held against that of the replicas; small where no line
            a + b / kT goes through the liquids.
        fictive: kT at which the line has the glass's mean [eps_AA]; NaN with the reason in its note.
    """

    name: str
    glass: Estimate
    kt: np.ndarray
    liquids: Estimate
    line: np.ndarray
    slope: Quantity
    misfit: float
    fictive: Quantity

    @property
    def moves(self) -> float:
        """How many of its standard errors the slope is from zero; NaN where it has none."""
        return abs(self.slope.value) / self.slope.error if self.slope.error > 0 else float("nan")


def fictive_temperature(
    name: str, glass: np.ndarray, kt: np.ndarray, liquids: Sequence[np.ndarray], level: float = 0.95
) -> FictiveTemperature:
    """The fictive temperature by one number, with its interval by the jackknife over replicas of glass and liquids.

    There is none where the number hardly moves (the interval of its slope holds zero), where the liquids go back and
    forth beyond their errors, where the glass lies outside of what the liquids hold, and where too few replicas have
    the number.

    Args:
        name: of the number.
        glass: (n,) of each replica of the glass; NaN where it is not defined.
        kt: (K,) temperatures of the liquids, rising [eps_AA].
        liquids: (n,) likewise for each temperature.
        level: nominal coverage.

    Raises:
        ValueError: for fewer than three temperatures, or temperatures that do not rise.

    >>> kt, noise = np.array([0.5, 0.7, 1.0]), np.linspace(-0.01, 0.01, 8)
    >>> found = fictive_temperature("x", 2 + 1 / 0.6 + noise, kt, [2 + 1 / one + noise for one in kt])
    >>> round(found.fictive.value, 6), found.fictive.low < 0.6 < found.fictive.high
    (0.6, True)
    """
    kt = np.asarray(kt, np.float64)
    if len(kt) < FEWEST or not (np.diff(kt) > 0).all():
        raise ValueError(f"kT of the liquids: got {kt.tolist()}, expected at least {FEWEST} that rise")
    glass, *groups = (one[np.isfinite(one)] for one in map(np.asarray, (glass, *liquids)))
    means = [mean_and_error(group) for group in groups]
    pooled = Estimate(
        mean=np.array([float(one.mean) for one in means]),
        error=np.array([float(one.error) for one in means]),
        replicas=np.array([len(group) for group in groups]),
    )
    facts = {"name": name, "glass": mean_and_error(glass), "kt": kt, "liquids": pooled}
    if (fewest := min(len(glass), *pooled.replicas)) < FEWEST_REPLICAS:
        none = f"{fewest} replicas of the glass or of a liquid have it, expected at least {FEWEST_REPLICAS}"
        nowhere, line = Quantity(value=float("nan"), note=none), np.full(2, np.nan)
        return FictiveTemperature(**facts, line=line, slope=nowhere, misfit=float("nan"), fictive=nowhere)
    line = fit_line(kt, pooled.mean, pooled.replicas)
    without = lines_without_each(kt, groups, pooled.replicas)
    slope = jackknife(float(line[1]), [one[:, 1] for one in without], level)
    facts |= {"line": line, "slope": slope, "misfit": _misfit(kt, groups, line)}
    value = float(temperature_at(line, glass.mean()))
    if reason := _reason(slope, pooled, kt, value):
        return FictiveTemperature(**facts, fictive=Quantity(value=float("nan"), note=reason))
    moved = [temperature_at(one, glass.mean()) for one in without]
    fictive = jackknife(value, [*moved, temperature_at(line, mean_without_each(glass))], level)
    return FictiveTemperature(**facts, fictive=fictive)


def _reason(slope: Quantity, liquids: Estimate, kt: np.ndarray, value: float) -> str:
    """Why there is no fictive temperature; "" where there is one."""
    if slope.interval is None or slope.low <= 0 <= slope.high:
        return "it does not move with kT beyond its errors"
    back = np.diff(liquids.mean) * np.sign(slope.value) / np.hypot(liquids.error[1:], liquids.error[:-1])
    worst = int(back.argmax())
    if back[worst] > SETTLED:
        return f"it turns back between kT {kt[worst]:g} and {kt[worst + 1]:g}, by {back[worst]:.1f} standard errors"
    if not kt[0] <= value <= kt[-1]:
        where = f"the line has it at kT {value:.3f}" if np.isfinite(value) else "the line has it at no kT"
        return f"the glass lies outside of the liquids, kT {kt[0]:g} to {kt[-1]:g}: {where}"
    return ""


def _misfit(kt: np.ndarray, groups: Sequence[np.ndarray], line: np.ndarray) -> float:
    """P value of the F test of lack of fit; NaN where replicas do not scatter.

    Source: N. R. Draper, H. Smith, Applied Regression Analysis (1998), section 2.1.
    """
    counts, means = np.array([len(group) for group in groups]), np.array([np.mean(group) for group in groups])
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    free, left = int(counts.sum()) - len(groups), len(kt) - 2
    if free < 1 or not within > 0:
        return float("nan")
    squares = (counts * (means - line[0] - line[1] / kt) ** 2).sum()
    return float(f_distribution.sf(squares / left / (within / free), left, free))
