"""Datasets: configurations with a class each, and the part of the split each belongs to.

A dataset directory holds

- ``positions.npy`` (C, N, 2) float64 and ``species.npy`` (C, N) int8, which are mapped rather than read when opened;
- ``configurations.csv``, a row a configuration: class and label, part, where it comes from, kT and energy;
- ``splits.json``, how the split was made and how many configurations and replicas of each class each part has;
- ``dataset.toml``, the classes with their labels, which positions were taken, and the runs they come from;
- ``DONE``, check sums of all of these.

Labels are given by the order of ``classes`` in ``dataset.toml``, never by the name or the order of a file.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from vitrify.learn.splits import FRACTIONS, PARTS
from vitrify.md.model import EMPTY
from vitrify.md.store.product import check_sums, whole_directory
from vitrify.md.store.provenance import provenance, to_toml

POSITIONS = ("instant", "inherent")
DATA_FILES = ("positions.npy", "species.npy", "configurations.csv")


@dataclass(frozen=True, kw_only=True)
class Configurations:
    """C configurations side by side: what a network may look at, without its label.

    Attributes:
        positions: (C, N, 2) float64 [sigma_AA], in the convention of :class:`vitrify.md.ensemble.Ensemble`.
        species: (C, N) int8, EMPTY (-1) for an empty slot.
        box: (C, 2) edge lengths [sigma_AA].
        periodic: (C, 2) bool.
        inherent_energy: (C,) E_IS per particle, truncated and not shifted [eps_AA]; NaN where not computed.
    """

    positions: np.ndarray
    species: np.ndarray
    box: np.ndarray
    periodic: np.ndarray
    inherent_energy: np.ndarray

    def __post_init__(self):
        count, slots = self.species.shape
        shapes = {
            "positions": (count, slots, 2),
            "box": (count, 2),
            "periodic": (count, 2),
            "inherent_energy": (count,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: got shape {getattr(self, name).shape}, expected {shape}")

    def __len__(self) -> int:
        return len(self.species)

    def select(self, rows: np.ndarray) -> Configurations:
        """The configurations at ``rows`` (indices or a mask), in that order."""
        return Configurations(**{name: np.asarray(getattr(self, name)[rows]) for name in self.__dataclass_fields__})


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
        sources: one table a run and class, with the hash of the run's spec.
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
    name: str = "dataset"
    digest: str = ""

    def __post_init__(self):
        if self.positions_taken not in POSITIONS:
            raise ValueError(f"positions: got {self.positions_taken!r}, expected one of {', '.join(POSITIONS)}")
        for name in ("label", "part", "origin", "run", "replica", "frame", "step", "kt_set"):
            if getattr(self, name).shape != (len(self.configurations),):
                raise ValueError(f"{name}: got shape {getattr(self, name).shape}, expected one entry a configuration")

    def rows(self, part: str) -> np.ndarray:
        """Which configurations belong to a part (or to any, for ``all``)."""
        if part not in (*PARTS, "all"):
            raise ValueError(f"part: got {part!r}, expected one of {', '.join(PARTS)}, all")
        return np.flatnonzero((self.part == part) | (part == "all"))

    def balance(self) -> dict[str, dict[str, dict[str, int]]]:
        """Configurations and independent replicas of every class in every part."""
        counts: dict[str, dict[str, dict[str, int]]] = {}
        for part in PARTS:
            counts[part] = {}
            for label, name in enumerate(self.classes):
                rows = (self.part == part) & (self.label == label)
                counts[part][name] = {"configurations": int(rows.sum()), "replicas": len(set(self.origin[rows]))}
        return counts


def stack(positions: Sequence[np.ndarray], species: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Configurations of different size in one array each: (C, N, 2) positions and (C, N) species, EMPTY at the end."""
    slots = max(map(len, species))
    all_positions = np.zeros((len(positions), slots, 2))
    all_species = np.full((len(species), slots), EMPTY, dtype=np.int8)
    for row, (r, s) in enumerate(zip(positions, species, strict=True)):
        all_positions[row, : len(s)] = r
        all_species[row, : len(s)] = s
    return all_positions, all_species


def save_dataset(dataset: Dataset, path: Path, *, force: bool = False) -> Dataset:
    """Write a dataset directory, whole or not at all.

    Returns:
        The dataset with its name and digest.

    Raises:
        FileExistsError: when there is something at ``path`` and no ``force``.
    """
    with whole_directory(path, "dataset.toml", force=force) as directory:
        np.save(directory / "positions.npy", dataset.configurations.positions)
        np.save(directory / "species.npy", dataset.configurations.species)
        (directory / "configurations.csv").write_text(_table(dataset))
        split = {
            "unit": "origin = seed:replica, never a frame",
            "seed": dataset.seed,
            "fractions": dict(zip(PARTS, dataset.fractions, strict=True)),
            "balance": dataset.balance(),
            "origins": {part: sorted(set(dataset.origin[dataset.rows(part)].tolist())) for part in PARTS},
        }
        (directory / "splits.json").write_text(json.dumps(split, indent=1) + "\n")
        head: dict[str, object] = {
            "positions": dataset.positions_taken,
            "classes": list(dataset.classes),
            "energies": "per particle, truncated and not shifted [eps_AA]",
            "labels": {name: label for label, name in enumerate(dataset.classes)},
        }
        made = provenance(packages=("numpy",))
        head |= {"provenance": {key: made[key] for key in ("version", "git_commit", "started", "python")}}
        head["source"] = {str(number): source for number, source in enumerate(dataset.sources)}
        (directory / "dataset.toml").write_text(to_toml(head))
    return open_dataset(path)


def open_dataset(path: Path) -> Dataset:
    """Open a dataset directory; positions and species are mapped, not read.

    Raises:
        FileNotFoundError: when there is no such directory.
        ValueError: when it is unfinished or damaged.
    """
    path = Path(path)
    sums = check_sums(path, "dataset")
    missing = [name for name in (*DATA_FILES, "dataset.toml", "splits.json") if name not in sums]
    if missing:
        raise ValueError(f"{path}: not a dataset directory (it has no {', '.join(missing)})")
    head = tomllib.loads((path / "dataset.toml").read_text())
    split = json.loads((path / "splits.json").read_text())
    with open(path / "configurations.csv", newline="") as file:
        rows = list(csv.DictReader(file))

    def column(name: str, kind: type) -> np.ndarray:
        return np.array([kind(row[name]) for row in rows])

    def axes(name: str, kind: type) -> np.ndarray:
        return np.stack([column(f"{name}_x", kind), column(f"{name}_y", kind)], axis=1)

    label = column("label", int)
    classes = tuple(head["classes"])
    if any(row["class"] != classes[number] for row, number in zip(rows, label, strict=True)):
        raise ValueError(f"{path}: damaged dataset directory (classes and labels of configurations.csv disagree)")
    return Dataset(
        configurations=Configurations(
            positions=np.load(path / "positions.npy", mmap_mode="r"),
            species=np.load(path / "species.npy", mmap_mode="r"),
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
        name=path.resolve().name,
        digest=sha256("".join(sums[name] for name in DATA_FILES).encode()).hexdigest(),
    )


def _table(dataset: Dataset) -> str:
    seen = dataset.configurations
    columns = {
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
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()
