"""What a score follows: descriptors, and the energy or not."""

from __future__ import annotations

import numpy as np

from vitrify.analysis.figures import accuracy_figure, correlation_figure
from vitrify.analysis.results import Results
from vitrify.learn.explanation.descriptors import correlations, energy_bins
from vitrify.learn.explanation.scored import Scored

METRICS = ("b_clusters_k", "bb_edges_k", "a_outside_k")
"""The three structural metrics of Swanson et al., arXiv 1909.04648, on graphs of k nearest neighbours."""

PUBLISHED = (*(f"{metric}2" for metric in METRICS), "inherent_energy")
"""What the figure shows in any case: the metrics on the graph they took, and E_IS."""

STRONGEST = 16
"""Descriptors that the figure shows, beside PUBLISHED."""


def correlate(scored: Scored, found: Results) -> None:
    """Every descriptor per class and against the logit."""
    columns = scored.descriptors
    table = correlations(columns, scored.logit, scored.label, scored.classes, scored.unit)
    if not table:
        found.notes.append("no descriptor is known for every configuration")
        return
    found.add_table(
        "descriptors.csv",
        table,
        f"Descriptors of {len(scored.logit)} configurations the model has not seen: mean in each class, the difference "
        "of the means in standard deviations within a class, and Spearman's rank correlation with the logit, of all "
        "configurations and of ranks taken within each class, with 95 % intervals (Bonett and Wright 2000), in which "
        "configurations of one replica in one class count as one.",
    )
    names = list(table["descriptor"])
    known = np.isfinite(table["correlation"])
    shown = [n for n, name in enumerate(names) if known[n] and (n < STRONGEST or name in PUBLISHED)]
    values, low, high = (
        np.array([table[column][n] for n in shown]) for column in ("correlation", "correlation_low", "correlation_high")
    )
    found.add_figure(
        "correlations.png",
        correlation_figure([table["meaning"][n] for n in shown], values, low, high),
        f"Rank correlation of descriptors with the logit of {scored.classes[-1]}: the {STRONGEST} strongest, the three "
        "structural metrics of the published network (clusters, B-B edges and A outside on two nearest neighbours), "
        "where they differ between configurations, and the inherent-structure energy; 95 % intervals.",
    )
    metrics = [n for n, name in enumerate(names) if name.startswith(METRICS)]
    found.add_table(
        "metrics.csv",
        {name: [column[n] for n in metrics] for name, column in table.items()},
        "The three structural metrics of the published network, per particle, on graphs of one, two (as published) and "
        "five nearest neighbours: clusters of the edges that touch a B, B-B edges, A that no such edge touches. "
        "Columns as in descriptors.csv; what is the same in all configurations has no correlation.",
    )


def accuracy_at_one_energy(scored: Scored, found: Results, width: float) -> None:
    """Accuracy in narrow bins of E_IS."""
    energy = np.asarray(scored.configurations.inherent_energy)
    if not np.isfinite(energy).all():
        found.notes.append("no accuracy by energy: some configurations have no inherent-structure energy")
        return
    correct = scored.logits.argmax(axis=1) == scored.label
    table = energy_bins(energy, correct, scored.label, scored.unit, width=width)
    if not table:
        found.notes.append(f"no accuracy by energy: no bin of {width} in E_IS holds five configurations of each class")
        return
    found.add_table(
        "accuracy_by_energy.csv",
        table,
        f"Accuracy at the model's own threshold in bins of E_IS {width} wide, with 95 % intervals after Wilson, the "
        "configurations of one replica in one class being one trial; majority is the accuracy of always naming the "
        "more frequent class.",
    )
    columns = {name: np.array(column, dtype=np.float64) for name, column in table.items()}
    found.add_figure(
        "accuracy_by_energy.png",
        accuracy_figure(
            (columns["energy_from"] + columns["energy_to"]) / 2,
            columns["accuracy"],
            columns["accuracy_low"],
            columns["accuracy_high"],
            columns["majority"],
            r"$E_{\mathrm{IS}}$ per particle  $[\epsilon_{AA}]$",
        ),
        "Accuracy where the energy tells next to nothing: in narrow bins of E_IS; 95 % intervals after Wilson.",
    )
