"""Which skin and block size run fastest here, measured once for a device and a system size and remembered.

The skin decides in which order forces are summed, and the block size in which order lanes add up, so that both belong
to a run's settings: they are chosen before a run begins, never during it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

SKINS = (0.3, 0.4, 0.5, 0.6, 0.8)
"""Skins to try [sigma_AA]."""

LANES = (256, 512, 1024)
"""Threads of a GPU block to try."""


def cache_file() -> Path:
    """Where measurements are remembered: vitrify/replica.json in the user's cache directory."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vitrify" / "replica.json"


def fastest(
    device: str, particles: int, run: Callable[[float, int], None], lanes: Sequence[int], file: Path | None = None
) -> tuple[float, int]:
    """The skin and the lanes with which ``run`` takes least time.

    Args:
        device: the device's name, as exact as can be.
        particles: particles of a replica.
        run: runs a fixed piece of work with a skin and a number of lanes.
        lanes: the block sizes to try; one for a CPU.
        file: where to remember; the user's cache by default.

    Returns:
        Skin [sigma_AA] and lanes.
    """
    file = file or cache_file()
    key = f"{device}, {particles} particles"
    known = remembered(file)
    if key not in known:
        times = {choice: timed(run, *choice) for choice in product(SKINS, lanes)}
        skin, count = min(times, key=lambda choice: times[choice])
        known = {**remembered(file), key: {"skin": skin, "lanes": count}}
        write(file, known)
    return float(known[key]["skin"]), int(known[key]["lanes"])


def timed(run: Callable[[float, int], None], skin: float, lanes: int) -> float:
    """Seconds for one run, after one that compiles and warms up."""
    run(skin, lanes)
    start = time.perf_counter()
    run(skin, lanes)
    return time.perf_counter() - start


def remembered(file: Path) -> dict[str, dict[str, float]]:
    """What was measured before; nothing where the file is missing or damaged, since it can be measured again."""
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in known.items() if isinstance(value, dict) and {"skin", "lanes"} <= set(value)}


def write(file: Path, known: dict[str, dict[str, float]]) -> None:
    """Write beside and rename, so that no reader finds half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(f".{os.getpid()}.json")
    beside.write_text(json.dumps(known, indent=1, sort_keys=True))
    beside.replace(file)
