"""Datasets: configurations with a class each, and the part of the split each belongs to.

A dataset directory holds

- ``block-<16 digits>.positions.npy`` (B, N, 2) float64 and ``.species.npy`` (B, N) int8 of each run and temperature,
  mapped rather than read when opened. Their names are the beginnings of their own check sums: a dataset made beside
  others that hold the same block links to it, so that six sets that share a glass hold it once, each whole by itself;
- ``configurations.csv``, a row a configuration: class and label, part, where it comes from, kT, energy, block and row;
- ``splits.json``, how the split was made and how many configurations and replicas of each class each part has;
- ``dataset.toml``, the classes with their labels, which positions were taken, and the runs they come from;
- ``DONE``, check sums of all of these.

Labels are given by the order of ``classes`` in ``dataset.toml``, never by the name or the order of a file.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from vitrify.analysis.report.tables import write_table
from vitrify.learn.blocks import read_blocks, write_blocks
from vitrify.learn.configurations import Configurations as Configurations
from vitrify.learn.configurations import stack as stack
from vitrify.learn.splits import FRACTIONS, PARTS
from vitrify.md.store.product import check_sums, whole_directory
from vitrify.md.store.provenance import provenance, to_toml

POSITIONS = ("instant", "inherent")
COLUMNS = ("label", "part", "origin", "run", "replica", "frame", "step", "kt_set")
EXACT = 17
"""Digits that give a number back to the last bit: a box is part of what a network sees."""
HEAD, TABLE, SPLITS = "dataset.toml", "configurations.csv", "splits.json"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Configurations, their classes, and the split.

    Attributes:
        configurations: what a network may look at.
        classes: names of the classes; the label of a class is its place here.
        label: (C,) int64.
        part: (C,) str, one of ``train``, ``validation``, ``test``.
        origin: (C,) str, ``seed:replica``; configurations of one origin are not independent.
        run: (C,) str, the run each comes from.
        replica: (C,) int64.
        frame: (C,) int64.
        step: (C,) int64.
        kt_set: (C,) set temperature [eps_AA].
        positions_taken: ``instant`` or ``inherent``.
        seed: what the split derives from.
        fractions: of training, validation and test.
        sources: one table a run and temperature, with the run's identity, its density and composition.
        window: edge of the square windows that were cut out [sigma_AA]; None for whole configurations.
        matching: how the classes were paired by energy; None where they were not.
        null: whether the classes are one class split in two, so that nothing tells them apart.
        notes: what must be known of it, a line each.
        name: of the directory.
        digest: SHA-256 over configurations, labels and split; empty for a dataset that has not been saved.
    """

    configurations: Configurations
    classes: tuple[str, ...]
    label: np.ndarray
    part: np.ndarray
    origin: np.ndarray
    run: np.ndarray
    replica: np.ndarray
    frame: np.ndarray
    step: np.ndarray
    kt_set: np.ndarray
    positions_taken: str
    seed: int
    fractions: tuple[float, ...] = FRACTIONS
    sources: tuple[Mapping, ...] = ()
    window: float | None = None
    matching: Mapping | None = None
    null: bool = False
    notes: tuple[str, ...] = ()
    name: str = "dataset"
    digest: str = ""

    def __post_init__(self):
        if self.positions_taken not in POSITIONS:
            raise ValueError(f"positions: got {self.positions_taken!r}, expected one of {', '.join(POSITIONS)}")
        for name in COLUMNS:
            if getattr(self, name).shape != (len(self.configurations),):
                raise ValueError(f"{name}: got shape {getattr(self, name).shape}, expected one entry a configuration")

    @property
    def facts(self) -> dict[str, str | float]:
        """What a model keeps of the dataset it was trained on."""
        density, fraction_a = self.configurations.mixture(self.rows("train"))
        return {
            "name": self.name,
            "digest": self.digest,
            "positions": self.positions_taken,
            "density": round(density, 6),
            "fraction_a": round(fraction_a, 6),
        }

    def rows(self, part: str) -> np.ndarray:
        """Which configurations belong to a part (or to any, for ``all``)."""
        if part not in (*PARTS, "all"):
            raise ValueError(f"part: got {part!r}, expected one of {', '.join(PARTS)}, all")
        return np.flatnonzero((self.part == part) | (part == "all"))

    def select(self, rows: np.ndarray) -> Dataset:
        """The same with the configurations at ``rows`` only, not read."""
        columns = {name: getattr(self, name)[rows] for name in COLUMNS}
        return replace(self, configurations=self.configurations.view(rows), **columns)

    def balance(self) -> dict[str, dict[str, dict[str, int]]]:
        """Configurations and independent replicas of every class in every part."""
        counts: dict[str, dict[str, dict[str, int]]] = {}
        for part in PARTS:
            counts[part] = {}
            for label, name in enumerate(self.classes):
                rows = (self.part == part) & (self.label == label)
                counts[part][name] = {"configurations": int(rows.sum()), "replicas": len(set(self.origin[rows]))}
        return counts


