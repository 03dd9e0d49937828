"""A run directory: what was asked, what made it, a table of every frame, stored configurations, a checkpoint.

``spec.toml``, ``provenance.json``, ``table.csv`` (a row per replica and frame), ``frame-0200.gsd`` and
``frame-0200.inherent.gsd`` (all replicas at one stored frame), ``checkpoint`` while the run goes on, ``DONE`` last,
with the check sums of all of these.

While a run goes on, each wave of replicas writes parts, ``frame-0200.part-0003.gsd``, which become one file at its end:
the number of files does not grow with replicas.

A process may be killed at any moment. Files are replaced whole, only the table grows: a configuration is written
before its row, and a row before the checkpoint that knows of it. What a killed process leaves behind its last
checkpoint goes on resume, unread; until then a torn row is passed over, and a configuration without its row.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
import tomllib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

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
from vitrify.md.store.frames import Configuration, FrameFile, FrameName, configurations_of, write_frame_file
from vitrify.md.store.identity import ensemble_identity, run_identity
from vitrify.md.store.product import DONE, check_sum, read_done, sha256, write_done
from vitrify.md.store.provenance import provenance, to_toml
from vitrify.md.store.table import COLUMNS, format_rows, parse_table

SPEC, PROVENANCE, TABLE, CHECKPOINT = "spec.toml", "provenance.json", "table.csv", "checkpoint"

_FILES_OPEN = 64
"""Frame files that one reader keeps open."""


class RunDirectory:
    """Reads a run directory, finished or under way. Check sums of a finished one are checked once a file, when read.

    Attributes:
        path: the directory.
        name: the folder's name when the run began: for legends and tables, never to tell runs apart.
        identity: what the run is known by, :func:`vitrify.md.store.identity.run_identity`.
        spec: what was asked: "protocol" ("cool", "anneal" or "deposit") and every field of its spec.
        provenance: what made it: version, commit, launches (engine, device, host, wall time), failures.
    """

    def __init__(self, path: Path, spec: dict, provenance: dict, sums: Mapping[str, str] | None):
        self.path, self.spec, self.provenance = path, spec, provenance
        self.name, self.identity = str(provenance["name"]), str(provenance["identity"])
        self._sums = sums
        self._unchecked = set(sums or ()) - {SPEC, PROVENANCE}
        self._open: OrderedDict[Path, FrameFile] = OrderedDict()

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Open a run directory.

        Raises:
            FileNotFoundError: when the directory or a file every run has is missing.
            ValueError: when one of them is damaged, or the run is of a version that this one does not read.
        """
        path = Path(path)
        if not path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "no such run directory", str(path))
        _refuse_old(path)
        sums = read_done(path) if (path / DONE).exists() else None
        try:
            spec = tomllib.loads(_read(path / SPEC))
            facts = json.loads(_read(path / PROVENANCE))
        except ValueError as error:
            raise ValueError(f"{path}: damaged run directory ({error})") from error
        if sums is not None:
            _check(path, SPEC, sums)
            _check(path, PROVENANCE, sums)
        if "protocol" not in spec or not isinstance(facts, dict):
            raise ValueError(f"{path / SPEC}: damaged, it names no protocol")
        if missing := {"name", "identity"} - set(facts):
            raise ValueError(f"{path / PROVENANCE}: damaged, it has no {', '.join(sorted(missing))}")
        return cls(path, spec, facts, sums)

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return self._sums is not None

    @property
    def engine(self) -> str:
        """The engine the run began with."""
        launches = self.provenance.get("launches") or [{}]
        return str(launches[0].get("engine", ""))

    @property
    def ensemble_identity(self) -> str:
        """The same for all batches of one ensemble, :func:`vitrify.md.store.identity.ensemble_identity`."""
        return ensemble_identity(self.spec, self.engine)

    @cached_property
    def table(self) -> dict[str, np.ndarray]:
        """The columns of table.csv by name, sorted by replica and frame.

        replica, frame and step are int64, converged is bool, the others float64, NaN where not computed.

        Raises:
            FileNotFoundError: when there is no table.
            ValueError: when it is damaged. A torn last row of a run under way is passed over.
        """
        path = self.path / TABLE
        text = _read(path)
        self._check(TABLE)
        return parse_table(path, text, whole=self.finished)

    @property
    def replicas(self) -> list[int]:
        """Numbers of the replicas that reached at least one frame."""
        return np.unique(self.table["replica"]).tolist()

    def stored_frames(self, *, inherent: bool = False) -> list[int]:
        """Numbers of the frames of which configurations are stored and whose rows the table has."""
        frames = set(np.unique(self.table["frame"]).tolist())
        return sorted({name.frame for name in self._names if name.inherent == inherent} & frames)

    def stored_replicas(self, frame: int, *, inherent: bool = False) -> list[int]:
        """Numbers of the replicas whose configuration at a frame is stored; a replica that failed is not."""
        return [replica for file in self._files(frame, inherent) for replica in self._known(file, frame)]

    def configuration(self, replica: int, frame: int, inherent: bool = False) -> Configuration:
        """A stored configuration, instantaneous or at its inherent structure.

        Raises:
            ValueError: when it was not stored, or its file is damaged.
        """
        for file in self._files(frame, inherent):
            if replica in file and replica in self._known(file, frame):
                return file.of(replica)
        kind = "inherent structure" if inherent else "configuration"
        stored = self.stored_frames(inherent=inherent)
        raise ValueError(
            f"{self.path}: no {kind} of replica {replica} at frame {frame}; stored frames: {stored or 'none'}"
        )

    def configurations(self, frame: int, *, inherent: bool = False) -> Iterator[tuple[int, Configuration]]:
        """Number and configuration of every replica stored at a frame, one after the other as they lie on the disk."""
        for file in self._files(frame, inherent):
            for replica in self._known(file, frame):
                yield replica, file.of(replica)

    def _files(self, frame: int, inherent: bool) -> Iterator[FrameFile]:
        """The files of a frame: one, or its parts while the run goes on."""
        for name in self._names:
            if (name.frame, name.inherent) == (frame, inherent):
                yield self._file(str(name))

    def _known(self, file: FrameFile, frame: int) -> Sequence[int]:
        """The replicas of a frame file; while the run goes on, those whose rows the table has."""
        if self.finished:
            return file.numbers
        rows = self.table["replica"][self.table["frame"] == frame]
        return [replica for replica, known in zip(file.numbers, np.isin(file.numbers, rows), strict=True) if known]

    @cached_property
    def _names(self) -> list[FrameName]:
        """Frame files, in order: parts by wave."""
        there = [path.name for path in self.path.iterdir()] if self._sums is None else self._sums
        names = [name for name in map(FrameName.parse, there) if name is not None]
        return sorted(names, key=lambda name: (name.frame, name.inherent, -1 if name.part is None else name.part))

    def _file(self, name: str) -> FrameFile:
        path = self.path / name
        if path not in self._open:
            self._check(name)
            self._open[path] = FrameFile(path)
            if len(self._open) > _FILES_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(path)
        return self._open[path]

    def _check(self, name: str) -> None:
        """Check a file of a finished run the first time it is read."""
        if name in self._unchecked and self._sums is not None:
            _check(self.path, name, self._sums)
            self._unchecked.discard(name)


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
        self._wave = 0
        self._sums: dict[FrameName, str | None] = {}  # of frame files; None where not yet computed
        self._rows, self._rows_bytes = hashlib.sha256(), 0
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
            _clear(path, force)
            identity = run_identity(tomllib.loads(text), str(launch.get("engine", "")))
            writer._facts = {"name": path.resolve().name, "identity": identity, **writer._facts}
            writer._write_provenance()
            write_atomically(path / TABLE, "")
            writer._append_to_table(",".join(columns) + "\n")
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
        self._write_part(
            FrameName(frame, False, self._wave), configurations_of(ensemble, kt_set, velocities=velocities)
        )
        if inherent is not None:
            self._write_part(FrameName(frame, True, self._wave), configurations_of(inherent, kt_set))

    def append_rows(self, columns: Mapping[str, np.ndarray]) -> None:
        """Append rows to the table, given as columns of equal length; a column left out is NaN."""
        self._append_to_table(format_rows(self._columns, columns))

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
            "table": {"bytes": self._rows_bytes, "sha256": self._rows.hexdigest()},
            "frames": {str(name): known for name, known in self._frame_sums().items()},
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
        frames = self._join_parts()
        self._write_provenance()
        sums = {name: sha256(self.path / name) for name in (SPEC, PROVENANCE)}
        write_done(self.path, {**sums, TABLE: self._rows.hexdigest(), **frames})
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

    def _append_to_table(self, text: str) -> None:
        data = text.encode()
        with open(self.path / TABLE, "ab") as file:
            file.write(data)
        self._rows.update(data)
        self._rows_bytes += len(data)

    def _write_part(self, name: FrameName, configurations: Iterable[tuple[int, Configuration]]) -> None:
        if name in self._sums:
            raise ValueError(f"{self.path / str(name)}: written twice; expected each frame once a wave, all replicas")
        if write_frame_file(self.path / str(name), name.frame, configurations):
            self._sums[name] = None

    def _frame_sums(self) -> dict[FrameName, str]:
        """The check sum of every frame file written so far."""
        sums = {name: known or sha256(self.path / str(name)) for name, known in self._sums.items()}
        self._sums.update(sums)
        return sums

    def _join_parts(self) -> dict[str, str]:
        """Make one file of each frame's parts; a single part is renamed. Hands back the check sums of the new files."""
        parts: dict[FrameName, list[FrameName]] = {}
        for name in sorted(self._sums):
            parts.setdefault(name._replace(part=None), []).append(name)
        sums = self._frame_sums()
        joined = {}
        for whole, names in parts.items():
            path = self.path / str(whole)
            if len(names) == 1:
                os.replace(self.path / str(names[0]), path)
                joined[str(whole)] = sums[names[0]]
                continue
            files = [FrameFile(self.path / str(name)) for name in names]
            write_frame_file(path, whole.frame, chain.from_iterable(files))
            for file in files:
                file.close()
            joined[str(whole)] = sha256(path)
        sync_directory(self.path)
        return joined

    def _restore(self) -> tuple[Ensemble, dict[str, np.ndarray]]:
        """Bring the directory back to its checkpoint, and read it."""
        ensemble, extra = load_checkpoint(self.path / CHECKPOINT)
        history = json.loads(str(extra.pop("history")))
        facts = RunDirectory.open(self.path).provenance
        if not _same_launch(facts.get("launches"), history["launches"]):
            raise ValueError(f"{self.path / PROVENANCE}: damaged, its first launch is not that of the checkpoint")
        self._checkpointed, self._wave = True, history["wave"]
        self._launches, self.failures = history["launches"], history["failures"]
        self._facts = {"name": facts["name"], "identity": facts["identity"], **self._facts}
        self._restore_table(**history["table"])
        self._restore_frames(history["frames"])
        for partial in self.path.glob("*" + PARTIAL):
            partial.unlink()
        self._write_provenance()
        return ensemble, extra

    def _restore_table(self, bytes: int, sha256: str) -> None:
        """Cut off the rows that came after the checkpoint."""
        path = self.path / TABLE
        if not path.exists() or path.stat().st_size < bytes:
            raise ValueError(f"{path}: damaged, shorter than the checkpoint knows it ({bytes} bytes)")
        with open(path, "rb") as file:
            self._rows.update(file.read(bytes))
        self._rows_bytes = bytes
        if self._rows.hexdigest() != sha256:
            raise ValueError(f"{path}: damaged or edited, its check sum is not that in the checkpoint")
        os.truncate(path, bytes)

    def _restore_frames(self, sums: dict[str, str]) -> None:
        """Check the frame files that the checkpoint knows, and remove the others, unread."""
        known = {name: expected for text, expected in sums.items() if (name := FrameName.parse(text)) is not None}
        for name, expected in known.items():
            part, whole = self.path / str(name), self.path / str(name._replace(part=None))
            if not part.exists() and whole.exists() and sha256(whole) == expected:
                os.replace(whole, part)  # the run was killed while it finished
            if not part.exists():
                raise FileNotFoundError(errno.ENOENT, "damaged run directory, no such file", str(part))
            if sha256(part) != expected:
                raise ValueError(f"{part}: damaged or edited, its check sum is not that in the checkpoint")
        for path in self.path.glob("frame-*.gsd"):
            if (found := FrameName.parse(path.name)) is not None and found not in known:
                path.unlink()
        self._sums = dict(known)

    def _sync(self) -> None:
        """Bring the table and the names of all files to the disk; frame files are there since they were written."""
        with open(self.path / TABLE, "rb") as file:
            os.fsync(file.fileno())
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
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: damaged ({error})") from error


