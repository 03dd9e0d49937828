"""The line that E_IS(kT) follows in equilibrium, the temperature a glass has kept, and where a ramp leaves the line.

A liquid whose inherent structures are spread like a Gaussian in energy has, in equilibrium,

    E_IS(kT) = a + b / kT,   b < 0.

The **fictive temperature** of a glass is the kT at which this line has the glass's energy, ``b / (E_glass - a)``.
Inherent structures are compared with inherent structures, so that vibrations play no part. It falls with slower cooling
whatever the ramp did on its way; the two lines of Tg need a liquid still in equilibrium.

Source: F. Sciortino, J. Stat. Mech. P05015 (2005); A. Q. Tool, J. Am. Ceram. Soc. 29, 240 (1946).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.curves.cooling_curve import CoolingCurve
from vitrify.analysis.curves.equilibrium import Equilibrium
from vitrify.analysis.curves.glass_transition import ROUNDING
from vitrify.analysis.statistics import Quantity, jackknife, mean_and_error, mean_without_each

RANGE = (0.45, 1.0)
"""Range of kT of the fit [eps_AA]: hotter liquids leave a + b / kT, colder ones do not settle in any affordable
time."""

RAMP_RANGE = (0.75, 1.0)
"""Part of the slowest ramp taken to be in equilibrium where no liquids were run [eps_AA]: M = 2e5 leaves the line
near 0.75."""

SETTLED = 3.0
"""A liquid whose energy drifts by more standard errors than this between the halves of its run is left out."""

EXCESS = 0.003
"""How far above the line a ramp has left it [eps_AA per particle]: some two standard errors of eight ramps of N =
4320."""


@dataclass(frozen=True, kw_only=True)
class EquilibriumLine:
    """E_IS = a + b / kT, through liquids in equilibrium.

    Attributes:
        a: energy of the limit of high temperature [eps_AA per particle, not shifted].
        b: slope against 1 / kT [eps_AA^2].
        kt: (K,) temperatures it was fitted to [eps_AA].
        energy: (K,) mean E_IS there.
        error: (K,) its standard error over replicas.
        without: for each group of replicas by its key, a and b with each of them left out, (n, 2).
        source: what those liquids are, in words.
    """

    a: float
    b: float
    kt: np.ndarray
    energy: np.ndarray
    error: np.ndarray
    without: Mapping[str, np.ndarray]
    source: str

    def __call__(self, kt: np.ndarray | float) -> np.ndarray | float:
        """E_IS in equilibrium [eps_AA per particle]."""
        return self.a + self.b / kt

    @property
    def slope(self) -> Quantity:
        """B with its interval over replicas [eps_AA^2]."""
        return jackknife(self.b, [group[:, 1] for group in self.without.values()])

    @property
    def intercept(self) -> Quantity:
        """A with its interval over replicas [eps_AA per particle]."""
        return jackknife(self.a, [group[:, 0] for group in self.without.values()])


def fit_line(kt: np.ndarray, energy: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Least-squares a and b of E = a + b / kT, (..., 2), through energies (..., K) at kT (K,), all alike or by weight.

    >>> kt = np.array([0.5, 0.8, 1.0])
    >>> fit_line(kt, -3.75 - 0.065 / kt).round(6).tolist()
    [-3.75, -0.065]
    """
    share = np.full(len(kt), 1 / len(kt)) if weight is None else weight / np.sum(weight)
    middle = (share / kt).sum()
    x = share * (1 / kt - middle)
    b = (energy * x).sum(axis=-1) / (x / kt).sum()
    a = (share * energy).sum(axis=-1) - b * middle
    return np.stack([a, b], axis=-1)


def lines_without_each(
    kt: np.ndarray, groups: Sequence[np.ndarray], weight: np.ndarray | None = None
) -> list[np.ndarray]:
    """For the group (n,) of replicas at each kT, a and b of the line with each of them left out, (n, 2)."""
    means = np.array([float(mean_and_error(group).mean) for group in groups])
    without = []
    for place, group in enumerate(groups):
        changed = np.tile(means, (len(group), 1))
        changed[:, place] = mean_without_each(group)
        without.append(fit_line(kt, changed, weight))
    return without


def temperature_at(line: np.ndarray, value: np.ndarray | float) -> np.ndarray:
    """The kT at which lines a + b / kT (..., 2) have a value; NaN where they have it at no positive kT.

    >>> temperature_at(np.array([-3.75, -0.065]), np.array([-3.88, -3.75, -3.7])).round(9).tolist()
    [0.5, nan, nan]
    """
    a, b = line[..., 0], line[..., 1]
    rise = value - a
    return np.divide(b, rise, out=np.full(np.broadcast(b, rise).shape, np.nan), where=b * rise > 0)


