"""A run directory: what was asked, what made it, a table of every frame, stored configurations, a checkpoint.

``spec.toml``, ``provenance.json``, ``table.csv`` (a row per replica and frame), ``replica-NNNN.gsd`` and
``replica-NNNN.inherent.gsd`` (HOOMD schema, OVITO opens them), ``checkpoint`` while the run goes on, ``DONE`` last.

A process may be killed at any moment. Small files are replaced whole. Table and trajectories only grow: a
configuration is written before its row, and a row before the checkpoint that knows of it, so what a killed process
leaves behind the last checkpoint is cut off on resume, and until then a torn row or a torn frame is passed over.
"""

from __future__ import annotations

import errno
import json
import os
import time
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np

from vitrify.md.ensemble import Ensemble
from vitrify.md.store.checkpoint import (
    PARTIAL,
    load_checkpoint,
    lock_directory,
    save_checkpoint,
    sync_directory,
    write_atomically,
)
from vitrify.md.store.frames import (
    Configuration,
    append_frames,
    cut_trajectory,
    frame_places,
    read_frame,
    replica_of,
    trajectory_name,
)
from vitrify.md.store.provenance import provenance, to_toml
from vitrify.md.store.table import COLUMNS, format_rows, parse_table

SPEC, PROVENANCE, TABLE, CHECKPOINT, DONE = "spec.toml", "provenance.json", "table.csv", "checkpoint", "DONE"


