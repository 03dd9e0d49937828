"""What goes wrong: one bad replica never takes the others down, bad input is refused before anything runs."""

from dataclasses import replace

import numpy as np
import pytest

from vitrify.md.engines.base import Thermostat
from vitrify.md.external import Tether, Wall
from vitrify.md.model import EMPTY
from vitrify.md.schedule import TemperatureSchedule

WARM = Thermostat(schedule=TemperatureSchedule.constant(0.3))


def with_replica_1(ensemble, **arrays):
    """The ensemble with replica 1 changed."""
    changed = {}
    for name, value in arrays.items():
        changed[name] = getattr(ensemble, name).copy()
        changed[name][1] = value
    return replace(ensemble, **changed)


def overlapping(ensemble):
    """Particle 1 of replica 1 on top of particle 0, closer than the potential can push apart in a step."""
    positions = ensemble.positions[1].copy()
    positions[1] = positions[0] + [1e-3, 0.0]
    return with_replica_1(ensemble, positions=positions)


def not_a_number(ensemble):
    velocities = ensemble.velocities[1].copy()
    velocities[5] = np.nan
    return with_replica_1(ensemble, velocities=velocities)


@pytest.mark.parametrize("spoil", [overlapping, not_a_number])
def test_a_bad_replica_is_marked_and_the_others_go_on(engine, mixture, spoil):
    sound = replace(mixture(48, replicas=3), step=np.array([100, 100, 100]))
    moved = engine.integrate(spoil(sound), 12, WARM)
    expected = engine.integrate(sound, 12, WARM)
    assert moved.failed.tolist() == [False, True, False]
    assert len(moved.failure[1]) > 10
    assert 100 <= moved.step[1] <= 112
    assert moved.step[[0, 2]].tolist() == [112, 112]
    for row in (0, 2):
        np.testing.assert_array_equal(moved.positions[row], expected.positions[row])
        np.testing.assert_array_equal(moved.velocities[row], expected.velocities[row])


def test_a_failed_replica_is_passed_over(engine, mixture):
    failed = engine.integrate(overlapping(mixture(48, replicas=2)), 12, WARM)
    again = engine.integrate(failed, 4, WARM)
    assert again.failure == failed.failure
    assert again.step[1] == failed.step[1]
    assert again.step[0] == failed.step[0] + 4
    np.testing.assert_array_equal(again.positions[1], failed.positions[1])


def test_a_failed_replica_keeps_finite_positions(engine, mixture):
    failed = engine.integrate(overlapping(mixture(48, replicas=2)), 12, WARM)
    assert np.isfinite(failed.positions).all()


def test_a_particle_that_leaves_the_open_end_fails_its_replica(contender, ideal_gas, ensemble_of):
    velocities = [[[0.0, 0.1]], [[0.0, 100.0]], [[0.0, -100.0]]]
    gas = ensemble_of(
        np.broadcast_to([[[0.0, 2.0]], [[0.0, 6.0]], [[0.0, 2.0]]], (3, 1, 2)),
        [0],
        [6.0, 8.0],
        velocities=velocities,
        periodic=(True, False),
    )
    assert contender(ideal_gas).integrate(gas, 15).failed.tolist() == [False, True, True]


@pytest.mark.parametrize("height", [-0.1, 8.1])
def test_a_particle_outside_the_open_axis_cannot_start(contender, ideal_gas, ensemble_of, height):
    gas = ensemble_of([[[0.0, height]]], [0], [6.0, 8.0], periodic=(True, False))
    assert contender(ideal_gas).integrate(gas, 1).failed.all()


@pytest.mark.parametrize("box", [8.0, 9.7, 10.1234567])
def test_a_particle_at_rest_on_an_edge_stays(contender, ideal_gas, ensemble_of, box):
    resting = ensemble_of([[[0.0, 0.0], [1.0, box]]], [0, 0], [6.0, box], periodic=(True, False))
    gas = contender(ideal_gas)
    for _ in range(3):
        resting = gas.integrate(resting, 5)
    assert resting.failure == ("",)
    np.testing.assert_allclose(resting.positions[0, :, 1], [0.0, box], atol=1e-7)


def test_a_bad_replica_does_not_stop_the_minimiser(patience, engine, mixture):
    sound = mixture(48, replicas=3)
    nowhere = np.full((48, 2), np.nan)
    quenched = engine.minimize(with_replica_1(sound, positions=nowhere), fmax=1.0)
    expected = engine.minimize(sound, fmax=1.0)
    assert quenched.ensemble.failed.tolist() == [False, True, False]
    assert quenched.converged.tolist() == [True, False, True]
    np.testing.assert_array_equal(quenched.energies[[0, 2]], expected.energies[[0, 2]])
    assert np.isnan(quenched.energies[1]).all()


