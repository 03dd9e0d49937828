"""What the stored configurations of the mixture look like: descriptors, g(r), pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitrify.analysis.figures import configuration_figure, radial_distribution_figure
from vitrify.analysis.results import BULK, Options, Progress, Results, of_protocols
from vitrify.analysis.structure.radial import RadialDistribution
from vitrify.analysis.structure.stored import (
    INHERENT,
    mean_radial_distributions,
    radial_columns,
    stored_configurations,
    structure_columns,
)
from vitrify.md.store.rundir import RunDirectory

PICTURES = 3
"""Runs whose configurations are drawn side by side, and whose g(r) share a figure."""


def results(runs: Sequence[RunDirectory], options: Options, progress: Progress | None = None) -> Results:
    """Descriptors of every stored configuration, mean g(r), and pictures of the last ones."""
    found = Results()
    stored = list(stored_configurations(of_protocols(runs, *BULK))) if options.structure else []
    if not stored:
        return found
    columns = structure_columns(stored, progress)
    means = mean_radial_distributions(stored)
    worst = float(np.nanmax(np.abs(columns["energy_minus_table"])))
    found.notes.append(
        f"energies of {len(stored)} stored configurations recomputed: at most {worst:.1e} off the engine's"
    )
    last = {place.run.name: place for place in stored if place.inherent}
    if shown := {name: place.load() for name, place in list(last.items())[:PICTURES]}:
        found.add_figure(
            "configurations.png",
            configuration_figure(
                {f"{name}, from $k_{{\\mathrm{{B}}}}T$ = {one.kt_set:.3g}": one for name, one in shown.items()}
            ),
            "Inherent structures: A light blue, B orange, to scale, in their periodic box.",
        )
        found.add_figure(
            "g_of_r.png",
            radial_distribution_figure(
                {
                    f"{name}, inherent structures from $k_{{\\mathrm{{B}}}}T$ = {one.kt_set:.3g}": RadialDistribution(
                        radius=means[name, one.kt_set, INHERENT][0], g=means[name, one.kt_set, INHERENT][1]
                    )
                    for name, one in shown.items()
                }
            ),
            "Partial radial distribution functions of inherent structures, averaged over replicas.",
        )
    found.add_table(
        "descriptors.csv",
        columns,
        "Descriptors of each stored configuration; its energy is recomputed apart from the engine.",
    )
    found.add_table(
        "g_of_r.csv", radial_columns(means), "Partial g(r), mean over replicas with its standard error, against radius."
    )
    return found
