"""What made a file: version, commit, host; and specs as TOML."""

from __future__ import annotations

import os
import platform
import subprocess
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

PACKAGES = ("numpy", "numba", "gsd")


def provenance(packages: tuple[str, ...] = PACKAGES) -> dict:
    """Facts about this program and this machine, for a file beside every product.

    Args:
        packages: names of installed distributions whose versions matter to the result.

    Returns:
        version, git_commit (None outside a checkout; ends in "+changes" when files were edited), started (UTC), python,
        packages and host: all of it plain JSON.

    >>> sorted(provenance())
    ['git_commit', 'host', 'packages', 'python', 'started', 'version']
    """
    return {
        "version": version("vitrify"),
        "git_commit": git_commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "host": {
            "name": platform.node(),
            "system": platform.platform(),
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
        },
    }


@cache
def git_commit() -> str | None:
    """The commit this source tree stands at, or None for an installed copy or where git is missing."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        head, changes = (
            subprocess.run(["git", "-C", root, *command], capture_output=True, text=True, check=True).stdout.strip()
            for command in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+changes" if changes else "")


def to_toml(table: Mapping) -> str:
    """A spec as TOML; None is left out, NumPy's numbers and arrays become plain ones.

    The text is read back before it is handed out: what a run is asked for must be readable before the run is paid for.

    Raises:
        ValueError: for a value that TOML has no word for, or that does not come back as it was.

    >>> print(to_toml({"protocol": "cool", "kt": np.float64(1.2), "store": (1, 200), "wall": {"range": 10.0}}), end="")
    protocol = "cool"
    kt = 1.2
    store = [
        1,
        200,
    ]
    <BLANKLINE>
    [wall]
    range = 10.0
    """
    plain = _plain("spec", table)
    text = tomli_w.dumps(plain)
    if tomllib.loads(text) != plain:
        raise ValueError(f"spec: got {plain}, which does not come back from TOML; expected finite numbers and texts")
    return text


def _plain(name: str, value: Any) -> Any:
    """A value with NumPy's types and tuples replaced by those of TOML."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(str(key), entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_plain(name, entry) for entry in value]
    if not isinstance(value, bool | int | float | str):
        raise ValueError(f"{name}: got {value!r}, expected a number, a text, a list or a table")
    return value
