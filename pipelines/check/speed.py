"""How fast: dynamics for each choice of settings, and quenches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from vitrify.md.engines.base import Engine, Thermostat
from vitrify.md.engines.replica import ReplicaEngine, tuning
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import kob_andersen_pairs
from vitrify.md.schedule import TemperatureSchedule
from vitrify.pipelines.benchmark.liquid import default_replicas, equilibrate
from vitrify.pipelines.check.systems import Machine

KT, ROUNDS = 0.4, 2
SETTLE_STEPS = 500
"""Of a ramp to kT 0.4, and again as many there: enough for neighbours to be timed on, no equilibrium."""

FIRST_STEPS, MOST_STEPS, SECONDS_A_ROUND = 50, 1000, 0.5
"""A round is as long as the first steps say that there is time for."""


def speed(machine: Machine, particles: int) -> list[dict]:
    """Rates of systems of ``particles`` particles: a row for each choice of settings, the fastest first.

    Nothing is remembered: ``vitrify benchmark tune`` measures longer and makes runs take the fastest.

    Returns:
        particles, replicas, settings, particle_steps_per_second, and whether runs that begin here take the settings;
        in the first row also quench_seconds and quench_evaluations, the mean over replicas of one quench together.
    """
    engine = machine.mover(kob_andersen_pairs(), particles)
    replicas = default_replicas(engine) if isinstance(engine, ReplicaEngine) else 1
    liquid = equilibrate(engine, particles=particles, kt=KT, replicas=replicas, seed=machine.seed, steps=SETTLE_STEPS)
    rows, steps = [], affordable_steps(engine, liquid)
    for choice, settings in choices(engine):
        seconds = timed(choice, replace(liquid, origin=None), steps)
        rows.append(
            {
                "particles": particles,
                "replicas": replicas,
                "settings": settings,
                "particle_steps_per_second": particles * replicas * steps / seconds,
                "taken_by_runs": choice == engine,
            }
        )
    rows.sort(key=lambda row: -row["particle_steps_per_second"])
    began = time.perf_counter()
    quenched = engine.minimize(liquid)
    rows[0] |= {
        "quench_seconds": (time.perf_counter() - began) / replicas,
        "quench_evaluations": float(quenched.evaluations.mean()),
    }
    return rows


def affordable_steps(engine: Engine, liquid: Ensemble) -> int:
    """Steps that take SECONDS_A_ROUND, within FIRST_STEPS and MOST_STEPS."""
    seconds = timed(engine, replace(liquid, origin=None), FIRST_STEPS)
    return min(max(FIRST_STEPS, round(FIRST_STEPS * SECONDS_A_ROUND / seconds)), MOST_STEPS)


def choices(engine: Engine) -> list[tuple[Engine, dict]]:
    """The engine with every choice of settings it has."""
    if not isinstance(engine, ReplicaEngine):
        return [(engine, {})]
    blocks = (engine.lanes,) if engine.device == "cpu" else tuning.LANES
    skins = sorted({*tuning.SKINS, engine.skin})
    tried = [{**engine.settings, "skin": skin, "lanes": lanes} for skin in skins for lanes in blocks]
    if engine.settings not in tried:
        tried.append(engine.settings)
    return [(engine.with_settings(settings), settings) for settings in tried]


def timed(engine: Engine, liquid: Ensemble, steps: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the faster of two rounds, after one that compiles and warms up."""
    bath, best = Thermostat(schedule=TemperatureSchedule.constant(KT)), float("inf")
    for warm in (True, *[False] * ROUNDS):
        began = clock()
        liquid = engine.integrate(liquid, steps, bath)
        best = best if warm else min(best, clock() - began)
    return best
