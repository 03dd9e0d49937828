"""``vitrify benchmark quench``: what an inherent structure costs, and whether every minimiser finds the same energy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from rich.console import Console

from vitrify.analysis.statistics import mean_and_error
from vitrify.analysis.structure.energies import particle_energies
from vitrify.md.engines.base import MINIMUM_FORCE, TIME_STEP
from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import KobAndersen2D
from vitrify.pipelines.benchmark.liquid import GPU_REPLICAS, equilibrate
from vitrify.pipelines.benchmark.minimisers import Minimiser, Quenched, enter, timed
from vitrify.pipelines.benchmark.race import Spread
from vitrify.pipelines.benchmark.record import (
    default_console,
    missing_peers,
    print_conditions,
    print_settings,
    print_table,
    refuse_overwriting,
    spread_text,
    write_record,
)
from vitrify.pipelines.progress import progress_bar

CONFIGURATIONS = 8
"""Liquids quenched on a CPU unless told otherwise, and the most that a minimiser takes one by one."""

MOST_ERRORS = 5
"""Standard errors by which two mean energies may differ and still be called one."""

ROUNDING = 1e-6
"""Difference of energies that is rounding: two minimisers that end in one basin [eps_AA per particle]."""


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What one minimiser spent and found on the first C configurations.

    Attributes:
        wall: (laps,) wall time of each call [s].
        cpu: (laps,) CPU time of all threads of this process [s].
        evaluations: (C,) force evaluations.
        max_force: (C,) largest ``|F|`` [eps_AA / sigma_AA].
        energies: (C,) E_IS per particle, truncated and not shifted, by the analysis and none of the contenders.
    """

    wall: np.ndarray
    cpu: np.ndarray
    evaluations: np.ndarray
    max_force: np.ndarray
    energies: np.ndarray

    @property
    def wall_per_quench(self) -> float:
        """Mean wall time of a configuration [s]."""
        return float(self.wall.sum() / len(self.energies))

    @property
    def cpu_per_quench(self) -> float:
        """Mean CPU time of a configuration [s]."""
        return float(self.cpu.sum() / len(self.energies))


def quench_in_turn(
    minimisers: list[Minimiser],
    liquid: Ensemble,
    report: Callable[[float, float], None] = lambda done, total: None,
) -> list[Bill]:
    """Let minimisers take turns on replicas of ``liquid``, each in batches of its own size; one entry a minimiser."""
    laps: list[list[tuple[float, float, Quenched]]] = [[] for _ in minimisers]
    turns = min(liquid.replicas, CONFIGURATIONS)
    for first in range(turns):
        for row, minimiser in enumerate(minimisers):
            if first % minimiser.replicas == 0:
                quench = minimiser.prepare(liquid.select(np.arange(first, first + minimiser.replicas)))
                laps[row].append(timed(quench))
        report(first + 1, turns)
    return [bill(liquid, entries) for entries in laps]


def bill(liquid: Ensemble, entries: list[tuple[float, float, Quenched]]) -> Bill:
    """Add up what a minimiser did on all replicas of ``liquid``."""
    positions = np.concatenate([found.positions for _, _, found in entries])
    pairs = KobAndersen2D().pairs
    energies = [
        particle_energies(pairs, r, species, box, liquid.periodic).mean()
        for r, species, box in zip(positions, liquid.species, liquid.box, strict=False)
    ]
    return Bill(
        wall=np.array([wall for wall, _, _ in entries]),
        cpu=np.array([cpu for _, cpu, _ in entries]),
        evaluations=np.concatenate([found.evaluations for _, _, found in entries]),
        max_force=np.concatenate([found.max_force for _, _, found in entries]),
        energies=np.array(energies),
    )


def benchmark_quench(
    *,
    sizes: Sequence[int] = (1080, 4320),
    replicas: int | None = None,
    kt: float = 1.0,
    device: str = "auto",
    seed: int = 1,
    settle_steps: int = 5_000,
    out: Path | None = None,
    console: Console | None = None,
) -> dict:
    """Quench the same liquids with every minimiser that is installed, in turn, and print what each spent and found.

    Args:
        sizes: N of each liquid, at rho 1.2 and 65:35.
        replicas: independent configurations of each; None for 8, or 1,024 on a GPU.
        kt: temperature of the liquids [eps_AA].
        device: where the replica engine runs besides the one-core row: as an engine takes it.
        seed: of the liquids.
        settle_steps: steps of the ramp from kT 2.0 to ``kt``, and again as many at ``kt``.
        out: directory for benchmark.json; None writes nothing.
        console: where the tables go.

    Returns:
        What benchmark.json holds: ``rows``, one a minimiser and size; ``ratios``; ``conditions``.

    Raises:
        ValueError: for impossible numbers.
        FileExistsError: for a record that is already there.
    """
    console = console or default_console()
    refuse_overwriting(out)
    rows, comparisons = [], []
    for particles in sizes:
        model = KobAndersen2D(particles=particles)
        engine = ReplicaEngine(pairs=model.pairs, time_step=TIME_STEP, device=device).as_tuned(particles)
        count = (CONFIGURATIONS if engine.device == "cpu" else GPU_REPLICAS) if replicas is None else replicas
        with console.status(f"N {particles}: equilibrating, compiling, tuning the peers"):
            liquid = equilibrate(engine, particles=particles, kt=kt, replicas=count, seed=seed, steps=settle_steps)
            minimisers = list(enter(engine, liquid))
            for minimiser in minimisers[:2]:
                minimiser.prepare(liquid.select(np.array([0])))()  # compiles
        with progress_bar(f"N {particles}: quenching") as report:
            bills = quench_in_turn(minimisers, liquid, report)
        rows += [row(minimiser, spent, bills[0], particles) for minimiser, spent in zip(minimisers, bills, strict=True)]
        comparisons += ratios(minimisers, bills, particles)
    record = {"benchmark": "quench", "conditions": conditions(kt), "rows": rows, "ratios": comparisons}
    show(record, console)
    write_record(record, out, console)
    return record


