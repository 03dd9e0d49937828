"""How tau_alpha grows on cooling: the laws of Vogel, Fulcher and Tammann, and of Elmatad, Chandler and Garrahan.

=========  =================================================  =======================================
vft        ``ln tau = ln tau_0 + B / (kT - kT_0)``            diverges at kT_0
parabolic  ``ln tau = ln tau_o + J^2 (1/kT - 1/kT_o)^2``      below the onset kT_o only, diverges nowhere
=========  =================================================  =======================================

Both have three parameters, so that four temperatures are the fewest which can contradict them. Fits are least squares
of ln tau, each temperature counting alike: what is between data and law is the law's fault sooner than that of the
replicas. Intervals are over replicas of all liquids; of what is extrapolated they say only how sure the law's own
continuation is. Logarithms are natural: J here is 1.52 times that of a law written with log10.

Sources: G. S. Fulcher, J. Am. Ceram. Soc. 8, 339 (1925); Y. S. Elmatad, D. Chandler and J. P. Garrahan, J. Phys. Chem.
B 113, 5563 (2009).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import root_scalar

from vitrify.analysis.dynamics.relaxation import RelaxationTime
from vitrify.analysis.statistics import Quantity, jackknife

FEWEST_TEMPERATURES = 4
"""Fewest temperatures that a law of three parameters is fitted to."""


@dataclass(frozen=True, kw_only=True)
class Form:
    """The form of a law.

    Attributes:
        name: "vft" or "parabolic".
        parameters: names of its three parameters.
        fit: takes kT and ln tau, (K,) both, and gives the three; NaN where there are none.
        refusal: what is said where there are none.
        log_tau: takes the parameters and kT, and gives ln tau; NaN where the law does not hold.
        log_slope: likewise, gives ln of -d tau / d kT.
        coldest: takes the parameters, and gives the kT above which the law holds.
        hottest: and that below which it does.
    """

    name: str
    parameters: tuple[str, str, str]
    fit: Callable[[np.ndarray, np.ndarray], np.ndarray]
    refusal: str
    log_tau: Callable[[np.ndarray, np.ndarray], np.ndarray]
    log_slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    coldest: Callable[[np.ndarray], float]
    hottest: Callable[[np.ndarray], float]


@dataclass(frozen=True, kw_only=True)
class Law:
    """A law of tau_alpha(kT), fitted.

    Attributes:
        form: which.
        parameters: (3,) of all replicas.
        without: for each liquid, the parameters with each of its replicas left out, (R, 3).
        kt: (K,) temperatures it was fitted to [eps_AA].
        residual: root mean square of ln tau less the law.
    """

    form: Form
    parameters: np.ndarray
    without: Mapping[str, np.ndarray]
    kt: np.ndarray
    residual: float

    def __call__(self, kt: np.ndarray | float) -> np.ndarray:
        """tau_alpha [tau]; NaN where the law does not hold."""
        return np.exp(self.form.log_tau(self.parameters, np.asarray(kt, dtype=np.float64)))

    def parameter(self, name: str) -> Quantity:
        """One parameter with its interval over replicas; ``tau_0`` and ``tau_o`` stand as their logarithm."""
        at = self.form.parameters.index(name)
        return jackknife(float(self.parameters[at]), [group[:, at] for group in self.without.values()])

    def falls_out(self, rate: float) -> Quantity:
        """The kT at which a ramp of this rate falls out of equilibrium, ``rate |d tau / d kT| = 1`` [eps_AA].

        On the way down tau_alpha grows by ``|d tau / dt| = rate |d tau / d kT|`` in a unit of time; once that is more
        than one, the time needed to relax runs away from the time there is. It is the same as to say that tau_alpha
        times the rate of its own logarithm, ``tau |d ln tau / dt|``, the Deborah number, reaches one.

        Args:
            rate: cooling rate [eps_AA / tau].

        Source: P. G. Debenedetti and F. H. Stillinger, Nature 410, 259 (2001), on falling out of equilibrium; M.
        Reiner, Phys. Today 17, 62 (1964), the number.
        """
        value = _falls_out(self.form, self.parameters, rate)
        without = [np.array([_falls_out(self.form, one, rate) for one in group]) for group in self.without.values()]
        return jackknife(value, without)

    def extrapolates(self, kt: float) -> bool:
        """Whether a temperature lies outside of those that were measured."""
        return not self.kt.min() <= kt <= self.kt.max()


def fit_law(form: Form, times: Sequence[RelaxationTime]) -> Law:
    """Fit a law to tau_alpha of several temperatures, leaving out those above the onset of the parabolic law.

    Args:
        form: VFT or PARABOLIC.
        times: tau_alpha; those not reached are left out.

    Raises:
        ValueError: when fewer than FEWEST_TEMPERATURES are left, or the law has no such parameters.
    """
    used = [one for one in times if one.reached]
    while True:
        kt = np.array([one.kt for one in used])
        if len(np.unique(kt)) < FEWEST_TEMPERATURES:
            below = f" below kT {max(one.kt for one in times):g}" if len(used) < len(times) else ""
            raise ValueError(
                f"no {form.name} law: got tau_alpha at {len(np.unique(kt))} temperatures{below} that it holds for, "
                f"expected at least {FEWEST_TEMPERATURES}"
            )
        log_tau = np.log([one.tau.value for one in used])
        parameters = form.fit(kt, log_tau)
        if not np.isfinite(parameters).all():
            raise ValueError(f"no {form.name} law: {form.refusal}, from kT {kt.min():g} to {kt.max():g}")
        hottest = form.hottest(parameters)
        if (kt <= hottest).all():
            break
        used = [one for one in used if one.kt <= hottest]
    without = {}
    for place, one in enumerate(used):
        changed = np.tile(log_tau, (len(one.without), 1))
        changed[:, place] = one.without
        without[f"{place}: kT {one.kt:g}"] = np.array([form.fit(kt, row) for row in changed])
    gap = log_tau - form.log_tau(parameters, kt)
    return Law(form=form, parameters=parameters, without=without, kt=kt, residual=float(np.sqrt(np.mean(gap**2))))


def _falls_out(form: Form, parameters: np.ndarray, rate: float) -> float:
    """The kT at which ``ln rate + ln |d tau / d kT|`` is zero, which grows on cooling."""
    low, high = form.coldest(parameters), form.hottest(parameters)
    low = max(low, 0.0) + 1e-6
    high = min(high, 1e3) - 1e-6

    def excess(kt: float) -> float:
        return float(np.log(rate) + form.log_slope(parameters, np.array(kt)))

    if not (low < high and excess(low) > 0 > excess(high)):
        return float("nan")
    return float(root_scalar(excess, bracket=(low, high), xtol=1e-12).root)


def _fit_vft(kt: np.ndarray, log_tau: np.ndarray) -> np.ndarray:
    """The parameters ln tau_0, B and kT_0: for each kT_0 the others are linear, so that one is sought, ever closer."""
    height = log_tau - log_tau.mean()

    def linear(kt_0: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Slope and constant of the line in 1 / (kT - kT_0), and the squares that it leaves, for each kT_0."""
        x = 1 / (kt - kt_0[:, None])
        away = x - x.mean(axis=1, keepdims=True)
        slope = (away @ height) / (away**2).sum(axis=1)
        left = ((height - slope[:, None] * away) ** 2).sum(axis=1)
        return slope, log_tau.mean() - slope * x.mean(axis=1), left

    coldest = float(kt.min())
    trials = coldest - np.geomspace(2.0, 1e-3, 80) * coldest
    for _ in range(6):
        best = int(linear(trials)[2].argmin())
        if best in (0, len(trials) - 1):
            return np.full(3, np.nan)
        trials = np.linspace(trials[best - 1], trials[best + 1], 81)
    kt_0 = trials[[40]]
    slope, constant, _ = linear(kt_0)
    return np.array([constant[0], slope[0], kt_0[0]]) if slope[0] > 0 else np.full(3, np.nan)


