"""Where the liquid falls out of equilibrium: Tg as the intersection of two straight lines through E_IS(kT).

One least-squares line is laid through the glass, another through the supercooled liquid, of the mean curve over
replicas. The slope of the glass line is small and needs many runs, so no Tg is given without its interval: the
jackknife over replicas, each left out in turn and both lines laid again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vitrify.analysis.curves.cooling_curve import CoolingCurve
from vitrify.analysis.statistics import Quantity, jackknife, mean_and_error, mean_without_each

ROUNDING = 1e-9
"""Slack at the ends of a window [eps_AA]: frame 200 of the ramp lies at 0.05 but for rounding."""

FEWEST_POINTS = 3
"""Fewest frames in a window: through two a line always fits."""

PARALLEL = 1e-12
"""Difference of slopes that is rounding."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """The ranges of set temperature that the two lines are laid through [eps_AA]; defaults are those of the log.

    Raises:
        ValueError: for an empty or reversed range, or a glass range that reaches into the liquid range.
    """

    glass: tuple[float, float] = (0.05, 0.20)
    liquid: tuple[float, float] = (0.50, 0.80)

    def __post_init__(self):
        for name in ("glass", "liquid"):
            low, high = getattr(self, name)
            if not 0 <= low < high:
                raise ValueError(f"{name} window: got {low} to {high}, expected 0 <= low < high")
        if self.glass[1] > self.liquid[0]:
            raise ValueError(
                f"windows: got glass to {self.glass[1]}, liquid from {self.liquid[0]}, expected them apart"
            )


FILM_WINDOWS = Windows(glass=(0.05, 0.15), liquid=(0.24, 0.36))
"""For films, which bend near 0.2: a liquid at zero pressure contracts as it cools, so that its line is straight
only near the bend. Chosen on films cooled in 2.4e6 and 1.03e7 steps; films cooled in 1e5 leave equilibrium above it."""


class Line(NamedTuple):
    """A straight line, ``E = intercept + slope kT``."""

    slope: float
    intercept: float


class Crossing(NamedTuple):
    """Two lines and where they cross; NaN where they are parallel."""

    tg: float
    energy: float
    glass: Line
    liquid: Line


@dataclass(frozen=True, kw_only=True)
class GlassTransition:
    """Tg of one cooling rate by two lines.

    Attributes:
        curve: the cooling curve it was read from.
        windows: the windows of the two lines.
        crossing: Tg, E_IS there [eps_AA per particle, not shifted], and the two lines.
        replicas: how many replicas have converged quenches in both windows; the others are left out.
        tg: the glass transition temperature kT_g with its interval [eps_AA].
        without: (replicas,) Tg with each of these replicas left out [eps_AA].
    """

    curve: CoolingCurve
    windows: Windows
    crossing: Crossing
    replicas: int
    tg: Quantity
    without: np.ndarray


def glass_transition(curve: CoolingCurve, windows: Windows | None = None, *, level: float = 0.95) -> GlassTransition:
    """Tg of a cooling curve with its interval over replicas.

    Args:
        curve: the cooling curve.
        windows: the two ranges of set temperature; None for those of the log.
        level: nominal coverage of the interval.

    Raises:
        ValueError: when a window holds fewer than three frames with an inherent energy, or the lines cross outside the
            temperatures they were laid through: such windows do not lie on either side of the curve's bend.
    """
    windows = windows or Windows()
    _require_points(curve.kt_set, curve.inherent.mean, windows)
    in_glass, in_liquid = _inside(curve.kt_set, windows.glass), _inside(curve.kt_set, windows.liquid)
    known = np.isfinite(curve.inherent_energy)
    usable = known[:, in_glass].any(axis=1) & known[:, in_liquid].any(axis=1)
    energies = curve.inherent_energy[usable]
    crossing = two_line_crossing(curve.kt_set, mean_and_error(energies).mean, windows)
    if not windows.glass[0] <= crossing.tg <= windows.liquid[1]:
        raise ValueError(
            f"Tg: the lines through kT {windows.glass} and {windows.liquid} cross at {crossing.tg:.3g}, outside both; "
            "expected windows on either side of the curve's bend"
        )
    without, _ = _crossings(curve.kt_set, mean_without_each(energies), windows)
    return GlassTransition(
        curve=curve,
        windows=windows,
        crossing=crossing,
        replicas=len(energies),
        tg=jackknife(crossing.tg, [without], level),
        without=without,
    )


def two_line_crossing(kt: np.ndarray, energy: np.ndarray, windows: Windows) -> Crossing:
    """Lay both lines by least squares and cross them.

    Args:
        kt: (F,) temperatures [eps_AA].
        energy: (F,) energies [eps_AA]; NaN entries are left out.
        windows: the two ranges.

    Raises:
        ValueError: when a window holds fewer than three points, or the lines are parallel.

    >>> kt = np.linspace(0.0, 1.0, 21)
    >>> crossing = two_line_crossing(kt, np.where(kt < 0.4, -3.9 + 0.01 * kt, -3.936 + 0.1 * kt), Windows())
    >>> round(crossing.tg, 12), round(crossing.energy, 12)
    (0.4, -3.896)
    """
    _require_points(kt, energy, windows)
    crossing = _cross(kt, energy, windows)
    if not np.isfinite(crossing.tg):
        raise ValueError(f"Tg: the two lines are parallel (slope {crossing.glass.slope}), expected them to cross")
    return crossing


def _require_points(kt: np.ndarray, energy: np.ndarray, windows: Windows) -> None:
    """Raise ValueError when a window holds too few known energies for a line."""
    for name in ("glass", "liquid"):
        low, high = getattr(windows, name)
        points = int((_inside(kt, (low, high)) & np.isfinite(energy)).sum())
        if points < FEWEST_POINTS:
            raise ValueError(
                f"{name} window {low} to {high}: got {points} frames with an inherent energy, expected at least "
                f"{FEWEST_POINTS}; widen the window or record more frames"
            )


def _inside(kt: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    return (kt >= window[0] - ROUNDING) & (kt <= window[1] + ROUNDING)


def _line(kt: np.ndarray, energy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope and intercept of least-squares lines through energies (..., K); NaN where fewer than two are known."""
    known = np.isfinite(energy)
    count = known.sum(axis=-1)
    y = np.where(known, energy, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, height = (known * kt).sum(axis=-1) / count, y.sum(axis=-1) / count
        away = np.where(known, kt - middle[..., None], 0.0)
        spread = (away**2).sum(axis=-1)
        slope = np.where(spread > 0, (away * y).sum(axis=-1) / spread, np.nan)
    return slope, height - slope * middle


def _crossings(kt: np.ndarray, energy: np.ndarray, windows: Windows) -> tuple[np.ndarray, list[np.ndarray]]:
    """KT (...,) at which both lines of curves (..., K) cross, NaN where they are parallel; slopes and intercepts."""
    inside = _inside(kt, windows.glass), _inside(kt, windows.liquid)
    (slope, height), (liquid_slope, liquid_height) = (_line(kt[own], energy[..., own]) for own in inside)
    bend = liquid_slope - slope
    crossing = np.abs(bend) > PARALLEL
    tg = np.divide(height - liquid_height, bend, out=np.full(np.shape(bend), np.nan), where=crossing)
    return tg, [slope, height, liquid_slope, liquid_height]


def _cross(kt: np.ndarray, energy: np.ndarray, windows: Windows) -> Crossing:
    tg, lines = _crossings(kt, energy, windows)
    glass, liquid = Line(float(lines[0]), float(lines[1])), Line(float(lines[2]), float(lines[3]))
    return Crossing(float(tg), glass.intercept + glass.slope * float(tg), glass, liquid)
