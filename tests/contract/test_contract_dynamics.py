"""Motion: against velocity Verlet in float64, against conservation laws, and against the canonical ensemble."""

from dataclasses import replace

import numpy as np
import pytest

from vitrify.md.engines.base import TIME_STEP, Thermostat
from vitrify.md.ensemble import kinetic_temperature, maxwell_boltzmann
from vitrify.md.external import Tether, Wall
from vitrify.md.model import minimum_image, pair_energies_and_forces
from vitrify.md.schedule import TemperatureSchedule


def constant(kt, **options):
    return Thermostat(schedule=TemperatureSchedule.constant(kt), **options)


def verlet(pairs, ensemble, row, steps, external=lambda positions: 0.0):
    """Velocity Verlet of one replica with the oracle's forces."""
    r, v = ensemble.positions[row].copy(), ensemble.velocities[row].copy()
    filled = ensemble.filled[row][:, None]

    def force():
        arrays = r, ensemble.species[row], ensemble.box[row], ensemble.periodic
        return pair_energies_and_forces(pairs, *arrays)[1] + external(r) * filled

    f = force()
    for _ in range(steps):
        v += 0.5 * TIME_STEP * f
        r += TIME_STEP * v * filled
        f = force()
        v += 0.5 * TIME_STEP * f
    return r, v


def shifted_energy(pairs, ensemble, row):
    """Total energy of one replica on the shifted potential, the one that truncated forces conserve."""
    r, s = ensemble.positions[row], ensemble.species[row]
    energies, _ = pair_energies_and_forces(pairs, r, s, ensemble.box[row], ensemble.periodic)
    distance2 = (minimum_image(r[:, None] - r[None], ensemble.box[row]) ** 2).sum(axis=-1)
    table = s[:, None], s[None]
    inside = (distance2 < pairs.r_cut[table] ** 2) & ~np.eye(len(r), dtype=bool)
    attraction = (pairs.sigma[table] / pairs.r_cut[table]) ** 6
    shift = (4 * pairs.epsilon[table] * (attraction**2 - attraction))[inside].sum() / 2
    return energies.sum() - shift + 0.5 * (ensemble.velocities[row] ** 2).sum()


def test_the_bulk_follows_velocity_verlet(engine, mixture):
    ensemble = mixture(48, replicas=2, kt=0.3)
    moved = engine.integrate(ensemble, 20)
    for row in range(2):
        r, v = verlet(engine.pairs, ensemble, row, 20)
        np.testing.assert_allclose(minimum_image(moved.positions[row] - r, ensemble.box[row]), 0.0, atol=5e-6)
        np.testing.assert_allclose(moved.velocities[row], v, atol=1e-4)
    assert (abs(moved.positions) <= ensemble.box[0, 0] / 2).all()


def test_a_film_with_tethers_and_wall_follows_velocity_verlet(film_engine, small_film):
    ensemble = small_film(kt=0.1)
    slots = np.arange(12)
    sites = ensemble.positions[:, slots]
    tether = Tether(stiffness=200.0, slots=slots, sites=sites)
    line = Tether(stiffness=5.0, slots=slots[:4], sites=sites[:, :4] + 0.1, axes=(False, True))
    wall = Wall(stiffness=10.0, start=np.array([3.5, 3.0]))
    moved = film_engine.integrate(ensemble, 20, externals=[tether, line, wall])
    for row in range(2):

        def external(r, row=row):
            force = np.zeros_like(r)
            force[:12] = -200.0 * minimum_image(r[:12] - sites[row], np.array([9.0, np.inf]))
            force[:4, 1] -= 5.0 * (r[:4, 1] - sites[row, :4, 1] - 0.1)
            force[:, 1] -= 10.0 * np.clip(r[:, 1] - wall.start[row], 0, None)
            return force

        r, v = verlet(film_engine.pairs, ensemble, row, 20, external)
        apart = minimum_image(moved.positions[row] - r, np.array([9.0, np.inf]))
        np.testing.assert_allclose(apart, 0.0, atol=5e-6)
        filled = ensemble.filled[row]
        np.testing.assert_allclose(moved.velocities[row, filled], v[filled], atol=1e-4)


def test_empty_slots_stay_as_they_are(film_engine, small_film):
    ensemble = small_film(kt=0.1)
    moved = film_engine.integrate(ensemble, 5)
    empty = ~ensemble.filled
    np.testing.assert_array_equal(moved.positions[empty], ensemble.positions[empty])
    np.testing.assert_array_equal(moved.velocities[empty], ensemble.velocities[empty])
    np.testing.assert_array_equal(moved.species, ensemble.species)