def save_dataset(dataset: Dataset, path: Path, *, force: bool = False) -> Dataset:
    """Write a dataset directory, whole or not at all.

    Returns:
        The dataset with its name and digest.

    Raises:
        FileExistsError: when there is something at ``path`` and no ``force``.
    """
    path = Path(path)
    with whole_directory(path, HEAD, force=force) as directory:
        columns = write_blocks(dataset.configurations, directory, beside=path.parent)
        write_table(directory / TABLE, _columns(dataset, columns), digits=EXACT)
        split = {
            "unit": "origin = seed:replica, never a frame",
            "seed": dataset.seed,
            "fractions": dict(zip(PARTS, dataset.fractions, strict=True)),
            "balance": dataset.balance(),
            "origins": {part: sorted(set(dataset.origin[dataset.rows(part)].tolist())) for part in PARTS},
        }
        (directory / SPLITS).write_text(json.dumps(split, indent=1) + "\n")
        head: dict[str, object] = {
            "positions": dataset.positions_taken,
            "classes": list(dataset.classes),
            "energies": "per particle, truncated and not shifted [eps_AA]",
            "labels": {name: label for label, name in enumerate(dataset.classes)},
            "window": dataset.window,
            "matching": dataset.matching,
            "null": dataset.null,
            "notes": list(dataset.notes),
        }
        made = provenance(packages=("numpy",))
        head |= {"provenance": {key: made[key] for key in ("version", "git_commit", "started", "python")}}
        head["source"] = {str(number): source for number, source in enumerate(dataset.sources)}
        (directory / HEAD).write_text(to_toml(head))
    return open_dataset(path)


def open_dataset(path: Path) -> Dataset:
    """Open a dataset directory; positions and species are mapped, not read.

    Raises:
        FileNotFoundError: when there is no such directory.
        ValueError: when it is unfinished or damaged.
    """
    path = Path(path)
    sums = check_sums(path, "dataset")
    missing = [name for name in (HEAD, TABLE, SPLITS) if name not in sums]
    if missing:
        raise ValueError(f"{path}: not a dataset directory (it has no {', '.join(missing)})")
    head = tomllib.loads((path / HEAD).read_text())
    split = json.loads((path / SPLITS).read_text())
    with open(path / TABLE, newline="") as file:
        rows = list(csv.DictReader(file))

    def column(name: str, kind: type) -> np.ndarray:
        return np.array([kind(row[name] or np.nan) for row in rows])

    def axes(name: str, kind: type) -> np.ndarray:
        return np.stack([column(f"{name}_x", kind), column(f"{name}_y", kind)], axis=1)

    label = column("label", int)
    classes = tuple(head["classes"])
    if any(row["class"] != classes[number] for row, number in zip(rows, label, strict=True)):
        raise ValueError(f"{path}: damaged dataset directory (classes and labels of configurations.csv disagree)")
    positions, species = read_blocks(path, [row["block"] for row in rows], column("row", int))
    return Dataset(
        configurations=Configurations(
            positions=positions,
            species=species,
            box=axes("box", float),
            periodic=axes("periodic", int).astype(bool),
            inherent_energy=column("inherent_energy", float),
        ),
        classes=classes,
        label=label,
        part=column("part", str),
        origin=column("origin", str),
        run=column("run", str),
        replica=column("replica", int),
        frame=column("frame", int),
        step=column("step", int),
        kt_set=column("kt_set", float),
        positions_taken=head["positions"],
        seed=split["seed"],
        fractions=tuple(split["fractions"][part] for part in PARTS),
        sources=tuple(head.get("source", {}).values()),
        window=head.get("window"),
        matching=head.get("matching"),
        null=head["null"],
        notes=tuple(head["notes"]),
        name=path.resolve().name,
        digest=sha256("".join(sums[name] for name in (TABLE, SPLITS)).encode()).hexdigest(),
    )


def _columns(dataset: Dataset, blocks: Mapping[str, list]) -> dict[str, Sequence]:
    seen = dataset.configurations
    return {
        "configuration": range(len(seen)),
        "class": [dataset.classes[label] for label in dataset.label],
        "label": dataset.label.tolist(),
        "part": dataset.part.tolist(),
        "origin": dataset.origin.tolist(),
        "run": dataset.run.tolist(),
        "replica": dataset.replica.tolist(),
        "frame": dataset.frame.tolist(),
        "step": dataset.step.tolist(),
        "kt_set": dataset.kt_set.tolist(),
        "inherent_energy": seen.inherent_energy.tolist(),
        "box_x": seen.box[:, 0].tolist(),
        "box_y": seen.box[:, 1].tolist(),
        "periodic_x": seen.periodic[:, 0].astype(int).tolist(),
        "periodic_y": seen.periodic[:, 1].astype(int).tolist(),
        **blocks,
    }
