"""A smooth curve through E_IS(kT): a hyperbola, whose two asymptotes are the glass and the liquid.

    E(kT) = c + p (kT - kTg) + q sqrt((kT - kTg)^2 + w^2)

The asymptotes have slopes p - q and p + q and cross at kTg. No windows have to be chosen, only an upper limit: above
kT 0.9 or so the curve bends again, towards the hot liquid's plateau, which no hyperbola knows.

The width w of the bend is held. Left free it takes up noise: with eight replicas of N = 1080 one fit in three then
finds no bend at all. With w held the least-squares condition for kTg is ``sum_k m_k(kTg) E(kT_k) = 0``, where m is
what is left of (kT - kTg) / sqrt((kT - kTg)^2 + w^2) when 1, kT and the root are projected out: linear in the
energies. So its interval is exact, as Fieller's is for a ratio: all kTg at which Student's t of that sum over
replicas does not differ from zero.

Source: P. N. Patrone, A. Dienstfrey, A. R. Browning, S. Tucker, S. Christensen, Polymer 87, 246 (2016), eq. 2, with
e^c = w^2; E. C. Fieller, J. R. Stat. Soc. B 16, 175 (1954).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t as student

from vitrify.analysis.curves.cooling_curve import CoolingCurve
from vitrify.analysis.curves.glass_transition import ROUNDING
from vitrify.analysis.statistics import FEWEST_REPLICAS, Interval, Quantity, mean_and_error, mean_without_each

UPPER_LIMIT = 0.9
"""Highest kT that the hyperbola is fitted to [eps_AA]."""

WIDTH = 0.1
"""Width of the bend [eps_AA]: what a free fit finds on sixteen ramps of M = 2e5, N = 4320, half of them by LAMMPS, is
0.07 to 0.12."""

FEWEST_POINTS = 8
"""Fewest frames below the limit: the curve has four parameters."""

GRID = 0.0025
"""Spacing of the kTg that are tried [eps_AA]; between two of them the condition is followed by interpolation."""


@dataclass(frozen=True, kw_only=True)
class SmoothTransition:
    """Tg of one cooling rate by the hyperbola through its mean curve.

    Attributes:
        curve: the cooling curve.
        limit: highest kT fitted [eps_AA].
        width: of the bend [eps_AA].
        tg: where the asymptotes cross, with its interval [eps_AA]. An end of the interval at the lowest kT or at the
            limit means that the replicas do not bound it on that side.
        energy: c [eps_AA per particle].
        mean_slope: p.
        half_bend: q.
        replicas: how many have every quench converged below the limit; the others are left out.
    """

    curve: CoolingCurve
    limit: float
    width: float
    tg: Quantity
    energy: float
    mean_slope: float
    half_bend: float
    replicas: int

    def __call__(self, kt: np.ndarray) -> np.ndarray:
        """E_IS of the fit at temperatures [eps_AA per particle]."""
        away = np.asarray(kt) - self.tg.value
        return self.energy + self.mean_slope * away + self.half_bend * np.hypot(away, self.width)


def smooth_transition(
    curve: CoolingCurve, limit: float = UPPER_LIMIT, *, width: float = WIDTH, level: float = 0.95
) -> SmoothTransition:
    """Fit the hyperbola to the mean curve up to ``limit``.

    Args:
        curve: the cooling curve.
        limit: highest kT fitted [eps_AA].
        width: of the bend [eps_AA].
        level: nominal coverage of the interval.

    Raises:
        ValueError: when there are fewer than eight frames below the limit, no replica has them all, or the curve does
            not bend upwards there.
    """
    shown = curve.kt_set <= limit + ROUNDING
    whole = np.isfinite(curve.inherent_energy[:, shown]).all(axis=1)
    if shown.sum() < FEWEST_POINTS or not whole.any():
        raise ValueError(
            f"smooth Tg: got {shown.sum()} frames up to kT {limit:g} and {whole.sum()} replicas with all their "
            "inherent "
            f"energies, expected at least {FEWEST_POINTS} and 1"
        )
    kt, energies = curve.kt_set[shown], curve.inherent_energy[whole][:, shown]
    tg, linear = best_tg(kt, energies.mean(axis=0), width)
    if not np.isfinite(tg):
        raise ValueError(
            f"smooth Tg: up to kT {limit:g} the curve has no bend that a hyperbola of width {width:g} follows"
        )
    return SmoothTransition(
        curve=curve,
        limit=limit,
        width=width,
        tg=interval_of_tg(tg, kt, energies, width, level),
        energy=float(linear[0]),
        mean_slope=float(linear[1]),
        half_bend=float(linear[2]),
        replicas=len(energies),
    )


def smoothed(curve: CoolingCurve, spacing: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The mean curve smoothed by its hyperbola, and with each replica left out by a hyperbola of its own.

    Args:
        curve: the cooling curve; replicas without all their energies below the limit do not count.
        spacing: of the temperatures [eps_AA].

    Returns:
        kT (J,), rising; E_IS (J,); with each replica left out (R, J), the same as E_IS of one that does not count and
        NaN where that leaves no bend; which replicas count (R,).

    Raises:
        ValueError: where there is no fit.
    """
    fit = smooth_transition(curve)
    shown = curve.kt_set <= fit.limit + ROUNDING
    energies, at = curve.inherent_energy[:, shown], curve.kt_set[shown]
    counts = np.asarray(np.isfinite(energies).all(axis=1))
    kt = np.arange(at.min(), at.max() + spacing / 2, spacing)
    without = np.tile(fit(kt), (len(energies), 1))
    for row, mean in zip(np.flatnonzero(counts), mean_without_each(energies[counts]), strict=True):
        tg, linear = best_tg(at, mean, fit.width)
        without[row] = _design(kt, tg, fit.width) @ linear if np.isfinite(tg) else np.nan
    return kt, fit(kt), without, counts


