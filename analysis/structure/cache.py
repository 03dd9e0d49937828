"""What was measured of a run stays beside it, in one file, so that nothing is measured twice.

``descriptors.cache`` is no part of the sealed run: ``DONE`` does not name it, and it may be deleted. It is a line of
JSON, then a record of fixed length for every configuration, appended in batches: a measurement that is killed keeps
what it had, and a torn record at the end is cut off. It is begun anew when the run, this program's descriptors, or the
libraries they come from are others.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vitrify.md.store.naming import MEASURED
from vitrify.md.store.product import DONE
from vitrify.md.store.rundir import RunDirectory


class Which(NamedTuple):
    """A stored configuration within its run."""

    replica: int
    frame: int
    inherent: bool


class Cache:
    """The measured numbers of one run's configurations.

    Attributes:
        file: where they are; None where a run is not finished, or nothing can be written.
        note: what a reader should know about that; "" for the rule, a file in the run directory.
        known: (K,) float64 of each configuration that was measured before.
    """

    def __init__(self, run: RunDirectory, size: int):
        """Read what is there.

        Args:
            run: the run.
            size: numbers of a configuration.
        """
        self._record = np.dtype(
            [("replica", "<i8"), ("frame", "<i8"), ("inherent", "<i8"), ("sum", "<i8"), ("values", "<f8", (size,))]
        )
        self.note = ""
        self.file = self._place(run) if run.finished else None
        self.known: dict[Which, np.ndarray] = {}
        if self.file is not None:
            header = {"key": key_of(run), "numbers": size}
            self._header = (json.dumps(header) + "\n").encode()
            self.known = self._read()

    def add(self, found: Mapping[Which, np.ndarray]) -> None:
        """Append what was measured; OSError is not raised: a full disk costs the cache, not the measurement."""
        self.known.update(found)
        if self.file is None or not found:
            return
        rows = np.zeros(len(found), dtype=self._record)
        for row, (which, values) in zip(rows, found.items(), strict=True):
            row["replica"], row["frame"], row["inherent"] = which
            row["values"], row["sum"] = values, _sum(values)
        try:
            with open(os.open(self.file, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as file:
                _lock(file.fileno())
                if file.read(len(self._header)) != self._header:
                    file.seek(0)
                    file.truncate()
                    file.write(self._header)
                whole = (file.seek(0, os.SEEK_END) - len(self._header)) // self._record.itemsize
                file.seek(len(self._header) + whole * self._record.itemsize)
                file.truncate()
                file.write(rows.tobytes())
        except OSError as error:
            self.note = f"{self.file}: cannot keep what was measured ({error.strerror}); it is measured again next time"
            self.file = None

    def _read(self) -> dict[Which, np.ndarray]:
        assert self.file is not None  # only called where there is a file
        try:
            data = self.file.read_bytes()
        except OSError:
            return {}
        if not data.startswith(self._header):
            return {}
        body = data[len(self._header) :]
        rows = np.frombuffer(body, dtype=self._record, count=len(body) // self._record.itemsize)
        return {
            Which(int(row["replica"]), int(row["frame"]), bool(row["inherent"])): row["values"]
            for row in rows
            if _sum(row["values"]) == row["sum"]
        }

    def _place(self, run: RunDirectory) -> Path | None:
        """In the run directory; where that cannot be written, in the user's cache directory."""
        file = run.path / MEASURED
        if os.access(file if file.exists() else run.path, os.W_OK):
            return file
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vitrify" / "descriptors"
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError:
            self.note = f"{run.path}: cannot be written, nor can {home}: its descriptors are measured again next time"
            return None
        self.note = f"{run.path}: cannot be written; its descriptors are kept in {home}"
        return home / f"{hashlib.sha256((run.path / DONE).read_bytes()).hexdigest()[:32]}.cache"


def key_of(run: RunDirectory) -> str:
    """What a measurement depends on: the check sums of the run, the code of this folder, the libraries it calls."""
    return hashlib.sha256((run.path / DONE).read_bytes() + _code()).hexdigest()


@lru_cache(maxsize=1)
def _code() -> bytes:
    files = sorted(Path(__file__).parent.glob("*.py"))
    libraries = "".join(f"{name} {version(name)}\n" for name in ("numpy", "scipy", "freud-analysis"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files) + libraries.encode()).digest()


def _sum(values: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(values).tobytes())


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:  # a file system without locks
        return
