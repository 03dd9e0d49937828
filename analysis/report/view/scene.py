"""What a page shows: which configurations of which runs, with the numbers of every particle, as plain JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vitrify.analysis.figures.pictures import (
    NO_VALUE,
    SPECIES_COLOURS,
    SPECIES_DIAMETERS,
    WHOLE_COLOURS,
    colour_map,
)
from vitrify.analysis.report.view.packing import Scale, column_scale, pack, pack_column, pack_positions
from vitrify.analysis.structure.descriptors import COLUMNS, Column
from vitrify.analysis.structure.measurement import in_parallel, opened
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.md.model import SPECIES_NAMES, SUBSTRATE, PairTable, kob_andersen_pairs
from vitrify.md.protocols.films.observables import deposition_spec
from vitrify.md.store.frames import Configuration
from vitrify.md.store.rundir import RunDirectory

REPLICAS, FRAMES = 4, 12
"""How many of each run are taken where nothing else is asked."""

MOST_BYTES = 300_000_000
"""Of a page: beyond that browsers give up."""

OUTLIERS = 0.5
"""Percent of the particles at either end of a column that the colour bar leaves beyond its ends."""

KINDS = ("instant", "inherent")

TABLE_FACTS = (
    ("kt", "kinetic kT [ε]"),
    ("pressure", "pressure [ε/σ²]"),
    ("potential_energy", "energy, not shifted [ε]"),
    ("inherent_energy", "inherent-structure energy [ε]"),
    ("max_force", "largest force left by the quench [ε/σ]"),
)
"""Columns of a run's table that are told of a configuration, and how."""


class Place(NamedTuple):
    """Where a configuration stands within its run; ``kind`` is ``instant`` or ``inherent``."""

    replica: int
    frame: int
    kind: str


def scene(
    runs: Sequence[RunDirectory],
    *,
    replicas: Sequence[int] | str | None = None,
    frames: Sequence[int] | str | None = None,
    columns: Mapping[str, Column] = COLUMNS,
    progress: Callable[[float, float], None] | None = None,
) -> dict:
    """Everything a page shows of runs.

    Args:
        runs: run directories that stored configurations.
        replicas: numbers of the replicas, or ``all``; None for the first REPLICAS of each run.
        frames: numbers of the frames, ``all`` or ``last``; None for FRAMES of each run, spread over what was stored.
        columns: what is known of each particle, by name.
        progress: told how many configurations are done, and of how many.

    Returns:
        plain JSON; tests/analysis/report/test_view.py reads it back.

    Raises:
        ValueError: without runs, when a run stored nothing that was asked for, or when it is too much for a page.
    """
    if not runs:
        raise ValueError("view: got no run, expected at least one run directory")
    chosen = [places(run, replicas, frames) for run in runs]
    _require_small_enough(runs, chosen, len(columns))
    total, done = sum(map(len, chosen)), 0
    loaded: list[dict[Place, tuple[Configuration, dict[str, np.ndarray]]]] = []
    for run, wanted in zip(runs, chosen, strict=True):
        measure = partial(_loaded, run.path, pair_table(run), columns)
        loaded.append({})
        for place, one in zip(wanted, in_parallel(measure, wanted), strict=True):
            loaded[-1][place] = one
            done += 1
            if progress is not None:
                progress(done, total)
    every = [values for run in loaded for _, values in run.values()]
    scales, described = {}, []
    for name, column in columns.items():
        known = np.concatenate([values[name] for values in every])
        known = known[np.isfinite(known)]
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        scales[name] = column_scale(low, high, column.whole)
        described.append(_describe(name, column, scales[name], known))
    species: dict[bytes, int] = {}
    return {
        "columns": described,
        "colours": {"map": colour_map(), "whole": WHOLE_COLOURS, "noValue": NO_VALUE},
        "species": [
            {"name": name, "colour": SPECIES_COLOURS[index], "diameter": SPECIES_DIAMETERS[index]}
            for index, name in enumerate(SPECIES_NAMES)
        ],
        "runs": [_packed_run(run, held, scales, species) for run, held in zip(runs, loaded, strict=True)],
        "speciesOf": [pack(np.frombuffer(one, dtype=np.uint8)) for one in species],
    }


def places(
    run: RunDirectory, replicas: Sequence[int] | str | None = None, frames: Sequence[int] | str | None = None
) -> list[Place]:
    """The configurations of a run that are asked for and stored, in the order replica, frame, kind.

    Raises:
        ValueError: when there is none, or when a replica or frame that was named is not there.
    """
    if replicas is None:
        chosen = run.replicas[:REPLICAS]
    else:
        chosen = run.replicas if replicas == "all" else _named(run, "replica", replicas, run.replicas)
    stored = {
        (frame, kind): set(run.stored_replicas(frame, inherent=kind == "inherent"))
        for kind in KINDS
        for frame in run.stored_frames(inherent=kind == "inherent")
    }
    known = sorted({frame for frame, _ in stored})
    if not known:
        raise ValueError(f"{run.path}: stored no configuration, expected a run made with --store all, last or K,K")
    if frames is None:
        kept = {known[index] for index in np.linspace(0, len(known) - 1, min(FRAMES, len(known))).round().astype(int)}
    elif frames == "last":
        kept = {known[-1]}
    else:
        kept = set(known if frames == "all" else _named(run, "frame", frames, known))
    return [
        Place(replica, frame, kind)
        for replica in chosen
        for frame in sorted(kept)
        for kind in KINDS
        if replica in stored.get((frame, kind), ())
    ]


