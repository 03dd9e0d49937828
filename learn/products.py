"""Directories that are either whole or absent: datasets and models.

A finished directory holds ``DONE``, written last: the SHA-256 of every other file in the format of ``sha256sum``, so
that ``sha256sum --check DONE`` says whether something was damaged or edited since.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitrify.md.store.checkpoint import PARTIAL, sync_directory, write_atomically

DONE = "DONE"


@contextmanager
def whole_directory(path: Path, marker: str, *, force: bool = False) -> Iterator[Path]:
    """A directory that appears at ``path`` when the block ends without an error, and not at all otherwise.

    Args:
        path: where it goes.
        marker: the file every directory of this kind has; nothing without it is ever replaced.
        force: replace what is there, at the very end.

    Yields:
        The directory to write into, beside ``path``.

    Raises:
        ValueError: when there is something at ``path`` and no ``force``.
    """
    require_free(path, marker, force=force)
    partial = path.with_name(path.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        seal(partial)
        if path.exists():
            shutil.rmtree(path)
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync_directory(path.parent)


def require_free(path: Path, marker: str, *, force: bool = False) -> None:
    """Raise ValueError when there is something at ``path`` that may not be replaced."""
    if not path.exists():
        return
    if not force:
        raise ValueError(f"{path}: exists already; expected a new directory, or --force to replace it")
    if not (path / marker).is_file() or any(entry.is_dir() for entry in path.iterdir()):
        raise ValueError(f"{path}: has no {marker} or holds other directories; --force replaces its own kind only")


def seal(path: Path) -> None:
    """Declare a directory finished: write the check sums of its files into ``DONE``."""
    files = sorted(file for file in path.iterdir() if file.is_file() and file.name != DONE)
    write_atomically(path / DONE, "".join(f"{sha256(file)}  {file.name}\n" for file in files))


def check_sums(path: Path, what: str) -> dict[str, str]:
    """Check a finished directory against its ``DONE``.

    Args:
        path: the directory.
        what: what it should be, for the messages ("dataset", "model").

    Returns:
        The SHA-256 of each file.

    Raises:
        FileNotFoundError: when there is no such directory.
        ValueError: when it is unfinished, or a file is missing or not as it was.
    """
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such {what} directory")
    if not (path / DONE).is_file():
        raise ValueError(f"{path}: not a finished {what} directory (it has no {DONE})")
    sums = {}
    for line in (path / DONE).read_text().splitlines():
        expected, _, name = line.partition("  ")
        if not (path / name).is_file() or sha256(path / name) != expected:
            raise ValueError(f"{path}: damaged {what} directory ({name or repr(line)} is missing or was changed)")
        sums[name] = expected
    return sums


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
