"""Writing a run directory, so that a process may be killed at any moment.

Files are replaced whole, only the table grows: a configuration is written before its row, and a row before the
checkpoint that knows of it. What a killed process leaves behind its last checkpoint goes on resume, unread; until then
a torn row is passed over, and a configuration without its row.
"""

from __future__ import annotations

import errno
import json
import os
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vitrify.md.ensemble import Ensemble
from vitrify.md.store.checkpoint import (
    load_checkpoint,
    lock_directory,
    save_checkpoint,
    sync_directory,
    write_atomically,
)
from vitrify.md.store.damage import clear, cut_frames, same_launch
from vitrify.md.store.frames import configurations_of
from vitrify.md.store.identity import run_identity
from vitrify.md.store.naming import CHECKPOINT, PROVENANCE, SPEC, TABLE, FrameName
from vitrify.md.store.parts import Parts
from vitrify.md.store.product import DONE, read_done, sha256, write_done
from vitrify.md.store.provenance import provenance, to_toml
from vitrify.md.store.rundir import RunDirectory, is_run_of
from vitrify.md.store.table import COLUMNS, GrowingTable


class RunWriter:
    """Writes a run directory, one process at a time. Use :meth:`begin_or_resume`, :meth:`create` or :meth:`resume`.

    Attributes:
        path: the directory.
        failures: replicas that stopped, {replica, step, reason} each.
    """

    def __init__(self, path: Path, launch: Mapping, columns: Sequence[str]):
        self.path = path
        self._lock = lock_directory(path)
        self._table, self._parts, self._wave = GrowingTable(path / TABLE, columns), Parts(path), 0
        self._started = self._permanent = time.monotonic()
        self._cost, self._checkpointed = 0.0, False
        facts = provenance()
        self._facts: dict[str, Any] = {name: facts[name] for name in ("version", "git_commit", "python", "packages")}
        self._launch = {"started": facts["started"], "host": facts["host"], **launch}
        self._launches: list[dict] = []
        self.failures: list[dict] = []

    @classmethod
    def create(
        cls, path: str | Path, spec: Mapping, launch: Mapping, *, columns: Sequence[str] = COLUMNS, force: bool = False
    ) -> RunWriter:
        """Begin a run directory.

        Args:
            path: the directory; made when it is not there.
            spec: what was asked: "protocol" and every field, flat or in one level of tables.
            launch: engine, device, engine settings and seeds of this launch.
            columns: columns of the table.
            force: replace the run that is there.

        Raises:
            FileExistsError: when something is there and ``force`` is not given, or it is no run directory.
        """
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        writer = cls(path, launch, columns)
        with writer._released_on_error():
            text = to_toml(spec)
            clear(path, force)
            identity = run_identity(tomllib.loads(text), str(launch.get("engine", "")))
            writer._facts = {"name": path.resolve().name, "identity": identity, **writer._facts}
            writer._write_provenance()
            writer._table.begin()
            write_atomically(path / SPEC, text)
        return writer

    @classmethod
    def resume(
        cls, path: str | Path, launch: Mapping, *, columns: Sequence[str] = COLUMNS
    ) -> tuple[RunWriter, Ensemble, dict[str, np.ndarray]]:
        """Go on from the checkpoint: the writer, the ensemble and the extra arrays of :meth:`checkpoint`.

        Whatever was written after the checkpoint is cut off.

        Raises:
            FileNotFoundError: when there is no checkpoint.
            ValueError: when something in the directory is damaged.
        """
        path = Path(path)
        RunDirectory.open(path)
        writer = cls(path, launch, columns)
        with writer._released_on_error():
            return writer, *writer._restore()

    @classmethod
    def begin_or_resume(
        cls,
        path: str | Path,
        spec: Mapping,
        launch: Mapping,
        *,
        columns: Sequence[str] = COLUMNS,
        resume: bool = False,
        force: bool = False,
    ) -> tuple[RunWriter, Ensemble | None, dict[str, np.ndarray]]:
        """With ``resume`` go on from the checkpoint if there is one; else begin. The ensemble is None at a beginning.

        Raises:
            FileExistsError: when there is a run and neither ``resume`` nor ``force`` is given.
            FileNotFoundError: when a file is missing without which the run that is there cannot go on.
            ValueError: when the run that is there was made from another spec or is damaged.
        """
        path = Path(path)
        if resume:
            there = is_run_of(spec, path)
            if (path / CHECKPOINT).exists() or (there and RunDirectory.open(path).provenance.get("checkpointed")):
                return cls.resume(path, launch, columns=columns)
            if not there and (*path.glob("frame-*.gsd"), *path.glob(DONE)):
                raise FileNotFoundError(errno.ENOENT, "damaged run directory, no such file", str(path / SPEC))
        return cls.create(path, spec, launch, columns=columns, force=force or resume), None, {}

    @classmethod
    def extend(
        cls,
        path: str | Path,
        spec: Mapping,
        launch: Mapping,
        ensemble: Ensemble,
        extra: Mapping[str, np.ndarray],
        *,
        columns: Sequence[str] = COLUMNS,
    ) -> RunWriter:
        """Open a finished run again, with a spec that has grown and a checkpoint to go on from.

        A process that is killed on the way leaves the run as it was, or one that ``--resume`` goes on with.

        Raises:
            ValueError: when something in the directory is damaged.
        """
        path = Path(path)
        run = RunDirectory.open(path)
        writer = cls(path, launch, columns)
        with writer._released_on_error():
            sums, text = read_done(path), to_toml(spec)
            writer._table.restore((path / TABLE).stat().st_size, sums[TABLE])
            frames = {found: known for name, known in sums.items() if (found := FrameName.parse(name)) is not None}
            writer._parts = Parts(path, frames)
            writer._launches, writer.failures = list(run.provenance["launches"]), list(run.provenance["failures"])
            identity = run_identity(tomllib.loads(text), run.engine)
            writer._facts = {"name": run.name, "identity": identity, **writer._facts}
            writer.checkpoint(ensemble, extra)
            (path / DONE).unlink()
            write_atomically(path / SPEC, text)
        return writer

    def begin_wave(self, number: int) -> None:
        """Say which wave of replicas the frames written from now on belong to; 0 until it is said."""
        self._wave = number

    def write_frame(
        self,
        frame: int,
        kt_set: float,
        ensemble: Ensemble,
        *,
        inherent: Ensemble | None = None,
        velocities: bool = False,
    ) -> None:
        """Store the configurations of all replicas of a wave at one frame (before their rows are appended).

        Args:
            frame: its number.
            kt_set: set temperature [eps_AA].
            ensemble: the wave; replicas that failed are left out.
            inherent: the same at their inherent structures, stored too; those whose quench failed are left out.
            velocities: whether to store velocities too (single precision), of the instantaneous configurations.

        Raises:
            ValueError: when this wave's frame is there already.
            OSError: when it cannot be written (a full disk).
        """
        self._parts.write(
            FrameName(frame, False, self._wave), configurations_of(ensemble, kt_set, velocities=velocities)
        )
        if inherent is not None:
            self._parts.write(FrameName(frame, True, self._wave), configurations_of(inherent, kt_set))

    def append_rows(self, columns: Mapping[str, np.ndarray]) -> None:
        """Append rows to the table, given as columns of equal length; a column left out is NaN."""
        self._table.append(columns)

    def record_failures(self, failures: Iterable[Mapping]) -> None:
        """Note replicas that stopped: {replica, step, reason} each. They enter the provenance."""
        self.failures += [dict(failure) for failure in failures]
        self._write_provenance()

    def checkpoint(self, ensemble: Ensemble, extra: Mapping[str, np.ndarray]) -> None:
        """Make all that was written so far permanent, with the state to go on from."""
        begun = time.monotonic()
        self._sync()
        history = {
            "launches": [*self._launches, self._this_launch()],
            "failures": self.failures,
            "table": {"bytes": self._table.bytes, "sha256": self._table.sha256},
            "frames": {str(name): known for name, known in self._parts.sums().items()},
            "wave": self._wave,
        }
        extra = {**extra, "history": np.array(json.dumps(history))}
        save_checkpoint(self.path / CHECKPOINT, ensemble, extra)
        if not self._checkpointed:
            self._checkpointed = True
            self._write_provenance()
        self._permanent = time.monotonic()
        self._cost = self._permanent - begun

    def checkpoint_is_due(self, interval: float) -> bool:
        """Whether ``interval`` seconds have passed since the last, and twenty times what it took; always for 0."""
        wait = max(interval, 20 * self._cost) if interval > 0 else 0.0
        return time.monotonic() - self._permanent >= wait

    def finish(self) -> RunDirectory:
        """Make one file of the parts of each frame, write DONE, remove the checkpoint; hand back the finished run."""
        self._sync()
        frames = self._parts.join()
        self._write_provenance()
        sums = {name: sha256(self.path / name) for name in (SPEC, PROVENANCE)}
        write_done(self.path, {**sums, TABLE: self._table.sha256, **frames})
        for path in (self.path / CHECKPOINT, *self.path.glob("frame-*.part-*.gsd")):
            path.unlink(missing_ok=True)
        self.close()
        return RunDirectory.open(self.path)

    def close(self) -> None:
        """Let go of the directory."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _released_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _restore(self) -> tuple[Ensemble, dict[str, np.ndarray]]:
        """Bring the directory back to its checkpoint, and read it."""
        ensemble, extra = load_checkpoint(self.path / CHECKPOINT)
        history = json.loads(str(extra.pop("history")))
        facts = RunDirectory.open(self.path).provenance
        if not same_launch(facts.get("launches"), history["launches"]):
            raise ValueError(f"{self.path / PROVENANCE}: damaged, its first launch is not that of the checkpoint")
        self._checkpointed, self._wave = True, history["wave"]
        self._launches, self.failures = history["launches"], history["failures"]
        self._facts = {"name": facts["name"], "identity": facts["identity"], **self._facts}
        self._table.restore(**history["table"])
        self._parts = Parts(self.path, cut_frames(self.path, history["frames"]))
        self._write_provenance()
        return ensemble, extra

    def _sync(self) -> None:
        """Bring the table and the names of all files to the disk; frame files are there since they were written."""
        self._table.sync()
        sync_directory(self.path)

    def _this_launch(self) -> dict:
        return {**self._launch, "wall_time_s": round(time.monotonic() - self._started, 3)}

    def _write_provenance(self) -> None:
        launches = [*self._launches, self._this_launch()]
        total = round(sum(launch["wall_time_s"] for launch in launches), 3)
        facts = {
            **self._facts,
            "wall_time_s": total,
            "checkpointed": self._checkpointed,
            "failures": self.failures,
            "launches": launches,
        }
        write_atomically(self.path / PROVENANCE, json.dumps(facts, indent=2) + "\n")