def conditions(kt: float) -> dict[str, str]:
    """What the numbers rest on and what they leave out."""
    return {
        "system": f"liquids of the 65:35 mixture at rho 1.2, kT {kt}, quenched to max|F| < {MINIMUM_FORCE}",
        "potential": "Lennard-Jones, each pair cut at 2.5 sigma_ab; LAMMPS minimises it shifted, with the same forces",
        "E_IS": "per particle, truncated and not shifted, recomputed for all contenders by the analysis",
        "difference": "mean over configurations of E_IS less that of the first row, with its standard error; different "
        "minimisers end in different basins of one configuration, their means must agree",
        "clock": "contenders in turn, configuration by configuration; median (lowest-highest) over calls",
        "left out of the clock": "start-up, compilation, equilibration, choice of skin, handing over configurations",
        "peers that take no part": missing_peers("lammps", "hoomd"),
    }


def row(minimiser: Minimiser, spent: Bill, first: Bill, particles: int) -> dict:
    """One minimiser's row of benchmark.json; ``first`` is the bill whose energies it is compared with."""
    described = {f.name: getattr(minimiser, f.name) for f in fields(minimiser) if f.name != "prepare"}
    shared = min(len(spent.energies), len(first.energies))
    energy = mean_and_error(spent.energies)
    difference = mean_and_error(spent.energies[:shared] - first.energies[:shared])
    return {
        **described,
        "particles": particles,
        "configurations": len(spent.energies),
        "evaluations": float(spent.evaluations.mean()),
        "seconds": asdict(Spread.of(spent.wall / minimiser.replicas)),
        "cpu_seconds": asdict(Spread.of(spent.cpu / minimiser.replicas)),
        "particle_steps_per_second": particles * spent.evaluations.sum() / spent.wall.sum(),
        "max_force": float(spent.max_force.max()),
        "inherent_energy": {"mean": float(energy.mean), "error": float(energy.error)},
        "difference": {"mean": float(difference.mean), "error": float(difference.error)},
        "agrees": bool(abs(difference.mean) <= MOST_ERRORS * np.nan_to_num(difference.error) + ROUNDING),
    }


def ratios(minimisers: Sequence[Minimiser], bills: Sequence[Bill], particles: int) -> Iterator[dict]:
    """Replica engine against peers, over all configurations; by CPU time only where both ran on the CPU."""
    entries = list(zip(minimisers, bills, strict=True))
    for ours, our_bill in entries:
        for peer, peer_bill in entries:
            if ours.engine != "replica" or peer.engine == "replica":
                continue
            on_cpu = ours.device == peer.device == "cpu"
            yield {
                "contender": ours.name,
                "peer": peer.name,
                "particles": particles,
                "wall": peer_bill.wall_per_quench / our_bill.wall_per_quench,
                "cpu": peer_bill.cpu_per_quench / our_bill.cpu_per_quench if on_cpu else None,
                "evaluations": float(our_bill.evaluations.mean() / peer_bill.evaluations.mean()),
            }


def show(record: dict, console: Console) -> None:
    """Print costs, energies, ratios, and what they rest on."""
    print_table(
        "Quenches",
        ("minimiser", "N", "forces", "seconds", "CPU seconds", "max|F|", "E_IS", "difference"),
        [
            (
                entry["name"],
                str(entry["particles"]),
                f"{entry['evaluations']:.0f}",
                spread_text(entry["seconds"]),
                spread_text(entry["cpu_seconds"]),
                f"{entry['max_force']:.1e}",
                estimate_text(entry["inherent_energy"]),
                estimate_text(entry["difference"]) + ("" if entry["agrees"] else " DIFFERS"),
            )
            for entry in record["rows"]
        ],
        console,
    )
    print_table(
        "How many times as fast",
        ("minimiser against peer", "N", "by the clock", "per CPU second", "force evaluations"),
        [
            (
                f"{entry['contender']} / {entry['peer']}",
                str(entry["particles"]),
                f"{entry['wall']:.2f}",
                "-" if entry["cpu"] is None else f"{entry['cpu']:.2f}",
                f"{entry['evaluations']:.2f}",
            )
            for entry in record["ratios"]
        ],
        console,
    )
    print_settings(record["rows"], console)
    print_conditions(record["conditions"], console)


def estimate_text(estimate: Mapping[str, float]) -> str:
    """Mean with its standard error in units of the last digit.

    >>> estimate_text({"mean": -3.86871, "error": 0.0007})
    '-3.8687(7)'
    """
    mean, error = estimate["mean"], estimate["error"]
    if not error > 0:
        return f"{mean:.4f}"
    digits = max(0, -int(np.floor(np.log10(error))))
    return f"{mean:.{digits}f}({round(error * 10**digits)})"