def line_through_liquids(liquids: Sequence[Equilibrium], kt_range: tuple[float, float] = RANGE) -> EquilibriumLine:
    """The line through runs at one temperature each that have settled.

    Args:
        liquids: equilibrium runs; those outside the range, or that still drift, are left out. Runs at one temperature
            are pooled.
        kt_range: temperatures fitted [eps_AA].

    Raises:
        ValueError: when fewer than three temperatures are left, or energies do not fall on cooling.
    """
    used: dict[float, list[np.ndarray]] = {}
    for liquid in liquids:
        if kt_range[0] - ROUNDING <= liquid.kt_set <= kt_range[1] + ROUNDING and liquid.settled(SETTLED):
            used.setdefault(liquid.kt_set, []).append(liquid.replica_energies)
    kt = np.array(sorted(used))
    if len(kt) < 3:
        raise ValueError(
            f"equilibrium line: got {len(kt)} settled temperatures from kT {kt_range[0]:g} to {kt_range[1]:g}, "
            "expected at "
            "least 3"
        )
    groups = [np.concatenate(used[one]) for one in kt]
    estimates = [mean_and_error(group) for group in groups]
    energy = np.array([float(one.mean) for one in estimates])
    without = {f"liquid at {at:g}": found for at, found in zip(kt, lines_without_each(kt, groups), strict=True)}
    a, b = fit_line(kt, energy)
    _require_falling(b)
    return EquilibriumLine(
        a=float(a),
        b=float(b),
        kt=kt,
        energy=energy,
        error=np.array([float(one.error) for one in estimates]),
        without=without,
        source=f"runs at {len(kt)} temperatures from kT {kt[0]:g} to {kt[-1]:g}",
    )


def line_through_ramp(curve: CoolingCurve, kt_range: tuple[float, float]) -> EquilibriumLine:
    """The line through the part of one ramp that is taken to be in equilibrium.

    Args:
        curve: the slowest ramp.
        kt_range: its part [eps_AA].

    Raises:
        ValueError: when fewer than three frames are in the range, or energies do not fall on cooling.
    """
    shown = (curve.kt_set >= kt_range[0] - ROUNDING) & (curve.kt_set <= kt_range[1] + ROUNDING)
    estimate = curve.inherent
    shown &= estimate.replicas > 0
    if shown.sum() < 3:
        raise ValueError(
            f"equilibrium line: got {shown.sum()} frames of the slowest ramp from kT {kt_range[0]:g} to "
            f"{kt_range[1]:g}, "
            "expected at least 3"
        )
    kt = curve.kt_set[shown] + curve.lag
    a, b = fit_line(kt, estimate.mean[shown])
    _require_falling(b)
    return EquilibriumLine(
        a=float(a),
        b=float(b),
        kt=kt,
        energy=estimate.mean[shown],
        error=estimate.error[shown],
        without={ramp_key(curve): fit_line(kt, mean_without_each(curve.inherent_energy)[:, shown])},
        source=f"the ramp M = {curve.ramp_steps:,} from kT {kt_range[0]:g} to {kt_range[1]:g}",
    )


def equilibrium_line(
    liquids: Sequence[Equilibrium], curves: Sequence[CoolingCurve], kt_range: tuple[float, float] = RANGE
) -> tuple[EquilibriumLine | None, list[str]]:
    """The line through liquids where they allow it, else through the slowest ramp; and what a reader must know of it.

    Args:
        liquids: equilibrium runs.
        curves: ramps, slowest first.
        kt_range: temperatures of the liquids that are fitted [eps_AA].

    Returns:
        the line, None where there is none, and notes.
    """
    notes: list[str] = []
    try:
        return line_through_liquids(liquids, kt_range), notes
    except ValueError as error:
        if liquids:
            notes.append(str(error))
    if not curves:
        return None, notes
    try:
        line = line_through_ramp(curves[0], RAMP_RANGE)
    except ValueError as error:
        return None, [*notes, f"no fictive temperature: {error}"]
    notes.append(
        f"the equilibrium line goes through {line.source}, taken to be in equilibrium there: runs of vitrify anneal "
        "at three temperatures or more would show it"
    )
    return line, notes


def ramp_key(curve: CoolingCurve) -> str:
    """What the replicas of a ramp are called among groups of replicas."""
    return f"ramp of {curve.ramp_steps} steps to kT {curve.kt_set.min():g} at rate {curve.rate!r}"


def _require_falling(b: np.ndarray) -> None:
    if not b < 0:
        raise ValueError(
            f"equilibrium line: E_IS = a + b / kT has b = {float(b):.3g}, expected energies that fall on cooling"
        )
