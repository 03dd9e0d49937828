"""Frames seen wait here until there are enough for a quench, so that few replicas, too, keep every core busy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vitrify.md.engines.base import Engine, Minimized
from vitrify.md.ensemble import Ensemble
from vitrify.md.protocols.pace import Pace
from vitrify.md.protocols.stages import Protocol, Wave, joined
from vitrify.md.store.writer import RunWriter

PARTICLES_QUENCHED_AT_ONCE = 80_000
"""Frames are gathered until they hold so many particles."""

_STATE = ("positions", "velocities", "species", "box", "replica", "step", "travelled")


class Gathering:
    """Frames seen and not yet written, of one wave.

    Quenches run a few seconds at a time; those done are kept, so that a stop in between loses none.
    """

    def __init__(self, protocol: Protocol, engine: Engine, writer: RunWriter, look: Callable[[bool], None]):
        self.protocol, self.engine, self.writer, self.look = protocol, engine, writer, look
        self.frames = np.empty(0, dtype=np.int64)
        self.waves: list[Wave] = []
        self.quenched: list[Minimized] = []
        self.pace = Pace(PARTICLES_QUENCHED_AT_ONCE // 2 // protocol.slots)

    def add(self, frame: int, wave: Wave) -> None:
        """Replicas, none of them failed, as they stand at frame ``frame``."""
        self.frames = np.concatenate([self.frames, np.full(wave.ensemble.replicas, frame)])
        self.waves.append(wave)

    @property
    def wanted(self) -> np.ndarray:
        """Rows that are to be quenched."""
        return np.flatnonzero([self.protocol.frame(int(frame)).inherent for frame in self.frames])

    @property
    def due(self) -> bool:
        """Whether it is time to write: enough to quench, a quench begun, or nothing to quench at all."""
        if not len(self.frames):
            return False
        enough = len(self.frames) * self.protocol.slots >= PARTICLES_QUENCHED_AT_ONCE
        return enough or bool(self.quenched) or not len(self.wanted)

    def write(self) -> None:
        """Quench what is to be quenched, then write frame by frame: configurations first, rows after."""
        if not len(self.frames):
            return
        seen = joined(self.waves)
        self.waves = [seen]
        rows = self.wanted
        self.quench(seen, rows)
        none = np.full(len(self.frames), np.nan)
        columns = {"inherent_energy": none, "max_force": none, "converged": np.zeros(len(none), dtype=bool)}
        columns |= self.protocol.describe(seen, self.engine)
        inherent = None
        if len(rows):
            resting = seen.select(rows)
            inherent, found = self.inherent(resting)
            for name, values in found.items():
                columns[name] = columns[name].copy()
                columns[name][rows] = values
        for number in np.unique(self.frames).tolist():
            here, frame = np.flatnonzero(self.frames == number), self.protocol.frame(number)
            states = seen.ensemble.select(here)
            if frame.store:
                rest = inherent.select(np.searchsorted(rows, here)) if inherent and frame.inherent else None
                self.writer.write_frame(number, frame.kt_set, states, inherent=rest, velocities=frame.velocities)
            count = len(here)
            self.writer.append_rows(
                {
                    "replica": states.replica,
                    "frame": np.full(count, number),
                    "step": states.step,
                    "kt_set": np.full(count, frame.kt_set),
                    **{name: values[here] for name, values in columns.items()},
                }
            )
        self.frames, self.waves, self.quenched = self.frames[:0], [], []

    def quench(self, seen: Wave, rows: np.ndarray) -> None:
        """Minimise what is left of ``rows``."""
        done = sum(len(part.converged) for part in self.quenched)
        while done < len(rows):
            with self.pace.timed(min(self.pace.amount, len(rows) - done)) as count:
                part = seen.select(rows[done : done + count])
                acting = self.protocol.resting(part)
                self.quenched.append(self.engine.minimize(part.ensemble, self.protocol.spec.fmax, acting))
            done += count
            self.look(True)

    def inherent(self, resting: Wave) -> tuple[Ensemble, dict[str, np.ndarray]]:
        """The inherent structures of ``resting``, and what the table says of them."""
        parts = self.quenched
        failure = tuple(reason for part in parts for reason in part.ensemble.failure)
        positions = np.concatenate([part.ensemble.positions for part in parts])
        found = replace(resting.ensemble, positions=positions, failure=failure, origin=None)
        energies = np.concatenate([part.energies for part in parts])
        per_particle = self.protocol.inherent_energy(resting, energies)
        return found, {
            "inherent_energy": np.where(found.failed, np.nan, per_particle),
            "max_force": np.concatenate([part.max_force for part in parts]),
            "converged": np.concatenate([part.converged for part in parts]) & ~found.failed,
        }

    def pack(self) -> dict[str, np.ndarray]:
        """All of it as arrays for a checkpoint."""
        if not len(self.frames):
            return {}
        seen = joined(self.waves)
        arrays = {"frames": self.frames}
        arrays |= {name: array for name in _STATE if (array := getattr(seen.ensemble, name)) is not None}
        arrays |= {f"memory/{name}": array for name, array in seen.memory.items()}
        if parts := self.quenched:
            found = [part.ensemble for part in parts]
            arrays["quenched/positions"] = np.concatenate([ensemble.positions for ensemble in found])
            arrays["quenched/failure"] = np.array([reason for ensemble in found for reason in ensemble.failure])
            for name in ("energies", "max_force", "converged", "evaluations"):
                arrays[f"quenched/{name}"] = np.concatenate([getattr(part, name) for part in parts])
        return {f"seen/{name}": array for name, array in arrays.items()}

    def unpack(self, current: Wave, extra: dict[str, np.ndarray]) -> None:
        """What :meth:`pack` made of it; ``current`` is the wave the frames were seen of."""
        arrays = {name.removeprefix("seen/"): array for name, array in extra.items() if name.startswith("seen/")}
        if not arrays:
            return
        self.frames = arrays["frames"]
        state = {name: arrays[name] for name in _STATE if name in arrays}
        ensemble = replace(
            current.ensemble, **{"travelled": None} | state, failure=("",) * len(self.frames), origin=None
        )
        memory = {name.removeprefix("memory/"): array for name, array in arrays.items() if name.startswith("memory/")}
        self.waves = [Wave(ensemble=ensemble, memory=memory)]
        if "quenched/positions" in arrays:
            failure = tuple(arrays["quenched/failure"].tolist())
            part = self.waves[0].select(self.wanted[: len(failure)]).ensemble
            self.quenched = [
                Minimized(
                    ensemble=replace(part, positions=arrays["quenched/positions"], failure=failure),
                    energies=arrays["quenched/energies"],
                    max_force=arrays["quenched/max_force"],
                    converged=arrays["quenched/converged"],
                    evaluations=arrays["quenched/evaluations"],
                )
            ]