class RunDirectory:
    """Reads a run directory, finished or under way.

    Attributes:
        path: the directory.
        name: its name, for legends and tables.
        spec: what was asked: "protocol" ("cool", "anneal" or "deposit") and every field of its spec.
        provenance: what made it: version, commit, launches (engine, device, host, wall time), failures.
    """

    def __init__(self, path: Path, spec: dict, provenance: dict):
        self.path, self.name, self.spec, self.provenance = path, path.resolve().name, spec, provenance
        self._frames: dict[Path, dict[int, int]] = {}

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Open a run directory.

        Raises:
            FileNotFoundError: when the directory or a file every run has is missing.
            ValueError: when one of them is damaged.
        """
        path = Path(path)
        if not path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "no such run directory", str(path))
        try:
            spec = tomllib.loads(_read(path / SPEC))
            facts = json.loads(_read(path / PROVENANCE))
        except ValueError as error:
            raise ValueError(f"{path}: damaged run directory ({error})") from error
        if "protocol" not in spec or not isinstance(facts, dict):
            raise ValueError(f"{path / SPEC}: damaged, it names no protocol")
        return cls(path, spec, facts)

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / DONE).exists()

    @cached_property
    def table(self) -> dict[str, np.ndarray]:
        """The columns of table.csv by name, sorted by replica and frame.

        replica, frame and step are int64, converged is bool, the others float64, NaN where not computed.

        Raises:
            FileNotFoundError: when there is no table.
            ValueError: when it is damaged. A torn last row of a run under way is passed over.
        """
        path = self.path / TABLE
        return parse_table(path, _read(path), whole=self.finished)

    @property
    def replicas(self) -> list[int]:
        """Numbers of the replicas that reached at least one frame."""
        return np.unique(self.table["replica"]).tolist()

    def stored_frames(self, replica: int, inherent: bool = False) -> list[int]:
        """Numbers of the frames whose configuration is stored and whose row the table has."""
        path = self.path / trajectory_name(replica, inherent)
        if not path.exists():
            return []
        first, end = np.searchsorted(self.table["replica"], [replica, replica + 1])
        return sorted(set(self._index(path)) & set(self.table["frame"][first:end].tolist()))

    def configuration(self, replica: int, frame: int, inherent: bool = False) -> Configuration:
        """A stored configuration, instantaneous or at its inherent structure.

        Raises:
            ValueError: when it was not stored, or its file is damaged.
        """
        stored = self.stored_frames(replica, inherent)
        if frame not in stored:
            kind = "inherent structure" if inherent else "configuration"
            raise ValueError(
                f"{self.path}: no {kind} of replica {replica} at frame {frame}; stored frames: {stored or 'none'}"
            )
        path = self.path / trajectory_name(replica, inherent)
        return read_frame(path, self._index(path)[frame])

    def _index(self, path: Path) -> dict[int, int]:
        """Where in a trajectory each frame number stands."""
        if path not in self._frames:
            self._frames[path] = frame_places(path)
        return self._frames[path]


def is_run_of(settings: Mapping, path: Path) -> bool:
    """Whether a directory holds a run of these settings; False where there is none, ValueError where it is another's.

    Engine and device may change between launches: they say how, not what.
    """
    if not (path / SPEC).exists():
        return False
    there, wanted = RunDirectory.open(path).spec, tomllib.loads(to_toml(settings))
    names = (set(there) | set(wanted)) - {"engine", "device"}
    for name in sorted(names, key=lambda name: (name != "protocol", name)):
        if there.get(name) != wanted.get(name):
            raise ValueError(f"{path}: its run has {name} = {there.get(name)}, this one {wanted.get(name)}")
    return True


class RunWriter:
    """Writes a run directory, one process at a time. Use :meth:`begin_or_resume`, :meth:`create` or :meth:`resume`.

    Attributes:
        path: the directory.
        failures: replicas that stopped, {replica, step, reason} each.
    """

    def __init__(self, path: Path, launch: Mapping, columns: Sequence[str]):
        self.path, self._columns = path, tuple(columns)
        self._lock = lock_directory(path)
        self._touched: set[Path] = set()
        self._started = self._permanent = time.monotonic()
        self._cost, self._checkpointed = 0.0, False
        facts = provenance()
        self._facts = {name: facts[name] for name in ("version", "git_commit", "python", "packages")}
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
            _clear(path, force)
            writer._write_provenance()
            write_atomically(path / TABLE, ",".join(columns) + "\n")
            write_atomically(path / SPEC, to_toml(spec))
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
            if not there and (*path.glob("replica-*.gsd"), *path.glob(DONE)):
                raise FileNotFoundError(errno.ENOENT, "damaged run directory, no such file", str(path / SPEC))
        return cls.create(path, spec, launch, columns=columns, force=force or resume), None, {}

    def append_configuration(
        self,
        ensemble: Ensemble,
        row: int,
        frame: int,
        kt_set: float,
        *,
        inherent: bool = False,
        velocities: bool = False,
    ) -> None:
        """Store the configuration of one replica (before its row is appended).

        Args:
            ensemble: where it stands.
            row: which of the ensemble's rows.
            frame: its frame number.
            kt_set: set temperature [eps_AA].
            inherent: whether it goes into the trajectory of inherent structures.
            velocities: whether to store velocities too (single precision).
        """
        filled = ensemble.filled[row]
        configuration = Configuration(
            positions=ensemble.positions[row, filled],
            species=ensemble.species[row, filled],
            box=ensemble.box[row],
            periodic=ensemble.periodic,
            step=int(ensemble.step[row]),
            kt_set=kt_set,
            velocities=ensemble.velocities[row, filled] if velocities else None,
        )
        path = self.path / trajectory_name(int(ensemble.replica[row]), inherent)
        append_frames(path, [(frame, configuration)])
        self._touched.add(path)

    def append_rows(self, columns: Mapping[str, np.ndarray]) -> None:
        """Append rows to the table, given as columns of equal length; a column left out is NaN."""
        with open(self.path / TABLE, "ab") as file:
            file.write(format_rows(self._columns, columns).encode())
        self._touched.add(self.path / TABLE)

    def record_failures(self, failures: Iterable[Mapping]) -> None:
        """Note replicas that stopped: {replica, step, reason} each. They enter the provenance."""
        self.failures += [dict(failure) for failure in failures]
        self._write_provenance()

    def checkpoint(self, ensemble: Ensemble, extra: Mapping[str, np.ndarray]) -> None:
        """Make all that was written so far permanent, with the state to go on from."""
        begun = time.monotonic()
        self._sync()
        history = json.dumps({"launches": [*self._launches, self._this_launch()], "failures": self.failures})
        length = (self.path / TABLE).stat().st_size
        extra = {**extra, "table_bytes": np.array(length), "history": np.array(history)}
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
        """Write DONE, remove the checkpoint, and hand back the finished run."""
        self._sync()
        self._write_provenance()
        write_atomically(self.path / DONE, "")
        (self.path / CHECKPOINT).unlink(missing_ok=True)
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
        try:
            length = int(extra.pop("table_bytes"))
            history = json.loads(str(extra.pop("history")))
        except KeyError as error:
            raise ValueError(f"{self.path / CHECKPOINT}: damaged checkpoint (no {error})") from error
        self._checkpointed = True
        self._launches, self.failures = history["launches"], history["failures"]
        table = self.path / TABLE
        if not table.exists() or table.stat().st_size < length:
            raise ValueError(f"{table}: damaged, shorter than the checkpoint knows it ({length} bytes)")
        os.truncate(table, length)
        for partial in self.path.glob("*" + PARTIAL):
            partial.unlink()
        rows = RunDirectory.open(self.path).table
        for trajectory in self.path.glob("replica-*.gsd"):
            replica = replica_of(trajectory)
            first, end = np.searchsorted(rows["replica"], [replica, replica + 1])
            cut_trajectory(trajectory, set(rows["frame"][first:end].tolist()))
        self._write_provenance()
        return ensemble, extra

    def _sync(self) -> None:
        """Bring every file appended to since the last call to the disk."""
        for path in self._touched:
            with open(path, "rb") as file:
                os.fsync(file.fileno())
        self._touched.clear()
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


def _read(path: Path) -> str:
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "not a run directory: no such file", str(path))
    return path.read_text(encoding="utf-8")


def _clear(path: Path, force: bool) -> None:
    """Make ``path`` an empty directory, or say why not. Only files that a run writes are ever deleted."""
    order = (DONE, CHECKPOINT, SPEC, TABLE, PROVENANCE)
    ours = [path / name for name in order if (path / name).exists()]
    ours += [*path.glob("replica-*.gsd"), *path.glob("*" + PARTIAL)]
    files = list(path.iterdir())
    if set(files) - set(ours):
        raise FileExistsError(errno.EEXIST, "holds files that no run wrote; give a new directory", str(path))
    if files and not force:
        raise FileExistsError(
            errno.EEXIST, "is there already; --resume goes on with it, --force replaces it", str(path)
        )
    for file in ours:
        file.unlink()
