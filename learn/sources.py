"""From run directories to a dataset: which frames, which class, which side of the split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitrify.learn.datasets import POSITIONS, Configurations, Dataset, stack
from vitrify.learn.splits import FRACTIONS, split_origins
from vitrify.md.store.frames import Configuration
from vitrify.md.store.product import sha256
from vitrify.md.store.rundir import RunDirectory

KT_TOLERANCE = 0.005
"""How far a stored frame may be from the temperature asked for, where a run has one temperature only [eps_AA]."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The frames of one run at one temperature.

    Attributes:
        path: the run directory.
        kt: the temperature; the stored frames nearest to it are taken [eps_AA].
    """

    path: Path
    kt: float

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read ``RUN@kT``.

        >>> Source.parse("runs/slow@0.05").kt
        0.05
        """
        path, at, kt = text.rpartition("@")
        try:
            source = cls(path=Path(path), kt=float(kt))
        except ValueError:
            source = None
        if source is None or not at or not path or not (np.isfinite(source.kt) and source.kt > 0):
            raise ValueError(
                f"source: got {text!r}, expected RUN@kT, a run directory and a temperature, as runs/slow@0.05"
            )
        return source


@dataclass(frozen=True, kw_only=True)
class _Frame:
    run: str
    origin: str
    replica: int
    frame: int
    inherent_energy: float
    configuration: Configuration


def build_dataset(
    classes: Mapping[str, Sequence[Source]],
    *,
    positions: str = "instant",
    seed: int,
    fractions: Sequence[float] = FRACTIONS,
    frames_per_replica: int | None = None,
) -> Dataset:
    """Gather stored configurations into a dataset and split it by replica.

    Args:
        classes: the sources of each class; the order of the classes gives their labels.
        positions: ``instant``, as the dynamics left them, or ``inherent``, at their local potential-energy minimum.
        seed: what the split derives from.
        fractions: of training, validation and test.
        frames_per_replica: take at most so many frames a replica, the last ones; an equilibrium run has many at one
            temperature, and its first ones may not have come to equilibrium yet.

    Returns:
        The dataset, in memory.

    Raises:
        ValueError: for a run that is not finished or has no configurations, a temperature that was not stored, a frame
            that is in two classes, or a class with too few replicas for the split.
    """
    if positions not in POSITIONS:
        raise ValueError(f"positions: got {positions!r}, expected one of {', '.join(POSITIONS)}")
    if frames_per_replica is not None and frames_per_replica < 1:
        raise ValueError(f"frames per replica: got {frames_per_replica}, expected at least 1")
    frames: list[_Frame] = []
    label: list[int] = []
    described = []
    for number, (name, sources) in enumerate(classes.items()):
        for source in sources:
            run = RunDirectory.open(source.path)
            if not run.finished:
                raise ValueError(f"{run.path}: is not finished; expected a finished run (go on with --resume)")
            stored = _frames_at(run, source.kt, inherent=positions == "inherent")
            taken = _last_frames(_converged(run, stored) if positions == "inherent" else stored, frames_per_replica)
            frames += [_read(run, *key, inherent=positions == "inherent") for key in taken]
            label += [number] * len(taken)
            described.append(_describe(run, name, source.kt, taken=len(taken), stored=len(stored)))
    _require_distinct(frames, label, tuple(classes))
    classes_of: dict[str, frozenset[str]] = {}
    for entry, number in zip(frames, label, strict=True):
        classes_of[entry.origin] = classes_of.get(entry.origin, frozenset()) | {list(classes)[number]}
    part_of = split_origins(classes_of, seed, fractions)
    stored = [entry.configuration for entry in frames]
    all_positions, all_species = stack([c.positions for c in stored], [c.species for c in stored])
    return Dataset(
        configurations=Configurations(
            positions=all_positions,
            species=all_species,
            box=np.array([c.box for c in stored], dtype=np.float64),
            periodic=np.array([c.periodic for c in stored], dtype=bool),
            inherent_energy=np.array([entry.inherent_energy for entry in frames]),
        ),
        classes=tuple(classes),
        label=np.array(label),
        part=np.array([part_of[entry.origin] for entry in frames]),
        origin=np.array([entry.origin for entry in frames]),
        run=np.array([entry.run for entry in frames]),
        replica=np.array([entry.replica for entry in frames]),
        frame=np.array([entry.frame for entry in frames]),
        step=np.array([c.step for c in stored]),
        kt_set=np.array([c.kt_set for c in stored]),
        positions_taken=positions,
        seed=seed,
        fractions=tuple(fractions),
        sources=tuple(described),
    )


