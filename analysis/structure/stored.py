"""What the stored configurations of runs look like: a row of descriptors each, and mean g(r).

The energy of every configuration is summed again on the way, through freud's neighbours, and compared with the one
that the engine wrote into the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vitrify.analysis.statistics import mean_and_error
from vitrify.analysis.structure.descriptors import descriptors
from vitrify.analysis.structure.energies import particle_energies
from vitrify.analysis.structure.radial import PAIRS, RadialDistribution, radial_distribution
from vitrify.md.model import kob_andersen_pairs

if TYPE_CHECKING:
    from vitrify.md.store.frames import Configuration
    from vitrify.md.store.rundir import RunDirectory

INSTANT, INHERENT = "instant", "inherent"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Where one stored configuration stands: run, replica, frame, and whether it is the inherent structure."""

    run: RunDirectory
    replica: int
    frame: int
    inherent: bool

    @property
    def kind(self) -> str:
        """``instant`` or ``inherent``."""
        return INHERENT if self.inherent else INSTANT

    def load(self) -> Configuration:
        """Read it."""
        return self.run.configuration(self.replica, self.frame, inherent=self.inherent)


def stored_configurations(runs: Sequence[RunDirectory]) -> Iterator[Stored]:
    """Every stored configuration of the runs, instantaneous ones before inherent ones."""
    for run in runs:
        for inherent in (False, True):
            for frame in run.stored_frames(inherent=inherent):
                for replica in run.stored_replicas(frame, inherent=inherent):
                    yield Stored(run=run, replica=replica, frame=frame, inherent=inherent)


def structure_columns(
    stored: Sequence[Stored], progress: Callable[[float, float], None] | None = None
) -> dict[str, list]:
    """The columns of descriptors.csv: one row for each stored configuration of the bulk mixture.

    ``energy`` is recomputed apart from the engine, per particle, not shifted [eps_AA]; ``energy_minus_table`` is what
    the engine's own energy differs by: rounding, 1e-14, unless one of the two is wrong.

    Args:
        stored: the configurations.
        progress: told how many are done, and of how many.
    """
    rows = []
    tables, labels = {}, run_labels([place.run for place in stored])
    for done, place in enumerate(stored, start=1):
        configuration = place.load()
        table = tables.setdefault(place.run.path, place.run.table)
        energy = float(
            particle_energies(
                kob_andersen_pairs(),
                configuration.positions,
                configuration.species,
                configuration.box,
                configuration.periodic,
            ).mean()
        )
        rows.append(
            {
                "run": labels[place.run.identity],
                "replica": place.replica,
                "frame": place.frame,
                "kt_set": configuration.kt_set,
                "positions": place.kind,
                "energy": energy,
                "energy_minus_table": energy - _table_energy(table, place),
                **descriptors(configuration),
            }
        )
        if progress is not None:
            progress(done, len(stored))
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def mean_radial_distributions(stored: Sequence[Stored]) -> dict[tuple[str, float, str], tuple[np.ndarray, ...]]:
    """Partial g(r) averaged over replicas, for each run, temperature and kind of positions.

    Returns:
        by (label of the run, kT, ``instant`` or ``inherent``): radius (K,), mean g (3, K), standard error over replicas
        (3, K). NaN is one temperature: that of configurations whose temperature nobody knows.
    """
    labels = run_labels([place.run for place in stored])
    groups: dict[tuple[str, float, str], list[RadialDistribution]] = {}
    for place in stored:
        configuration = place.load()
        found = radial_distribution(configuration)
        groups.setdefault((labels[place.run.identity], known(configuration.kt_set), place.kind), []).append(found)
    means = {}
    for key, found in groups.items():
        estimate = mean_and_error(np.array([one.g for one in found]))
        means[key] = found[0].radius, estimate.mean, estimate.error
    return means


def radial_columns(means: Mapping[tuple[str, float, str], tuple[np.ndarray, ...]]) -> dict[str, list]:
    """The columns of g_of_r.csv: one row for each run, temperature, kind of positions and radius."""
    columns: dict[str, list] = {}
    for (run, kt, kind), (radius, g, error) in means.items():
        block: dict[str, Sequence] = {
            "run": [run] * len(radius),
            "kt_set": [kt] * len(radius),
            "positions": [kind] * len(radius),
            "radius": radius.tolist(),
        }
        for row, (pair, _, _) in enumerate(PAIRS):
            block |= {f"g_{pair}": g[row].tolist(), f"g_{pair}_error": error[row].tolist()}
        for name, values in block.items():
            columns.setdefault(name, []).extend(values)
    return columns


def run_labels(runs: Sequence[RunDirectory]) -> dict[str, str]:
    """What tables and legends call each run, by its identity: its name, with the folder it is in where two share it."""
    labels = {run.identity: run.name for run in runs}
    names = list(labels.values())
    paths = {run.identity: run.path.resolve() for run in runs}
    return {
        identity: name if names.count(name) == 1 else f"{paths[identity].parent.name}/{paths[identity].name}"
        for identity, name in labels.items()
    }


def known(kt: float) -> float:
    """A temperature that can be looked up: all that nobody knows are one and the same NaN."""
    return kt if math.isfinite(kt) else math.nan


def _table_energy(table: Mapping[str, np.ndarray], place: Stored) -> float:
    """The energy that the run's table has for a configuration; NaN where it has none."""
    row = (table["replica"] == place.replica) & (table["frame"] == place.frame)
    column = table["inherent_energy" if place.inherent else "potential_energy"]
    return float(column[row][0]) if row.any() else float("nan")
