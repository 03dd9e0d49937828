"""``vitrify benchmark tune``: the fastest settings of the replica engine for one size of system on this machine."""

from __future__ import annotations

from rich.console import Console

from vitrify.md.engines.replica import ReplicaEngine, tuning
from vitrify.md.model import KobAndersen2D
from vitrify.pipelines.benchmark.liquid import default_replicas, equilibrate
from vitrify.pipelines.benchmark.record import default_console


def tune(
    *,
    particles: int = 4320,
    replicas: int | None = None,
    kt: float = 0.4,
    device: str = "auto",
    seed: int = 1,
    settle_steps: int = 10_000,
    console: Console | None = None,
) -> ReplicaEngine:
    """Measure, remember, and say which neighbour-list skin and block size are fastest here.

    Args:
        particles: N of one replica, at rho 1.2 and 65:35.
        replicas: how many at once; None for one a core, or 1,024 on a GPU.
        kt: temperature of the liquid [eps_AA].
        device: as the engine takes it.
        seed: of the starting liquid.
        settle_steps: steps of the ramp from kT 2.0 to ``kt``, and again as many at ``kt``, before anything is timed.
        console: where the result goes.

    Returns:
        The engine with what was found.
    """
    console = console or default_console()
    engine = ReplicaEngine(pairs=KobAndersen2D(particles=particles).pairs, device=device)
    replicas = replicas or default_replicas(engine)
    with console.status("equilibrating the liquid"):
        liquid = equilibrate(engine, particles=particles, kt=kt, replicas=replicas, seed=seed, steps=settle_steps)
    with console.status("trying settings"):
        best = engine.tuned(liquid)
    block = "" if best.device == "cpu" else f", {best.lanes} threads a block"
    console.print(f"{best.hardware}, N = {particles:,}, {replicas} at once: skin {best.skin:g}{block}", highlight=False)
    console.print(f"remembered in {tuning.cache_file()}; runs that begin from now on take it", soft_wrap=True)
    return best
