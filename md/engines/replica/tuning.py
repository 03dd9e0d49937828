"""Which skin and block size run fastest here, measured once for a device and a system size and remembered.

The skin decides in which order forces are summed, and the block size in which order lanes add up, so that both belong
to a run's settings: they are chosen when a run begins, written into its provenance, and kept when it goes on.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

SETTINGS = ("skin", "lanes")
"""What is tuned, by the names the engine has for it."""

SKINS = (0.3, 0.4, 0.5, 0.6, 0.8)
"""Skins to try [sigma_AA]."""

LANES = (256, 512, 1024)
"""Threads of a GPU block to try."""


def cache_file() -> Path:
    """Where measurements are remembered: vitrify/replica.json in the user's cache directory."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vitrify" / "replica.json"


def fastest(run: Callable[[Mapping[str, float]], None], lanes: Sequence[int]) -> dict[str, float]:
    """The settings with which ``run`` takes least time.

    Args:
        run: runs a fixed piece of work with settings.
        lanes: the block sizes to try; one for a CPU.
    """
    choices = [{"skin": skin, "lanes": count} for skin, count in product(SKINS, lanes)]
    return min(choices, key=lambda settings: timed(run, settings))


def timed(run: Callable[[Mapping[str, float]], None], settings: Mapping[str, float]) -> float:
    """Seconds for one run, after one that compiles and warms up."""
    run(settings)
    start = time.perf_counter()
    run(settings)
    return time.perf_counter() - start


def remembered(hardware: str, particles: int) -> dict[str, float]:
    """The settings found fastest on ``hardware`` for that many particles; none where they were not measured."""
    return _read().get(_key(hardware, particles), {})


def remember(hardware: str, particles: int, settings: Mapping[str, float]) -> None:
    """Keep the settings found fastest; written beside and renamed, so that no reader finds half a file."""
    known = {**_read(), _key(hardware, particles): dict(settings)}
    file = cache_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(f".{os.getpid()}.json")
    beside.write_text(json.dumps(known, indent=1, sort_keys=True))
    beside.replace(file)


def _key(hardware: str, particles: int) -> str:
    return f"{hardware}, {particles} particles"


def _read() -> dict[str, dict[str, float]]:
    """What was measured; nothing where the file is missing or damaged, since it can be measured again."""
    try:
        known = json.loads(cache_file().read_text())
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in known.items() if isinstance(value, dict) and set(value) == set(SETTINGS)}
