"""What made a file: version, commit, host; and specs as TOML."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

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
    """A spec as TOML: scalars and flat lists, dictionaries as tables; None is left out.

    Raises:
        ValueError: for a value that TOML has no word for.

    >>> print(to_toml({"protocol": "cool", "density": 1.2, "store": [1, 200], "wall": {"stiffness": 10.0}}), end="")
    protocol = "cool"
    density = 1.2
    store = [1, 200]
    <BLANKLINE>
    [wall]
    stiffness = 10.0
    """
    scalars = [f"{key} = {_value(key, value)}" for key, value in table.items() if not _is_table(value)]
    tables = [f"\n[{key}]\n{to_toml(value)}" for key, value in table.items() if isinstance(value, Mapping)]
    return "".join(line + "\n" for line in scalars) + "".join(tables)


def _is_table(value: object) -> bool:
    return value is None or isinstance(value, Mapping)


def _value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(key, entry) for entry in value) + "]"
    raise ValueError(f"{key}: got {value!r}, expected a number, a text, a list or a table")