def _check(path: Path, name: str, sums: Mapping[str, str]) -> None:
    if name not in sums:
        raise ValueError(f"{path / DONE}: damaged, it has no check sum of {name}")
    check_sum(path / name, sums[name])


def _refuse_old(path: Path) -> None:
    """Say what to do with a directory of version 0.1."""
    if any(path.glob("replica-*.gsd")) or ((path / DONE).is_file() and not (path / DONE).stat().st_size):
        raise ValueError(
            f"{path}: a run of vitrify 0.1, with a file for each replica, which this version does not read; "
            "run its spec.toml again, or import its replica-*.gsd with vitrify import"
        )


def _same_launch(there: object, known: Sequence[Mapping]) -> bool:
    """Whether the first launch of the provenance is that of the checkpoint, but for the time it took."""
    if not isinstance(there, list) or not there or not isinstance(there[0], dict):
        return False
    first, second = ({**launch, "wall_time_s": 0} for launch in (there[0], known[0]))
    return first == second


def _clear(path: Path, force: bool) -> None:
    """Make ``path`` an empty directory, or say why not. Only files that a run writes are ever deleted."""
    order = (DONE, CHECKPOINT, SPEC, TABLE, PROVENANCE)
    ours = [path / name for name in order if (path / name).exists()]
    ours += [file for file in path.glob("frame-*.gsd") if FrameName.parse(file.name) is not None]
    ours += path.glob("*" + PARTIAL)
    files = list(path.iterdir())
    if set(files) - set(ours):
        raise FileExistsError(errno.EEXIST, "holds files that no run wrote; give a new directory", str(path))
    if files and not force:
        raise FileExistsError(
            errno.EEXIST, "is there already; --resume goes on with it, --force replaces it", str(path)
        )
    for file in ours:
        file.unlink()
