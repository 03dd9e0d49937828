"""The liquid every contender starts from."""

from __future__ import annotations

from vitrify.md.engines.base import Engine, Thermostat
from vitrify.md.ensemble import Ensemble
from vitrify.md.protocols.cooling import CoolingSpec
from vitrify.md.protocols.mixture import START_FORCE, random_liquid
from vitrify.pipelines.benchmark.record import available_cores

GPU_REPLICAS = 1024
"""Replicas that fill a card: several thread blocks a multiprocessor."""


def default_replicas(engine: Engine) -> int:
    """Replicas that keep all of the engine's device busy: one a core, or what fills a card."""
    return available_cores() if engine.device == "cpu" else GPU_REPLICAS


def equilibrate(engine: Engine, *, particles: int, kt: float, replicas: int, seed: int, steps: int) -> Ensemble:
    """Independent liquids: random places, a ramp of ``steps`` steps from kT 2.0 to ``kt``, and as many steps there.

    Raises:
        ValueError: for impossible numbers, or a replica that fails on the way.
    """
    spec = CoolingSpec(
        particles=particles, replicas=replicas, kt_end=kt, ramp_steps=steps, equilibration_steps=0, frames=1, seed=seed
    )
    start = engine.minimize(random_liquid(spec, spec.numbers), fmax=START_FORCE).ensemble
    liquid = engine.integrate(start, 2 * steps, Thermostat(schedule=spec.schedule))
    if liquid.failed.any():
        raise ValueError(f"the starting liquid failed: {next(filter(None, liquid.failure))}")
    return liquid
