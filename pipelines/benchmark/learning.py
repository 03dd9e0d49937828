"""``vitrify benchmark learn``: configurations a second that a network is trained on, inputs included."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import jax
import numpy as np
from rich.console import Console

from vitrify.learn.configurations import Configurations
from vitrify.learn.datasets import Dataset
from vitrify.learn.models import ARCHITECTURES
from vitrify.learn.models.base import Architecture
from vitrify.learn.recipe import Recipe
from vitrify.learn.settings import read_settings, settled
from vitrify.learn.train import Material, Progress, training
from vitrify.learn.update import alone
from vitrify.md.model import KobAndersen2D
from vitrify.md.randomness import Purpose, stream
from vitrify.pipelines.benchmark.race import Contender, Spread, race, ratio
from vitrify.pipelines.benchmark.record import (
    available_cores,
    default_console,
    print_conditions,
    print_ratios,
    print_settings,
    print_table,
    refuse_overwriting,
    spread_text,
    write_record,
)
from vitrify.pipelines.benchmark.torch_peer import TorchTrainee, has_peer, torch_is_installed, torch_version
from vitrify.pipelines.progress import progress_bar

PEER = " in PyTorch"
"""What the name of a network ends with that is trained by PyTorch."""


class Trainee:
    """A network that is trained in rounds, each of which begins anew: nothing is made ready before the clock runs.

    Args:
        material: what it is trained on.
        recipe: how.

    Attributes:
        progress: where it stands.
        shares: of the time in input once the first batch is there, one a round.
    """

    def __init__(self, material: Material, recipe: Recipe):
        self.material, self.recipe = material, recipe
        self.progress: Progress | None = None
        self.shares: list[float] = []

    def advance(self, updates: int) -> None:
        """Train for so many updates; return when the device has done the last one."""
        kind = self.material.architecture
        recipe = replace(self.recipe, validate_every=updates + 1, epochs=10**9, schedule="constant")
        update = alone(kind, len(self.material.dataset.classes), recipe.optimiser, recipe.weight_decay)
        start = self.progress and replace(self.progress, scores=(), seconds=0.0, waited=0.0)
        done = 0

        def save(progress: Progress) -> None:
            self.progress = progress

        steps = training(self.material, recipe, seed=1, progress=start, due=lambda: done == updates, save=save)
        asked = time.perf_counter()
        request = next(steps)
        first = time.perf_counter() - asked
        for done in range(1, updates + 1):  # noqa: B007 - asked for by ``due``
            request = steps.send(update(*request))
        steps.close()
        assert self.progress is not None
        # A training waits once for its first batch, a round each time.
        self.shares.append(max(0.0, self.progress.waited - first) / (self.progress.seconds - first))


def benchmark_learn(
    *,
    models: Sequence[str] = (),
    settings: Sequence[str] = (),
    particles: int = 1080,
    configurations: int = 256,
    updates: int = 20,
    rounds: int = 5,
    out: Path | None = None,
    console: Console | None = None,
) -> dict:
    """Train every network in turn and print configurations a second, the share of time in input, and the ratios.

    Args:
        models: names of architectures; none for all that are trained step by step.
        settings: ``key=value`` for those that have the key.
        particles: N of a configuration, at rho 1.2 and 65:35.
        configurations: in the training set.
        updates: a round.
        rounds: how often each network has its turn.
        out: directory for benchmark.json; None writes nothing.
        console: where the tables go.

    Returns:
        What benchmark.json holds: ``rows``, one a network; ``ratios``, each against the first or, in PyTorch,
        against its own; ``conditions``.

    Raises:
        ValueError: for impossible numbers or an unknown network.
        FileExistsError: for a record that is already there.
    """
    console = console or default_console()
    refuse_overwriting(out)
    dataset = lattices(particles, configurations)
    kinds = [of(name, settings) for name in models or ARCHITECTURES]
    trainees: list[tuple[Architecture, Recipe, Trainee | TorchTrainee]] = [
        (kind, recipe, Trainee(Material.of(dataset, kind), recipe)) for kind, recipe in kinds if recipe
    ]
    if not trainees:
        raise ValueError("models: none of them is trained step by step")
    contenders = [enter(kind, recipe, trainee.advance, particles) for kind, recipe, trainee in trainees]
    if torch_is_installed():
        peers = [
            (kind, recipe, TorchTrainee(one.material, recipe))
            for kind, recipe, one in trainees
            if has_peer(one.material)
        ]
        contenders += [enter_peer(kind, recipe, peer, particles) for kind, recipe, peer in peers]
        trainees += peers
    else:
        console.print("PyTorch is not installed: no peer takes part", highlight=False)
    with console.status("compiling"):
        for contender in contenders:
            contender.advance(2)
    for *_, trainee in trainees:
        trainee.shares.clear()
    with progress_bar("taking turns") as report:
        laps = race(contenders, steps=updates, rounds=rounds, report=report)
    rows = []
    for contender, lap, (_, recipe, trainee) in zip(contenders, laps, trainees, strict=True):
        work = updates * min(recipe.batch, len(trainee.material.rows["train"]))
        rows.append(
            {
                **{name: getattr(contender, name) for name in ("name", "engine", "device", "threads", "settings")},
                "configurations_per_second": asdict(Spread.of(work / lap.wall)),
                "configurations_per_cpu_second": asdict(Spread.of(work / lap.cpu)),
                "share_of_time_in_input": asdict(Spread.of(np.array(trainee.shares))),
                "seconds": lap.wall.tolist(),
                "cpu_seconds": lap.cpu.tolist(),
                "work": work,
            }
        )
    record = {
        "benchmark": "learn",
        "conditions": conditions(particles, configurations, updates, rounds),
        "rows": rows,
        "ratios": list(comparisons(rows)),
    }
    show(record, console)
    write_record(record, out, console)
    return record


def comparisons(rows: Sequence[dict]) -> Iterator[dict]:
    """How many times as fast: a network in PyTorch beside its own, of other networks each beside the first."""
    named = {row["name"]: row for row in rows}
    for row in rows:
        own = row["name"].removesuffix(PEER)
        peer = rows[0] if own == row["name"] else named[own]
        if row is not peer:
            times = {
                clock: asdict(ratio(row["work"], np.array(row[seconds]), peer["work"], np.array(peer[seconds])))
                for clock, seconds in (("wall", "seconds"), ("cpu", "cpu_seconds"))
            }
            yield {"contender": row["name"], "peer": peer["name"], **times}


def of(name: str, settings: Sequence[str]) -> tuple[Architecture, Recipe | None]:
    """A network with those of the settings it has."""
    plain, recipe = settled(name, {})
    given = read_settings(pairs=settings)
    return settled(name, {key: one for key, one in given.items() if hasattr(plain, key) or hasattr(recipe, key)})


def enter(kind: Architecture, recipe: Recipe, advance: Callable[[int], None], particles: int) -> Contender:
    """A network as a contender."""
    device = jax.devices()[0]
    return Contender(
        name=kind.name,
        engine="jax",
        device=f"{device.platform}, {device.device_kind} x {len(jax.local_devices())}",
        threads=available_cores(),
        particles=particles,
        replicas=recipe.batch,
        settings={**asdict(kind), "batch": recipe.batch, "symmetry": recipe.symmetry},  # type: ignore[call-overload]
        advance=advance,
    )


def enter_peer(kind: Architecture, recipe: Recipe, peer: TorchTrainee, particles: int) -> Contender:
    """The same network in PyTorch as a contender."""
    ours = enter(kind, recipe, peer.advance, particles)
    settings = {**ours.settings, "version": torch_version()}
    device, threads = peer.device.type, peer.threads
    return replace(ours, name=kind.name + PEER, engine="torch", device=device, threads=threads, settings=settings)


def lattices(particles: int, count: int) -> Dataset:
    """Jittered lattices with random labels: what a training costs does not depend on what there is to learn."""
    model = KobAndersen2D(particles=particles)
    rng = stream(1, Purpose.POSITIONS)
    columns = math.ceil(math.sqrt(particles))
    edge = model.box_length
    site = np.stack(np.meshgrid(*2 * [np.arange(columns)]), axis=-1).reshape(-1, 2)[:particles]
    positions = (site + 0.5 + rng.uniform(-0.2, 0.2, (count, particles, 2))) * edge / columns - edge / 2
    species = rng.permuted(np.tile(np.arange(particles) >= model.count_a, (count, 1)), axis=1).astype(np.int8)
    numbers = np.arange(count)
    return Dataset(
        configurations=Configurations(
            positions=positions,
            species=species,
            box=np.full((count, 2), edge),
            periodic=np.ones((count, 2), bool),
            inherent_energy=rng.normal(-3.85, 0.01, count),
        ),
        classes=("one", "other"),
        label=numbers % 2,
        part=np.where(numbers < 2, "validation", "train"),
        origin=numbers.astype(str),
        run=np.full(count, "none"),
        replica=numbers,
        frame=np.zeros(count, int),
        step=np.zeros(count, int),
        kt_set=np.zeros(count),
        positions_taken="instant",
        seed=1,
    )


def conditions(particles: int, configurations: int, updates: int, rounds: int) -> dict[str, str]:
    """What the numbers rest on and what they leave out."""
    return {
        "data": f"{configurations} jittered lattices of N {particles}, rho 1.2, two labels at random",
        "clock": f"{rounds} rounds of {updates} updates, networks in turn; median (lowest-highest) over rounds; from "
        "positions to new weights, the first batch of a round included",
        "left out of the clock": "compilation, validation",
        "share of time in input": "upper bound, from the first batch of a round on: waits for a batch after which the "
        "device had nothing left to do; of PyTorch all waits for a batch",
    }


def show(record: dict, console: Console) -> None:
    """Print rates, shares, ratios, and what they rest on."""
    print_table(
        "Training: configurations a second",
        ("network", "device", "by the clock", "per CPU second", "% of time in input, at most"),
        [
            (
                entry["name"],
                entry["device"],
                spread_text(entry["configurations_per_second"], digits=1),
                spread_text(entry["configurations_per_cpu_second"], digits=1),
                spread_text(entry["share_of_time_in_input"], 100, digits=1),
            )
            for entry in record["rows"]
        ],
        console,
    )
    if record["ratios"]:
        print_ratios(record["ratios"], console)
    print_settings(record["rows"], console)
    print_conditions(record["conditions"], console)
