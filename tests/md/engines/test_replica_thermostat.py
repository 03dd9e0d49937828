"""Random numbers and the thermostat of the replica program, as compiled for the CPU."""

import numpy as np
import pytest

from vitrify.md.engines.replica.cpu import program
from vitrify.md.engines.replica.layout import SINGLE
from vitrify.md.engines.replica.state import Bath
from vitrify.md.schedule import TemperatureSchedule

single = program(SINGLE, 8)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # Random123 1.14, examples/kat_vectors, philox4x32 with 10 rounds
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_words(counter, key, words):
    assert tuple(int(word) for word in single.philox(*counter, *key)) == words


def bath(freedom, kt=1.0, memory=0.0, seed=1, replica=0, steps=(0,), kts=None):
    member = np.ones(2, np.float32)
    knots = np.array(steps, np.int64), np.array([kt] if kts is None else kts, np.float64)
    return Bath(*knots, member, freedom, memory, seed, replica)


@pytest.mark.parametrize("terms", [1, 2, 3, 50])
def test_sum_of_squares_is_chi_squared(terms):
    draws = np.array([single.sum_of_squares(bath(terms), step, terms) for step in range(20_000)])
    # A chi-squared number of n terms has mean n, variance 2n, fourth central moment 12 n^2 + 48 n.
    mean_error = np.sqrt(2 * terms / len(draws))
    variance_error = np.sqrt((12 * terms**2 + 48 * terms - 4 * terms**2) / len(draws))
    assert abs(draws.mean() - terms) < 4 * mean_error
    assert abs(draws.var() - 2 * terms) < 4 * variance_error


def test_rescaling_samples_the_canonical_kinetic_energy():
    freedom, kt, thermostat = 20, 0.7, bath(20, kt=0.7, memory=0.5)
    twice_kinetic, samples = 3.0, []
    for step in range(40_000):
        twice_kinetic *= single.rescaling(thermostat, step, twice_kinetic) ** 2
        samples.append(twice_kinetic)
    samples = np.array(samples[100:])
    correlated = (1 + 0.5) / (1 - 0.5)  # successive kinetic energies remember a factor 0.5
    error = np.sqrt(2 * freedom / len(samples) * correlated) * kt
    assert abs(samples.mean() - freedom * kt) < 4 * error
    assert samples.var() == pytest.approx(2 * freedom * kt**2, rel=0.05)


def test_random_numbers_depend_on_seed_replica_and_step_and_on_nothing_else():
    def factor(seed, replica, step):
        return single.rescaling(bath(10, seed=seed, replica=replica), step, 5.0)

    assert factor(1, 2, 3) == factor(1, 2, 3)
    assert len({factor(*key) for key in ((1, 2, 3), (2, 2, 3), (1, 3, 3), (1, 2, 4), (1, 2, 3 + 2**32))}) == 5


def test_set_temperature_is_that_of_the_schedule():
    schedule = TemperatureSchedule(steps=(10, 20, 60), kts=(2.0, 1.0, 0.05))
    thermostat = bath(2, steps=schedule.steps, kts=schedule.kts)
    for step in (0, 10, 13, 20, 47, 60, 1000):
        assert single.set_temperature(thermostat, step) == pytest.approx(float(schedule.kt(step)), rel=1e-15)
