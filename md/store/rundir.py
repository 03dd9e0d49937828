"""A run directory: what was asked, what made it, a table of every frame, stored configurations, a checkpoint.

``spec.toml``, ``provenance.json``, ``table.csv`` (a row per replica and frame), ``frame-0200.gsd`` and
``frame-0200.inherent.gsd`` (all replicas at one stored frame), ``checkpoint`` while the run goes on, ``DONE`` last,
with the check sums of all of these.

While a run goes on, each wave of replicas writes parts, ``frame-0200.part-0003.gsd``, which become one file at its end:
the number of files does not grow with replicas. :mod:`vitrify.md.store.writer` writes all of it.
"""

from __future__ import annotations

import errno
import json
import tomllib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from vitrify.md.store.damage import check, parsed, read_text, refuse_old
from vitrify.md.store.frames import Configuration, FrameFile
from vitrify.md.store.identity import HOW, ensemble_identity
from vitrify.md.store.naming import PROVENANCE, SPEC, TABLE, FrameName
from vitrify.md.store.product import DONE, read_done
from vitrify.md.store.provenance import to_toml
from vitrify.md.store.table import parse_table

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
        refuse_old(path)
        sums = read_done(path) if (path / DONE).exists() else None
        spec, facts = parsed(path / SPEC, tomllib.loads), parsed(path / PROVENANCE, json.loads)
        if sums is not None:
            check(path, SPEC, sums)
            check(path, PROVENANCE, sums)
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
        text = read_text(path)
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
            check(self.path, name, self._sums)
            self._unchecked.discard(name)


def is_run_of(settings: Mapping, path: Path) -> bool:
    """Whether a directory holds a run of these settings; False where there is none, ValueError where it is another's.

    Engine, device and the place of imported files may change between launches: they say how, not what.
    """
    if not (path / SPEC).exists():
        return False
    there, wanted = RunDirectory.open(path).spec, tomllib.loads(to_toml(settings))
    names = (set(there) | set(wanted)) - HOW
    for name in sorted(names, key=lambda name: (name != "protocol", name)):
        if there.get(name) != wanted.get(name):
            raise ValueError(f"{path}: its run has {name} = {there.get(name)}, this one {wanted.get(name)}")
    return True