def pair_table(run: RunDirectory) -> PairTable:
    """The pair table of a run: that of the mixture, or of films on their substrate."""
    return deposition_spec(run).pairs if run.spec["protocol"] in ("deposit", "cool-film") else kob_andersen_pairs()


def _named(run: RunDirectory, what: str, numbers: Sequence[int] | str, known: Sequence[int]) -> list[int]:
    if missing := [number for number in numbers if number not in known]:
        have = ", ".join(map(str, known[:20])) + (", ..." if len(known) > 20 else "")
        raise ValueError(f"{run.path}: stored no {what} {missing[0]}, expected some of {have}")
    return [int(number) for number in numbers]


def _require_small_enough(runs: Sequence[RunDirectory], chosen: Sequence[Sequence[Place]], columns: int) -> None:
    """Raise ValueError for more than a browser takes, before anything is computed."""
    size = 0
    for run, wanted in zip(runs, chosen, strict=True):
        last = wanted[-1]
        particles = len(run.configuration(last.replica, last.frame, inherent=last.kind == "inherent").species)
        size += len(wanted) * particles * (4 + 2 * columns) * 4 // 3
    if size > MOST_BYTES:
        raise ValueError(
            f"view: got {sum(map(len, chosen)):,} configurations, a page of {size / 1e6:,.0f} MB; expected at most "
            f"{MOST_BYTES / 1e6:.0f} MB: choose fewer with --replicas and --frames"
        )


def _loaded(
    path: Path, pairs: PairTable, columns: Mapping[str, Column], place: Place
) -> tuple[Configuration, dict[str, np.ndarray]]:
    """A configuration and its columns; in a process of its own, where there are many."""
    configuration = opened(path).configuration(place.replica, place.frame, inherent=place.kind == "inherent")
    known = {name: column for name, column in columns.items() if column.positions in ("", place.kind)}
    measured = _measured(configuration, pairs, known)
    unknown = np.full(len(configuration.species), np.nan, dtype=np.float32)
    return configuration, {name: measured.get(name, unknown) for name in columns}


def _measured(configuration: Configuration, pairs: PairTable, columns: Mapping[str, Column]) -> dict[str, np.ndarray]:
    """Every column (N,), NaN for a substrate, and for all of a substrate that is still bare."""
    if (configuration.species == SUBSTRATE).all():
        return {name: np.full(len(configuration.species), np.nan, dtype=np.float32) for name in columns}
    around = Surroundings(configuration, pairs=pairs)
    return {
        name: np.where(around.matter, column.measure(around), np.nan).astype(np.float32)
        for name, column in columns.items()
    }


def _describe(name: str, column: Column, scale: Scale, known: np.ndarray) -> dict:
    """A column for the page: its label, what its integers mean, and the ends of its colour bar."""
    label = column.label.replace("eps_AA", "ε").replace("sigma_AA", "σ").replace("^2", "²").replace("^-2", "⁻²")
    if column.whole or not len(known):
        ends = [float(known.min()), float(known.max())] if len(known) else [0.0, 1.0]
    else:
        ends = np.percentile(known, [OUTLIERS, 100 - OUTLIERS]).astype(float).tolist()
    return {
        "name": name,
        "label": label,
        "short": label.split(" [")[0],
        "whole": column.whole,
        "low": scale.low,
        "step": scale.step,
        "ends": ends,
    }


def _packed_run(
    run: RunDirectory,
    held: Mapping[Place, tuple[Configuration, dict[str, np.ndarray]]],
    scales: Mapping[str, Scale],
    species: dict[bytes, int],
) -> dict:
    spec = run.spec
    return {
        "name": run.name,
        "facts": [
            [name.replace("_", " "), ", ".join(map(str, value)) if isinstance(value, list) else str(value)]
            for name, value in spec.items()
            if isinstance(value, str | int | float | list)
        ],
        "replicas": sorted({place.replica for place in held}),
        "frames": sorted({place.frame for place in held}),
        "configurations": {
            f"{place.replica}/{place.frame}/{place.kind}": {
                **_packed_configuration(configuration, values, scales, species),
                "facts": _facts(run, place, configuration),
            }
            for place, (configuration, values) in held.items()
        },
    }


def _packed_configuration(
    configuration: Configuration,
    values: Mapping[str, np.ndarray],
    scales: Mapping[str, Scale],
    species: dict[bytes, int],
) -> dict:
    positions, low, step = pack_positions(configuration.positions, configuration.box, configuration.periodic)
    kinds = configuration.species.astype(np.uint8).tobytes()
    return {
        "particles": len(configuration.species),
        "box": configuration.box.tolist(),
        "periodic": list(configuration.periodic),
        "low": low,
        "step": step,
        "positions": positions,
        "species": species.setdefault(kinds, len(species)),
        "columns": {name: pack_column(column.astype(np.float64), scales[name]) for name, column in values.items()},
    }


def _facts(run: RunDirectory, place: Place, configuration: Configuration) -> list[list[str]]:
    """What is known of a configuration as a whole: its clock, its temperature, its row of the table."""
    facts = [["time step", f"{configuration.step:,}"]]
    if np.isfinite(configuration.kt_set):
        facts.append(["kT set [ε]", f"{configuration.kt_set:.4g}"])
    table = run.table
    row = np.flatnonzero((table["replica"] == place.replica) & (table["frame"] == place.frame))
    if len(row):
        known = ((label, float(table[name][row[0]])) for name, label in TABLE_FACTS if name in table)
        facts += [[label, f"{value:.6g}".replace("-", "\N{MINUS SIGN}")] for label, value in known if value == value]
    return facts
