"""Cooling curves of the mixture, liquids in equilibrium, and when a ramp became a glass: what these runs show.

Three answers to one question stand side by side, each with its interval over replicas: Tg by the two lines of the log,
Tg by a hyperbola, and the fictive temperature. Only the last needs the equilibrium line, and only it must fall with
slower cooling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.curves.choices import choice_columns, choices
from vitrify.analysis.curves.cooling_curve import CoolingCurve, cooling_curves, curve_columns
from vitrify.analysis.curves.equilibrium import Equilibrium, equilibrium, equilibrium_columns
from vitrify.analysis.curves.equilibrium_line import (
    EXCESS,
    RAMP_RANGE,
    EquilibriumLine,
    equilibrium_line,
    line_through_liquids,
    line_through_ramp,
    ramp_key,
)
from vitrify.analysis.curves.fictive import Memory, memory
from vitrify.analysis.curves.glass_transition import GlassTransition, Windows, glass_transition
from vitrify.analysis.curves.hyperbola import SmoothTransition, smooth_transition
from vitrify.analysis.curves.rate_law import RateLaw, rate_law
from vitrify.analysis.figures import (
    Readings,
    Series,
    choices_figure,
    cooling_curve_figure,
    temperatures_against_rate_figure,
)
from vitrify.analysis.report.tables import ENERGY_CONVENTION
from vitrify.analysis.results import Options, Progress, Results, of_protocols, rows_to_columns
from vitrify.analysis.statistics import Quantity
from vitrify.md.store.rundir import RunDirectory

FIGURE_CURVE = (
    "Mean inherent-structure energy against temperature, a curve for each cooling rate; bands are one standard "
    "error over "
    "replicas. Thin lines are the two least-squares lines of each T_g, solid within their windows. Below, each T_g "
    "with its "
    "95 % interval over replicas."
)
TG_SHOWN = (
    "ramp_steps", "rate", "replicas", "tg", "tg_low", "tg_high", "tg_smooth", "tg_smooth_low", "tg_smooth_high",
    "kt_fictive", "kt_fictive_low", "kt_fictive_high", "kt_departure", "kt_departure_low", "kt_departure_high",
    "glass_energy", "glass_energy_low", "glass_energy_high",
)  # fmt: skip
"""Columns of tg.csv worth a place on a page."""


@dataclass(frozen=True, kw_only=True)
class Ramp:
    """One cooling rate and the three temperatures read from it; None where there is none.

    Attributes:
        curve: its curve.
        lines: Tg by two lines.
        smooth: Tg by the hyperbola.
        memory: fictive temperature and departure.
    """

    curve: CoolingCurve
    lines: GlassTransition | None
    smooth: SmoothTransition | None = None
    memory: Memory | None = None


def results(runs: Sequence[RunDirectory], options: Options, progress: Progress | None = None) -> Results:
    """Cooling curves, Tg, fictive temperatures and equilibrium energies of the bulk mixture."""
    found = Results()
    annealed, cooled = of_protocols(runs, "anneal"), of_protocols(runs, "cool")
    liquids = [equilibrium(run) for run in annealed]
    curves = cooling_curves(cooled) if cooled else []
    line = _line(found, liquids, curves, options)
    if curves:
        _ramps(found, curves, liquids, line, options)
        found.add_table(
            "cooling_curve.csv",
            curve_columns(curves),
            f"Mean energies against temperature; {ENERGY_CONVENTION}; errors are standard errors over replicas. kt "
            "is the "
            "mixture's own kinetic temperature, behind which the set one runs ahead.",
        )
    if liquids:
        found.add_table(
            "equilibrium.csv",
            equilibrium_columns(annealed, liquids),
            f"Liquids at one temperature; energies {ENERGY_CONVENTION}. Drift is the second half of the frames minus "
            "the "
            "first; waited and followed are time steps.",
        )
    return found


def _line(
    found: Results, liquids: Sequence[Equilibrium], curves: Sequence[CoolingCurve], options: Options
) -> EquilibriumLine | None:
    """The equilibrium line: through runs at one temperature each where they allow it, else through the slowest ramp."""
    line, notes = equilibrium_line(liquids, curves, options.equilibrium_range)
    found.notes += notes
    if line is not None:
        found.add_table(
            "equilibrium_line.csv",
            {
                "a": [line.a],
                "a_low": [line.intercept.low],
                "a_high": [line.intercept.high],
                "b": [line.b],
                "b_low": [line.slope.low],
                "b_high": [line.slope.high],
                "kt_from": [line.kt.min()],
                "kt_to": [line.kt.max()],
                "largest_residual": [float(np.abs(line.energy - line(line.kt)).max())],
                "source": [line.source],
            },
            f"The equilibrium line E_IS = a + b / kT; energies {ENERGY_CONVENTION}; 95 % intervals over replicas.",
        )
    return line


def _ramps(
    found: Results,
    curves: Sequence[CoolingCurve],
    liquids: Sequence[Equilibrium],
    line: EquilibriumLine | None,
    options: Options,
) -> None:
    """The three temperatures of each ramp, how they move with the rate and with what was chosen."""
    transitions = glass_transitions(found, curves, options.windows)
    lines = {ramp_key(transition.curve): transition for transition in transitions}
    ramps = []
    for curve in curves:
        smooth = None
        try:
            smooth = smooth_transition(curve, options.smooth_limit)
        except ValueError as error:
            found.notes.append(f"M = {curve.ramp_steps:,}: {error}")
        kept = memory(curve, line) if line is not None else None
        ramps.append(Ramp(curve=curve, lines=lines.get(ramp_key(curve)), smooth=smooth, memory=kept))
    for ramp in ramps:
        _say(found, ramp)
    if line is not None:
        _say_what_left_the_line(found, transitions, line)
    points = None
    if liquids:
        kt = np.array([liquid.kt_set for liquid in liquids])
        points = Series(kt, *(np.array([getattr(one.inherent, name) for one in liquids]) for name in ("mean", "error")))
    found.add_figure(
        "cooling_curve.png",
        cooling_curve_figure(curves, transitions, liquids=points, line=line),
        FIGURE_CURVE
        + (
            " Dashed, the equilibrium line a + b / kT, dotted beyond what it was fitted to." if line is not None else ""
        ),
    )
    if len(curves) > 1:
        _against_rate(found, ramps)
    _choices(found, curves, liquids, options)
    found.add_table(
        "tg.csv",
        rows_to_columns([_row(ramp) for ramp in ramps]),
        "When each ramp became a glass: T_g by two least-squares lines, T_g by a hyperbola, the fictive "
        "temperature, at which "
        f"the equilibrium line has the glass's energy, and the departure, below which the ramp lies {EXCESS:g} above "
        "that "
        f"line; 95 % intervals over replicas. Energies {ENERGY_CONVENTION}.",
        shown=TG_SHOWN,
    )


def _against_rate(found: Results, ramps: Sequence[Ramp]) -> None:
    """How the temperatures move with the cooling rate."""
    readings: dict[str, Readings] = {}
    laws: dict[str, RateLaw] = {}
    two = [ramp.lines for ramp in ramps if ramp.lines is not None]
    if len({one.curve.rate for one in two}) > 1:
        laws["Tg, two lines"] = rate_law(
            [one.curve.rate for one in two],
            [one.tg.value for one in two],
            [{ramp_key(one.curve): one.without} for one in two],
        )
        readings["$T_g$, two lines"] = Readings(
            [one.curve.rate for one in two], [one.tg for one in two], laws["Tg, two lines"]
        )
    smooth = [ramp.smooth for ramp in ramps if ramp.smooth is not None]
    if smooth:
        readings["$T_g$, smooth"] = Readings([one.curve.rate for one in smooth], [one.tg for one in smooth])
    kept = [ramp.memory for ramp in ramps if ramp.memory is not None and np.isfinite(ramp.memory.fictive.value)]
    if len({one.curve.rate for one in kept}) > 1:
        laws["fictive kT"] = rate_law(
            [one.curve.rate for one in kept], [one.fictive.value for one in kept], [one.without for one in kept]
        )
        readings["fictive temperature"] = Readings(
            [one.curve.rate for one in kept], [one.fictive for one in kept], laws["fictive kT"]
        )
    if readings:
        found.add_figure(
            "tg_against_rate.png",
            temperatures_against_rate_figure(readings),
            "Glass transition and fictive temperatures against cooling rate; bars are 95 % intervals over replicas. "
            "Lines are straight in the logarithm of the rate; dotted, where the points allow it, they extrapolate to "
            "slower ramps than were run.",
        )
    rows = []
    for name, law in laws.items():
        slope = law.slope
        sure = f" (95 % {slope.low:.4f} to {slope.high:.4f})" if slope.interval else f" ({slope.note})"
        found.numbers.append(f"{name} changes by {slope.value:.4f} per decade of the rate{sure}")
        if law.no_further:
            found.notes.append(f"the law of {name} is not extrapolated: {law.no_further}")
        for slower in (0.0,) if law.no_further else (0.0, 1.0, 2.0):
            rate = float(law.rates.min() / 10**slower)
            rows.append(
                {
                    "quantity": name,
                    "slope_per_decade": slope.value,
                    "slope_per_decade_low": slope.low,
                    "slope_per_decade_high": slope.high,
                    "bend": law.bend.value,
                    "bend_low": law.bend.low,
                    "bend_high": law.bend.high,
                    "ramps": len(law.rates),
                    "rate": rate,
                    "kt": float(law(rate)),
                    "extrapolated": str(law.extrapolates(rate)).lower(),
                }
            )
    if rows:
        found.add_table(
            "rate_law.csv",
            rows_to_columns(rows),
            "Straight lines in log10(rate) through T_g and the fictive temperature, each ramp counting alike, and what "
            "they say of the slowest ramp; of ramps ten and a hundred times slower, which is extrapolation, only where "
            "kT falls with slower cooling beyond the slope's interval and does not bend beyond its own. Bend is the "
            "coefficient of the square of log10(rate), were it fitted too. 95 % intervals over replicas.",
        )


def _choices(found: Results, curves: Sequence[CoolingCurve], liquids: Sequence[Equilibrium], options: Options) -> None:
    """How the temperatures move with windows and limits."""

    def line_to(top: float) -> EquilibriumLine:
        if liquids:
            return line_through_liquids(liquids, (options.equilibrium_range[0], top))
        return line_through_ramp(curves[0], (RAMP_RANGE[0], top))

    moved = choices(curves, options.windows, line_to)
    if not moved:
        return
    found.add_figure(
        "tg_choices.png",
        choices_figure(moved),
        "How each temperature moves with what was chosen to read it: the liquid window of the two lines, the upper "
        "limit and "
        "the width of the hyperbola, and the upper end of the equilibrium line; bars are 95 % intervals over replicas.",
    )
    found.add_table(
        "tg_choices.csv",
        choice_columns(moved),
        "T_g and fictive temperatures read with other windows, limits and ranges; 95 % intervals over replicas.",
    )


def glass_transitions(found: Results, curves: Sequence[CoolingCurve], windows: Windows) -> list[GlassTransition]:
    """Tg of each curve by two lines, said in a line; a note for each that has none."""
    transitions = []
    for curve in curves:
        try:
            transitions.append(glass_transition(curve, windows))
        except ValueError as error:
            found.notes.append(f"no Tg for M = {curve.ramp_steps}: {error}")
    found.numbers += [
        f"Tg = {one.tg.value:.3f} ({_sure(one.tg)}; two lines, M = {one.curve.ramp_steps:,}, {one.replicas} replicas)"
        for one in transitions
    ]
    return transitions


def transition_columns(transitions: Sequence[GlassTransition]) -> dict[str, list]:
    """Columns of a table of Tg by two lines: a row a rate; energies per particle, not shifted; empty where unknown."""
    return rows_to_columns([_lines_row(one.curve, one) for one in transitions])


def _say(found: Results, ramp: Ramp) -> None:
    """The other temperatures of a ramp in words, and how far its thermostat lags."""
    steps = f"M = {ramp.curve.ramp_steps:,}"
    coldest, glass = float(ramp.curve.kt_set.min()), ramp.curve.glass_energy
    if np.isfinite(glass.value):
        found.numbers.append(f"E_IS(kT {coldest:g}) = {glass.value:.4f} ({_sure(glass, 4)}; {steps})")
    if ramp.smooth is not None:
        found.numbers.append(f"smooth Tg = {ramp.smooth.tg.value:.3f} ({_sure(ramp.smooth.tg)}; {steps})")
    if ramp.memory is not None and np.isfinite(ramp.memory.fictive.value):
        beyond = ", extrapolating the equilibrium line" if ramp.memory.extrapolated else ""
        found.numbers.append(
            f"fictive kT = {ramp.memory.fictive.value:.3f} ({_sure(ramp.memory.fictive)}; {steps}{beyond})"
        )
    if abs(ramp.curve.lag) >= 0.001:
        found.notes.append(
            f"{steps}: the mixture is on average {ramp.curve.lag:.3f} warmer than its thermostat is set, which lags "
            "behind "
            "the ramp"
        )


def _say_what_left_the_line(found: Results, transitions: Sequence[GlassTransition], line: EquilibriumLine) -> None:
    """Ramps whose liquid window is out of equilibrium: why their Tg by two lines need not fall with slower cooling."""
    left = []
    for one in transitions:
        curve, (low, high) = one.curve, one.windows.liquid
        shown = (curve.kt_set >= low) & (curve.kt_set <= high)
        if float(np.nanmean(curve.inherent.mean[shown] - line(curve.kt_set[shown] + curve.lag))) > EXCESS:
            left.append(f"{curve.ramp_steps:,}")
    if left:
        low, high = transitions[0].windows.liquid
        found.notes.append(
            f"from kT {low:g} to {high:g}, the liquid window of T_g, ramps of M = {', '.join(left)} have left the "
            "equilibrium line: T_g by two lines need not fall with slower cooling, the fictive temperature must"
        )


def _sure(quantity: Quantity, digits: int = 3) -> str:
    interval = quantity.interval
    if interval is None:
        return quantity.note
    return f"{100 * interval.level:g} % {interval.low:.{digits}f} to {interval.high:.{digits}f}"


def _row(ramp: Ramp) -> dict:
    row = _lines_row(ramp.curve, ramp.lines)
    quantities = {"tg_smooth": ramp.smooth.tg if ramp.smooth else None}
    kept = ramp.memory
    quantities |= {"kt_fictive": kept.fictive if kept else None, "kt_departure": kept.departure if kept else None}
    for name, quantity in quantities.items():
        one = quantity or Quantity(value=float("nan"))
        row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    glass = ramp.curve.glass_energy
    return row | {
        "fictive_extrapolated": "" if kept is None else str(kept.extrapolated).lower(),
        "glass_energy": glass.value,
        "glass_energy_low": glass.low,
        "glass_energy_high": glass.high,
        "kt_lag": ramp.curve.lag,
    }


def _lines_row(curve: CoolingCurve, found: GlassTransition | None) -> dict:
    unknown = float("nan")
    tg = found.tg if found else Quantity(value=unknown)
    crossing, windows = (found.crossing, found.windows) if found else (None, None)
    return {
        "ramp_steps": curve.ramp_steps,
        "rate": curve.rate,
        "particles": np.nan if curve.particles is None else curve.particles,
        "replicas": found.replicas if found else curve.replicas,
        "tg": tg.value,
        "tg_low": tg.low,
        "tg_high": tg.high,
        "energy_at_tg": crossing.energy if crossing else unknown,
        "glass_slope": crossing.glass.slope if crossing else unknown,
        "glass_intercept": crossing.glass.intercept if crossing else unknown,
        "liquid_slope": crossing.liquid.slope if crossing else unknown,
        "liquid_intercept": crossing.liquid.intercept if crossing else unknown,
        "glass_from": windows.glass[0] if windows else unknown,
        "glass_to": windows.glass[1] if windows else unknown,
        "liquid_from": windows.liquid[0] if windows else unknown,
        "liquid_to": windows.liquid[1] if windows else unknown,
    }
