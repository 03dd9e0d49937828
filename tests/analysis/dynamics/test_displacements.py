"""Displacements: over the edges of the box, relative to the cage, from the right pairs of frames."""

import numpy as np
import pytest

from vitrify.analysis.dynamics import displacements as room
from vitrify.analysis.dynamics.displacements import displacements, frame_pairs


def test_pairs_by_hand(tmp_path, written):
    steps = np.array([0, 1, 10, 100, 101, 110, 200, 201, 210, 300, 301, 310, 400])
    places = np.random.default_rng(1).uniform(-2, 2, (2, 13, 6, 2))
    run = written(tmp_path / "run", steps, places, np.zeros(6), [5.0, 5.0], origins=4)
    assert frame_pairs(run) == {
        1: [(1, 2), (4, 5), (7, 8), (10, 11)],
        10: [(1, 3), (4, 6), (7, 9), (10, 12)],
        100: [(1, 4), (4, 7), (7, 10), (10, 13)],
        200: [(1, 7), (4, 10), (7, 13)],
        400: [(1, 13)],
    }


def test_particles_may_cross_the_edges_as_often_as_they_like(tmp_path, written, log_steps):
    steps = log_steps(9, 2000, origins=2)
    rng = np.random.default_rng(2)
    velocity = rng.normal(size=(2, 1, 40, 2)) * 30
    places = rng.uniform(-1.9, 1.9, (2, 1, 40, 2)) + velocity * (steps * 0.005)[:, None, None]
    run = written(tmp_path / "run", steps, places, np.zeros(40), [4.0, 4.0], origins=2)
    found = list(displacements(run, frame_pairs(run)))
    assert len(found) == 2 * (8 + 1)
    for one in found:
        np.testing.assert_allclose(one.plain, velocity[one.replica, 0] * one.lag * 0.005, atol=1e-10)
    assert max(abs(one.plain).max() for one in found) > 50 * 4.0


def test_a_crystal_that_moves_as_one_stays_in_its_cages(tmp_path, lattice, written, log_steps):
    sites, box = lattice
    steps = log_steps(5, 1000)
    flow = np.array([7.0, -3.0]) * (steps * 0.005)[:, None, None]
    run = written(tmp_path / "run", steps, np.stack([sites + flow, sites - 2 * flow]), np.zeros(360), box)
    for one in displacements(run, frame_pairs(run)):
        np.testing.assert_allclose(one.cage_relative, 0.0, atol=1e-10)
        assert abs(one.plain).min() > 0.01


def test_a_cage_is_the_neighbours_at_the_origin(tmp_path, lattice, written):
    """One particle leaves: it goes all the way, its six neighbours a sixth of it backwards, the others not at all."""
    sites, box = lattice
    places = np.tile(sites, (2, 2, 1, 1))
    places[:, 1, 100] += [4.0, 1.0]
    run = written(tmp_path / "run", np.array([0, 50]), places, np.zeros(360), box)
    for one in displacements(run, frame_pairs(run)):
        apart = sites - sites[100]
        apart -= box * np.rint(apart / box)
        near = np.flatnonzero(np.isclose(np.hypot(*apart.T), 1.0))
        assert len(near) == 6
        expected = np.zeros((360, 2))
        expected[100], expected[near] = [4.0, 1.0], [-4 / 6, -1 / 6]
        np.testing.assert_allclose(one.cage_relative, expected, atol=1e-10)


def test_a_few_replicas_at_a_time_give_the_same(tmp_path, monkeypatch, written, log_steps):
    steps = log_steps(5, 1000)
    places = np.random.default_rng(3).normal(size=(5, 5, 30, 2))
    run = written(tmp_path / "run", steps, places, np.zeros(30), [4.0, 4.0])
    at_once = {(one.replica, one.lag): one.plain for one in displacements(run, frame_pairs(run))}
    monkeypatch.setattr(room, "HELD", 2 * 30)
    by_two = {(one.replica, one.lag): one.plain for one in displacements(run, frame_pairs(run))}
    assert at_once.keys() == by_two.keys()
    assert all(np.array_equal(at_once[key], by_two[key]) for key in at_once)
    assert {replica for replica, _ in by_two} == set(range(5))


def test_frames_equally_spaced_are_refused(tmp_path, written):
    places = np.zeros((2, 3, 4, 2))
    run = written(tmp_path / "run", np.array([0, 10, 20]), places, np.zeros(4), [4.0, 4.0], spacing="linear")
    with pytest.raises(ValueError, match="run: got frames equally spaced in time, expected a run of vitrify anneal"):
        frame_pairs(run)
