"""What the stored configurations of the mixture look like: descriptors, curves, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from vitrify.analysis.figures import configuration_figure, curve_family_figure
from vitrify.analysis.results import BULK, Options, Progress, Results, of_protocols
from vitrify.analysis.structure.descriptors import CURVES
from vitrify.analysis.structure.measurement import Measurements, measure
from vitrify.analysis.structure.stored import Stored, run_labels, stored_configurations
from vitrify.analysis.structure.tables import Group, curve_columns, mean_curves, structure_columns
from vitrify.md.store.rundir import RunDirectory

PICTURES = 3
"""Configurations that are drawn side by side, and curves that share a figure."""


def results(runs: Sequence[RunDirectory], options: Options, progress: Progress | None = None) -> Results:
    """Descriptors of every stored configuration, mean curves of every family, and pictures of the last ones."""
    found = Results()
    stored = list(stored_configurations(of_protocols(runs, *BULK))) if options.structure else []
    if not stored:
        return found
    measured = measure(stored, progress=progress)
    columns = structure_columns(measured)
    apart = np.abs(columns["energy_minus_table"])
    if np.isfinite(apart).any():
        found.notes.append(
            f"energies of {len(stored)} stored configurations recomputed: at most {np.nanmax(apart):.1e} off the "
            "engine's"
        )
    found.notes += measured.notes
    shown = {p.run.ensemble_identity: p for p in stored if p.inherent} or {p.run.ensemble_identity: p for p in stored}
    add_pictures(found, list(shown.values())[:PICTURES])
    found.add_table(
        "descriptors.csv",
        columns,
        "Descriptors of each stored configuration; its energy is recomputed apart from the engine.",
    )
    for name in CURVES:
        add_curves(found, measured, name)
    return found


def add_pictures(found: Results, places: Sequence[Stored]) -> None:
    """The configurations side by side."""
    labels = run_labels([place.run for place in places])
    loaded = [(labels[place.run.identity], place.load()) for place in places]
    drawn = {_title(run, one.kt_set, inherent=False): one for run, one in loaded}  # the caption says what they are
    kind = "Inherent structures" if places[0].inherent else "Configurations as the dynamics left them"
    found.add_figure(
        "configurations.png",
        configuration_figure(drawn),
        f"{kind}, one of each run, of the temperature above it: A light blue, B orange, to scale, in their box.",
    )


def add_curves(found: Results, measured: Measurements, name: str) -> None:
    """Table and figure of one family of curves: of the register's own description of it."""
    kind, means = CURVES[name], mean_curves(measured, name)
    chosen = _worth_showing(means)
    found.add_figure(
        f"{name}.png",
        curve_family_figure(
            {_title(group.run, group.kt_set, group.positions == "inherent"): means[group] for group in chosen},
            lines=kind.lines,
            x_label=kind.x_label.replace("sigma_AA", r"$\sigma_{AA}$"),
            y_label=kind.y_label,
            level=kind.level,
        ),
        f"{kind.title}, mean over replicas; bands are one standard error.",
    )
    found.add_table(
        f"{name}.csv",
        curve_columns(means, name),
        f"{kind.title}: mean over replicas of each run (its batches together), temperature and kind of positions, with "
        "its standard error.",
    )


def _worth_showing(means: Iterable[Group]) -> list[Group]:
    """The last and the first temperature of each run, inherent structures where there are any; the last ones first."""
    every = list(means)
    inherent = [group for group in every if group.positions == "inherent"] or every
    runs = dict.fromkeys(group.run for group in inherent)
    last = [[group for group in inherent if group.run == run][-1] for run in runs]
    first = [next(group for group in inherent if group.run == run) for run in runs]
    return list(dict.fromkeys([*last, *first]))[:PICTURES]


def _title(run: str, kt: float, inherent: bool) -> str:
    """What a legend or a panel says of a configuration."""
    where = f"$k_{{\\mathrm{{B}}}}T$ = {kt:.3g}" if np.isfinite(kt) else ""
    if inherent:
        return f"{run}, inherent structure" + (f" from {where}" if where else "")
    return f"{run}, {where}" if where else run
