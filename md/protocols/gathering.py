"""Frames seen wait here until there are enough for a quench, so that few replicas, too, keep every core busy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event

import numpy as np

from vitrify.md.engines.base import Engine, Minimized
from vitrify.md.ensemble import Ensemble
from vitrify.md.protocols.pace import Pace, wave_size
from vitrify.md.protocols.stages import Protocol, Wave, joined
from vitrify.md.store.writer import RunWriter

PARTICLES_QUENCHED_AT_ONCE = 80_000
"""Frames are gathered until they hold so many particles, and are as many as keep an engine busy."""

_STATE = ("positions", "velocities", "species", "box", "replica", "step", "travelled")


@dataclass
class Batch:
    """Frames that are quenched and written together.

    Attributes:
        frames: (R,) the number of the frame of each replica.
        waves: the replicas, some frames each.
        quenched: inherent structures of the first of those that are wanted.
    """

    frames: np.ndarray
    waves: list[Wave]
    quenched: list[Minimized]

    @classmethod
    def empty(cls) -> Batch:
        """No frames."""
        return cls(np.empty(0, dtype=np.int64), [], [])

    @property
    def done(self) -> int:
        """How many are quenched."""
        return sum(len(part.converged) for part in self.quenched)

    def joined(self) -> Wave:
        """All replicas, from now on as one wave."""
        self.waves = [joined(self.waves)]
        return self.waves[0]


class Gathering:
    """Frames seen and not yet written, of one wave.

    Where dynamics leave cores idle, frames are quenched there while dynamics go on; whatever is left of that when the
    next are due is quenched on all cores. Else dynamics wait. Quenches run a few seconds at a time; those done are
    kept, so that a stop in between loses none. Only the calling thread writes, in the order in which frames were seen.
    """

    def __init__(self, protocol: Protocol, engine: Engine, writer: RunWriter, look: Callable[[bool], None]):
        self.protocol, self.engine, self.writer, self.look = protocol, engine, writer, look
        self.seen, self.begun = Batch.empty(), Batch.empty()
        self.spare = engine.beside(min(protocol.spec.replicas, wave_size(protocol.slots)))
        self.meanwhile: Future[None] | None = None
        self.enough = max(-(-PARTICLES_QUENCHED_AT_ONCE // protocol.slots), engine.replicas_at_once)
        self.pace = Pace(PARTICLES_QUENCHED_AT_ONCE // 2 // protocol.slots)
        self.pool, self.held = ThreadPoolExecutor(1), Event()

    def add(self, frame: int, wave: Wave) -> None:
        """Replicas, none of them failed, as they stand at frame ``frame``."""
        self.seen.frames = np.concatenate([self.seen.frames, np.full(wave.ensemble.replicas, frame)])
        self.seen.waves.append(wave)

    def wanted(self, batch: Batch) -> np.ndarray:
        """Rows of a batch that are to be quenched."""
        return np.flatnonzero([self.protocol.frame(int(frame)).inherent for frame in batch.frames])

    @property
    def due(self) -> bool:
        """Whether it is time to write: enough to quench, a quench begun, or nothing to quench at all."""
        if not len(self.seen.frames):
            return False
        return len(self.seen.frames) >= self.enough or bool(self.seen.quenched) or not len(self.wanted(self.seen))

    def go_on(self) -> None:
        """Write what is due, or have it quenched meanwhile; write what was quenched meanwhile."""
        if self.meanwhile is not None and self.meanwhile.done():
            self.finish()
        if not self.due:
            return
        if self.spare is None or not len(self.wanted(self.seen)):
            self.write()
        else:
            self.finish()
            self.begun, self.seen = self.seen, Batch.empty()
            self.begun.joined()
            self.held.clear()
            self.meanwhile = self.pool.submit(self.quench_meanwhile, self.spare)

    def hold(self) -> None:
        """Wait until nothing is quenched meanwhile; what is done is kept."""
        self.held.set()
        if self.meanwhile is not None:
            running, self.meanwhile = self.meanwhile, None
            running.result()

    def finish(self) -> None:
        """Quench what is left of what was begun, and write it."""
        self.hold()
        if len(self.begun.frames):
            self.write_batch(self.begun)
            self.begun = Batch.empty()

    def write(self) -> None:
        """Quench what is to be quenched, and write all."""
        self.finish()
        if len(self.seen.frames):
            self.begun, self.seen = self.seen, Batch.empty()
            self.finish()

    def write_batch(self, batch: Batch) -> None:
        """Quench what is left of a batch, then write frame by frame: configurations first, rows after."""
        seen = batch.joined()
        rows = self.wanted(batch)
        while batch.done < len(rows):
            left = rows[batch.done :]
            with self.pace.timed(min(self.pace.amount, len(left))) as count:
                batch.quenched.append(self.minimized(self.engine, seen.select(left[:count])))
            self.look(True)
        none = np.full(len(batch.frames), np.nan)
        columns = {"inherent_energy": none, "max_force": none, "converged": np.zeros(len(none), dtype=bool)}
        columns |= self.protocol.describe(seen, self.engine)
        inherent = None
        if len(rows):
            inherent, found = self.inherent(seen.select(rows), batch.quenched)
            for name, values in found.items():
                columns[name] = columns[name].copy()
                columns[name][rows] = values
        for number in np.unique(batch.frames).tolist():
            here, frame = np.flatnonzero(batch.frames == number), self.protocol.frame(number)
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

    def quench_meanwhile(self, engine: Engine) -> None:
        """Minimise what was begun, as many at once as there are idle cores, until all is done or held."""
        seen, rows = self.begun.waves[0], self.wanted(self.begun)
        while self.begun.done < len(rows) and not self.held.is_set():
            part = rows[self.begun.done :][: engine.replicas_at_once]
            self.begun.quenched.append(self.minimized(engine, seen.select(part)))

    def minimized(self, engine: Engine, part: Wave) -> Minimized:
        """The inherent structures of ``part``."""
        return engine.minimize(part.ensemble, self.protocol.spec.fmax, self.protocol.resting(part))

    def inherent(self, resting: Wave, parts: list[Minimized]) -> tuple[Ensemble, dict[str, np.ndarray]]:
        """The inherent structures of ``resting``, and what the table says of them."""
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
        """All of it as arrays for a checkpoint; from then on nothing is quenched meanwhile."""
        self.hold()
        frames = np.concatenate([self.begun.frames, self.seen.frames])
        if not len(frames):
            return {}
        seen = joined([*self.begun.waves, *self.seen.waves])
        arrays = {"frames": frames}
        arrays |= {name: array for name in _STATE if (array := getattr(seen.ensemble, name)) is not None}
        arrays |= {f"memory/{name}": array for name, array in seen.memory.items()}
        if parts := self.begun.quenched:
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
        frames = arrays["frames"]
        state = {name: arrays[name] for name in _STATE if name in arrays}
        ensemble = replace(current.ensemble, **{"travelled": None} | state, failure=("",) * len(frames), origin=None)
        memory = {name.removeprefix("memory/"): array for name, array in arrays.items() if name.startswith("memory/")}
        self.seen = Batch(frames, [Wave(ensemble=ensemble, memory=memory)], [])
        if "quenched/positions" in arrays:
            failure = tuple(arrays["quenched/failure"].tolist())
            part = self.seen.waves[0].select(self.wanted(self.seen)[: len(failure)]).ensemble
            self.seen.quenched = [
                Minimized(
                    ensemble=replace(part, positions=arrays["quenched/positions"], failure=failure),
                    energies=arrays["quenched/energies"],
                    max_force=arrays["quenched/max_force"],
                    converged=arrays["quenched/converged"],
                    evaluations=arrays["quenched/evaluations"],
                )
            ]
