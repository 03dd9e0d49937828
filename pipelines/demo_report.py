"""The demo's report: what was made, what came out, and what to make of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vitrify.analysis.figures import (
    as_png_bytes,
    configuration_figure,
)
from vitrify.analysis.films.film_run import FilmRun
from vitrify.analysis.report.page import (
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
from vitrify.md.store.provenance import provenance
from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.demo_learning import Class, classifier_section
from vitrify.pipelines.demo_plan import FAST, FILMS, FRAMES, PARTICLES, SLOW


def tell(
    path: Path, analysis: Path, runs: Sequence[RunDirectory], films: RunDirectory, taught: Sequence[Class]
) -> None:
    """Write the report.

    Args:
        path: the HTML file.
        analysis: directory of the cooling analysis.
        runs: the coolings.
        films: the run of the films.
        taught: classifiers, by the positions they were shown.
    """
    seconds = sum(run.provenance["wall_time_s"] for run in [*runs, films])
    write_report(
        path,
        "Glasses in two dimensions",
        [cooling_section(analysis, runs[0]), film_section(films), classifier_section(taught)],
        summary=f"The two-dimensional Kob-Andersen mixture at laptop size, simulated in {seconds:.0f} s. "
        "Reduced Lennard-Jones units; energies per particle, truncated at the cut-off and not shifted.",
        facts=facts(),
    )


def cooling_section(analysis: Path, fast: RunDirectory) -> Section:
    """Two rates, their curves and Tg; one system before and after."""
    tg = read_table(analysis / "tg.csv")
    entries = [
        (f"T_g, M = {steps:,.0f}", with_interval(value, low, high))
        for steps, value, low, high in zip(tg["ramp_steps"], tg["tg"], tg["tg_low"], tg["tg_high"], strict=True)
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
                "slower it was cooled the deeper it lies in its energy landscape. T_g is where two straight lines "
                "cross, one through the glass and one through the liquid between kT 0.5 and 0.8. The fast ramp is no "
                "longer in equilibrium there, so its T_g is one of the method more than of the liquid; and no T_g is "
                "worth more than its interval."
            ),
            Numbers(entries),
            Picture((analysis / drawn).read_bytes(), read_contents(analysis)[drawn]["caption"]),
            Picture(
                as_png_bytes(before_and_after),
                "One system at the start and at the end of the fast ramp, as the dynamics left it: A light blue, B "
                "orange. Telling the two apart by eye is hard; by instantaneous positions a network finds it easy.",
            ),
        ],
    )


def film_section(run: RunDirectory) -> Section:
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
