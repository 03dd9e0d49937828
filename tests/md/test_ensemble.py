"""The state and the temperature that follows from it."""

import numpy as np
import pytest

from vitrify.md.ensemble import Ensemble, kinetic_temperature, maxwell_boltzmann
from vitrify.md.schedule import TemperatureSchedule


def small(replicas=3, slots=5) -> Ensemble:
    rng = np.random.default_rng(2)
    return Ensemble(
        positions=rng.random((replicas, slots, 2)),
        velocities=rng.random((replicas, slots, 2)),
        species=np.array([[0, 1, 0, -1, -1]] * replicas, dtype=np.int8),
        box=np.full((replicas, 2), 10.0),
        seed=1,
        replica=np.arange(replicas),
        step=np.zeros(replicas, dtype=np.int64),
    )


def test_selecting_replicas_keeps_their_names_and_order():
    ensemble = small()
    picked = ensemble.select(np.array([2, 0]))
    assert picked.replica.tolist() == [2, 0]
    np.testing.assert_array_equal(picked.positions[0], ensemble.positions[2])
    assert ensemble.select(np.array([False, True, False])).replica.tolist() == [1]


def test_empty_slots_are_not_particles():
    assert small().particles.tolist() == [3, 3, 3]


def test_misshapen_arrays_are_refused():
    with pytest.raises(ValueError, match=r"box: got shape \(2,\), expected \(3, 2\)"):
        Ensemble(**{**vars(small()), "box": np.ones(2)})


def test_temperature_counts_two_degrees_of_freedom_a_particle():
    rng = np.random.default_rng(3)
    kt, count = 0.7, 200_000
    velocities = rng.normal(0, np.sqrt(kt), (1, count, 2))
    measured = kinetic_temperature(velocities, np.ones((1, count), bool))[0]
    assert measured == pytest.approx(kt, abs=5 * kt / np.sqrt(count))  # kT has standard error kT sqrt(2 / 2N)


def test_maxwell_boltzmann_has_gaussian_components():
    velocities = maxwell_boltzmann(np.random.default_rng(4), 50_000, 2.0)
    kurtosis = (velocities**4).mean() / (velocities**2).mean() ** 2
    assert kurtosis == pytest.approx(3, abs=5 * np.sqrt(24 / velocities.size))


def test_a_temperature_without_particles_is_not_a_number():
    assert np.isnan(kinetic_temperature(np.zeros((1, 3, 2)), np.zeros((1, 3), bool))[0])


def test_ramp_passes_through_the_published_frame_temperatures():
    ramp = TemperatureSchedule.ramp(2.0, 0.05, start=5000, steps=200_000)
    k = np.arange(1, 201)
    np.testing.assert_allclose(ramp.kt(5000 + 1000 * k), 2.0 - 0.00975 * k, rtol=1e-12)
    assert ramp.kt(0) == 2.0


@pytest.mark.parametrize(("steps", "kts"), [((), ()), ((0, 0), (1.0, 1.0)), ((0,), (-1.0,)), ((0,), (float("nan"),))])
def test_impossible_schedules_are_refused(steps, kts):
    with pytest.raises(ValueError, match="schedule: got"):
        TemperatureSchedule(steps=steps, kts=kts)
