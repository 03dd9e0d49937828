"""``vitrify benchmark run``: what a whole run costs beside the engine alone, on the same work in turn."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from vitrify.md.engines.base import Engine, Thermostat
from vitrify.md.engines.registry import choose_engine
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.protocols.mixture import START_FORCE, random_liquid
from vitrify.pipelines.benchmark.dynamics import row
from vitrify.pipelines.benchmark.race import Contender, race, ratio
from vitrify.pipelines.benchmark.record import (
    available_cores,
    default_console,
    print_conditions,
    print_rates,
    print_ratios,
    refuse_overwriting,
    write_record,
)
from vitrify.pipelines.progress import progress_bar

STEPS_PER_FRAME = 1_000
"""As in a ramp of 2e5 steps with 200 frames."""

STORED = 10
"""Every tenth frame is stored, and the last."""

EQUILIBRATION_PER_RAMP = 40
"""A ramp of 2e5 steps follows 5,000 of equilibration."""


def benchmark_run(
    *,
    particles: int = 4320,
    replicas: int | None = None,
    ramp_steps: int = 20_000,
    rounds: int = 3,
    device: str = "auto",
    seed: int = 1,
    out: Path | None = None,
    console: Console | None = None,
) -> dict:
    """Time ``cool`` end to end, without quenches, beside the engine on the same trajectories at one go.

    The run places its particles, relaxes them, looks at the clock between pieces, measures every frame, stores every
    tenth, writes checkpoints and check sums; the engine alone begins where particles have been placed and relaxed.

    Args:
        particles: N of one replica, at rho 1.2 and 65:35.
        replicas: how many; None for four a core, or 1,024 on a GPU.
        ramp_steps: length M of the ramp [time steps], after M / 40 of equilibration; a frame every 1,000.
        rounds: how often each has its turn.
        device: as an engine takes it.
        seed: of the runs.
        out: directory for benchmark.json, and for the runs while they are timed; None writes nothing.
        console: where the tables go.

    Returns:
        What benchmark.json holds: ``rows``, one for the run and one for the engine; ``ratios``; ``conditions``.

    Raises:
        ValueError: for impossible numbers.
        FileExistsError: for a record that is already there.
    """
    console = console or default_console()
    refuse_overwriting(out)
    frames = max(1, ramp_steps // STEPS_PER_FRAME)
    spec = CoolingSpec(
        particles=particles,
        ramp_steps=ramp_steps,
        equilibration_steps=ramp_steps // EQUILIBRATION_PER_RAMP,
        frames=frames,
        store=tuple(sorted({*range(STORED, frames, STORED), frames})),
        inherent=False,
        replicas=1,
        seed=seed,
        device=device,
    )
    engine = choose_engine(
        spec.engine, pairs=spec.model.pairs, time_step=spec.time_step, device=device, particles=particles
    ).engine
    if replicas is None:
        replicas = 4 * available_cores() if engine.device == "cpu" else 1024
    spec = replace(spec, replicas=replicas)
    steps = int(spec.frame_steps[-1])
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out, prefix="run-") as folder:
        with console.status("compiling, placing and relaxing the liquids"):
            cool(replace(spec, ramp_steps=1_000, frames=1, store="last", replicas=1), Path(folder) / "warm")
            contenders = enter(spec, engine, Path(folder))
        with progress_bar("taking turns") as report:
            laps = race(contenders, steps=steps, rounds=rounds, report=report)
    work = particles * replicas * steps
    record = {
        "benchmark": "run",
        "conditions": conditions(spec, rounds),
        "rows": [row(contender, lap, steps) for contender, lap in zip(contenders, laps, strict=True)],
        "ratios": [
            {
                "contender": contenders[0].name,
                "peer": contenders[1].name,
                "wall": asdict(ratio(work, laps[0].wall, work, laps[1].wall)),
                "cpu": asdict(ratio(work, laps[0].cpu, work, laps[1].cpu)) if engine.device == "cpu" else None,
            }
        ],
    }
    show(record, console)
    write_record(record, out, console)
    return record


def enter(spec: CoolingSpec, engine: Engine, folder: Path) -> list[Contender]:
    """The run, and the engine alone on what the run does after its start."""
    start = engine.minimize(random_liquid(spec, spec.numbers), fmax=START_FORCE).ensemble
    bath = Thermostat(schedule=spec.schedule, tau=spec.thermostat_tau)
    rounds = 0

    def whole(steps: int) -> None:
        nonlocal rounds
        rounds += 1
        cool(spec, folder / str(rounds))

    def alone(steps: int) -> None:
        engine.integrate(start, steps, bath)

    return [
        Contender(
            name=name,
            engine=engine.name,
            device=engine.device,
            threads=min(available_cores(), spec.replicas) if engine.device == "cpu" else 1,
            particles=spec.particles,
            replicas=spec.replicas,
            settings={"frames": spec.frames, "stored": len(spec.stored)} if advance is whole else {},
            advance=advance,
        )
        for name, advance in (("cool, end to end", whole), ("engine alone", alone))
    ]


def conditions(spec: CoolingSpec, rounds: int) -> dict[str, str]:
    """What the numbers rest on."""
    return {
        "system": f"N {spec.particles}, rho {spec.density}, {spec.replicas} replicas cooled from kT 2 to 0.05",
        "steps": f"{spec.equilibration_steps} of equilibration and a ramp of {spec.ramp_steps}, dt {spec.time_step}",
        "frames": f"{spec.frames} measured, {len(spec.stored)} stored, none quenched",
        "in the clock of the run": "random places, their relaxation, measurements, frames, checkpoints, check sums",
        "clock": f"{rounds} rounds, in turn; median (lowest-highest) over rounds",
        "CPU time": "of all threads of the process: what a busy machine disturbs least",
    }


def show(record: dict, console: Console) -> None:
    """Print rates, their ratio, and what they rest on."""
    print_rates("A whole run", record["rows"], console)
    print_ratios(record["ratios"], console)
    print_conditions(record["conditions"], console)
