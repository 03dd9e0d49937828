"""Who enters a film: exact composition, a vapour at its temperature, no wall in the way."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import Wall
from vitrify.md.model import EMPTY, SUBSTRATE, A, B
from vitrify.md.protocols.films.injection import inject, strays, take_out, vapour_velocities, wall_heights
from vitrify.md.protocols.films.recipe import DepositionSpec

NOBODY = np.zeros((1, 2), dtype=np.int64)


def recipe(**changes) -> DepositionSpec:
    return DepositionSpec.preset("reid", **{"seed": 5, "box_length": 12.0, "substrate_particles": 24} | changes)


def row_of_substrate(
    spec: DepositionSpec, above: list[tuple[float, float, int]] = (), film_slots: int = 40
) -> Ensemble:
    """S particles in a row at y = 2, film particles (x, y, species) above, and empty slots."""
    count = spec.substrate.particles
    slots = count + film_slots
    positions, species = np.zeros((1, slots, 2)), np.full((1, slots), EMPTY, dtype=np.int8)
    positions[0, :count, 0] = np.arange(count) * spec.box_length / count - spec.box_length / 2
    positions[0, :count, 1], species[0, :count] = 2.0, SUBSTRATE
    for place, (x, y, kind) in enumerate(above, start=count):
        positions[0, place], species[0, place] = (x, y), kind
    return Ensemble(
        positions=positions,
        velocities=np.zeros_like(positions),
        species=species,
        box=np.array([[spec.box_length, 30.0]]),
        periodic=(True, False),
        seed=spec.seed,
        replica=np.array([3]),
        step=np.zeros(1, dtype=np.int64),
    )


def test_reid_alternates_7_and_3_with_6_and_4():
    spec = recipe()
    counts = [np.bincount(spec.batch_species(n), minlength=2).tolist() for n in range(1, 5)]
    assert counts == [[7, 3], [6, 4], [7, 3], [6, 4]]


def test_log_injects_65_and_35():
    spec = DepositionSpec.preset("log", seed=1)
    assert all(np.bincount(spec.batch_species(n)).tolist() == [65, 35] for n in (1, 2, 55))


@given(batch=st.integers(1, 37), injections=st.integers(1, 60), percent=st.integers(0, 100))
def test_the_film_has_its_composition_to_the_particle_whatever_the_batch(batch, injections, percent):
    spec = recipe(batch=batch, fraction_a=percent / 100, box_length=60.0, injections=injections)
    species = np.concatenate([spec.batch_species(n) for n in range(1, injections + 1)])
    assert len(species) == batch * injections
    assert abs(2 * (100 * (species == A).sum() - percent * len(species))) <= 100  # within half a particle, in integers


@pytest.mark.parametrize("kt", [0.5, 1.0])
def test_vapour_has_two_degrees_of_freedom_at_its_temperature(kt):
    count = 200_000
    velocities = vapour_velocities(np.random.default_rng(2), count, kt, 0.0, rescale=False)
    # <v^2>/2 = kT in two dimensions, with variance kT^2 a particle; v^2/3, three-dimensional habit, would be 1.5 kT.
    assert abs((velocities**2).sum() / (2 * count) - kt) < 5 * kt / np.sqrt(count)
    assert abs((velocities[:, 0] ** 2).mean() - kt) < 5 * kt * np.sqrt(2 / count)
    assert abs(velocities[:, 0].mean()) < 5 * np.sqrt(kt / count)
    assert velocities[:, 1].max() <= 0


def test_every_injected_particle_falls_fast_enough():
    velocities = vapour_velocities(np.random.default_rng(3), 5000, 1.0, 0.2, rescale=False)
    assert velocities[:, 1].max() == -0.2
    # P(|v_y| < 0.2) = erf(0.2 / sqrt(2)) = 0.1585 are held at the bound.
    assert abs((velocities[:, 1] == -0.2).mean() - 0.1585) < 5 * np.sqrt(0.1585 * 0.8415 / 5000)


def test_the_log_rescales_each_batch_to_its_temperature():
    velocities = vapour_velocities(np.random.default_rng(4), 100, 0.5, 0.2, rescale=True)
    assert np.isclose((velocities**2).sum() / 200, 0.5, rtol=1e-12)


def test_a_batch_enters_the_slab_above_the_film_away_from_everything():
    spec = recipe()
    before = row_of_substrate(spec, above=[(0.0, 2.7, A), (0.0, 3.6, B), (1.0, 16.0, A)])
    after = inject(before, spec, 1, NOBODY)
    new = after.filled[0] & ~before.filled[0]
    assert np.bincount(after.species[0, new]).tolist() == [7, 3]
    low, high = spec.injection_slab(3.6)  # the A at 16 is vapour in flight, no film
    assert (low, high) == (13.6, 18.6)
    y = after.positions[0, new, 1]
    assert low <= y.min()
    assert y.max() <= high
    separation = after.positions[0, new][:, None] - after.positions[0, after.filled[0]][None]
    separation[..., 0] -= spec.box_length * np.rint(separation[..., 0] / spec.box_length)
    distance = np.hypot(separation[..., 0], separation[..., 1])
    assert np.partition(distance, 1, axis=1)[:, 1].min() >= spec.vapour.min_distance


def test_the_same_seed_replica_and_injection_give_the_same_batch():
    spec = recipe()
    film = row_of_substrate(spec)
    first, again = inject(film, spec, 4, NOBODY), inject(film, spec, 4, NOBODY)
    np.testing.assert_array_equal(first.positions, again.positions)
    np.testing.assert_array_equal(first.velocities, again.velocities)
    for other in (
        inject(film, spec, 5, NOBODY),
        inject(film, replace(spec, seed=6), 4, NOBODY),
        inject(replace(film, replica=np.array([4])), spec, 4, NOBODY),
    ):
        assert not np.isclose(other.positions[0, 24:34], first.positions[0, 24:34]).any()


def test_strays_come_back_with_the_next_batch():
    spec = recipe()
    after = inject(row_of_substrate(spec), spec, 1, np.array([[2, 1]]))
    assert np.bincount(after.species[0, after.species[0] != EMPTY]).tolist() == [9, 4, 24]


def test_only_vapour_above_the_film_that_rises_is_a_stray():
    spec = recipe()
    film = row_of_substrate(
        spec, above=[(0.0, 2.7, A), (0.0, 3.6, B), (3.0, 9.0, A), (4.0, 9.0, B), (-3.0, 3.5, A), (5.0, 12.0, B)]
    )
    velocities = film.velocities.copy()
    velocities[0, 24:30, 1] = [1.0, 1.0, 0.5, -0.1, 1.0, 2.0]
    film = replace(film, velocities=velocities)
    found = np.flatnonzero(strays(film, spec)[0]) - 24
    # 0 and 1 are film; 3 falls; 4 rises, but below the film's top, from where it will meet the film.
    assert found.tolist() == [2, 5]
    left, counts = take_out(film, strays(film, spec))
    assert counts.tolist() == [[1, 1]]
    assert left.particles.tolist() == (film.particles - 2).tolist()
    np.testing.assert_array_equal(left.positions[left.filled], film.positions[left.filled])


def test_a_batch_without_room_fails_its_replica_and_says_why():
    spec = recipe()
    crowd = [(x, y, A) for x in np.arange(-5.5, 6) for y in np.arange(12.5, 17.6)]
    film = row_of_substrate(spec, above=crowd, film_slots=len(crowd) + 10)
    after = inject(film, spec, 1, NOBODY)
    assert after.failed.tolist() == [True]
    assert "injection 1" in after.failure[0]
    np.testing.assert_array_equal(after.species, film.species)


@pytest.mark.parametrize("preset", ["reid", "log"])
@pytest.mark.parametrize("top", [3.0, 80.0])
def test_the_wall_never_overlaps_the_injection_slab(preset, top):
    spec = DepositionSpec.preset(preset, seed=1)
    assert spec.wall_start(top) > spec.injection_slab(top)[1]


def test_the_wall_rises_with_the_film_and_never_comes_down():
    spec = recipe()
    low = inject(row_of_substrate(spec), spec, 1, NOBODY)
    tall = inject(row_of_substrate(spec, above=[(0.0, 2.0 + 0.9 * k, A) for k in range(1, 25)]), spec, 1, NOBODY)
    assert wall_heights(tall, spec)[0] == pytest.approx(spec.wall_start(2.0 + 0.9 * 24))
    shrunk = replace(row_of_substrate(spec), box=tall.box)
    assert wall_heights(inject(shrunk, spec, 2, NOBODY), spec)[0] == wall_heights(tall, spec)[0]
    assert wall_heights(low, spec)[0] < wall_heights(tall, spec)[0]


def test_a_falling_particle_keeps_its_own_energy():
    """The old scripts' wall reached into the slab and gave each particle 67 to 188 eps before it hit the film."""
    spec = recipe(batch=1)
    ensemble = inject(row_of_substrate(spec), spec, 1, NOBODY)
    engine = ReplicaEngine(pairs=spec.pairs, time_step=spec.time_step)
    only = replace(ensemble, species=np.where(ensemble.species == SUBSTRATE, np.int8(EMPTY), ensemble.species))
    speed2 = (only.velocities[only.filled] ** 2).sum()
    wall = Wall(stiffness=spec.wall.stiffness, start=wall_heights(only, spec))
    assert np.abs(engine.forces(only, (wall,))).max() == 0
    fallen = engine.integrate(only, 1000, externals=(wall,))
    assert fallen.positions[only.filled][0, 1] < only.positions[only.filled][0, 1]
    assert (fallen.velocities[only.filled] ** 2).sum() == pytest.approx(speed2, rel=1e-5)
