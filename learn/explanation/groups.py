"""Which particles speak for a class: contributions by neighbours, Voronoi sides, rings and by every other column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from vitrify.analysis.statistics import mean_and_error, students_interval
from vitrify.analysis.structure.descriptors import COLUMNS, Measured
from vitrify.analysis.structure.radial import SPECIES
from vitrify.learn.classifier import Classifier
from vitrify.learn.configurations import Configurations
from vitrify.learn.explanation.particles import particle_numbers

RAREST = 0.005
"""Fraction of its species below which a group of particles is left out."""


@dataclass(frozen=True, kw_only=True)
class Particles:
    """The particles of configurations: what each adds to the score, and what the field says of it.

    Attributes:
        contribution: (N,) of each configuration.
        species: (N,) of each.
        columns: of each, (N,) by name: those of :data:`vitrify.analysis.structure.descriptors.COLUMNS`.
        label: (C,) class of each configuration.
    """

    contribution: Sequence[np.ndarray]
    species: Sequence[np.ndarray]
    columns: Sequence[Mapping[str, np.ndarray]]
    label: np.ndarray

    @classmethod
    def of(cls, classifier: Classifier, configurations: Configurations, label: np.ndarray) -> Particles:
        """Those of configurations, with the contributions a network gives them."""
        numbers = particle_numbers(classifier, configurations)["contribution"]
        seen = [configurations.one(row) for row in range(len(configurations))]
        measured = [Measured(one) for one in seen]
        return cls(
            contribution=[row[np.isfinite(row)] for row in numbers],
            species=[one.species for one in seen],
            columns=[{name: around.column(name) for name in COLUMNS} for around in measured],
            label=label,
        )


def grouped(particles: Particles, classes: Sequence[str]) -> dict[str, list]:
    """A row for each species and value of a column of whole numbers.

    Returns:
        ``species``, ``column``, ``value``; ``share_NAME``, the fraction of the species in each class; ``contribution``,
        the mean over configurations of the group's mean less that of the species, with its standard ``error``; and
        ``carries``, the difference of the shares times the contribution and the fraction of the species: what the group
        adds to the difference between the mean logits of the classes by being more frequent in one.
    """
    rows = []
    for name, kind in SPECIES:
        for column in (name for name, one in COLUMNS.items() if one.whole):
            values = [
                np.where(species == kind, columns[column], np.nan)
                for species, columns in zip(particles.species, particles.columns, strict=True)
            ]
            everything = np.concatenate(values)
            for value in np.unique(everything[np.isfinite(everything)]):
                share, means = _of_group(particles, values, kind, value)
                by_class = [float(share[particles.label == number].mean()) for number in range(len(classes))]
                if max(by_class) < RAREST:
                    continue
                found = mean_and_error(means)
                number = np.mean([(species == kind).mean() for species in particles.species])
                rows.append(
                    {
                        "species": name,
                        "column": column,
                        "value": int(value),
                        **{f"share_{one}": by_class[place] for place, one in enumerate(classes)},
                        "contribution": float(found.mean),
                        "error": float(found.error),
                        "carries": float((by_class[-1] - by_class[0]) * found.mean * number),
                    }
                )
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _of_group(particles: Particles, values: Sequence[np.ndarray], kind: int, value: float):
    """Of each configuration the fraction of a species in a group, and its mean contribution less the species'."""
    share, means = [], []
    for contribution, species, own in zip(particles.contribution, particles.species, values, strict=True):
        group = own == value
        share.append(group.sum() / max((species == kind).sum(), 1))
        mean = contribution[group].mean() - contribution[species == kind].mean() if group.any() else np.nan
        means.append(mean)
    return np.array(share), np.array(means)


def followed(particles: Particles) -> dict[str, list]:
    """A row for each species and column: rank correlation with the contribution over the particles of a configuration.

    Mean over configurations with a 95 % interval by Student's t, strongest first.
    """
    rows = []
    for name, kind in SPECIES:
        for column in COLUMNS:
            found = []
            for contribution, species, columns in zip(
                particles.contribution, particles.species, particles.columns, strict=True
            ):
                known = (species == kind) & np.isfinite(columns[column])
                x, y = columns[column][known], contribution[known]
                if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0:
                    found.append(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
            if len(found) < 2:
                continue
            mean = mean_and_error(np.array(found))
            interval = students_interval(float(mean.mean), float(mean.error), len(found) - 1)
            rows.append(
                {"species": name, "column": column, "correlation": interval.value}
                | {"correlation_low": interval.low, "correlation_high": interval.high}
            )
    rows.sort(key=lambda row: -abs(row["correlation"]))
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
