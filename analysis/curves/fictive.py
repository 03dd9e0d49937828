"""What a ramp's glass remembers: its fictive temperature, and where the ramp left the equilibrium line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.curves.cooling_curve import CoolingCurve
from vitrify.analysis.curves.equilibrium_line import EXCESS, EquilibriumLine, ramp_key, temperature_at
from vitrify.analysis.curves.hyperbola import smoothed
from vitrify.analysis.statistics import Estimate, Quantity, jackknife, mean_and_error, mean_without_each

GRID = 0.001
"""Spacing of the temperatures at which a ramp is held against the line [eps_AA]."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What the glass of one ramp remembers.

    Attributes:
        curve: the ramp.
        energy: E_IS of its coldest frame [eps_AA per particle, not shifted].
        fictive: kT at which the equilibrium line has that energy [eps_AA].
        extrapolated: whether that lies outside of the temperatures the line was fitted to.
        departure: kT below which the ramp lies EXCESS above the line [eps_AA].
        without: for each group of replicas by its key, the fictive temperature with each of them left out, (n,).
    """

    curve: CoolingCurve
    energy: Estimate
    fictive: Quantity
    extrapolated: bool
    departure: Quantity
    without: Mapping[str, np.ndarray]


def memory(curve: CoolingCurve, line: EquilibriumLine, *, level: float = 0.95) -> Memory:
    """The fictive temperature of a ramp's glass, and where the ramp left the line.

    Both intervals are over the replicas of the ramp and of the liquids that the line goes through.

    Args:
        curve: the ramp.
        line: the equilibrium line of the same mixture.
        level: nominal coverage of the intervals.
    """
    coldest = curve.inherent_energy[:, curve.kt_set.argmin()]
    energy = mean_and_error(coldest)

    parameters = np.array([line.a, line.b])
    value = float(temperature_at(parameters, float(energy.mean)))
    without = _without(
        line, curve, mean_without_each(coldest), np.isfinite(coldest), float(energy.mean), temperature_at
    )
    found = jackknife(value, list(without.values()), level)
    if not np.isfinite(value):
        found = Quantity(value=value, note="the glass lies above the line's limit of high temperature")
    return Memory(
        curve=curve,
        energy=energy,
        fictive=found,
        extrapolated=bool(not line.kt.min() <= value <= line.kt.max()),
        departure=departure(curve, line, level=level),
        without=without,
    )


def departure(curve: CoolingCurve, line: EquilibriumLine, *, excess: float = EXCESS, level: float = 0.95) -> Quantity:
    """The kT below which a ramp lies ``excess`` above the equilibrium line, with its interval [eps_AA].

    The ramp is smoothed by the hyperbola of :mod:`vitrify.analysis.curves.hyperbola` and set at its own kinetic
    temperature, so that the thermostat's lag is not taken for a departure.

    Args:
        curve: the ramp.
        line: the equilibrium line.
        excess: energy above it [eps_AA per particle].
        level: nominal coverage.
    """
    top = float(line.kt.max())
    try:
        kt, mean, ramp_without, counts = smoothed(curve, GRID)
    except ValueError as error:
        return Quantity(value=float("nan"), note=str(error))
    at = kt + curve.lag
    at, mean, ramp_without = at[at <= top], mean[at <= top], ramp_without[:, at <= top]

    def leaves(line_parameters: np.ndarray, ramp: np.ndarray) -> np.ndarray:
        """(...,) the hottest kT below which the excess is reached."""
        above = ramp - (line_parameters[..., :1] + line_parameters[..., 1:] / at) - excess
        above = np.atleast_2d(above)
        found = np.full(len(above), np.nan)
        for row, one in enumerate(above):
            under = np.flatnonzero(one < 0)
            if len(under) and 0 < under[0]:
                first = under[0]
                found[row] = at[first] - one[first] * (at[first] - at[first - 1]) / (one[first] - one[first - 1])
        return found

    value = float(leaves(np.array([line.a, line.b]), mean)[0])
    if not np.isfinite(value):
        return Quantity(value=value, note=f"it lies {excess:g} above the line from kT {top:g} on, or never")
    without = _without(line, curve, ramp_without, counts, mean, leaves)
    return jackknife(value, list(without.values()), level)


def _without(
    line: EquilibriumLine,
    curve: CoolingCurve,
    ramp_without: np.ndarray,
    known: np.ndarray,
    ramp: np.ndarray | float,
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> dict[str, np.ndarray]:
    """The statistic of a line and a ramp with each replica left out, by group; a ramp may be the line's own."""
    key, parameters = ramp_key(curve), np.array([line.a, line.b])
    without = {}
    for name, own in line.without.items():
        without[name] = statistic(own, ramp_without if name == key else np.asarray(ramp))
    if key not in without:
        without[key] = statistic(np.tile(parameters, (int(known.sum()), 1)), ramp_without[known])
    return without
