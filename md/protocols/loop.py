"""The run of any protocol: replicas in waves, from stage to stage, in pieces short enough to be stopped between them.

Between two pieces the loop looks at the clock and at ``stop``. A stop means: write a checkpoint, raise
:class:`vitrify.md.protocols.unfinished.Unfinished`. The checkpoint holds everything, frames seen and not yet quenched
included, so that leaving takes no longer than to write it, and the run that goes on from it ends in the same bytes as
one that was never stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from vitrify.md.ensemble import Ensemble
from vitrify.md.protocols.gathering import Gathering
from vitrify.md.protocols.launch import Announce, Launch, Progress, finished, launch
from vitrify.md.protocols.pace import Pace, piece_steps, wave_size
from vitrify.md.protocols.stages import Advance, Look, Protocol, Relax, Stage, Wave, joined
from vitrify.md.protocols.unfinished import Unfinished
from vitrify.md.store.rundir import RunDirectory

STATE = ("positions", "velocities", "step", "origin", "travelled")
"""What an engine changes of an ensemble, beside failures."""

CHECKPOINT_EVERY = 60.0
"""Seconds between checkpoints."""


def run(
    protocol: Protocol,
    out: str | Path,
    *,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    announce: Announce | None = None,
    checkpoint_every: float = CHECKPOINT_EVERY,
    stop: Callable[[], bool] | None = None,
) -> RunDirectory:
    """Carry out a protocol into a run directory.

    Args:
        protocol: what to do.
        out: the directory.
        resume: go on with the run that is there, bit for bit on the same device; hand back a finished one, or extend it
            where the spec has grown by what may grow; begin one where there is none.
        force: replace the run that is there.
        progress: called now and then with replica-steps done and their total.
        announce: told which engine was taken and why.
        checkpoint_every: seconds between checkpoints.
        stop: asked every few seconds whether to checkpoint and leave.

    Raises:
        Unfinished: when ``stop`` said so.
        FileExistsError: when there is a run and neither ``resume`` nor ``force`` is given.
        ValueError: when the run that is there was made from another spec or is damaged, when the engine is not to be
            had, or when every replica failed.
        OSError: when the disk is full; the last checkpoint stays.
    """
    out = Path(out)
    if resume and finished(protocol.spec, out):
        return RunDirectory.open(out)
    begun = launch(protocol, out, resume=resume, force=force, announce=announce)
    with begun.writer as writer:
        loop = _Loop(protocol, begun, progress, checkpoint_every, stop or (lambda: False))
        try:
            loop.run()
        finally:
            loop.seen.hold()
        if len(writer.failures) == protocol.spec.replicas:
            worst = writer.failures[0]
            raise ValueError(
                f"{out}: every replica failed; replica {worst['replica']} at step {worst['step']}: {worst['reason']}"
            )
        return writer.finish()


class _Loop:
    """One launch: where the run stands, and what takes it further."""

    def __init__(
        self,
        protocol: Protocol,
        begun: Launch,
        progress: Progress | None,
        checkpoint_every: float,
        stop: Callable[[], bool],
    ):
        self.protocol, self.spec, self.engine, self.writer = protocol, protocol.spec, begun.engine, begun.writer
        self.progress, self.checkpoint_every, self.stop = progress, checkpoint_every, stop
        self.stages, self.size = protocol.stages, wave_size(protocol.slots)
        self.piece = piece_steps(protocol.slots)
        self.begin_pace, self.advance_pace, self.relax_pace = Pace(8), Pace(4), Pace(40_000 // protocol.slots)
        self.elapsed = np.concatenate([[0], np.cumsum([span(stage) for stage in self.stages])])
        self.seen = Gathering(protocol, self.engine, self.writer, self.look)
        self.number, self.stage, self.relaxed, self.taken_up = 0, 0, 0, -1
        self.own: Ensemble | None = None
        self.wave: Wave
        self.resumed = begun.ensemble is not None
        if begun.ensemble is not None:
            self.restore(begun.ensemble, begun.extra)

    def run(self) -> None:
        """Wave after wave."""
        if self.resumed:
            self.writer.begin_wave(self.number)
            self.follow(self.wave)
            self.number += 1
        for number in range(self.number, -(-self.spec.replicas // self.size)):
            self.number = number
            wave = self.begin()
            self.writer.begin_wave(number)
            self.stage, self.relaxed = 0 if self.taken_up < 0 else self.protocol.stage_after(self.taken_up), 0
            self.follow(self.protocol.enter(self.stage, wave))

    def begin(self) -> Wave:
        """The next wave at its beginning. Until it has begun there is nothing to lose: a stop leaves at once."""
        replicas = self.spec.numbers[self.number * self.size :][: self.size]
        parts: list[Wave] = []
        done = 0
        while done < len(replicas):
            if self.stop():
                raise Unfinished(self.writer.path)
            with self.begin_pace.timed(min(self.begin_pace.amount, len(replicas) - done)) as count:
                parts.append(self.first(replicas[done : done + count]))
            done += count
        return joined(parts)

    def first(self, replicas: np.ndarray) -> Wave:
        """Replicas at their beginning, or as the shorter run left them that this one extends."""
        if self.taken_up < 0:
            return self.protocol.begin(replicas)
        return self.protocol.take_up(replicas, RunDirectory.open(self.writer.path), self.taken_up)

    def follow(self, wave: Wave) -> None:
        """Take a wave from where it stands through all stages."""
        self.wave = wave
        self.note_failures()
        while True:
            self.seen.go_on()
            if self.stage == len(self.stages) or not len(self.wave.well):
                break
            stage = self.stages[self.stage]
            if isinstance(stage, Relax):
                self.relax(stage)
            elif isinstance(stage, Advance):
                self.advance(stage)
            self.wave = self.protocol.end(self.stage, self.wave)
            if stage.frame is not None and len(self.wave.well):
                # Lists are built anew from every frame on: what is stored of it is all that a longer run needs.
                self.wave = replace(self.wave, ensemble=replace(self.wave.ensemble, origin=None))
                self.seen.add(stage.frame, self.wave.select(self.wave.well))
            self.stage, self.relaxed, self.own = self.stage + 1, 0, None
            if self.stage < len(self.stages):
                self.wave = self.protocol.enter(self.stage, self.wave)
            self.note_failures()
            self.look()
        self.seen.write()
        if self.number + 1 < -(-self.spec.replicas // self.size):
            self.checkpoint()  # the next wave begins from nothing: it must not begin from the middle of this one

    def relax(self, stage: Relax) -> None:
        """Bring the wave to rest, some replicas at a time."""
        while self.relaxed < self.wave.ensemble.replicas:
            first = self.relaxed
            with self.relax_pace.timed(min(self.relax_pace.amount, self.wave.ensemble.replicas - first)) as count:
                rows = np.arange(first, first + count)
                part = self.wave.select(rows)
                found = self.engine.minimize(
                    part.ensemble, fmax=stage.fmax, externals=self.protocol.externals(self.stage, part)
                )
            part = Wave(ensemble=found.ensemble, memory=part.memory)
            if stage.required:
                reasons = [f"{stage.what} did not come to rest: max|F| = {force:.1e}" for force in found.max_force]
                part = part.mark(~found.converged, reasons)
            self.put(rows, part.ensemble)
            self.relaxed += count
            self.note_failures()
            self.look()

    def advance(self, stage: Advance) -> None:
        """Let time go by until the stage ends; those that are behind go first.

        Where an engine can be cut anywhere, the clock says how far a piece goes; where not, pieces end at multiples of
        ``piece_steps`` from the beginning of the stage, so that a run does not depend on how fast the machine was.
        """
        while True:
            ensemble = self.wave.ensemble
            clocks = np.where(ensemble.failed, stage.until, ensemble.step)
            now = int(clocks.min(initial=stage.until))
            if now >= stage.until:
                return
            level = np.flatnonzero(clocks == now)
            rows = level[: self.advance_pace.amount]
            target = stage.start + ((now - stage.start) // self.piece + 1) * self.piece
            if self.engine.splits_exactly and len(rows) == len(level):
                target = now + self.piece * max(1, self.advance_pace.amount // len(rows))
            target = min(target, int(clocks.min(where=clocks > now, initial=stage.until)))
            part = self.wave.select(rows)
            with self.advance_pace.timed(len(rows) * max(1, (target - now) // self.piece)):
                acting = self.protocol.externals(self.stage, part)
                moved = self.engine.integrate(part.ensemble, target - now, stage.thermostat, acting)
            self.put(rows, moved)
            self.note_failures()
            self.look()

    def put(self, rows: np.ndarray, part: Ensemble) -> None:
        """Put replicas back into the wave at ``rows``; its arrays are copied once a stage, not for every piece."""
        ensemble = self.wave.ensemble
        if len(rows) < ensemble.replicas:
            if ensemble is not self.own:
                ensemble = copied(ensemble, with_origin=part.origin is not None)
            for name in STATE:
                if (array := getattr(ensemble, name)) is not None:
                    array[rows] = getattr(part, name)
            failure = list(ensemble.failure)
            for row, reason in zip(rows.tolist(), part.failure, strict=True):
                failure[row] = reason
            part = self.own = replace(ensemble, failure=tuple(failure))
        self.wave = Wave(ensemble=part, memory=self.wave.memory)

    def look(self, writing: bool = False) -> None:
        """Between two pieces: tell how far the run is, write a checkpoint if one is due, leave if asked to.

        Args:
            writing: whether frames are being quenched and written; else those seen are, before the checkpoint.
        """
        self.report()
        if self.stop():
            self.checkpoint()
            raise Unfinished(self.writer.path)
        if self.writer.checkpoint_is_due(self.checkpoint_every):
            if not writing:
                self.seen.write()
            self.checkpoint()

    def note_failures(self) -> None:
        """Record replicas that have stopped since the last call."""
        ensemble = self.wave.ensemble
        if not ensemble.failed.any():
            return
        known = {failure["replica"] for failure in self.writer.failures}
        new = [
            {"replica": int(ensemble.replica[row]), "step": int(ensemble.step[row]), "reason": ensemble.failure[row]}
            for row in np.flatnonzero(ensemble.failed)
            if int(ensemble.replica[row]) not in known
        ]
        if new:
            self.writer.record_failures(new)

    def report(self) -> None:
        """Tell how far the run is; a replica that failed counts as done as far as the others are."""
        if self.progress is None:
            return
        ensemble, steps, well = self.wave.ensemble, int(self.elapsed[-1]), self.wave.well
        within = 0
        if len(well) and self.stage < len(self.stages) and isinstance(stage := self.stages[self.stage], Advance):
            within = int(np.mean(np.clip(ensemble.step[well] - stage.start, 0, stage.until - stage.start)))
        before, now = self.number * self.size, int(self.elapsed[self.stage]) + within
        self.progress(before * steps + ensemble.replicas * now, self.spec.replicas * steps)

    def checkpoint(self) -> None:
        """Write down where everything stands."""
        numbers = {"wave": self.number, "stage": self.stage, "relaxed": self.relaxed, "taken_up": self.taken_up}
        places = {name: np.array(number) for name, number in numbers.items()}
        memory = {f"memory/{name}": array for name, array in self.wave.memory.items()}
        self.writer.checkpoint(self.wave.ensemble, places | memory | self.seen.pack())

    def restore(self, ensemble: Ensemble, extra: dict[str, np.ndarray]) -> None:
        """Stand where the checkpoint stood."""
        self.number, self.stage, self.relaxed, self.taken_up = (
            int(extra[name]) for name in ("wave", "stage", "relaxed", "taken_up")
        )
        memory = {name.removeprefix("memory/"): array for name, array in extra.items() if name.startswith("memory/")}
        self.wave = Wave(ensemble=ensemble, memory=memory)
        self.seen.unpack(self.wave, extra)


def span(stage: Stage) -> int:
    """What a stage counts for in telling how far the run is: its time steps, or one where it only looks."""
    if isinstance(stage, Advance):
        return stage.until - stage.start
    return int(isinstance(stage, Look))


def copied(ensemble: Ensemble, *, with_origin: bool) -> Ensemble:
    """The same ensemble in arrays of its own; an origin that nobody knows is where the particles are."""
    arrays = {name: array.copy() for name in STATE if (array := getattr(ensemble, name)) is not None}
    if with_origin and ensemble.origin is None:
        arrays["origin"] = ensemble.positions.copy()
    return replace(ensemble, **arrays)
