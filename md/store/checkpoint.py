"""Files that are either whole or absent, and the checkpoint of an ensemble from which a run goes on bit for bit."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vitrify.md.ensemble import Ensemble

PARTIAL = ".partial"
"""Suffix of a file that is being written beside its final name; whoever finds one may delete it."""

_MARK, _DIGEST = b"vitrify checkpoint 2\n", 32
"""How a checkpoint begins, with the number of its format; bytes of the SHA-256 after it."""


def write_atomically(path: Path, write: bytes | str | Callable[[BinaryIO], object]) -> None:
    """Put a file at ``path`` that is never seen half written: write beside, flush to the disk, rename.

    Args:
        path: where the file goes; what was there before stays until the new one is complete.
        write: its content, or a function that writes it to the open binary file.

    Raises:
        OSError: when it cannot be written (a full disk); ``path`` is then as it was.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note"
    >>> write_atomically(path, "whole")
    >>> path.read_text()
    'whole'
    """
    if isinstance(write, str):
        write = write.encode()
    partial = path.with_name(path.name + PARTIAL)
    try:
        with open(partial, "w+b") as file:
            if callable(write):
                write(file)
            else:
                file.write(write)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_directory(path: Path) -> int | None:
    """Keep a second process out of a directory; the lock ends with this process, however it ends.

    Returns:
        A descriptor whose closing lets go, or None on a file system without locks.

    Raises:
        BlockingIOError: when another process holds it.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BlockingIOError(errno.EAGAIN, "another process is writing this run", str(path)) from error
    except OSError:  # a file system without locks
        os.close(descriptor)
        return None
    return descriptor


def save_checkpoint(path: Path, ensemble: Ensemble, extra: Mapping[str, np.ndarray]) -> None:
    """Write an ensemble, and whatever else a protocol needs to go on, to one file (atomically).

    The file is a mark, the SHA-256 of what follows, and a NumPy archive.

    Args:
        path: the file.
        ensemble: the state, all of it: with ``origin`` and ``failure``.
        extra: further arrays by name (no objects); counters, what is still to be injected, how far the table goes.
    """
    whole = {entry.name for entry in fields(Ensemble)} - {"periodic", "seed", "failure"}
    arrays = {f"ensemble/{name}": getattr(ensemble, name) for name in whole if getattr(ensemble, name) is not None}
    arrays |= {f"extra/{name}": np.asarray(array) for name, array in extra.items()}
    head = {
        "periodic": [bool(axis) for axis in ensemble.periodic],
        "seed": int(ensemble.seed),
        "failure": list(ensemble.failure),
    }

    def write(file: BinaryIO) -> None:
        file.write(_MARK + bytes(_DIGEST))
        np.savez(file, head=np.array(json.dumps(head)), **arrays)
        file.seek(len(_MARK) + _DIGEST)
        digest = _digest_of_rest(file)
        file.seek(len(_MARK))
        file.write(digest)

    write_atomically(path, write)


def load_checkpoint(path: Path) -> tuple[Ensemble, dict[str, np.ndarray]]:
    """Read what :func:`save_checkpoint` wrote.

    Returns:
        The ensemble and the extra arrays.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when a single bit of the file is not as it was written, or it is of another format.
    """
    with open(path, "rb") as file:
        mark, digest = file.read(len(_MARK)), file.read(_DIGEST)
        if mark != _MARK:
            raise ValueError(f"{path}: damaged checkpoint, or one of another version (it begins with {mark!r})")
        if digest != _digest_of_rest(file):
            raise ValueError(f"{path}: damaged checkpoint (it is not what its check sum says)")
        file.seek(len(_MARK) + _DIGEST)
        with np.load(file, allow_pickle=False) as archive:
            head = json.loads(str(archive["head"]))
            arrays = {name: archive[name] for name in archive.files if name != "head"}
    stored = {name.removeprefix("ensemble/"): array for name, array in arrays.items() if name.startswith("ensemble/")}
    extra = {name.removeprefix("extra/"): array for name, array in arrays.items() if name.startswith("extra/")}
    ensemble = Ensemble(
        periodic=(head["periodic"][0], head["periodic"][1]),
        seed=head["seed"],
        failure=tuple(head["failure"]),
        **stored,
    )
    return ensemble, extra


def _digest_of_rest(file: BinaryIO) -> bytes:
    """SHA-256 from where the file stands to its end."""
    found = hashlib.sha256()
    while block := file.read(1 << 20):
        found.update(block)
    return found.digest()