def _fit_parabolic(kt: np.ndarray, log_tau: np.ndarray) -> np.ndarray:
    """The parameters ln tau_o, J and kT_o of the parabola in 1 / kT."""
    bend, slope, height = np.polynomial.Polynomial.fit(1 / kt, log_tau, 2).convert().coef[::-1]
    onset = -slope / (2 * bend)
    if not (bend > 0 and onset > 0):
        return np.full(3, np.nan)
    return np.array([height - bend * onset**2, np.sqrt(bend), 1 / onset])


def _parabola(parameters: np.ndarray, kt: np.ndarray) -> np.ndarray:
    log_tau_o, j, onset = parameters
    return np.where(kt <= onset, log_tau_o + j**2 * (1 / kt - 1 / onset) ** 2, np.nan)


def _parabola_slope(parameters: np.ndarray, kt: np.ndarray) -> np.ndarray:
    _, j, onset = parameters
    return _parabola(parameters, kt) + np.log(2 * j**2 * (1 / kt - 1 / onset) / kt**2)


VFT = Form(
    name="vft",
    parameters=("ln_tau_0", "b", "kt_0"),
    fit=_fit_vft,
    refusal="ln tau_alpha does not bend upwards against 1 / kT, or diverges at the coldest",
    log_tau=lambda p, kt: np.where(kt > p[2], p[0] + p[1] / (kt - p[2]), np.nan),
    log_slope=lambda p, kt: p[0] + p[1] / (kt - p[2]) + np.log(p[1]) - 2 * np.log(kt - p[2]),
    coldest=lambda p: float(p[2]),
    hottest=lambda p: np.inf,
)
PARABOLIC = Form(
    name="parabolic",
    parameters=("ln_tau_o", "j", "kt_onset"),
    fit=_fit_parabolic,
    refusal="ln tau_alpha does not bend upwards against 1 / kT, or too little to have an onset",
    log_tau=_parabola,
    log_slope=_parabola_slope,
    coldest=lambda p: 0.0,
    hottest=lambda p: float(p[2]),
)
FORMS = (VFT, PARABOLIC)
