"""The thermostat: is the kinetic energy that of the canonical ensemble, with the right degrees of freedom?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vitrify.md.engines.base import Thermostat
from vitrify.md.ensemble import Ensemble, kinetic_temperature
from vitrify.md.external import Tether
from vitrify.md.model import SUBSTRATE, kob_andersen_pairs
from vitrify.md.schedule import TemperatureSchedule
from vitrify.pipelines.check.systems import Machine, film_pairs, rattled_lattice
from vitrify.pipelines.check.verdict import Verdict, mean_and_error, within_errors

KT, PARTICLES, REPLICAS = 0.8, 40, 32
SAMPLES, STEPS_APART, TAU = 150, 40, 0.05
"""Samples of each replica, four relaxation times apart."""


def canonical_kt(machine: Machine) -> Iterator[Verdict]:
    """Mean kT, and var kT = 2 kT^2 / (2N - 2), in liquids whose centre of mass is at rest.

    With 2N degrees of freedom instead of 2N - 2 the mean would be off by 2 / (2N - 2), 0.026 here.
    """
    freedom = 2 * PARTICLES - 2
    engine = machine.mover(kob_andersen_pairs(), PARTICLES)
    bath = Thermostat(schedule=TemperatureSchedule.constant(KT), tau=TAU)
    start = rattled_lattice(PARTICLES, REPLICAS, kt=KT, rattle=0.05, seed=machine.seed)
    liquid, samples = engine.integrate(engine.minimize(start, fmax=1e-2).ensemble, 2000, bath), []
    for _ in range(SAMPLES):
        liquid = engine.integrate(liquid, STEPS_APART, bath)
        samples.append(kinetic_temperature(liquid.velocities, liquid.filled, conserved=2))
    kts = np.array(samples) / KT
    yield within_errors("mean kT / set kT", *mean_and_error(kts.mean(axis=0)), 1.0, resolution=2 / freedom)
    spread = ((kts - 1) ** 2).mean(axis=0) * freedom / 2
    yield within_errors("variance of kT / canonical", *mean_and_error(spread), 1.0, resolution=0.35)


def group_kt(machine: Machine) -> Iterator[Verdict]:
    """Two S on springs, far apart: a group with a thermostat has all its 2n = 4 degrees of freedom."""
    replicas, kt = 400, 0.5
    rng = np.random.default_rng(machine.seed)
    sites = np.broadcast_to([[-3.0, 3.0], [3.0, 9.0]], (replicas, 2, 2))
    springs = Tether(stiffness=25.0, slots=np.arange(2), sites=sites)
    pair = Ensemble(
        positions=sites + np.sqrt(kt / 25.0) * rng.standard_normal(sites.shape),
        velocities=np.sqrt(kt) * rng.standard_normal(sites.shape),
        species=np.full((replicas, 2), SUBSTRATE, np.int8),
        box=np.full((replicas, 2), 12.0),
        periodic=(True, False),
        seed=machine.seed,
        replica=np.arange(replicas),
        step=np.zeros(replicas, np.int64),
    )
    bath = Thermostat(schedule=TemperatureSchedule.constant(kt), tau=0.1, species=(SUBSTRATE,))
    warm = machine.mover(film_pairs(), 2).integrate(pair, 400, bath, [springs])
    kts = (warm.velocities**2).sum(axis=(1, 2)) / 4 / kt
    yield within_errors("kT of a tethered group / set kT", *mean_and_error(kts), 1.0, resolution=0.5)
