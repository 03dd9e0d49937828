"""The run of a bulk spec: replicas followed from frame to frame, measured, quenched, written down, checkpointed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vitrify.md.engines.base import Engine, Thermostat
from vitrify.md.ensemble import Ensemble, kinetic_temperature
from vitrify.md.protocols.bulk import BulkSpec, random_liquid
from vitrify.md.protocols.launch import Announce, Progress, finished, launch
from vitrify.md.store.rundir import RunDirectory, RunWriter

REPLICAS_AT_ONCE = 2048
"""Replicas beyond these run after them: enough to fill a GPU, and a checkpoint stays below a gigabyte."""

SECONDS_AT_ONCE, LEAST_STEPS_AT_ONCE = 10.0, 1_000
"""How long an engine is left alone between two looks at the clock, once it is known how fast it is."""

PARTICLES_QUENCHED_AT_ONCE = 80_000
"""Frames are gathered until they hold so many particles, so that few replicas, too, keep every core busy to the end."""

CHECKPOINT_INTERVAL = 60.0
"""Seconds between checkpoints."""


def run_bulk(
    spec: BulkSpec,
    out: str | Path,
    *,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    announce: Announce | None = None,
    checkpoint_interval: float = CHECKPOINT_INTERVAL,
) -> RunDirectory:
    """Run ``spec`` into a run directory.

    Args:
        spec: what to run.
        out: the directory.
        resume: go on with the run that is there, bit for bit on the same device; hand back a finished one; begin one
            where there is none.
        force: replace the run that is there.
        progress: called now and then.
        announce: told which engine was taken and why.
        checkpoint_interval: seconds between checkpoints.

    Raises:
        FileExistsError: when there is a run and neither ``resume`` nor ``force`` is given.
        ValueError: when the run that is there was made from another spec or is damaged, when the engine is not to be
            had, or when every replica failed.
        OSError: when the disk is full; the last checkpoint stays.
    """
    out = Path(out)
    if resume and finished(spec, out):
        return RunDirectory.open(out)
    begun = launch(
        spec,
        out,
        pairs=spec.model.pairs,
        time_step=spec.time_step,
        particles=spec.particles,
        resume=resume,
        force=force,
        announce=announce,
    )
    with begun.writer as writer:
        run = _Run(spec, begun.engine, writer, progress, checkpoint_interval)
        done = 0
        if begun.ensemble is not None:
            run.follow(begun.ensemble, int(begun.extra["frame"]))
            done = int(begun.ensemble.replica[-1]) + 1
        for first in range(done, spec.replicas, REPLICAS_AT_ONCE):
            replicas = np.arange(first, min(first + REPLICAS_AT_ONCE, spec.replicas))
            writer.begin_wave(first // REPLICAS_AT_ONCE)
            run.follow(random_liquid(spec, replicas, begun.engine), 0)
        if len(writer.failures) == spec.replicas:
            worst = writer.failures[0]
            raise ValueError(
                f"{out}: every replica failed; replica {worst['replica']} at step {worst['step']}: {worst['reason']}"
            )
        return writer.finish()


class _Run:
    """One launch: follows replicas from frame to frame and writes what it sees.

    Frames wait in ``seen`` until there are enough for a quench, or a checkpoint is due.
    """

    def __init__(self, spec: BulkSpec, engine: Engine, writer: RunWriter, progress: Progress | None, interval: float):
        self.spec, self.engine, self.writer, self.progress, self.interval = spec, engine, writer, progress, interval
        self.thermostat = Thermostat(schedule=spec.schedule)
        self.seen: list[tuple[int, Ensemble]] = []
        self.piece = LEAST_STEPS_AT_ONCE

    def follow(self, ensemble: Ensemble, frame: int) -> None:
        """Take replicas from frame ``frame`` (0: the start) to the last."""
        for k in range(frame + 1, self.spec.frames + 1):
            ensemble = self.advance(ensemble, k)
            if ensemble.failed.all():
                break
            self.seen.append((k, ensemble.select(~ensemble.failed)))
            if len(self.seen) * ensemble.replicas * ensemble.slots >= PARTICLES_QUENCHED_AT_ONCE:
                self.write_frames()
            self.checkpoint(ensemble, k)
        self.write_frames()

    def advance(self, ensemble: Ensemble, k: int) -> Ensemble:
        """Integrate up to frame ``k``, in pieces, so that checkpoints and progress come at their time."""
        target = int(self.spec.frame_steps[k - 1])
        self.note_failures(ensemble)
        while not ensemble.failed.all() and (step := int(ensemble.step[~ensemble.failed][0])) < target:
            begun = time.monotonic()
            ensemble = self.engine.integrate(ensemble, min(self.piece, target - step), self.thermostat)
            if self.piece <= target - step and time.monotonic() - begun < SECONDS_AT_ONCE / 2:
                self.piece *= 2
            self.note_failures(ensemble)
            self.report(ensemble)
            self.checkpoint(ensemble, k - 1)
        return ensemble

    def note_failures(self, ensemble: Ensemble) -> None:
        """Record replicas that have stopped since the last call."""
        known = {failure["replica"] for failure in self.writer.failures}
        new = [
            {"replica": int(ensemble.replica[row]), "step": int(ensemble.step[row]), "reason": ensemble.failure[row]}
            for row in np.flatnonzero(ensemble.failed)
            if int(ensemble.replica[row]) not in known
        ]
        if new:
            self.writer.record_failures(new)

    def report(self, ensemble: Ensemble) -> None:
        """Tell how far the run is; a replica that failed counts as done as far as the others are."""
        if self.progress is not None:
            steps = int(self.spec.frame_steps[-1])
            before, now = int(ensemble.replica[0]), int(ensemble.step.max())
            self.progress(before * steps + ensemble.replicas * now, self.spec.replicas * steps)

    def checkpoint(self, ensemble: Ensemble, frame: int) -> None:
        """Once it is time: write the frames seen so far, and the state after ``frame`` to go on from."""
        if self.writer.checkpoint_is_due(self.interval):
            self.write_frames()
            self.writer.checkpoint(ensemble, {"frame": np.array(frame)})

    def write_frames(self) -> None:
        """Quench the frames seen together, then write them one by one: configurations first, rows after."""
        if not self.seen:
            return
        frames = np.concatenate([np.full(state.replicas, k) for k, state in self.seen])
        states = side_by_side([state for _, state in self.seen])
        columns = self.measure(states, frames)
        quenched = None
        if self.spec.inherent:
            minimized = self.engine.minimize(states)
            quenched = minimized.ensemble
            columns |= {
                "inherent_energy": np.where(quenched.failed, np.nan, minimized.energies.sum(axis=1) / states.particles),
                "max_force": minimized.max_force,
                "converged": minimized.converged & ~quenched.failed,
            }
        for k in sorted(self.spec.stored.intersection(frames.tolist())):
            here = frames == k
            inherent = None if quenched is None else quenched.select(here)
            self.writer.write_frame(k, float(self.spec.frame_kts[k - 1]), states.select(here), inherent=inherent)
        self.writer.append_rows(columns)
        self.seen.clear()

    def measure(self, states: Ensemble, frames: np.ndarray) -> dict[str, np.ndarray]:
        """What the table says of instantaneous configurations."""
        return {
            "replica": states.replica,
            "frame": frames,
            "step": states.step,
            "kt_set": self.spec.frame_kts[frames - 1],
            "kt": kinetic_temperature(states.velocities, states.filled, conserved=2),
            "potential_energy": self.engine.energies(states).sum(axis=1) / states.particles,
        }


def side_by_side(ensembles: Sequence[Ensemble]) -> Ensemble:
    """Several ensembles of one system as one; their neighbour-list origins are dropped."""
    arrays = ["positions", "velocities", "species", "box", "replica", "step"]
    arrays += ["travelled"] * (ensembles[0].travelled is not None)
    joined = {name: np.concatenate([getattr(ensemble, name) for ensemble in ensembles]) for name in arrays}
    failure = tuple(reason for ensemble in ensembles for reason in ensemble.failure)
    return replace(ensembles[0], **joined, failure=failure, origin=None)
