"""What the stored configurations of the mixture look like: descriptors, g(r), pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitrify.analysis.figures import configuration_figure, radial_distribution_figure
from vitrify.analysis.results import BULK, Options, Progress, Results, of_protocols
from vitrify.analysis.structure.radial import RadialDistribution
from vitrify.analysis.structure.stored import (
    INHERENT,
    known,
    mean_radial_distributions,
    radial_columns,
    run_labels,
    stored_configurations,
    structure_columns,
)
from vitrify.md.store.frames import Configuration
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
    labels = run_labels([place.run for place in stored])
    last = {labels[place.run.identity]: place for place in stored if place.inherent}
    if shown := {name: place.load() for name, place in list(last.items())[:PICTURES]}:
        found.add_figure(
            "configurations.png",
            configuration_figure({f"{name}{_of(one)}": one for name, one in shown.items()}),
            "Inherent structures: A light blue, B orange, to scale, in their periodic box.",
        )
        radius = {name: means[name, known(one.kt_set), INHERENT][0] for name, one in shown.items()}
        found.add_figure(
            "g_of_r.png",
            radial_distribution_figure(
                {
                    f"{name}, inherent structures{_of(one)}": RadialDistribution(
                        radius=radius[name], g=means[name, known(one.kt_set), INHERENT][1]
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


def _of(configuration: Configuration) -> str:
    """Where an inherent structure is from, for legends."""
    kt = configuration.kt_set
    return f" from $k_{{\\mathrm{{B}}}}T$ = {kt:.3g}" if np.isfinite(kt) else ""
