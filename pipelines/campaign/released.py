"""``vitrify.load``: a release, or any product of vitrify, as NumPy arrays.

A release directory holds ``manifest.json``, ``README.md`` (its data sheet), ``campaign.toml``, ``report.html`` where
the campaign told one, ``data/<task>`` with the products of its tasks, and ``DONE``, check sums of all files. Every file
is checked against its sum when it is first read; :meth:`Release.check` checks all.
"""

from __future__ import annotations

import csv
import errno
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrify.md.store.frames import Configuration
from vitrify.md.store.product import DONE, check_sum, check_sums, read_done
from vitrify.md.store.rundir import RunDirectory

if TYPE_CHECKING:
    from vitrify.learn.checkpoint import Model

MANIFEST, DATA = "manifest.json", "data"

FORMAT = "vitrify release 1"


def load(path: str | Path) -> Release | Ensemble | LabelledSet | Tables:
    """What a directory holds, as NumPy arrays.

    Args:
        path: a release, or a product of vitrify: a run, a data set, or tables of results.

    Raises:
        FileNotFoundError: when there is no such directory.
        ValueError: when it is unfinished, damaged or was edited, or is nothing that vitrify makes.
    """
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such directory", str(path))
    if (path / MANIFEST).is_file():
        return Release(path)
    if (path / "spec.toml").is_file():
        return Ensemble([path])
    if (path / "dataset.toml").is_file():
        return LabelledSet.read(path)
    if (path / DONE).is_file() and any(path.glob("*.csv")):
        return Tables(path)
    raise ValueError(f"{path}: holds nothing to load, expected a release, a run, a data set or tables of results")


class Release(Mapping[str, Any]):
    """A release: its stages by name, each read when it is asked for.

    ``release["ramp"]`` is an :class:`Ensemble`, a data set a :class:`LabelledSet`, a model a
    :class:`~vitrify.learn.checkpoint.Model`, everything else :class:`Tables`.

    Attributes:
        path: the directory.
        manifest: what it holds and what made it, as in ``manifest.json``.
    """

    def __init__(self, path: Path):
        sums = read_done(path)
        if MANIFEST not in sums:
            raise ValueError(f"{path}: no release ({MANIFEST} is not named in {DONE})")
        check_sum(path / MANIFEST, sums[MANIFEST])
        self.path, self.manifest = path, json.loads((path / MANIFEST).read_text())
        if self.manifest.get("format") != FORMAT:
            raise ValueError(f"{path}: got format {self.manifest.get('format')!r}, expected {FORMAT!r}")

    def __getitem__(self, stage: str) -> Ensemble | LabelledSet | Tables | Model:
        if stage not in self.manifest["stages"]:
            raise KeyError(f"{self.path} has no {stage}, expected one of {', '.join(self)}")
        facts = self.manifest["stages"][stage]
        products = [self.path / product for product in facts["products"]]
        match facts["kind"]:
            case "runs":
                return Ensemble(products)
            case "dataset":
                return LabelledSet.read(products[0])
            case "model":
                from vitrify.learn.checkpoint import open_model

                return open_model(products[0])
            case _:
                return Tables(products[0])

    def __iter__(self) -> Iterator[str]:
        return iter(self.manifest["stages"])

    def __len__(self) -> int:
        return len(self.manifest["stages"])

    def __repr__(self) -> str:
        return f"Release({str(self.path)!r}: {', '.join(self)})"

    def check(self) -> int:
        """Check every file against its sum; how many there are.

        Raises:
            ValueError: when one is missing, damaged or was edited.
        """
        return len(check_sums(self.path, "release"))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Frame:
    """One stored frame of R replicas.

    Attributes:
        positions: (R, N, 2) float64 [sigma_AA], in [-box/2, box/2) along a periodic axis, [0, box) along an open one.
        species: (R, N) int8: 0 A, 1 B, 2 substrate, -1 no particle.
        box: (R, 2) edges [sigma_AA].
        periodic: (R, 2) bool.
        replica: (R,) numbers of the replicas.
        kt_set: (R,) set temperature [eps_AA].
    """

    positions: np.ndarray
    species: np.ndarray
    box: np.ndarray
    periodic: np.ndarray
    replica: np.ndarray
    kt_set: np.ndarray

    def __repr__(self) -> str:
        return f"Frame({len(self.replica)} replicas of {self.species.shape[1]} particles)"


