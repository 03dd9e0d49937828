"""Tables of what was measured: a row of descriptors for each configuration, and mean curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vitrify.analysis.statistics import Estimate, mean_and_error
from vitrify.analysis.structure.descriptors import CURVES
from vitrify.analysis.structure.measurement import Measurements
from vitrify.analysis.structure.stored import Stored, known, run_labels


class Group(NamedTuple):
    """Configurations that are averaged over: those of one run, frame and kind of positions.

    Attributes:
        run: label of the run.
        kt_set: temperature of the frame [eps_AA]; NaN where nobody knows it.
        frame: its number.
        positions: ``instant`` or ``inherent``.
    """

    run: str
    kt_set: float
    frame: int
    positions: str


def structure_columns(found: Measurements) -> dict[str, list]:
    """The columns of descriptors.csv: one row for each stored configuration of the bulk mixture.

    ``energy`` is recomputed apart from the engine, per particle, not shifted [eps_AA]; ``energy_minus_table`` is what
    the engine's own energy differs by: rounding, 1e-14, unless one of the two is wrong.
    """
    tables = {place.run.path: place.run.table for place in found.stored}
    labels = run_labels([place.run for place in found.stored])
    expected = np.array([_table_energy(tables[place.run.path], place) for place in found.stored])
    return {
        "run": [labels[place.run.identity] for place in found.stored],
        "replica": [place.replica for place in found.stored],
        "frame": [place.frame for place in found.stored],
        "kt_set": found.kt_set.tolist(),
        "positions": [place.kind for place in found.stored],
        "energy": found.energy.tolist(),
        "energy_minus_table": (found.energy - expected).tolist(),
        **{name: values.tolist() for name, values in found.numbers.items()},
    }


def mean_curves(found: Measurements, name: str) -> dict[Group, tuple[np.ndarray, Estimate]]:
    """A family of curves averaged over replicas: abscissa (K,), and mean and standard error (L, K) of each group."""
    rows: dict[Group, list[int]] = {}
    labels = run_labels([place.run for place in found.stored])
    for row, place in enumerate(found.stored):
        group = Group(labels[place.run.identity], known(float(found.kt_set[row])), place.frame, place.kind)
        rows.setdefault(group, []).append(row)
    abscissa, lines = found.curves[name]
    return {group: (abscissa, mean_and_error(lines[own])) for group, own in rows.items()}


def curve_columns(means: Mapping[Group, tuple[np.ndarray, Estimate]], name: str) -> dict[str, list]:
    """The columns of a family's table: one row for each run, frame, kind of positions and point of the abscissa."""
    kind = CURVES[name]
    columns: dict[str, list] = {}
    for group, (abscissa, estimate) in means.items():
        count = len(abscissa)
        block: dict[str, Sequence] = {
            "run": [group.run] * count,
            "kt_set": [group.kt_set] * count,
            "frame": [group.frame] * count,
            "positions": [group.positions] * count,
            kind.abscissa: abscissa.tolist(),
        }
        for line, label in enumerate(kind.lines):
            block |= {label: estimate.mean[line].tolist(), f"{label}_error": estimate.error[line].tolist()}
        for column, values in block.items():
            columns.setdefault(column, []).extend(values)
    return columns


def _table_energy(table: Mapping[str, np.ndarray], place: Stored) -> float:
    """The energy that the run's table has for a configuration; NaN where it has none."""
    row = (table["replica"] == place.replica) & (table["frame"] == place.frame)
    column = table["inherent_energy" if place.inherent else "potential_energy"]
    return float(column[row][0]) if row.any() else float("nan")