def _frames_at(run: RunDirectory, kt: float, *, inherent: bool) -> list[tuple[int, int, int]]:
    """(replica, frame, row of the table) of the frames stored at the temperature nearest to ``kt``."""
    table = run.table
    row_of = {key: row for row, key in enumerate(zip(table["replica"].tolist(), table["frame"].tolist(), strict=True))}
    stored = [
        (replica, frame, row_of[replica, frame])
        for frame in run.stored_frames(inherent=inherent)
        for replica in run.stored_replicas(frame, inherent=inherent)
    ]
    if not stored:
        kind = "inherent structures" if inherent else "configurations"
        raise ValueError(f"{run.path}: has no stored {kind}; expected a run made with --store")
    kts = table["kt_set"][[row for _, _, row in stored]]
    nearest = kts[np.abs(kts - kt).argmin()]
    spacing = np.diff(np.unique(table["kt_set"])).max(initial=KT_TOLERANCE)
    if not abs(nearest - kt) <= spacing:
        known = ", ".join(f"{value:.4g}" for value in np.unique(kts)[:12])
        raise ValueError(f"{run.path}: no configuration stored at kT {kt:g}; stored at kT {known}")
    return [key for key, value in zip(stored, kts, strict=True) if abs(value - nearest) < 1e-9]


def _converged(run: RunDirectory, frames: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    converged = [key for key in frames if run.table["converged"][key[2]]]
    if not converged:
        raise ValueError(f"{run.path}: none of its {len(frames)} quenches converged; expected inherent structures")
    return converged


def _last_frames(frames: Sequence[tuple[int, int, int]], count: int | None) -> list[tuple[int, int, int]]:
    of_replica: dict[int, list[tuple[int, int, int]]] = {}
    for key in frames:
        of_replica.setdefault(key[0], []).append(key)
    return [key for keys in of_replica.values() for key in keys[-count if count else 0 :]]


def _read(run: RunDirectory, replica: int, frame: int, row: int, *, inherent: bool) -> _Frame:
    return _Frame(
        run=run.name,
        origin=f"{_seed_of_start(run)}:{replica}",
        replica=replica,
        frame=frame,
        inherent_energy=float(run.table["inherent_energy"][row]),
        configuration=run.configuration(replica, frame, inherent=inherent),
    )


def _seed_of_start(run: RunDirectory) -> int:
    """The seed a replica's first positions derive from; for a film melted and cooled, that of its deposition."""
    return run.spec.get("deposition", run.spec)["seed"]


def _describe(run: RunDirectory, name: str, kt: float, *, taken: int, stored: int) -> dict:
    return {
        "class": name,
        "run": str(run.path),
        "kt": kt,
        "configurations": taken,
        "stored": stored,
        "protocol": run.spec["protocol"],
        "seed": run.spec["seed"],
        "spec_sha256": sha256(run.path / "spec.toml"),
    }


def _require_distinct(frames: Sequence[_Frame], label: Sequence[int], classes: Sequence[str]) -> None:
    seen: dict[tuple[str, int, int], int] = {}
    for entry, number in zip(frames, label, strict=True):
        key = entry.run, entry.replica, entry.frame
        if key in seen:
            raise ValueError(
                f"{entry.run}: frame {entry.frame} of replica {entry.replica} was given twice, as {classes[seen[key]]} "
                f"and as {classes[number]}; expected every configuration once"
            )
        seen[key] = number