@pytest.mark.parametrize("time_step", [0.0, -0.005, float("nan"), float("inf")])
def test_bad_time_step(contender, engine, time_step):
    with pytest.raises(ValueError, match="time_step"):
        contender(engine.pairs, time_step=time_step)


def test_bad_number_of_steps(engine, mixture):
    with pytest.raises(ValueError, match=r"steps: got -1"):
        engine.integrate(mixture(48), -1)


@pytest.mark.parametrize("fmax", [0.0, -1.0, float("nan")])
def test_bad_force_criterion(engine, mixture, fmax):
    with pytest.raises(ValueError, match="fmax"):
        engine.minimize(mixture(48), fmax=fmax)


@pytest.mark.parametrize("stray", [2, EMPTY - 1])
def test_species_outside_the_pair_table(engine, mixture, stray):
    bad = mixture(48)
    bad.species[0, 0] = stray
    for call in (engine.energies, engine.forces, engine.minimize, lambda ensemble: engine.integrate(ensemble, 1)):
        with pytest.raises(ValueError, match="species"):
            call(bad)


@pytest.mark.parametrize("edge", [4.9, 0.0, -7.0, float("nan"), float("inf")])
def test_a_box_that_is_too_small_or_none(engine, mixture, edge):
    bad = mixture(48)
    bad.box[1, 0] = edge
    for call in (engine.energies, engine.forces, engine.minimize, lambda ensemble: engine.integrate(ensemble, 1)):
        with pytest.raises(ValueError, match="box"):
            call(bad)


def test_a_box_open_in_x(engine, mixture):
    with pytest.raises(ValueError, match="periodic"):
        engine.integrate(replace(mixture(48), periodic=(False, True)), 1)


def test_a_thermostat_on_an_unknown_species(engine, mixture):
    with pytest.raises(ValueError, match="thermostat species"):
        engine.integrate(mixture(48), 1, replace(WARM, species=(2,)))


@pytest.mark.parametrize(
    ("slots", "sites", "message"),
    [
        ([0, 1], np.zeros((3, 2, 2)), "tether sites: got 3 replicas"),
        ([0, 39], np.zeros((2, 2, 2)), "tether slots"),
        ([-1, 0], np.zeros((2, 2, 2)), "tether slots"),
        ([1, 1], np.zeros((2, 2, 2)), "tether slots"),
        ([0, 16], np.zeros((2, 2, 2)), "empty slot"),
        ([0, 1], np.full((2, 2, 2), np.nan), "tether sites"),
    ],
)
def test_a_tether_that_does_not_fit(film_engine, small_film, slots, sites, message):
    tether = Tether(stiffness=1.0, slots=np.array(slots), sites=sites)
    film = small_film()
    for call in (
        film_engine.forces,
        film_engine.minimize,
        lambda e, externals: film_engine.integrate(e, 1, externals=externals),
    ):
        with pytest.raises(ValueError, match=message):
            call(film, externals=[tether])


@pytest.mark.parametrize("start", [[5.0], [5.0, np.nan]])
def test_a_wall_that_does_not_fit(film_engine, small_film, start):
    with pytest.raises(ValueError, match="wall start"):
        film_engine.forces(small_film(), [Wall(stiffness=1.0, start=np.array(start))])


def test_a_tether_to_a_site_outside_the_box(film_engine, small_film):
    film = small_film()
    for height in (20.0, -3.0):
        far = film.positions[:, :1] + [0.0, height]
        tether = Tether(stiffness=1.0, slots=np.array([0]), sites=far)
        for refuse in (film_engine.integrate, film_engine.minimize, film_engine.forces):
            with pytest.raises(ValueError, match="tether sites: got heights"):
                refuse(film, *([1] if refuse == film_engine.integrate else []), externals=[tether])
    along_x = Tether(stiffness=1.0, slots=np.array([0]), sites=far, axes=(True, False))
    assert np.isfinite(film_engine.forces(film, [along_x])).all()


def test_a_wall_below_the_box(film_engine, small_film):
    wall = Wall(stiffness=1.0, start=np.array([3.0, -20.0]))
    with pytest.raises(ValueError, match="wall start: got -20, expected 0 or more"):
        film_engine.forces(small_film(), [wall])


def test_a_wall_far_above_the_box_is_none(film_engine, small_film):
    film = small_film()
    wall = Wall(stiffness=10.0, start=np.array([12.0, 500.0]))
    np.testing.assert_array_equal(film_engine.forces(film, [wall]), film_engine.forces(film))


def test_a_wall_in_a_periodic_box(engine, mixture):
    with pytest.raises(ValueError, match="wall"):
        engine.integrate(mixture(48), 1, externals=[Wall(stiffness=1.0, start=np.array([1.0, 1.0]))])


def test_something_that_is_no_external(engine, mixture):
    with pytest.raises(ValueError, match="externals"):
        engine.forces(mixture(48), ["gravity"])
