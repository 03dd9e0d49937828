"""Motion: the first steps against velocity Verlet by hand, then a long way at constant energy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from vitrify.md.engines.base import TIME_STEP, Thermostat
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External
from vitrify.md.model import PairTable, kob_andersen_pairs, minimum_image
from vitrify.md.schedule import TemperatureSchedule
from vitrify.pipelines.check.systems import (
    Machine,
    external_forces,
    film_pairs,
    oracle,
    rattled_lattice,
    shifted_energies,
    small_film,
)
from vitrify.pipelines.check.verdict import Verdict, at_most, mean_and_error, within_errors

FIRST_STEPS = 20

SINGLE_PRECISION = 5e-6
"""What rounding to single precision adds up to in the first steps [sigma_AA]; a force that is wrong by 0.001 makes as
much."""

LONG_WAY = 10_000
"""Steps at constant energy: 50 tau."""

WALK = 5e-4
"""Forces jump at the cut-off, so that the energy of a replica walks at random: by 0.001 a particle in float64, so much
in the mean of 16 replicas at most [eps_AA]."""


def first_steps(machine: Machine) -> Iterator[Verdict]:
    """Bulk, and films with tethers and a wall: 20 steps beside velocity Verlet with the oracle's forces."""
    bulk = rattled_lattice(144, 2, kt=0.3, rattle=0.03, seed=machine.seed)
    film, externals = small_film(kt=0.1, seed=machine.seed)
    for name, pairs, start, outside in (
        ("first steps, bulk", kob_andersen_pairs(), bulk, ()),
        ("first steps, film", film_pairs(), film, externals),
    ):
        moved = machine.mover(pairs, start.slots).integrate(start, FIRST_STEPS, externals=outside)
        by_hand = velocity_verlet(pairs, start, FIRST_STEPS, outside)
        yield at_most(name, apart(moved, by_hand), SINGLE_PRECISION, f"sigma_AA off after {FIRST_STEPS} steps")


def velocity_verlet(pairs: PairTable, ensemble: Ensemble, steps: int, externals: Sequence[External]) -> Ensemble:
    """Velocity Verlet in float64, every force from the oracle."""
    moving = ensemble.filled[..., None]

    def forces(now: Ensemble) -> np.ndarray:
        return (oracle(pairs, now).forces + external_forces(tuple(externals), now)) * moving

    r, v = ensemble.positions.copy(), ensemble.velocities.copy()
    f = forces(ensemble)
    for _ in range(steps):
        v = v + 0.5 * TIME_STEP * f
        r = r + TIME_STEP * v * moving
        f = forces(replace(ensemble, positions=r))
        v = v + 0.5 * TIME_STEP * f
    return replace(ensemble, positions=r, velocities=v)


def apart(one: Ensemble, other: Ensemble) -> float:
    """The largest distance between the same particle in two ensembles, over the edges of the box [sigma_AA]."""
    wrap = np.where(one.periodic, one.box, np.inf)[:, None]
    distances = np.linalg.norm(minimum_image(one.positions - other.positions, wrap), axis=2)
    return float(distances[one.filled].max())


def energy_drift(machine: Machine) -> Iterator[Verdict]:
    """16 liquids at kT 1 for 50 tau without a thermostat: the mean drift of the shifted energy a particle is zero."""
    pairs, particles = kob_andersen_pairs(), 64
    engine = machine.mover(pairs, particles)
    start = engine.minimize(rattled_lattice(particles, 16, kt=1.0, rattle=0.1, seed=machine.seed), fmax=1e-2).ensemble
    warm = engine.integrate(start, 2000, Thermostat(schedule=TemperatureSchedule.constant(1.0), tau=0.2))
    energies = [
        shifted_energies(pairs, ensemble) + 0.5 * (ensemble.velocities**2).sum(axis=(1, 2))
        for ensemble in (warm, engine.integrate(warm, LONG_WAY))
    ]
    drift, error = mean_and_error((energies[1] - energies[0]) / particles)
    yield within_errors("energy drift, NVE", drift, error, 0.0, resolution=5 * WALK)
