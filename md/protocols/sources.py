"""Stored configurations that a run begins with, replica by replica: another run's, or those of a GSD file."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vitrify.md.engines.base import TIME_STEP
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import EMPTY, A, B
from vitrify.md.store.address import Address, stored_frame
from vitrify.md.store.foreign import ForeignFile
from vitrify.md.store.frames import Configuration
from vitrify.md.store.product import sha256
from vitrify.md.store.rundir import RunDirectory
from vitrify.md.store.survey import survey


class Source(ABC):
    """One frame of many replicas.

    Attributes:
        frame: its number.
    """

    frame: int

    @staticmethod
    def parse(text: str) -> Source:
        """``RUN@frame`` with a whole number, ``RUN@kT`` with a decimal point, ``RUN`` for its last stored frame.

        ``FILE.gsd`` is a file of somebody else's: its last frame, or all of them as replicas where this software wrote
        them so. What holds more than one system is imported first (:func:`vitrify.md.protocols.importing.import_gsd`).

        Raises:
            FileNotFoundError: when there is no such run or file.
            ValueError: when the frame is not stored, the run has none, or the file is no mixture.
        """
        if text.endswith(".gsd") and not Path(text).is_dir():
            return FileSource.of(Path(text))
        return RunSource.of(text)

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is, for messages."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """What the run or the file is known by."""

    @property
    @abstractmethod
    def time_step(self) -> float:
        """Time step it was made with, as far as that is known [tau]."""

    @property
    @abstractmethod
    def replicas(self) -> list[int]:
        """Numbers of the replicas it holds."""

    @abstractmethod
    def configuration(self, replica: int) -> Configuration:
        """One of them."""

    @property
    def example(self) -> Configuration:
        """The first."""
        return self.configuration(self.replicas[0])

    def fields(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of a spec that begins here: those ``given``, and what follows from the stored configurations.

        Number and kind of the particles, the density and where they are from follow always; replicas, time step and
        first temperature unless they are given.

        Raises:
            ValueError: when these are not configurations of the mixture.
        """
        example = self.example
        if not all(example.periodic) or set(np.unique(example.species).tolist()) - {A, B}:
            raise ValueError(f"{self.place}: expected a liquid of A and B, periodic in x and y")
        count = len(example.species)
        first = given.get("first_replica", self.replicas[0])
        free = {"first_replica": first, "replicas": sum(replica >= first for replica in self.replicas)}
        free["time_step"] = self.time_step
        if np.isfinite(example.kt_set) and example.kt_set > 0:
            free["kt_start"] = example.kt_set
        fixed = {
            "particles": count,
            "density": float(count / np.prod(example.box)),
            "fraction_a": float(np.mean(example.species == A)),
            "source": self.identity,
            "source_frame": self.frame,
        }
        return {**free, **given, **fixed}

    def ensemble(self, replicas: np.ndarray, spec: Any, velocities: Callable[[Any, int], np.ndarray]) -> Ensemble:
        """The configurations of ``replicas`` at step 0, with the velocities they were stored with or new ones.

        A replica that the source lacks is marked failed.
        """
        held = set(self.replicas)
        shape = (len(replicas), spec.particles)
        positions, moving = np.zeros((*shape, 2)), np.zeros((*shape, 2))
        species, box = np.full(shape, EMPTY, dtype=np.int8), np.ones((len(replicas), 2))
        failure = [""] * len(replicas)
        for row, replica in enumerate(replicas.tolist()):
            if replica not in held:
                failure[row] = f"{self.place} has no replica {replica} at frame {self.frame}"
                box[row] = self.example.box
                continue
            stored = self.configuration(replica)
            if len(stored.species) != spec.particles:
                raise ValueError(
                    f"{self.place}: replica {replica} has {len(stored.species)} particles, expected {spec.particles}"
                )
            positions[row], species[row], box[row] = stored.positions, stored.species, stored.box
            moving[row] = velocities(spec, replica) if stored.velocities is None else stored.velocities
        return Ensemble(
            positions=positions,
            velocities=moving,
            species=species,
            box=box,
            seed=spec.noise_seed,
            replica=np.asarray(replicas, dtype=np.int64),
            step=np.zeros(len(replicas), dtype=np.int64),
            failure=tuple(failure),
        )


@dataclass(frozen=True)
class RunSource(Source):
    """A stored frame of a run.

    Attributes:
        run: the run.
        frame: the frame.
    """

    run: RunDirectory
    frame: int

    @classmethod
    def of(cls, text: str) -> RunSource:
        """See :meth:`Source.parse`."""
        address = Address.parse(text)
        run = RunDirectory.open(address.path)
        stored = run.stored_frames()
        if not stored:
            raise ValueError(f"{run.path}: has no stored configurations; expected a run made with --store")
        if not address.place:
            return cls(run, stored[-1])
        frame = address.frame
        if frame is None:
            try:
                kt = address.kt
            except ValueError as error:
                raise ValueError(f"from: got {text!r}, expected RUN@frame or RUN@kT, as run@200 or run@0.5") from error
            frame = stored_frame(run, kt)
        if frame not in stored:
            raise ValueError(f"{run.path}: frame {frame} is not stored; stored frames: {stored}")
        return cls(run, frame)

    @property
    def place(self) -> str:
        """The directory."""
        return str(self.run.path)

    @property
    def identity(self) -> str:
        """Identity of the run."""
        return self.run.identity

    @property
    def time_step(self) -> float:
        """That of the run's spec."""
        return self.run.spec.get("time_step", TIME_STEP)

    @property
    def replicas(self) -> list[int]:
        """Numbers of the replicas the frame holds."""
        table = self.run.table
        return sorted(table["replica"][table["frame"] == self.frame].tolist())

    def configuration(self, replica: int) -> Configuration:
        """One of them."""
        return self.run.configuration(replica, self.frame)


@dataclass(frozen=True)
class FileSource(Source):
    """A frame of a GSD file, or all of them as replicas.

    Attributes:
        path: the file.
        frame: number of the frame, from 1; 1 where each is a replica.
        count: how many replicas it holds.
    """

    path: Path
    frame: int
    count: int

    @classmethod
    def of(cls, path: Path) -> FileSource:
        """See :meth:`Source.parse`."""
        held = survey([path])
        return cls(path, held.frames, held.count // held.frames)

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    @cached_property
    def identity(self) -> str:
        """From its check sum, as long as that of a run."""
        return hashlib.sha256(f"gsd {sha256(self.path)}".encode()).hexdigest()[:32]

    @property
    def time_step(self) -> float:
        """The published one: a file does not say."""
        return TIME_STEP

    @property
    def replicas(self) -> list[int]:
        """In the order of the file."""
        return list(range(self.count))

    @cached_property
    def file(self) -> ForeignFile:
        """The file, open."""
        return ForeignFile(self.path)

    def configuration(self, replica: int) -> Configuration:
        """One of them."""
        return self.file.configuration(replica if self.count > 1 else self.frame - 1)
