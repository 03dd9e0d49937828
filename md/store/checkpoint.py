"""Files that are either whole or absent, and the checkpoint of an ensemble from which a run goes on bit for bit."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vitrify.md.ensemble import Ensemble

PARTIAL = ".partial"
"""Suffix of a file that is being written beside its final name; whoever finds one may delete it."""

_FORMAT = 1
_ARRAYS = ("positions", "velocities", "species", "box", "replica", "step", "origin", "travelled")


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
        with open(partial, "wb") as file:
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
    """Write an ensemble, and whatever else a protocol needs to go on, to one npz file (atomically).

    Args:
        path: the file.
        ensemble: the state, all of it: with ``origin`` and ``failure``.
        extra: further arrays by name (no objects); counters, what is still to be injected, how far the table goes.
    """
    arrays = {f"ensemble/{name}": getattr(ensemble, name) for name in _ARRAYS if getattr(ensemble, name) is not None}
    arrays |= {f"extra/{name}": np.asarray(array) for name, array in extra.items()}
    head = {
        "format": _FORMAT,
        "periodic": [bool(axis) for axis in ensemble.periodic],
        "seed": int(ensemble.seed),
        "failure": list(ensemble.failure),
    }
    write_atomically(path, lambda file: np.savez(file, head=np.array(json.dumps(head)), **arrays))


def load_checkpoint(path: Path) -> tuple[Ensemble, dict[str, np.ndarray]]:
    """Read what :func:`save_checkpoint` wrote.

    Returns:
        The ensemble and the extra arrays.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when the file is damaged (every array carries a check sum) or of another format.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            head = json.loads(str(file["head"]))
            arrays = {name: file[name] for name in file.files if name != "head"}
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, OSError) as error:
        raise ValueError(f"{path}: damaged checkpoint ({error})") from error
    if head.get("format") != _FORMAT:
        raise ValueError(f"{path}: got checkpoint format {head.get('format')}, expected {_FORMAT}")
    stored = {name.removeprefix("ensemble/"): array for name, array in arrays.items() if name.startswith("ensemble/")}
    extra = {name.removeprefix("extra/"): array for name, array in arrays.items() if name.startswith("extra/")}
    missing = {entry.name for entry in fields(Ensemble)} - set(stored) - set(head) - {"origin", "travelled"}
    if missing:
        raise ValueError(f"{path}: damaged checkpoint (no {', '.join(sorted(missing))})")
    ensemble = Ensemble(
        periodic=(head["periodic"][0], head["periodic"][1]),
        seed=head["seed"],
        failure=tuple(head["failure"]),
        **stored,
    )
    return ensemble, extra
