"""How fast a device is: measured here in some seconds, or given."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vitrify.pipelines.campaign.simulating import FILMS, MIXTURES, film_spec, mixture_spec
from vitrify.pipelines.campaign.tasks import Stage
from vitrify.pipelines.campaign.work import Amount

SETTLE_STEPS, SECONDS, KT = 300, 0.6, 0.5
"""Of a liquid before the clock runs; how long it runs; its temperature [eps_AA]."""

LARGEST = 6000
"""Particles beyond which systems are not measured: their start takes too long."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Rates of one device: a core of a processor, or a GPU.

    The defaults were measured on one core of an AVX-512 EPYC, N = 1080, but for ``pictured``, which is assumed: they
    give the share of each stage in a campaign whose rates nobody has measured. ``stepped`` is from a training of 30
    epochs on 358 configurations in 108 s of one core, ``measured`` from 512 configurations in 54 s.

    Attributes:
        particle_steps: particle-steps a second of the dynamics.
        quenched: particles a second that are brought to their inherent structures, from all temperatures of a ramp.
        measured: particles a second whose descriptors are measured.
        stepped: particles a second that mpnn is trained on.
        pictured: particles a second that cnn and cnn2018 are trained on.
        start: seconds that a task takes before it begins, and to end.
        source: where they are from.
    """

    particle_steps: float = 5.0e7
    quenched: float = 1.2e4
    measured: float = 1.0e4
    stepped: float = 1.0e5
    pictured: float = 2.0e4
    start: float = 4.0
    source: str = "measured before on one core of an AVX-512 EPYC"

    def __post_init__(self):
        for name in ("particle_steps", "quenched", "measured", "stepped", "pictured"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name}: got {getattr(self, name)}, expected a positive rate per second")

    def seconds(self, amount: Amount) -> float:
        """How long one device takes for this much, its start not counted."""
        parts = ("particle_steps", "quenched", "measured", "stepped", "pictured")
        return sum(getattr(amount, name) / getattr(self, name) for name in parts)


def measure(particles: int) -> Rates:
    """Rates of one core of this machine, for systems of so many particles; what learns and measures is not measured.

    A short ramp, the dynamics of one system for half a second, and a quench: good to some ten per cent.
    """
    from vitrify.md.engines.base import Thermostat
    from vitrify.md.engines.replica import ReplicaEngine
    from vitrify.md.model import kob_andersen_pairs
    from vitrify.md.schedule import TemperatureSchedule
    from vitrify.pipelines.benchmark.liquid import equilibrate

    engine = ReplicaEngine(pairs=kob_andersen_pairs(), device="cpu", threads=1)
    liquid = equilibrate(engine, particles=particles, kt=KT, replicas=1, seed=1, steps=SETTLE_STEPS)
    bath, steps, done = Thermostat(schedule=TemperatureSchedule.constant(KT)), 200, 0
    engine.minimize(liquid, fmax=1e3)  # compiles, where that has not been done on this machine
    began = time.process_time()
    while (spent := time.process_time() - began) < SECONDS:
        liquid, done = engine.integrate(liquid, steps, bath), done + steps
    began = time.process_time()
    engine.minimize(liquid)
    quench = time.process_time() - began
    return replace(
        Rates(),
        particle_steps=particles * done / spent,
        quenched=particles / quench,
        source=f"measured now on one core, N = {particles:,}, kT {KT}: dynamics and quenches",
    )


def typical_size(stages: Sequence[Stage]) -> int:
    """Particles of the systems that take most of a campaign's steps, or what can be measured of it."""
    weight: dict[int, float] = {}
    for stage in stages:
        if stage.action in MIXTURES:
            spec = mixture_spec(stage.tasks[0])
            size, steps = spec.particles, float(spec.frame_steps[-1])
        elif stage.action in FILMS[:1]:
            film = film_spec(stage.tasks[0])
            size, steps = film.slots, float(film.injections * film.steps_per_injection)
        else:
            continue
        weight[size] = weight.get(size, 0.0) + steps * size * len(stage.tasks)
    return min(LARGEST, max(weight, key=lambda size: weight[size])) if weight else 1080
