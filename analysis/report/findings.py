"""What a set of runs shows: one directory of tables and figures, with the provenance of what made it.

==========================  ============================================================================
``cooling_curve.csv``       mean energies against temperature, a block for each cooling rate
``tg.csv``, ``tg.json``     Tg of each rate with its interval and both lines
``equilibrium.csv``         energies of runs at one temperature
``descriptors.csv``         a row for each stored configuration of the bulk mixture
``g_of_r.csv``              partial g(r), averaged over replicas
``films.csv``               energy, density, thickness of the bulk of deposited and cooled films, a row for each run
``film_energies.csv``       bulk energies of films made in one way, as they are and at the recipe's composition
``film_differences.csv``    those of each two ways less one another, with intervals
``film_profile.csv``        density and composition of films against height
``film_structure.csv``      descriptors of the bulk of each film
``film_cooling_curve.csv``  bulk energies of films cooled on their substrate, and ``film_tg.csv``
``figures/``                the pictures of all that
``provenance.json``         program, options, and the runs with the check sums of their tables
``DONE``                    last
==========================  ============================================================================

Only what the runs hold is written: no film table without films. All energies are per particle, truncated and not
shifted [eps_AA].
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vitrify.analysis.curves.cooling_curve import CoolingCurve, cooling_curves, curve_columns
from vitrify.analysis.curves.equilibrium import equilibrium_columns
from vitrify.analysis.curves.glass_transition import (
    FILM_WINDOWS,
    GlassTransition,
    Windows,
    glass_transition,
    transition_columns,
)
from vitrify.analysis.figures import (
    ENERGY_LABEL,
    KT_LABEL,
    Figure,
    Series,
    configuration_figure,
    cooling_curve_figure,
    error_bar_figure,
    profile_figure,
    radial_distribution_figure,
    save,
    tg_against_rate_figure,
)
from vitrify.analysis.films.comparison import compare_films
from vitrify.analysis.films.energies import bulk_of, film_columns, film_cooling_curve
from vitrify.analysis.films.structure import film_ends, film_structure_columns, mean_profile, profile_columns
from vitrify.analysis.report.tables import ENERGY_CONVENTION, write_table
from vitrify.analysis.structure.radial import RadialDistribution
from vitrify.analysis.structure.stored import (
    INHERENT,
    mean_radial_distributions,
    radial_columns,
    stored_configurations,
    structure_columns,
)
from vitrify.md.store.checkpoint import PARTIAL, write_atomically
from vitrify.md.store.provenance import provenance
from vitrify.md.store.rundir import RunDirectory

PRODUCT = "analysis"
"""What the provenance calls such a directory."""

BULK, FILMS = ("cool", "anneal"), ("deposit", "cool-film")
"""Protocols of the bulk mixture and of films."""

PICTURES = 3
"""Runs whose configurations are drawn side by side, and whose g(r) share a figure."""


@dataclass
class Findings:
    """Tables and figures by file name, what is to be said of each Tg, and what could not be found and why."""

    tables: dict[str, Mapping] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)
    transitions: list[GlassTransition] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def analyze(
    runs: Sequence[RunDirectory],
    out: Path,
    *,
    windows: Windows | None = None,
    film_windows: Windows | None = None,
    seed: int = 0,
    structure: bool = True,
    force: bool = False,
    progress: Callable[[float, float], None] | None = None,
) -> list[str]:
    """Analyse runs into the directory ``out``; see the table at the top of this file.

    Args:
        runs: run directories of one system, of any protocols.
        out: where the analysis goes. One that is there of the same runs and options is left alone.
        windows: the two ranges of Tg of the bulk mixture; None for those of the log.
        film_windows: the same of films; None for FILM_WINDOWS.
        seed: of the bootstrap.
        structure: whether to measure the stored configurations, some 0.1 s each at N = 1080.
        force: replace another analysis that is there.
        progress: told how many configurations are measured, and of how many.

    Returns:
        Lines for a person: each Tg, and what could not be found and why.

    Raises:
        ValueError: without runs, or when the runs do not belong together.
        FileExistsError: when something else is at ``out``.
    """
    if not runs:
        raise ValueError("analyze: got no run, expected at least one run directory")
    windows, film_windows = windows or Windows(), film_windows or FILM_WINDOWS
    request = {
        "runs": {str(run.path): hashlib.sha256((run.path / "table.csv").read_bytes()).hexdigest() for run in runs},
        "windows": {"glass": list(windows.glass), "liquid": list(windows.liquid)},
        "film_windows": {"glass": list(film_windows.glass), "liquid": list(film_windows.liquid)},
        "seed": seed,
        "structure": structure,
    }
    if _is_there(out, request, force):
        return [f"{out}: there already, of the same runs and options"]
    found = Findings()
    _bulk(found, [run for run in runs if run.spec["protocol"] in BULK], windows, seed)
    _films(found, [run for run in runs if run.spec["protocol"] in FILMS], film_windows, seed)
    if structure:
        _structure(found, [run for run in runs if run.spec["protocol"] in BULK], progress)
    _write(found, out, request)
    return [*map(tg_line, found.transitions), *found.notes]


def tg_line(transition: GlassTransition) -> str:
    """One Tg in words: never without its interval and the number of replicas behind it."""
    interval = transition.interval
    sure = f"{100 * interval.level:g} % {interval.low:.3f} to {interval.high:.3f}" if interval else transition.note
    return f"Tg = {transition.tg:.3f} ({sure}; M = {transition.curve.ramp_steps:,}, {transition.replicas} replicas)"


def _bulk(found: Findings, runs: Sequence[RunDirectory], windows: Windows, seed: int) -> None:
    """Cooling curves, Tg and equilibrium energies of the bulk mixture."""
    liquids = None
    if annealed := [run for run in runs if run.spec["protocol"] == "anneal"]:
        columns = found.tables["equilibrium.csv"] = equilibrium_columns(annealed)
        liquids = Series(*(np.array(columns[name]) for name in ("kt_set", "inherent_energy", "inherent_energy_error")))
    if cooled := [run for run in runs if run.spec["protocol"] == "cool"]:
        curves = cooling_curves(cooled)
        found.tables["cooling_curve.csv"] = curve_columns(curves)
        transitions = _transitions(found, curves, windows, seed, "tg.csv")
        found.figures["cooling_curve.png"] = cooling_curve_figure(curves, transitions, liquids=liquids)
        if len(transitions) > 1:
            found.figures["tg_against_rate.png"] = tg_against_rate_figure(transitions)


def _films(found: Findings, runs: Sequence[RunDirectory], windows: Windows, seed: int) -> None:
    """Bulk energies of films, their Tg, and how they depend on the substrate's temperature."""
    if not runs:
        return
    found.tables["films.csv"] = film_columns(runs)
    comparison = compare_films(runs)
    found.tables["film_energies.csv"] = comparison.columns()
    if len(comparison.preparations) > 1:
        found.notes.append(comparison.note)
        if comparison.at_recipe:
            found.tables["film_differences.csv"] = comparison.differences()
    curves = []
    for run in runs:
        if run.spec["protocol"] == "cool-film" and _every_frame_stored(run):
            curves.append(film_cooling_curve(run))
        elif run.spec["protocol"] == "cool-film":
            found.notes.append(f"{run.name}: no cooling curve of its bulk, not every inherent structure was stored")
    if curves:
        found.tables["film_cooling_curve.csv"] = curve_columns(curves)
        transitions = _transitions(found, curves, windows, seed, "film_tg.csv")
        found.figures["film_cooling_curve.png"] = cooling_curve_figure(curves, transitions)
    series, levels = comparison.sweep()
    if any(len(one.x) > 1 for one in series.values()):
        where = f" at {100 * comparison.at_recipe.at:g} % A" if comparison.at_recipe else ""
        found.figures["substrate_sweep.png"] = error_bar_figure(
            series, x_label=f"substrate {KT_LABEL}", y_label=f"bulk {ENERGY_LABEL}{where}", levels=levels
        )
    found.tables["film_structure.csv"] = film_structure_columns(runs)
    profiles = {run.name: mean_profile(run) for run in runs}
    found.tables["film_profile.csv"] = profile_columns(profiles)
    found.figures["film_profile.png"] = profile_figure(dict(list(profiles.items())[:PICTURES]))
    for run in runs[:PICTURES]:
        bulk, (replica, film) = bulk_of(run), film_ends(run)[0]
        title = f"{run.name}, film {replica}"
        found.figures[f"film_{run.name}.png"] = configuration_figure({title: film}, bulk=(bulk.low, bulk.high))


