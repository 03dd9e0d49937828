"""The demo's report: what was made, what came out, and what to make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vitrify.analysis.figures import (
    as_png_bytes,
    configuration_figure,
)
from vitrify.analysis.films.film_run import FilmRun
from vitrify.analysis.report.page import (
    File,
    Files,
    Link,
    Numbers,
    Picture,
    Prose,
    Section,
    with_error,
    with_interval,
    write_report,
)
from vitrify.analysis.report.tables import read_contents, read_table
from vitrify.analysis.statistics import mean_and_error
from vitrify.learn.evaluate import Evaluation
from vitrify.md.store.provenance import provenance
from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.demo_explanation import explanation_section
from vitrify.pipelines.demo_learning import Class, classifier_section
from vitrify.pipelines.demo_plan import FAST, FILMS, FRAMES, PARTICLES, SLOW


def tell(
    path: Path,
    analysis: Path,
    runs: Sequence[RunDirectory],
    films: RunDirectory,
    taught: Sequence[Class],
    *,
    explained: tuple[Path, Evaluation] | None = None,
    view: str = "",
) -> None:
    """Write the report.

    Args:
        path: the HTML file.
        analysis: directory of the analysis of all of them.
        runs: the coolings.
        films: the run of the films.
        taught: classifiers, by the positions they were shown.
        explained: directory of the explanation of one of them, and how that one does; None for no such section.
        view: name of a page of configurations beside the report, to be linked; "" for none.
    """
    seconds = sum(run.provenance["wall_time_s"] for run in [*runs, films])
    write_report(
        path,
        "Glasses in two dimensions",
        [
            cooling_section(analysis, runs[0]),
            structure_section(analysis, view),
            film_section(analysis, films),
            classifier_section(taught),
            *([explanation_section(*explained)] if explained else []),
        ],
        summary=f"The two-dimensional Kob-Andersen mixture at laptop size, simulated in {seconds:.0f} s. "
        "Reduced Lennard-Jones units; energies per particle, truncated at the cut-off and not shifted.",
        facts=facts(),
    )


def cooling_section(analysis: Path, fast: RunDirectory) -> Section:
    """Two rates, their curves and Tg; one system before and after."""
    tg = read_table(analysis / "tg.csv")
    ends = ("kt_fictive", "fictive temperature"), ("tg", "T_g")
    entries = [
        (f"{name}, M = {steps:,.0f}", with_interval(value, low, high))
        for column, name in ends
        for steps, value, low, high in zip(
            tg["ramp_steps"], tg[column], tg[f"{column}_low"], tg[f"{column}_high"], strict=True
        )
        if np.isfinite(value)
    ]
    drawn = "figures/cooling_curve.png"
    system = fast.replicas[0]
    hot, cold = (fast.configuration(system, frame) for frame in (fast.stored_frames()[0], FRAMES))
    before_and_after = configuration_figure(
        {f"liquid, kT = {hot.kt_set:.3g}": hot, f"glass, kT = {cold.kt_set:.3g}": cold}
    )
    return Section(
        "A liquid becomes a glass",
        [
            Prose(
                f"{FAST.replicas} and {SLOW.replicas} independent systems of {PARTICLES:,} particles at rho = 1.2 were "
                f"cooled from kT 2.0 to 0.05, in {FAST.ramp_steps:,} and in {SLOW.ramp_steps:,} steps. At {FRAMES} "
                "temperatures each was brought to its inherent structure, the nearest minimum of its potential energy. "
                "Where a liquid falls out of equilibrium its curve bends away and flattens: it is a glass, and the "
                "slower it was cooled the deeper it lies in its energy landscape. "
                f"{order_in_words(tg)} "
                "T_g is where two straight lines cross, one through the glass and one through the liquid between kT "
                "0.5 and 0.8. The fast ramp is no longer in equilibrium there, so its T_g is one of the method more "
                "than of the liquid, and may come out lower than that of the slow one; no T_g is worth more than its "
                "interval."
            ),
            Numbers(entries),
            *told(analysis, drawn, "figures/tg_against_rate.png"),
            Picture(
                as_png_bytes(before_and_after),
                "One system at the start and at the end of the fast ramp, as the dynamics left it: A light blue, B "
                "orange. Telling the two apart by eye is hard; by instantaneous positions a network finds it easy.",
            ),
        ],
    )


def order_in_words(tg: Mapping[str, np.ndarray]) -> str:
    """Whether the fictive temperature falls with slower cooling, as it must, and if not, why that is not seen."""
    meaning = (
        "The fictive temperature is where the equilibrium line has the glass's energy: the temperature at which the "
        "liquid stopped following."
    )
    order = np.argsort(tg["ramp_steps"])
    found, low, high = (tg[name][order] for name in ("kt_fictive", "kt_fictive_low", "kt_fictive_high"))
    if not np.isfinite(found).all():
        return f"{meaning} These ramps are too short to give it for each: none of them follows equilibrium long enough."
    if (np.diff(found) >= 0).any():
        return f"{meaning} It should fall with slower cooling; these replicas are too few to show it."
    if (low[:-1] > high[1:]).all():
        return f"{meaning} It falls with slower cooling, beyond its intervals."
    return f"{meaning} It falls with slower cooling, though the intervals still overlap."


def structure_section(analysis: Path, view: str) -> Section:
    """What liquids and glasses look like, by the field's own curves."""
    look = [Link(view, "Look into the configurations yourself: zoom, replicas, frames, colours by any number")]
    return Section(
        "What changes, and what does not",
        [
            Prose(
                "Liquid and glass differ little to the eye, and little in how densities depend on distance: the first "
                "peaks sharpen, the second split. The curves below are of inherent structures, where thermal motion "
                "is taken away. Some eighty descriptors of every configuration, from Voronoi cells to closed rings, "
                "can be taken from the table below."
            ),
            *told(analysis, "figures/g_of_r.png", "figures/s_of_k.png"),
            Files([file_of(analysis, name) for name in ("descriptors.csv", "g_of_r.csv", "s_of_k.csv")]),
            *(look if view else []),
        ],
    )


