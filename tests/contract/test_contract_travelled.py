"""Unwrapped displacements: of particles that fly freely, of a crystal that flows over the edges, of a liquid."""

from dataclasses import replace

import numpy as np
import pytest

from vitrify.md.engines.base import TIME_STEP
from vitrify.md.model import A, minimum_image


def tracked(ensemble, travelled=0.0):
    return replace(ensemble, travelled=np.full_like(ensemble.positions, travelled))


def test_free_flight_is_velocity_times_time_however_often_it_wraps(contender, ideal_gas, ensemble_of):
    velocities = np.array([[[9.0, -4.0], [-0.3, 0.0], [20.0, 13.0]]])
    gas = ensemble_of([[[0.0, 0.0], [2.9, -2.9], [-1.0, 1.5]]], [A, A, A], [6.0, 6.0], velocities=velocities)
    flown, steps = tracked(gas, 0.25), 60
    for _ in range(6):
        flown = contender(ideal_gas).integrate(flown, steps // 6)
    np.testing.assert_allclose(flown.travelled, 0.25 + velocities * steps * TIME_STEP, atol=1e-5)
    assert (abs(flown.positions) <= 3.0).all()


def test_a_long_free_flight(patience, contender, ideal_gas, ensemble_of):
    velocities = np.array([[[9.0, -4.0], [-7.0, 2.0]]])
    gas = ensemble_of([[[0.0, 0.0], [2.9, -2.9]]], [A, A], [6.0, 6.0], velocities=velocities)
    flown = contender(ideal_gas).integrate(tracked(gas), 20_000)
    assert (abs(flown.travelled) > 30 * 6.0).all()
    np.testing.assert_allclose(flown.travelled, velocities * 100.0, rtol=1e-5)


def test_a_flowing_crystal_goes_over_the_edges_as_one(patience, engine, ensemble_of):
    """Galilean invariance: every particle has gone as far as the centre of mass, and where it is agrees."""
    rows, spacing = 8, 1.12
    i, j = np.mgrid[:rows, :rows]
    box = np.array([rows * spacing, rows * spacing * np.sqrt(3) / 2])
    sites = np.column_stack([((i + 0.5 * (j % 2)) * spacing).ravel(), (j * spacing * np.sqrt(3) / 2).ravel()])
    sites -= box * np.floor(sites / box + 0.5)
    flow = np.array([1.5, -0.8])
    crystal = ensemble_of([sites], np.full(rows**2, A), box, velocities=[np.tile(flow, (rows**2, 1))])
    flowed = engine.integrate(tracked(crystal), 3000)
    np.testing.assert_allclose(flowed.travelled, np.broadcast_to(flow * 15.0, (1, rows**2, 2)), atol=0.01)
    assert (abs(flowed.travelled[..., 0]) > 2 * box[0]).all()


@pytest.mark.parametrize("steps", [1, 25])
def test_where_a_particle_is_and_how_far_it_went_agree(engine, mixture, steps):
    start = mixture(48, kt=1.0)
    moved = engine.integrate(tracked(start), steps)
    assert moved.travelled is not None
    apart = minimum_image(start.positions + moved.travelled - moved.positions, start.box[:, None])
    np.testing.assert_allclose(apart, 0.0, atol=1e-7)
    assert abs(moved.travelled).max() < 1.0
    assert (moved.travelled != 0).any()


def test_following_displacements_changes_nothing_else(engine, mixture):
    start = mixture(48, kt=1.0)
    plain, followed = engine.integrate(start, 25), engine.integrate(tracked(start), 25)
    assert plain.travelled is None
    np.testing.assert_array_equal(plain.positions, followed.positions)
    np.testing.assert_array_equal(plain.velocities, followed.velocities)


def test_films_are_followed_by_slot(film_engine, small_film):
    film = small_film(kt=0.1)
    moved = film_engine.integrate(tracked(film), 20)
    apart = minimum_image(film.positions + moved.travelled - moved.positions, np.array([9.0, np.inf]))
    np.testing.assert_allclose(apart[film.filled], 0.0, atol=1e-7)
    assert (moved.travelled[~film.filled] == 0).all()


def test_a_quench_is_followed_to_its_minimum(engine, mixture):
    start = mixture(48, rattle=0.05)
    minimum = engine.minimize(tracked(start), fmax=1e-2).ensemble
    apart = minimum_image(start.positions + minimum.travelled - minimum.positions, start.box[:, None])
    np.testing.assert_allclose(apart, 0.0, atol=1e-7)
    assert abs(minimum.travelled).max() < 2.0
    assert engine.minimize(start, fmax=1e-2).ensemble.travelled is None
