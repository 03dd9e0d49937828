"""Correlations against particles whose motion is known exactly."""

import numpy as np
import pytest

from vitrify.analysis.dynamics.correlations import correlations, dynamics, first_peak
from vitrify.analysis.statistics import mean_and_error


def within_errors(values, expected, most=4.5):
    """Whether the mean over replicas is the expected one within so many standard errors, at every lag."""
    estimate = mean_and_error(values)
    assert (np.abs(estimate.mean - expected) < most * estimate.error + 1e-9).all()


@pytest.fixture
def gas(tmp_path, written, log_steps, brownian):
    """Sixteen replicas of 200 free Brownian particles, D = 0.4, seed 5."""
    steps = log_steps(17, 2000, origins=2, first_step=4)
    places = brownian(np.random.default_rng(5), steps, 16, 200, 0.4, 12.0)
    return written(tmp_path / "gas", steps, places, np.arange(200) % 4 == 0, [12.0, 12.0], origins=2)


def test_free_brownian_particles(gas):
    found = dynamics([gas], wave_number=2.0)
    assert found.time[[0, -1]].tolist() == [0.02, 10.0]
    assert found.origins.tolist() == [2] * 8 + [1]
    for species in ("A", "B", "all"):
        within_errors(found.of("msd", species), 4 * 0.4 * found.time)
        within_errors(found.of("fs", species), np.exp(-(2.0**2) * 0.4 * found.time))
        within_errors(found.of("overlap", species), 1 - np.exp(-(0.3**2) / (4 * 0.4 * found.time)))


def test_free_flight(tmp_path, written, log_steps):
    steps, kt = log_steps(7, 1000, first_step=10), 0.7
    rng = np.random.default_rng(6)
    flown = rng.normal(size=(16, 1, 300, 2)) * np.sqrt(kt) * (steps * 0.005)[:, None, None]
    places = rng.uniform(-5, 5, (16, 1, 300, 2)) + flown
    found = dynamics([written(tmp_path / "run", steps, places, np.zeros(300), [10.5, 10.5])], wave_number=3.0)
    within_errors(found.of("msd"), 2 * kt * found.time**2)
    within_errors(found.of("fs"), np.exp(-9.0 * kt * found.time**2 / 2))
    assert np.isnan(found.of("msd", "B")).all()


def test_cage_relative_steps_of_independent_particles_are_wider_by_their_neighbours_share(tmp_path, lattice, written):
    """Six neighbours that know nothing of each other: u - mean has 7/6 of the variance of u."""
    sites, box = lattice
    steps = np.array([0, 40])
    rng = np.random.default_rng(7)
    places = np.tile(sites, (16, 2, 1, 1))
    places[:, 1] += rng.normal(size=(16, 360, 2)) * np.sqrt(2 * 0.3 * 0.2)
    found = dynamics([written(tmp_path / "run", steps, places, np.zeros(360), box)], wave_number=2.0)
    within_errors(found.of("msd", kind="cage-relative"), 7 / 6 * 4 * 0.3 * 0.2)
    within_errors(found.of("fs", kind="cage-relative"), np.exp(-4.0 * 7 / 6 * 0.3 * 0.2))


def test_an_overlap_by_hand():
    moved = np.array([[0.2, 0.2], [0.3, 0.0], [0.0, 0.1], [-5.0, 0.0], [0.25, 0.25]])
    species = np.array([0, 0, 1, 1, 1])
    assert correlations(moved, species, 1.0, radius=0.3)[2].tolist() == [0.5, 1 / 3, 0.4]


def test_scattering_is_the_mean_over_directions():
    moved = np.array([[0.7, -0.4]])
    angles = 2 * np.pi * np.arange(720) / 720
    waves = 6.2 * np.stack([np.cos(angles), np.sin(angles)])
    assert correlations(moved, np.array([0]), 6.2)[1, 0] == pytest.approx(np.cos(moved @ waves).mean(), abs=1e-12)


def test_batches_of_one_ensemble_are_one_liquid(tmp_path, written, log_steps, brownian):
    steps = log_steps(5, 1000)
    places = brownian(np.random.default_rng(9), steps, 4, 50, 0.1, 7.0)
    whole = dynamics([written(tmp_path / "whole", steps, places, np.zeros(50), [7.0, 7.0])], 2.0)
    parts = [
        written(tmp_path / f"{begin}", steps, places[begin : begin + 2], np.zeros(50), [7.0, 7.0], first_replica=begin)
        for begin in (0, 2)
    ]
    assert np.array_equal(dynamics(parts, 2.0).values, whole.values, equal_nan=True)
    late = written(tmp_path / "late", steps[:4], places[2:, :4], np.zeros(50), [7.0, 7.0], first_replica=2, frames=5)
    assert np.array_equal(dynamics([parts[0], late], 2.0).values, whole.values[:, :3], equal_nan=True)
    with pytest.raises(ValueError, match="its replica 0 of seed 1 is in"):
        dynamics([parts[0], parts[0]], 2.0)


def test_how_long_it_waited_and_how_its_energy_drifts(tmp_path, written, log_steps, brownian):
    steps = 400 + log_steps(5, 1000)
    energies = -3.8 + 0.01 * np.arange(5.0) + np.array([[0.0], [0.002], [0.004]])
    places = brownian(np.random.default_rng(10), steps, 3, 20, 0.1, 5.0)
    found = dynamics([written(tmp_path / "run", steps, places, np.zeros(20), [5.0, 5.0], energies=energies)], 2.0)
    assert (found.waited, found.followed) == (1.0, 5.0)  # half of 400 steps, the other half was a ramp
    assert found.energy.mean == pytest.approx(-3.8 + 0.02 + 0.002)
    assert found.drift.mean == pytest.approx(0.025)  # frames 3, 4, 5 less 1, 2


def test_the_peak_of_a_lattice_is_its_first_reciprocal_vector(tmp_path, lattice, written):
    sites, box = lattice
    rattled = sites + np.random.default_rng(11).normal(size=(2, 2, 360, 2)) * 0.05
    run = written(tmp_path / "run", np.array([0, 10]), rattled, np.zeros(360), box)
    assert first_peak(run) == pytest.approx(4 * np.pi / np.sqrt(3), abs=0.13)


def test_a_gas_has_no_peak_or_one_within_the_range(tmp_path, written):
    places = np.random.default_rng(12).uniform(-1, 1, (2, 2, 9, 2))
    run = written(tmp_path / "run", np.array([0, 10]), places, np.zeros(9), [2.0, 2.0])
    with pytest.raises(ValueError, match="give --wave-number"):
        first_peak(run)


@pytest.mark.parametrize(
    ("fields", "replicas", "said"),
    [
        ({"unwrapped": False}, 2, "frame 1 was stored without unwrapped displacements"),
        ({}, 1, r"got 1 replica\(s\), expected at least 2"),
        ({"spacing": "linear"}, 2, "got frames equally spaced in time"),
    ],
)
def test_what_cannot_be_followed_is_said(tmp_path, fields, replicas, said, written):
    places = np.random.default_rng(13).uniform(-2, 2, (replicas, 2, 9, 2))
    run = written(tmp_path / "run", np.array([0, 10]), places, np.zeros(9), [4.0, 4.0], **fields)
    with pytest.raises(ValueError, match=said):
        dynamics([run], 2.0)