class Ensemble:
    """Runs of one ensemble: all batches of it, read as one.

    Attributes:
        runs: the run directories, a batch each.
    """

    def __init__(self, paths: list[Path]):
        self.runs = [RunDirectory.open(path) for path in paths]

    def __repr__(self) -> str:
        return f"Ensemble({len(self.runs)} batches, {len(np.unique(self.table['replica']))} replicas)"

    @property
    def spec(self) -> dict[str, Any]:
        """What was asked for, of the first batch: the others differ in the replicas they hold."""
        return self.runs[0].spec

    @cached_property
    def table(self) -> dict[str, np.ndarray]:
        """A row per replica and frame by column: kt_set, potential_energy, inherent_energy, pressure, ...

        Energies are per particle, truncated and not shifted [eps_AA].
        """
        tables = [run.table for run in self.runs]
        joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
        order = np.lexsort((joined["frame"], joined["replica"]))
        return {name: column[order] for name, column in joined.items()}

    def frames(self, *, inherent: bool = False) -> list[int]:
        """Numbers of the frames whose configurations are stored."""
        return self.runs[0].stored_frames(inherent=inherent)

    def frame(self, number: int, *, inherent: bool = False) -> Frame:
        """The configurations of all replicas at a stored frame, as dynamics left them or at their inherent structures.

        Raises:
            ValueError: when it is not stored, or a file is damaged.
        """
        from vitrify.learn.configurations import stack

        if number not in self.frames(inherent=inherent):
            raise ValueError(f"frame: got {number}, expected one of {self.frames(inherent=inherent)}, which are stored")
        found: list[tuple[int, Configuration]] = [
            one for run in self.runs for one in run.configurations(number, inherent=inherent)
        ]
        found.sort(key=lambda one: one[0])
        stored = [configuration for _, configuration in found]
        positions, species = stack([one.positions for one in stored], [one.species for one in stored])
        return Frame(
            positions=positions,
            species=species,
            box=np.array([one.box for one in stored]),
            periodic=np.array([one.periodic for one in stored]),
            replica=np.array([replica for replica, _ in found]),
            kt_set=np.array([one.kt_set for one in stored]),
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LabelledSet:
    """Configurations of named classes, and the part of the split each belongs to.

    Attributes:
        positions: (C, N, 2) float64 [sigma_AA].
        species: (C, N) int8: 0 A, 1 B, -1 no particle.
        box: (C, 2) edges [sigma_AA].
        periodic: (C, 2) bool.
        inherent_energy: (C,) E_IS per particle, truncated and not shifted [eps_AA].
        kt_set: (C,) set temperature [eps_AA].
        label: (C,) int64, places in ``classes``.
        split: (C,) str: "train", "validation", "test".
        origin: (C,) str, "seed:replica"; configurations of one origin are not independent, and in one part all.
        classes: names of the classes.
    """

    positions: np.ndarray
    species: np.ndarray
    box: np.ndarray
    periodic: np.ndarray
    inherent_energy: np.ndarray
    kt_set: np.ndarray
    label: np.ndarray
    split: np.ndarray
    origin: np.ndarray
    classes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"LabelledSet({len(self.label)} configurations, classes {', '.join(self.classes)})"

    @classmethod
    def read(cls, path: Path) -> LabelledSet:
        """Read a data set into memory; :func:`vitrify.learn.datasets.open_dataset` leaves positions on the disk."""
        from vitrify.learn.datasets import open_dataset

        held = open_dataset(path)
        seen = held.configurations
        return cls(
            positions=np.asarray(seen.positions[:]),
            species=np.asarray(seen.species[:]),
            box=seen.box,
            periodic=seen.periodic,
            inherent_energy=seen.inherent_energy,
            kt_set=held.kt_set,
            label=held.label,
            split=held.part,
            origin=held.origin,
            classes=held.classes,
        )

    def part(self, name: str) -> LabelledSet:
        """Those of one part of the split: "train", "validation" or "test"."""
        if name not in self.split:
            raise ValueError(f"part: got {name!r}, expected one of {', '.join(sorted(set(self.split.tolist())))}")
        rows = self.split == name
        columns = {one.name: getattr(self, one.name)[rows] for one in fields(self) if one.name != "classes"}
        return replace(self, **columns)


class Tables(Mapping[str, dict[str, np.ndarray]]):
    """Tables of results by name, each as columns: numbers where all its entries are, else text.

    Attributes:
        path: the directory.
    """

    def __init__(self, path: Path):
        self.path, self._sums = path, read_done(path)
        self._names = [name.removesuffix(".csv") for name in sorted(self._sums) if name.endswith(".csv")]

    def __getitem__(self, name: str) -> dict[str, np.ndarray]:
        if name not in self._names:
            raise KeyError(f"{self.path} has no table {name}, expected one of {', '.join(self._names)}")
        path = self.path / f"{name}.csv"
        check_sum(path, self._sums[path.name])
        with open(path, newline="") as file:
            head, *rows = csv.reader(file)
        return {key: as_numbers([row[place] for row in rows]) for place, key in enumerate(head)}

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Tables({str(self.path)!r}: {', '.join(self)})"


def as_numbers(entries: list[str]) -> np.ndarray:
    """A column as numbers, nothing as NaN; as text where an entry is no number.

    >>> as_numbers(["1", "2.5", ""]), as_numbers(["a", "1"])
    (array([1. , 2.5, nan]), array(['a', '1'], dtype='<U1'))
    """
    try:
        return np.array([float(entry) if entry else np.nan for entry in entries])
    except ValueError:
        return np.array(entries)