def test_the_clock_counts_steps(engine, mixture):
    ensemble = replace(mixture(48), step=np.array([7, 12]))
    np.testing.assert_array_equal(engine.integrate(ensemble, 3).step, [10, 15])


def test_no_steps_change_nothing(engine, mixture):
    ensemble = mixture(48)
    same = engine.integrate(ensemble, 0, constant(1.0))
    np.testing.assert_array_equal(same.positions, ensemble.positions)
    np.testing.assert_array_equal(same.velocities, ensemble.velocities)


@pytest.mark.parametrize("thermostat", [None, constant(0.5)], ids=["NVE", "NVT"])
def test_momentum_is_conserved(patience, engine, mixture, thermostat):
    """Rounding of single-precision velocities: 1e3 steps x 64 particles x 6e-8 add up to 2e-5 as a random walk."""
    moved = engine.integrate(mixture(64, replicas=4, kt=0.5), 1000, thermostat)
    assert not moved.failed.any()
    assert abs(moved.velocities.sum(axis=1)).max() < 2e-4


def test_energy_does_not_drift(patience, engine, liquid_at):
    """NVE at kT 1 for 50 tau. Forces jump at the cut-off, so that the shifted energy of each replica walks at random.

    By 0.001 a particle in float64, and no more in single precision.
    """
    before = liquid_at(1.0, replicas=16)
    after = engine.integrate(before, 10_000)
    energies = np.array([[shifted_energy(engine.pairs, e, row) / 64 for row in range(16)] for e in (before, after)])
    drift = energies[1] - energies[0]
    standard_error = drift.std(ddof=1) / np.sqrt(16)
    assert abs(drift.mean()) < 5 * standard_error
    assert standard_error < 5e-4


def test_kt_is_canonical(patience, engine, liquid_at):
    """Mean kT, and var kT = 2 kT^2 / (2N - 2): 16 replicas x 150 samples, four relaxation times apart."""
    kt, particles = 0.8, 40
    ensemble, samples = liquid_at(kt, particles=particles, replicas=16), []
    for _ in range(150):
        ensemble = engine.integrate(ensemble, 40, constant(kt, tau=0.05))
        samples.append(kinetic_temperature(ensemble.velocities, ensemble.filled, conserved=2))
    samples = np.array(samples)
    mean = samples.mean(axis=0) / kt
    variance = ((samples - kt) ** 2).mean(axis=0) * (2 * particles - 2) / (2 * kt**2)
    for of_replica in (mean, variance):
        assert abs(of_replica.mean() - 1.0) < 5 * of_replica.std(ddof=1) / np.sqrt(16)
    assert 5 * mean.std(ddof=1) / np.sqrt(16) < 2 / (2 * particles)  # 2N degrees of freedom would not pass
    assert 5 * variance.std(ddof=1) / np.sqrt(16) < 0.3


def test_the_schedule_is_followed(patience, contender, ideal_gas, ensemble_of):
    """An ideal gas relaxes by the thermostat alone: E kT(n + 1) = c kT(n) + (1 - c) kT_set(n), c = exp(-dt / tau)."""
    schedule = TemperatureSchedule(steps=(300, 500, 900, 1300), kts=(1.0, 2.0, 0.3, 0.3))
    engine, rng, count, replicas = contender(ideal_gas), np.random.default_rng(8), 200, 16
    gas = ensemble_of(
        10 * rng.random((replicas, count, 2)) - 5,
        0,
        [10.0, 10.0],
        velocities=[maxwell_boltzmann(rng, count, 1.0) for _ in range(replicas)],
        step=250,
    )
    expected, step = 1.0, 250
    for until in (300, 420, 500, 700, 900, 1000, 1400):
        gas = engine.integrate(gas, until - step, Thermostat(schedule=schedule, tau=0.1))
        for n in range(step, until):
            decay = np.exp(-TIME_STEP / 0.1)
            expected = decay * expected + (1 - decay) * float(schedule.kt(n))
        step = until
        kt = kinetic_temperature(gas.velocities, gas.filled, conserved=2)
        assert abs(kt.mean() - expected) < 5 * expected * np.sqrt(2 / (2 * count - 2) / replicas)
        assert kt.std() > 0