def _structure(found: Findings, runs: Sequence[RunDirectory], progress: Callable[[float, float], None] | None) -> None:
    """Descriptors of every stored configuration, mean g(r), and pictures of the last ones."""
    stored = list(stored_configurations(runs))
    if not stored:
        return
    columns = found.tables["descriptors.csv"] = structure_columns(stored, progress)
    means = mean_radial_distributions(stored)
    found.tables["g_of_r.csv"] = radial_columns(means)
    worst = float(np.nanmax(np.abs(columns["energy_minus_table"])))
    found.notes.append(
        f"energies of {len(stored)} stored configurations recomputed: at most {worst:.1e} off the engine's"
    )
    last = {place.run.name: place for place in stored if place.inherent}
    shown = {name: place.load() for name, place in list(last.items())[:PICTURES]}
    if not shown:
        return
    found.figures["configurations.png"] = configuration_figure(
        {f"{name}, from $k_{{\\mathrm{{B}}}}T$ = {picture.kt_set:.3g}": picture for name, picture in shown.items()}
    )
    found.figures["g_of_r.png"] = radial_distribution_figure(
        {
            f"{name}, inherent structures from $k_{{\\mathrm{{B}}}}T$ = {picture.kt_set:.3g}": RadialDistribution(
                radius=means[name, picture.kt_set, INHERENT][0], g=means[name, picture.kt_set, INHERENT][1]
            )
            for name, picture in shown.items()
        }
    )


