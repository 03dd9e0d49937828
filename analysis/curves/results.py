"""Cooling curves of the mixture, Tg of each rate, and liquids in equilibrium: what these runs show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitrify.analysis.curves.cooling_curve import CoolingCurve, cooling_curves, curve_columns
from vitrify.analysis.curves.equilibrium import equilibrium_columns
from vitrify.analysis.curves.glass_transition import GlassTransition, Windows, glass_transition, transition_columns
from vitrify.analysis.figures import Series, cooling_curve_figure, tg_against_rate_figure
from vitrify.analysis.report.tables import ENERGY_CONVENTION
from vitrify.analysis.results import Options, Progress, Results, of_protocols
from vitrify.md.store.rundir import RunDirectory

TG_SHOWN = ("ramp_steps", "rate", "tg", "tg_low", "tg_high", "energy_at_tg", "replicas")
"""Columns of a table of Tg worth a place on a page."""


def results(runs: Sequence[RunDirectory], options: Options, progress: Progress | None = None) -> Results:
    """Cooling curves, Tg and equilibrium energies of the bulk mixture."""
    found = Results()
    liquids = None
    if annealed := of_protocols(runs, "anneal"):
        columns = equilibrium_columns(annealed)
        liquids = Series(*(np.array(columns[name]) for name in ("kt_set", "inherent_energy", "inherent_energy_error")))
        found.add_table(
            "equilibrium.csv",
            columns,
            f"Equilibrium liquids; energies {ENERGY_CONVENTION}. Drift is the second half of the frames minus the "
            "first.",
        )
    if cooled := of_protocols(runs, "cool"):
        curves = cooling_curves(cooled)
        transitions = glass_transitions(found, curves, options.windows)
        found.add_figure(
            "cooling_curve.png",
            cooling_curve_figure(curves, transitions, liquids=liquids),
            "Mean inherent-structure energy against temperature, a curve for each cooling rate; bands are one standard "
            "error over replicas. Thin lines are the two least-squares lines of each T_g, solid within their windows. "
            "Below, each T_g with its interval over replicas.",
        )
        if len(transitions) > 1:
            found.add_figure(
                "tg_against_rate.png",
                tg_against_rate_figure(transitions),
                "Glass transition temperature against cooling rate, with intervals over replicas.",
            )
        if transitions:
            found.add_table(
                "tg.csv",
                transition_columns(transitions),
                f"T_g by the intersection of two least-squares lines through the mean curve; energies "
                f"{ENERGY_CONVENTION}.",
                shown=TG_SHOWN,
            )
        found.add_table(
            "cooling_curve.csv",
            curve_columns(curves),
            f"Mean energies against temperature; {ENERGY_CONVENTION}; errors are standard errors over replicas.",
        )
    return found


def glass_transitions(found: Results, curves: Sequence[CoolingCurve], windows: Windows) -> list[GlassTransition]:
    """Tg of each curve that has one, said in a line; a note for each that has none."""
    transitions = []
    for curve in curves:
        try:
            transitions.append(glass_transition(curve, windows, seed=0))
        except ValueError as error:
            found.notes.append(f"no Tg for M = {curve.ramp_steps}: {error}")
    found.numbers += map(tg_line, transitions)
    return transitions


def tg_line(transition: GlassTransition) -> str:
    """One Tg in words: never without its interval and the number of replicas behind it."""
    interval = transition.interval
    sure = f"{100 * interval.level:g} % {interval.low:.3f} to {interval.high:.3f}" if interval else transition.note
    return f"Tg = {transition.tg:.3f} ({sure}; M = {transition.curve.ramp_steps:,}, {transition.replicas} replicas)"
