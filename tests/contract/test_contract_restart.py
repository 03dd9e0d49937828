"""What a result depends on: the ensemble, its seeds and the steps asked for, and nothing that ran before."""

import io
from dataclasses import fields, replace

import numpy as np
import pytest

from vitrify.md.engines.base import Thermostat
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import Tether, Wall
from vitrify.md.model import minimum_image
from vitrify.md.schedule import TemperatureSchedule

RAMP = Thermostat(schedule=TemperatureSchedule.ramp(0.6, 0.2, start=0, steps=20), tau=0.1)


def through_a_file(ensemble: Ensemble) -> Ensemble:
    """Every array written and read back, as a checkpoint does."""
    arrays = {f.name: getattr(ensemble, f.name) for f in fields(ensemble)}
    arrays = {name: value for name, value in arrays.items() if isinstance(value, np.ndarray)}
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    return replace(ensemble, **dict(np.load(file)))


def assert_same(one: Ensemble, other: Ensemble):
    for name in ("positions", "velocities", "step", "travelled"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def tracked(ensemble: Ensemble) -> Ensemble:
    """The ensemble, its displacements followed from here."""
    return replace(ensemble, travelled=np.zeros_like(ensemble.positions))


def test_resumed_between_two_calls_is_bit_for_bit(contender, engine, mixture):
    half = engine.integrate(mixture(48), 10, RAMP)
    through = engine.integrate(half, 10, RAMP)
    resumed = contender(engine.pairs).integrate(through_a_file(half), 10, RAMP)
    assert_same(through, resumed)


def test_a_film_resumed_between_two_calls_is_bit_for_bit(contender, film_engine, small_film):
    film = small_film(kt=0.1)
    externals = [
        Tether(stiffness=100.0, slots=np.arange(12), sites=film.positions[:, :12]),
        Wall(stiffness=10.0, start=np.array([3.9, 3.5])),
    ]
    bath = Thermostat(schedule=TemperatureSchedule.constant(0.14), species=(2,))
    half = film_engine.integrate(film, 8, bath, externals)
    through = film_engine.integrate(half, 8, bath, externals)
    resumed = contender(film_engine.pairs).integrate(through_a_file(half), 8, bath, externals)
    assert_same(through, resumed)


@pytest.mark.parametrize("cut", [1, 10, 17])
def test_a_run_in_two_parts_is_the_run_in_one(engine, mixture, cut):
    """To the last bit where the engine says so, otherwise to what rounding grows to in 20 steps."""
    start = tracked(mixture(48))
    once = engine.integrate(start, 20, RAMP)
    twice = engine.integrate(through_a_file(engine.integrate(start, cut, RAMP)), 20 - cut, RAMP)
    if engine.splits_exactly:
        assert_same(once, twice)
    apart = minimum_image(once.positions - twice.positions, start.box[:, None, :])
    np.testing.assert_allclose(apart, 0.0, atol=1e-9)


def test_a_long_run_in_parts_is_the_run_in_one(patience, engine, mixture):
    """Long enough for neighbour lists to be rebuilt many times."""
    if not engine.splits_exactly:
        pytest.skip("rounding differs between one call and two, and grows beyond all bounds")
    start = tracked(mixture(64, kt=1.0))
    hot = Thermostat(schedule=TemperatureSchedule.constant(1.0))
    parts = start
    for steps in (1, 777, 222, 1000):
        parts = through_a_file(engine.integrate(parts, steps, hot))
    assert_same(engine.integrate(start, 2000, hot), parts)


def test_a_replica_does_not_depend_on_its_company(engine, mixture):
    together = engine.integrate(mixture(48, replicas=3), 10, RAMP)
    alone = engine.integrate(mixture(48, replicas=3).select(np.array([2])), 10, RAMP)
    assert_same(together.select(np.array([2])), alone)


def test_what_ran_before_does_not_matter(patience, engine, mixture):
    start = mixture(48)
    first = engine.integrate(start, 10, RAMP)
    engine.integrate(mixture(48, kt=0.9, seed=77), 15, RAMP)
    quenched = engine.minimize(start, fmax=1.0)
    assert_same(first, engine.integrate(start, 10, RAMP))
    engine.minimize(first, fmax=1.0)
    np.testing.assert_array_equal(quenched.energies, engine.minimize(start, fmax=1.0).energies)


@pytest.mark.parametrize("change", [{"seed": 6}, {"replica": np.array([5, 6])}, {"step": np.array([8, 8])}])
def test_the_thermostat_draws_anew_for_another_seed_replica_or_step(engine, mixture, change):
    start = mixture(48)
    flat = Thermostat(schedule=TemperatureSchedule.constant(0.3), tau=0.1)
    one = engine.integrate(start, 10, flat)
    other = engine.integrate(replace(start, **change), 10, flat)
    assert (one.velocities != other.velocities).any(axis=(1, 2)).all()