def _transitions(
    found: Findings, curves: Sequence[CoolingCurve], windows: Windows, seed: int, name: str
) -> list[GlassTransition]:
    """Tg of each curve that has one; a note for each that has none."""
    transitions = []
    for curve in curves:
        try:
            transitions.append(glass_transition(curve, windows, seed=seed))
        except ValueError as error:
            found.notes.append(f"no Tg for M = {curve.ramp_steps}: {error}")
    found.transitions += transitions
    if transitions:
        found.tables[name] = transition_columns(transitions)
    return transitions


def _every_frame_stored(run: RunDirectory) -> bool:
    frames = set(np.unique(run.table["frame"]).tolist())
    return all(frames <= set(run.stored_frames(replica, inherent=True)) for replica in run.replicas)


def _is_there(out: Path, request: Mapping, force: bool) -> bool:
    """Whether ``out`` holds this very analysis, finished; an error where it holds something that must not go."""
    if not out.exists():
        return False
    facts = out / "provenance.json"
    held = json.loads(facts.read_text()) if facts.is_file() else {}
    if held.get("product") != PRODUCT:
        raise FileExistsError(f"{out}: exists and is no analysis, expected a new directory")
    if force:
        return False
    if held["request"] != request:
        raise FileExistsError(f"{out}: an analysis of other runs or options, expected a new directory or --force")
    return (out / "DONE").exists()


def _write(found: Findings, out: Path, request: Mapping) -> None:
    """Write beside ``out`` and put it in its place."""
    partial = out.with_name(out.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "figures").mkdir(parents=True)
    for name, columns in found.tables.items():
        write_table(partial / name, columns)
    for name, figure in found.figures.items():
        save(figure, partial / "figures" / name)
    if "tg.csv" in found.tables or "film_tg.csv" in found.tables:
        write_atomically(partial / "tg.json", json.dumps([tg_facts(one) for one in found.transitions], indent=2) + "\n")
    facts = {
        "product": PRODUCT,
        "request": request,
        "energies": ENERGY_CONVENTION,
        "notes": found.notes,
        **provenance(("numpy", "freud-analysis", "matplotlib")),
    }
    write_atomically(partial / "provenance.json", json.dumps(facts, indent=2) + "\n")
    write_atomically(partial / "DONE", "")
    if out.exists():
        shutil.rmtree(out)
    partial.rename(out)


def tg_facts(transition: GlassTransition) -> dict:
    """One Tg as plain JSON."""
    crossing, interval = transition.crossing, transition.interval
    return {
        "ramp_steps": int(transition.curve.ramp_steps),
        "rate": transition.curve.rate,
        "tg": transition.tg,
        "interval": None if interval is None else [interval.low, interval.high],
        "level": None if interval is None else interval.level,
        "note": transition.note,
        "energy_at_tg": crossing.energy,
        "energies": ENERGY_CONVENTION,
        "glass_line": crossing.glass._asdict(),
        "liquid_line": crossing.liquid._asdict(),
        "glass_window": list(transition.windows.glass),
        "liquid_window": list(transition.windows.liquid),
        "replicas": transition.replicas,
    }
