"""Directories that are products, whole or absent: ``DONE`` comes last and holds the check sum of every file.

Its format is that of ``sha256sum``, so that ``sha256sum --check DONE`` says what was damaged or edited since. The same
for runs, analyses, data sets, models and evaluations: something is there already, FileExistsError; it is not there,
FileNotFoundError; it is unfinished, damaged or edited, ValueError.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vitrify.md.store.checkpoint import PARTIAL, sync_directory, write_atomically

DONE = "DONE"


@contextmanager
def whole_directory(path: Path, marker: str, *, folders: Collection[str] = (), force: bool = False) -> Iterator[Path]:
    """A directory that appears at ``path`` when the block ends without an error, and not at all otherwise.

    Args:
        path: where it goes.
        marker: the file every directory of this kind has; nothing without it is ever replaced.
        folders: the folders such a directory may hold; nothing with others is ever replaced.
        force: replace what is there, at the very end.

    Yields:
        The directory to write into, beside ``path``.

    Raises:
        FileExistsError: when there is something at ``path`` that may not be replaced.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "product"
    >>> with whole_directory(path, "notes.txt") as directory:
    ...     _ = (directory / "notes.txt").write_text("whole")
    >>> list(check_sums(path, "example"))
    ['notes.txt']
    """
    require_free(path, marker, folders=folders, force=force)
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


def require_free(path: Path, marker: str, *, folders: Collection[str] = (), force: bool = False) -> None:
    """Raise FileExistsError when there is something at ``path`` that may not be replaced; see whole_directory."""
    if not path.exists():
        return
    if not force:
        raise FileExistsError(
            errno.EEXIST, "exists already; expected a new directory, or --force to replace it", str(path)
        )
    if not (path / marker).is_file() or any(entry.is_dir() and entry.name not in folders for entry in path.iterdir()):
        raise FileExistsError(
            errno.EEXIST, f"has no {marker} or holds other folders; --force replaces its own kind only", str(path)
        )


def seal(path: Path) -> None:
    """Declare a directory finished: write the check sum of every file in it, and in its folders, into ``DONE``."""
    files = [file for file in path.rglob("*") if file.is_file() and file != path / DONE]
    write_done(path, {file.relative_to(path).as_posix(): sha256(file) for file in files})


def write_done(path: Path, sums: Mapping[str, str]) -> None:
    """Declare a directory finished whose check sums are known: by name of the file."""
    write_atomically(path / DONE, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def read_done(path: Path) -> dict[str, str]:
    """The check sums of a finished directory by file name; every file is there, none was read.

    Raises:
        FileNotFoundError: when the directory is not finished.
        ValueError: when ``DONE`` is damaged, or a file it names is missing.
    """
    sums = _parsed(path)
    for name in sums:
        if not (path / name).is_file():
            raise ValueError(f"{path / name}: no such file, though {DONE} names it; expected a whole directory")
    return sums


def check_sum(path: Path, expected: str) -> None:
    """Raise ValueError when a file is not as it was when its directory was finished."""
    if sha256(path) != expected:
        raise ValueError(f"{path}: damaged or edited, its check sum is not that in {DONE}")


def check_sums(path: Path, what: str) -> dict[str, str]:
    """Check every file of a finished directory against its ``DONE``.

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
        raise FileNotFoundError(errno.ENOENT, f"no such {what} directory", str(path))
    if not (path / DONE).is_file():
        raise ValueError(f"{path}: not a finished {what} directory (it has no {DONE})")
    sums = _parsed(path)
    for name, expected in sums.items():
        if not (path / name).is_file() or sha256(path / name) != expected:
            raise ValueError(f"{path}: damaged {what} directory ({name} is missing or was changed)")
    return sums


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parsed(path: Path) -> dict[str, str]:
    """What ``DONE`` says."""
    sums = {}
    for line in (path / DONE).read_bytes().decode(errors="replace").splitlines():
        found = re.fullmatch(r"([0-9a-f]{64})  (\S.*)", line)
        if found is None:
            raise ValueError(f"{path / DONE}: damaged, got the line {line!r}, expected a check sum and a file name")
        sums[found[2]] = found[1]
    if not sums:
        raise ValueError(f"{path / DONE}: holds no check sums, expected one of every file")
    return sums
