"""Stored configurations that another run begins with, replica by replica."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitrify.md.engines.base import TIME_STEP
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import EMPTY, A, B
from vitrify.md.store.frames import Configuration
from vitrify.md.store.rundir import RunDirectory


@dataclass(frozen=True, kw_only=True)
class Source:
    """One stored frame of a run.

    Attributes:
        run: the run.
        frame: the frame.
    """

    run: RunDirectory
    frame: int

    @classmethod
    def parse(cls, text: str) -> Source:
        """``RUN@frame`` with a whole number, ``RUN@kT`` with a decimal point, ``RUN`` for the last stored frame.

        Raises:
            FileNotFoundError: when there is no such run.
            ValueError: when the frame is not stored, or the run has none.
        """
        path, at, place = text.rpartition("@")
        if not at or Path(text).is_dir():
            path, place = text, ""
        run = RunDirectory.open(path)
        stored = run.stored_frames()
        if not stored:
            raise ValueError(f"{run.path}: has no stored configurations; expected a run made with --store")
        if not place:
            return cls(run=run, frame=stored[-1])
        try:
            frame = int(place) if place.isdecimal() else cls.at_temperature(run, stored, float(place))
        except ValueError as error:
            raise ValueError(f"from: got {text!r}, expected RUN@frame or RUN@kT such as run@200 or run@0.5") from error
        if frame not in stored:
            raise ValueError(f"{run.path}: frame {frame} is not stored; stored frames: {stored}")
        return cls(run=run, frame=frame)

    @staticmethod
    def at_temperature(run: RunDirectory, stored: list[int], kt: float) -> int:
        """The stored frame whose set temperature is nearest to kT, the later one of two."""
        table = run.table
        kts = [table["kt_set"][table["frame"] == frame][0] for frame in stored]
        return min(zip(stored, kts, strict=True), key=lambda pair: (abs(pair[1] - kt), -pair[0]))[0]

    @property
    def identity(self) -> str:
        """Identity of the run."""
        return self.run.identity

    @property
    def replicas(self) -> list[int]:
        """Numbers of the replicas the frame holds."""
        table = self.run.table
        return sorted(table["replica"][table["frame"] == self.frame].tolist())

    @property
    def example(self) -> Configuration:
        """The frame's first configuration."""
        return self.run.configuration(self.replicas[0], self.frame)

    def fields(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of a spec that begins here: those ``given``, and what follows from the stored configurations.

        Number and kind of the particles, the density and where they are from follow always; replicas, time step and
        first temperature unless they are given.

        Raises:
            ValueError: when these are not configurations of the mixture.
        """
        example = self.example
        if not all(example.periodic) or set(np.unique(example.species).tolist()) - {A, B}:
            raise ValueError(f"{self.run.path}: expected a liquid of A and B, periodic in x and y")
        count = len(example.species)
        first = given.get("first_replica", self.replicas[0])
        free = {"first_replica": first, "replicas": sum(replica >= first for replica in self.replicas)}
        free["time_step"] = self.run.spec.get("time_step", TIME_STEP)
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
                failure[row] = f"{self.run.name} has no replica {replica} at frame {self.frame}"
                box[row] = self.example.box
                continue
            stored = self.run.configuration(replica, self.frame)
            if len(stored.species) != spec.particles:
                raise ValueError(
                    f"{self.run.path}: replica {replica} has {len(stored.species)} particles, expected {spec.particles}"
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
