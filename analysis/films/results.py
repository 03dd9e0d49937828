"""Films, deposited and cooled: energies of their bulk, their Tg, profiles and structure."""

from __future__ import annotations

from collections.abc import Sequence

from vitrify.analysis.curves.cooling_curve import curve_columns
from vitrify.analysis.curves.results import glass_transitions, transition_columns
from vitrify.analysis.figures import (
    ENERGY_LABEL,
    KT_LABEL,
    configuration_figure,
    cooling_curve_figure,
    error_bar_figure,
    profile_figure,
)
from vitrify.analysis.films.comparison import FilmComparison, compare_films, pooled_curves
from vitrify.analysis.films.film_run import FilmRun, film_columns
from vitrify.analysis.films.structure import film_structure_columns, mean_profile, profile_columns
from vitrify.analysis.report.tables import ENERGY_CONVENTION
from vitrify.analysis.results import FILMS, Options, Progress, Results, of_protocols
from vitrify.analysis.structure.stored import run_labels
from vitrify.md.store.rundir import RunDirectory

PICTURES = 3
"""Ensembles whose films are drawn, and whose profiles share a figure."""


def results(runs: Sequence[RunDirectory], options: Options, progress: Progress | None = None) -> Results:
    """Bulk energies of films, their Tg, how they depend on the substrate's temperature, what their bulk looks like."""
    found = Results()
    films = [FilmRun(run) for run in of_protocols(runs, *FILMS)]
    if not films:
        return found
    found.add_table(
        "films.csv",
        film_columns(films),
        f"Films at their end: bulk energies {ENERGY_CONVENTION}; errors are standard errors over films.",
        shown=("run", "kt_substrate", "steps", "films", "energy", "energy_error", "density", "density_error"),
    )
    _comparison(found, compare_films(films))
    _cooling(found, [one for one in films if one.cooled], options)
    _structure(found, films)
    return found


def _comparison(found: Results, comparison: FilmComparison) -> None:
    """Films made in several ways held against each other."""
    found.add_table(
        "film_energies.csv",
        comparison.columns(),
        "Bulk energies of films made in one way, as they are and at the recipe's composition; errors are standard "
        "errors over films.",
    )
    if len(comparison.preparations) > 1:
        found.notes.append(comparison.note)
        if comparison.at_recipe:
            found.add_table(
                "film_differences.csv",
                comparison.differences(),
                "Bulk energies at the recipe's composition, the first less the second, each with its own 95 % "
                "interval; films on one substrate count as a pair.",
            )
    series, levels = comparison.sweep()
    if any(len(one.x) > 1 for one in series.values()):
        where = f" at {100 * comparison.at_recipe.at:g} % A" if comparison.at_recipe else ""
        found.add_figure(
            "substrate_sweep.png",
            error_bar_figure(
                series, x_label=f"substrate {KT_LABEL}", y_label=f"bulk {ENERGY_LABEL}{where}", levels=levels
            ),
            "Bulk inherent-structure energy of deposited films against substrate temperature; errors are standard "
            "errors over films. Dashed: films cooled on their substrate.",
        )


def _cooling(found: Results, cooled: Sequence[FilmRun], options: Options) -> None:
    """Curves and Tg of films cooled on their substrate."""
    whole = [one for one in cooled if one.every_frame_stored]
    found.notes += [
        f"{one.name}: no cooling curve of its bulk, not every inherent structure was stored"
        for one in cooled
        if one not in whole
    ]
    curves = pooled_curves(whole)
    if not curves:
        return
    transitions = glass_transitions(found, curves, options.film_windows)
    found.add_figure(
        "film_cooling_curve.png",
        cooling_curve_figure(curves, transitions),
        "Mean inherent-structure energy of the bulk of films cooled on their substrate; bands are one standard error "
        "over films. Thin lines are the two least-squares lines of each T_g.",
    )
    if transitions:
        found.add_table(
            "film_tg.csv",
            transition_columns(transitions),
            "T_g of films cooled on their substrate; not comparable with that of the bulk mixture at rho = 1.2.",
            shown=("ramp_steps", "rate", "tg", "tg_low", "tg_high", "energy_at_tg", "replicas"),
        )
    found.add_table(
        "film_cooling_curve.csv",
        curve_columns(curves),
        f"Mean bulk energies of cooled films against temperature; {ENERGY_CONVENTION}; errors are standard errors over "
        "films.",
    )


def _structure(found: Results, films: Sequence[FilmRun]) -> None:
    """Profiles against height, batches of one ensemble together, descriptors of the bulk, and pictures."""
    labels, batches = run_labels([one.run for one in films]), dict[str, list[FilmRun]]()
    for one in films:
        batches.setdefault(labels[one.run.identity], []).append(one)
    profiles = {name: mean_profile(own) for name, own in batches.items()}
    found.add_figure(
        "film_profile.png",
        profile_figure(dict(list(profiles.items())[:PICTURES])),
        "Density and composition of films against height, up to the local surface; bands are one standard error over "
        "films, the bulk lies between the dashed lines.",
    )
    for name, (one, *_) in list(batches.items())[:PICTURES]:
        replica = one.replicas[0]
        title = f"{name}, film {replica}"
        found.add_figure(
            f"film_{name.replace('/', '-')}.png",
            configuration_figure({title: one.end(replica)[0]}, bulk=(one.bulk.low, one.bulk.high)),
            f"Film {replica} of {name} at its inherent structure: A light blue, B orange, substrate grey. Its bulk "
            "lies between the lines, away from substrate and surface.",
        )
    found.add_table(
        "film_structure.csv",
        film_structure_columns(films),
        "Structure of the bulk of each film: bond order, Voronoi sides and bonds as in descriptors.csv.",
        shown=("run", "replica", "particles", "psi6_A", "psi5_B", "sides5_B", "bb_edges_k2", "a_outside_k2"),
    )
    found.add_table(
        "film_profile.csv",
        profile_columns(profiles),
        "Density, composition and temperature of films against height, batches of one ensemble together; errors are "
        "standard errors over films.",
    )
