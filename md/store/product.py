"""Directories that are products: ``DONE`` comes last and holds the check sum of every file.

Its format is that of ``sha256sum``, so that ``sha256sum --check DONE`` says what was damaged or edited since.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from vitrify.md.store.checkpoint import write_atomically

DONE = "DONE"


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_done(path: Path, sums: Mapping[str, str]) -> None:
    """Declare a directory finished: write the check sums of its files, by name."""
    write_atomically(path / DONE, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def read_done(path: Path) -> dict[str, str]:
    """The check sums of a finished directory by file name; every file is there, none was read.

    Raises:
        FileNotFoundError: when the directory is not finished.
        ValueError: when ``DONE`` is damaged, or a file it names is missing.
    """
    sums = {}
    for line in (path / DONE).read_bytes().decode(errors="replace").splitlines():
        found = re.fullmatch(r"([0-9a-f]{64})  (\S.*)", line)
        if found is None:
            raise ValueError(f"{path / DONE}: damaged, got the line {line!r}, expected a check sum and a file name")
        sums[found[2]] = found[1]
    for name in sums:
        if not (path / name).is_file():
            raise FileNotFoundError(f"{path / name}: no such file, though {DONE} names it; expected a whole directory")
    return sums


def check_sum(path: Path, expected: str) -> None:
    """Raise ValueError when a file is not as it was when its directory was finished."""
    if sha256(path) != expected:
        raise ValueError(f"{path}: damaged or edited, its check sum is not that in {DONE}")