def best_tg(kt: np.ndarray, energy: np.ndarray, width: float = WIDTH) -> tuple[float, np.ndarray]:
    """Least-squares kTg of a curve (K,), and energy, mean slope and half bend; NaN where it does not bend upwards.

    >>> kt = np.linspace(0.05, 0.9, 18)
    >>> tg, (energy, mean_slope, half_bend) = best_tg(kt, -3.88 + 0.06 * (kt - 0.4) + 0.045 * np.hypot(kt - 0.4, 0.1))
    >>> round(tg, 8), round(float(energy), 8), round(float(half_bend), 8)
    (0.4, -3.88, 0.045)
    """
    tried = _tried(tuple(kt.tolist()), width)
    misfit = np.square(tried.left @ energy).sum(axis=1)
    place = int(misfit.argmin())
    if place in (0, len(tried.tg) - 1):
        return float("nan"), np.full(3, np.nan)
    ends = tried.tg[place - 1], tried.tg[place + 1]
    tg = tried.tg[place]
    if (tried.condition[[place - 1, place + 1]] @ energy).prod() < 0:
        tg = cast(float, brentq(lambda tg: float(_condition(kt, tg, width) @ energy), *ends, xtol=1e-12))
    linear = _linear(kt, energy, tg, width)
    return (float(tg), linear) if linear[2] > 0 else (float("nan"), np.full(3, np.nan))


def interval_of_tg(
    tg: float, kt: np.ndarray, energies: np.ndarray, width: float = WIDTH, level: float = 0.95
) -> Quantity:
    """The interval about ``tg`` in which the condition holds within its error over replicas, energies (R, K).

    Replicas that do not show a bend at all, beyond its error, do not bound it: it is then all of the range fitted.
    """
    replicas = len(energies)
    if replicas < FEWEST_REPLICAS:
        return Quantity(value=tg, note=f"no interval: {replicas} replicas, expected at least {FEWEST_REPLICAS}")
    tried = _tried(tuple(kt.tolist()), width)
    sums = mean_and_error(energies @ tried.condition.T)
    reach = float(student.ppf((1 + level) / 2, replicas - 1))
    beyond = np.abs(sums.mean) - reach * sums.error  # zero at the ends of the interval
    centre = int(np.searchsorted(tried.tg, tg))
    bend = mean_and_error(_linear(kt, energies.T, tg, width)[2])
    outside = np.flatnonzero(beyond > 0) if bend.mean > reach * bend.error else np.array([], dtype=int)
    low, high = float(kt.min()), float(kt.max())
    if len(under := outside[outside < centre]):
        low = min(tg, _zero_between(tried.tg, beyond, under[-1], under[-1] + 1))
    if len(above := outside[outside >= centre]):
        high = max(tg, _zero_between(tried.tg, beyond, above[0] - 1, above[0]))
    return Quantity(value=tg, error=(high - low) / (2 * reach), interval=Interval(low=low, high=high, level=level))


def _zero_between(x: np.ndarray, y: np.ndarray, first: int, second: int) -> float:
    return float(x[first] - y[first] * (x[second] - x[first]) / (y[second] - y[first]))


class _Tried(NamedTuple):
    """For each kTg tried: the weights of its condition, and the projection on what its curve does not follow."""

    tg: np.ndarray
    condition: np.ndarray
    left: np.ndarray


@lru_cache(maxsize=32)
def _tried(kt: tuple[float, ...], width: float) -> _Tried:
    at = np.array(kt)
    grid = np.linspace(at.min(), at.max(), int(np.ptp(at) / GRID) + 1)
    designs = [_design(at, tg, width) for tg in grid]
    return _Tried(
        tg=grid,
        condition=np.array([_condition(at, tg, width) for tg in grid]),
        left=np.array([np.eye(len(at)) - design @ np.linalg.pinv(design) for design in designs]),
    )


def _design(kt: np.ndarray, tg: float, width: float) -> np.ndarray:
    """(K, 3) the curve's terms: 1, kT - kTg and the root."""
    return np.stack([np.ones_like(kt), kt - tg, np.hypot(kt - tg, width)], axis=1)


def _linear(kt: np.ndarray, energy: np.ndarray, tg: float, width: float) -> np.ndarray:
    """Energy, mean slope and half bend, (3, ...), of energies (K, ...)."""
    return np.linalg.lstsq(_design(kt, tg, width), energy)[0]


def _condition(kt: np.ndarray, tg: float, width: float) -> np.ndarray:
    """(K,) the weights m of the least-squares condition, of unit length."""
    design = _design(kt, tg, width)
    turning = (kt - tg) / np.hypot(kt - tg, width)
    left = turning - design @ np.linalg.lstsq(design, turning)[0]
    return left / np.linalg.norm(left)
