"""The whole check: every question asked, a table for people, a record for programs."""

from __future__ import annotations

import errno
import json
import math
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from vitrify.md.engines.registry import available_engines, choose_engine
from vitrify.md.model import kob_andersen_pairs
from vitrify.md.store.checkpoint import write_atomically
from vitrify.md.store.provenance import provenance
from vitrify.pipelines.benchmark.record import default_console
from vitrify.pipelines.check.devices import against_the_cpu
from vitrify.pipelines.check.film import film
from vitrify.pipelines.check.motion import energy_drift, first_steps
from vitrify.pipelines.check.quench import quench
from vitrify.pipelines.check.restart import restart
from vitrify.pipelines.check.single_points import single_points
from vitrify.pipelines.check.speed import speed
from vitrify.pipelines.check.systems import Machine
from vitrify.pipelines.check.temperature import canonical_kt, group_kt
from vitrify.pipelines.check.verdict import Verdict


class Question(NamedTuple):
    """What is asked, and who answers."""

    text: str
    ask: Callable[[Machine], Iterator[Verdict]]


QUESTIONS = (
    Question("energies, forces, virials", single_points),
    Question("first steps", first_steps),
    Question("energy drift", energy_drift),
    Question("canonical kT", canonical_kt),
    Question("kT of a group", group_kt),
    Question("restart", restart),
    Question("quench", quench),
    Question("film", film),
)

GPU_QUESTION = Question("GPU beside CPU", against_the_cpu)

SIZES = (1080, 4320)
"""Particles of the systems that are timed."""

PACKAGES = ("numpy", "scipy", "numba", "numba-cuda", "llvmlite", "gsd", "jax", "hoomd", "cuda-bindings")


def check(
    *,
    engine: str = "replica",
    device: str = "auto",
    seed: int = 1,
    sizes: Sequence[int] = SIZES,
    questions: Sequence[Question] = QUESTIONS,
    out: Path | None = None,
    force: bool = False,
    progress: Callable[[float, float], None] | None = None,
    console: Console | None = None,
) -> dict:
    """Ask every question of an engine on this machine, then time it.

    Args:
        engine: "replica" or "hoomd".
        device: "auto", "cpu", "gpu" or "gpu:0".
        seed: of every random number.
        sizes: particles of the systems that are timed; empty times nothing.
        questions: what is asked; on a GPU, the CPU's answers beside the GPU's as well.
        out: file for the record; None writes none.
        force: replace a file that is there.
        progress: told how many questions are answered, of how many.
        console: where the tables go.

    Returns:
        What the file holds: check (the engine), passed, device, why, seed, hardware, versions, seconds, rows (name,
        measured, expected, passed, numbers), speed, provenance.

    Raises:
        ValueError: for an engine or a device that is not to be had.
        FileExistsError: for a record that is already there.
    """
    began, console = time.perf_counter(), console or default_console()
    if out is not None and out.exists() and not force:
        raise FileExistsError(errno.EEXIST, "exists already, expected a new file or --force", str(out))
    choice = choose_engine(engine, pairs=kob_andersen_pairs(), device=device, particles=max(sizes, default=4320))
    machine = Machine(engine=choice.engine.name, device=choice.engine.device, seed=seed)
    on_gpu = machine.device != "cpu"
    asked = [*questions, *([GPU_QUESTION] if on_gpu else [])]
    total, rows, rates = len(asked) + len(sizes), [], []
    for number, question in enumerate(asked):
        rows += answers(question, machine)
        if progress:
            progress(number + 1, total)
    for number, particles in enumerate(sizes):
        rates += speed(machine, particles)
        if progress:
            progress(len(asked) + number + 1, total)
    record = {
        "check": machine.engine,
        "passed": all(row.passed for row in rows),
        "device": machine.device,
        "why": choice.reason,
        "seed": seed,
        "hardware": hardware(),
        "versions": versions(),
        "why_no_gpu": next(here.why_no_gpu for here in available_engines() if here.name == machine.engine),
        "seconds": time.perf_counter() - began,
        "rows": [plain(row) for row in rows],
        "speed": rates,
        "provenance": provenance(),
    }
    show(record, console)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, json.dumps(record, indent=2) + "\n")
        console.print(f"wrote {out}", soft_wrap=True, highlight=False)
    return record


def answers(question: Question, machine: Machine) -> list[Verdict]:
    """The rows of one question; one that ends in an error is a row that failed, and the others are still asked."""
    rows: list[Verdict] = []
    try:
        rows.extend(question.ask(machine))
    except Exception as error:  # a card that is broken may raise anything
        what = " ".join(f"{type(error).__name__}: {error}".split())
        rows.append(Verdict(name=question.text, measured=what, expected="an answer", passed=False))
    return rows


def plain(row: Verdict) -> dict:
    """A row as JSON has it, which knows no NaN."""
    numbers = {name: value if math.isfinite(value) else None for name, value in row.numbers.items()}
    return {**asdict(row), "numbers": numbers}


def failed_rows(record: dict) -> list[str]:
    """Names of the rows that did not pass."""
    return [row["name"] for row in record["rows"] if not row["passed"]]


def hardware() -> dict[str, str]:
    """Processor, and graphics cards with their driver as nvidia-smi has them."""
    return {"processor": processor(), "graphics": graphics()}


def processor() -> str:
    """What the processor is called."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def graphics() -> str:
    """Name, driver and memory of every NVIDIA card; "" where nvidia-smi finds none."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return "; ".join(told.strip().splitlines())


def versions() -> dict[str, str]:
    """Versions of what the numbers rest on; packages that are not installed are left out."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    found |= {engine.name: engine.version for engine in available_engines() if engine.installed}
    return found


def show(record: dict, console: Console) -> None:
    """The rows, the rates, and where they come from."""
    table = Table(title=f"{record['check']} on {record['device']}", title_justify="left")
    for column in ("question", "measured", "expected"):
        table.add_column(column, overflow="fold")
    table.add_column("", no_wrap=True)
    for row in record["rows"]:
        mark = "[green]pass[/]" if row["passed"] else "[bold red]FAIL[/]"
        table.add_row(row["name"], row["measured"], row["expected"], mark)
    console.print(table)
    if record["speed"]:
        rates = Table(title="Speed at kT 0.4, the fastest settings first", title_justify="left")
        for column in ("N", "replicas", "settings", "1e6 particle-steps/s", "quench"):
            rates.add_column(column, justify="right")
        for row in record["speed"]:
            settings = ", ".join(f"{name} {value:g}" for name, value in row["settings"].items()) or "-"
            quench = f"{row['quench_seconds']:.3g} s" if "quench_seconds" in row else ""
            rate = f"{row['particle_steps_per_second'] / 1e6:.1f}"
            own = " (runs take these)" if row["taken_by_runs"] and row["settings"] else ""
            rates.add_row(str(row["particles"]), str(row["replicas"]), settings + own, rate, quench)
        console.print(rates)
    for line in (
        *filter(None, record["hardware"].values()),
        record["why_no_gpu"] and f"no GPU: {record['why_no_gpu']}",
    ):
        if line:
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