def told(analysis: Path, *names: str) -> list[Picture]:
    """Figures of an analysis with their captions; those that it has not are left out."""
    contents = read_contents(analysis)
    return [Picture((analysis / name).read_bytes(), contents[name]["caption"]) for name in names if name in contents]


def file_of(analysis: Path, name: str) -> File:
    """A table of an analysis, to be taken from the page."""
    return File(name, (analysis / name).read_bytes(), read_contents(analysis)[name]["caption"])


def film_section(analysis: Path, run: RunDirectory) -> Section:
    """A film, and what it is made of."""
    films = FilmRun(run)
    state, bulk = films.state, films.bulk
    replica = int(state.replicas[0])
    picture = configuration_figure({"": films.end(replica)[0]}, bulk=(bulk.low, bulk.high))
    energy, density = mean_and_error(state.energy), mean_and_error(state.density)
    return Section(
        "A glass grown from vapour",
        [
            Prose(
                f"{FILMS.replicas} films of {FILMS.film_particles:,} particles, exactly 65:35, fell in batches of "
                f"{FILMS.vapour.batch} on a substrate held at kT {FILMS.substrate.kt}. Only the substrate has a "
                "thermostat; the film cools through it. A film is at zero pressure, so its energies are not comparable "
                "with those of the bulk mixture above. These films grew some twenty times faster than published ones."
            ),
            Numbers(
                [
                    ("bulk E_IS", with_error(float(energy.mean), float(energy.error))),
                    ("bulk density", with_error(float(density.mean), float(density.error))),
                ]
            ),
            Picture(
                as_png_bytes(picture),
                "One of the films at its inherent structure: A light blue, B orange, substrate grey. The band is its "
                "bulk, away from substrate and surface.",
            ),
            *told(analysis, "figures/film_profile.png"),
            Files([file_of(analysis, name) for name in ("film_structure.csv", "film_profile.csv")]),
        ],
    )


def facts() -> dict[str, str]:
    """What made the report."""
    made = provenance()
    return {
        "program": f"vitrify {made['version']}",
        "commit": made["git_commit"] or "not a checkout",
        "written": made["started"],
        "machine": f"{made['host']['system']}, {made['host']['cpus']} cores",
    }
