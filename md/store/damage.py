"""What may have happened to a run directory: damage is found, and what a killed process left is cut off."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vitrify.md.store.checkpoint import PARTIAL
from vitrify.md.store.naming import CHECKPOINT, MEASURED, PROVENANCE, SPEC, TABLE, FrameName
from vitrify.md.store.product import DONE, check_sum, sha256


def read_text(path: Path) -> str:
    """The text of a file that every run has.

    Raises:
        FileNotFoundError: when it is not there.
        ValueError: when it is no text.
    """
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "not a run directory: no such file", str(path))
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: damaged ({error})") from error


def parsed(path: Path, parse: Callable[[str], Any]) -> Any:
    """What a file that every run has says; ValueError, with its name, where it is damaged."""
    text = read_text(path)
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{path}: damaged ({error})") from error


def check(path: Path, name: str, sums: Mapping[str, str]) -> None:
    """Raise ValueError when a file of a finished run is not as it was."""
    if name not in sums:
        raise ValueError(f"{path / DONE}: damaged, it has no check sum of {name}")
    check_sum(path / name, sums[name])


def refuse_old(path: Path) -> None:
    """Say what to do with a directory of version 0.1."""
    if any(path.glob("replica-*.gsd")) or ((path / DONE).is_file() and not (path / DONE).stat().st_size):
        raise ValueError(
            f"{path}: a run of vitrify 0.1, with a file for each replica, which this version does not read; "
            "run its spec.toml again, or import its replica-*.gsd with vitrify import"
        )


def same_launch(there: object, known: Sequence[Mapping]) -> bool:
    """Whether the first launch of the provenance is that of the checkpoint, but for the time it took."""
    if not isinstance(there, list) or not there or not isinstance(there[0], dict):
        return False
    first, second = ({**launch, "wall_time_s": 0} for launch in (there[0], known[0]))
    return first == second


def cut_frames(path: Path, sums: Mapping[str, str]) -> dict[FrameName, str]:
    """Check the frame files that a checkpoint knows, and remove the others, unread.

    Args:
        path: the run directory.
        sums: check sums by file name, of the parts that the checkpoint knows.

    Returns:
        The check sums of the parts.

    Raises:
        FileNotFoundError: when one is missing.
        ValueError: when one is not as it was.
    """
    known = {name: expected for text, expected in sums.items() if (name := FrameName.parse(text)) is not None}
    for name, expected in known.items():
        part, whole = path / str(name), path / str(name._replace(part=None))
        if not part.exists() and whole.exists() and sha256(whole) == expected:
            os.replace(whole, part)  # the run was killed while it finished
        if not part.exists():
            raise FileNotFoundError(errno.ENOENT, "damaged run directory, no such file", str(part))
        if sha256(part) != expected:
            raise ValueError(f"{part}: damaged or edited, its check sum is not that in the checkpoint")
    for file in path.glob("frame-*.gsd"):
        if (found := FrameName.parse(file.name)) is not None and found not in known:
            file.unlink()
    for partial in path.glob("*" + PARTIAL):
        partial.unlink()
    return known


def clear(path: Path, force: bool) -> None:
    """Make ``path`` an empty directory, or say why not. Only files that a run writes are ever deleted.

    Raises:
        FileExistsError: when something is there and no ``force``, or it is no run.
    """
    order = (DONE, CHECKPOINT, SPEC, TABLE, PROVENANCE, MEASURED)
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