def test_a_thermostat_on_a_group_leaves_the_others_alone(patience, contender, ideal_gas, ensemble_of):
    rng = np.random.default_rng(4)
    species = np.repeat([0, 2], [100, 300])
    gas = ensemble_of(
        rng.random((8, 400, 2)) * 20,
        species,
        [20.0, 30.0],
        velocities=np.sqrt(0.5) * rng.standard_normal((8, 400, 2)) * [1.0, 0.0],
        periodic=(True, False),
    )
    heated = contender(ideal_gas).integrate(gas, 1000, constant(2.0, tau=0.1, species=(2,)))
    group = gas.species == 2
    np.testing.assert_allclose(heated.velocities[~group], gas.velocities[~group], rtol=1e-6, atol=1e-30)
    kt = kinetic_temperature(heated.velocities, group)
    assert abs(kt.mean() - 2.0) < 5 * 2.0 * np.sqrt(2 / 600 / 8)


def test_a_thermostat_beside_a_tether_counts_every_degree_of_freedom(patience, contender, ideal_gas, ensemble_of):
    """One thermostatted particle in free space with a tether elsewhere: kT over 2n, not 2n - 2, degrees of freedom."""
    rng, replicas = np.random.default_rng(6), 200
    velocities = rng.standard_normal((replicas, 2, 2))
    pair = ensemble_of(
        np.broadcast_to([[0.0, 0.0], [2.0, 2.0]], (replicas, 2, 2)), [0, 2], [6.0, 6.0], velocities=velocities
    )
    tether = Tether(stiffness=1e-6, slots=np.array([1]), sites=pair.positions[:, 1:])
    heated = contender(ideal_gas).integrate(pair, 400, constant(1.0, tau=0.1), [tether])
    twice_kinetic = (heated.velocities**2).sum(axis=(1, 2))
    assert abs(twice_kinetic.mean() - 4.0) < 5 * np.sqrt(2 * 4 / replicas)


def test_tethered_particles_spread_by_equipartition(patience, contender, ideal_gas, ensemble_of):
    """Mean-square displacement kT/k along each axis, from oscillators that start at a quarter of the temperature."""
    rng, stiffness, kt, count, replicas = np.random.default_rng(9), 25.0, 0.6, 64, 32
    sites = 8 * rng.random((replicas, count, 2)) - 4
    rattle = np.sqrt(kt / 4 / stiffness) * rng.standard_normal(sites.shape)
    start = ensemble_of(sites + rattle, 2, [8.5, 8.5], velocities=np.sqrt(kt / 4) * rng.standard_normal(sites.shape))
    tether = Tether(stiffness=stiffness, slots=np.arange(count), sites=sites)
    warm = contender(ideal_gas).integrate(start, 4000, constant(kt, tau=0.2), [tether])
    spread = (minimum_image(warm.positions - sites, np.array([8.5, 8.5])) ** 2).mean(axis=(1, 2))
    assert abs(spread.mean() - kt / stiffness) < 5 * spread.std(ddof=1) / np.sqrt(replicas)
    assert spread.std(ddof=1) / np.sqrt(replicas) < 0.05 * kt / stiffness


def test_a_particle_comes_back_from_the_wall_with_its_energy(patience, contender, ideal_gas, ensemble_of):
    """Half a period of the spring, pi / sqrt(k), and the way there and back."""
    speed, start = 2.0, 5.0
    bullet = ensemble_of([[[0.0, 4.5]]], [0], [6.0, 10.0], velocities=[[[0.3, speed]]], periodic=(True, False))
    wall = Wall(stiffness=10.0, start=np.array([start]))
    steps = round((0.5 / speed + np.pi / np.sqrt(10.0) + 1.5 / speed) / TIME_STEP)
    back = contender(ideal_gas).integrate(bullet, steps, externals=[wall])
    np.testing.assert_allclose(back.velocities[0, 0], [0.3, -speed], atol=1e-3)
    assert back.positions[0, 0, 1] == pytest.approx(start - 1.5, abs=0.01)


def test_a_wall_does_not_reach_below_its_start(contender, ideal_gas, ensemble_of):
    falling = ensemble_of([[[0.0, 4.99]]], [0], [6.0, 10.0], velocities=[[[0.0, -0.5]]], periodic=(True, False))
    wall = Wall(stiffness=1000.0, start=np.array([5.0]))
    fallen = contender(ideal_gas).integrate(falling, 10, externals=[wall])
    np.testing.assert_allclose(fallen.velocities[0, 0], [0.0, -0.5], atol=1e-7)
