import numpy as np
import pytest

from vitrify.analysis.structure.energies import particle_energies
from vitrify.analysis.structure.neighbours import nearest_in_order, nearest_neighbours, neighbours_within
from vitrify.md.model import EMPTY, A, B, kob_andersen_pairs, minimum_image, pair_energies_and_forces


def brute_force(radius, positions, box, periodic):
    separation = minimum_image(positions[None] - positions[:, None], np.where(periodic, box, np.inf))
    distance = np.hypot(separation[..., 0], separation[..., 1])
    np.fill_diagonal(distance, np.inf)
    return np.argwhere(distance < radius), separation


@pytest.mark.parametrize("periodic", [(True, True), (True, False), (False, True), (False, False)])
def test_pairs_are_those_of_brute_force(periodic):
    positions = np.random.default_rng(2).uniform(-6, 14, size=(300, 2))  # also outside of the box
    box = np.array([9.0, 11.0])
    near = neighbours_within(2.5, positions, box, periodic)
    pairs, separation = brute_force(2.5, positions, box, periodic)
    np.testing.assert_array_equal(np.stack([near.i, near.j], axis=1), pairs)
    np.testing.assert_allclose(near.separation, separation[pairs[:, 0], pairs[:, 1]], atol=1e-12)


def test_a_distance_is_cut_in_double_precision():
    """In single precision both distances round to the radius."""
    box = np.array([60.0, 60.0])
    for offset, found in ((-1e-12, 2), (1e-12, 0)):
        positions = np.array([[0.0, 0.0], [2.5 + offset, 0.0]])
        assert len(neighbours_within(2.5, positions, box, (True, True)).i) == found


@pytest.mark.parametrize("radius", [0.0, -1.0, 5.0, 7.0])
def test_radius_beyond_the_minimum_image(radius):
    with pytest.raises(ValueError, match=f"radius: got {radius}"):
        neighbours_within(radius, np.zeros((2, 2)), np.array([10.0, 30.0]), (True, True))


@pytest.mark.parametrize("periodic", [(True, True), (True, False)])
def test_nearest_neighbours_are_those_of_brute_force(periodic):
    positions = np.random.default_rng(3).uniform(-6, 14, size=(120, 2))
    box = np.array([9.0, 11.0])
    _, separation = brute_force(2.5, positions, box, periodic)
    distance = np.hypot(separation[..., 0], separation[..., 1])
    np.fill_diagonal(distance, np.inf)
    for k in (1, 3, 6):
        expected = np.zeros(distance.shape, dtype=bool)
        np.put_along_axis(expected, np.argsort(distance, axis=1)[:, :k], True, axis=1)
        near = nearest_neighbours(k, positions, box, periodic)
        np.testing.assert_array_equal(np.stack([near.i, near.j], axis=1), np.argwhere(expected | expected.T))
    with pytest.raises(ValueError, match="k: got 120 nearest neighbours of 120 particles"):
        nearest_neighbours(120, positions, box, periodic)


@pytest.mark.parametrize("periodic", [(True, True), (True, False), (False, False)])
def test_nearest_neighbours_in_thin_vapour(periodic):
    """Six particles in a large box: the nearest ones are beyond half of it, and no image across an open axis counts."""
    for seed in range(20):
        positions = np.random.default_rng(seed).uniform(0, [10.0, 60.0], size=(6, 2))
        _, separation = brute_force(1.0, positions, np.array([10.0, 60.0]), periodic)
        distance = np.hypot(separation[..., 0], separation[..., 1])
        np.fill_diagonal(distance, np.inf)
        found = nearest_in_order(4, positions, np.array([10.0, 60.0]), periodic)
        np.testing.assert_array_equal(found, np.argsort(distance, axis=1)[:, :4])


def test_two_that_are_equally_far_in_single_precision_are_told_apart():
    """Around the particle at 20, three others, one of them 1e-9 nearer."""
    positions = np.array([[20.0, 20.0], [21.0, 20.0], [20.0, 21.0 - 1e-9], [19.0, 20.0], [5.0, 5.0]])
    assert nearest_in_order(1, positions, np.array([60.0, 60.0]), (True, True))[0, 0] == 2


def test_energies_of_the_lammps_single_points(single_point):
    found, pairs, energies, total = single_point
    mine = particle_energies(pairs, found.positions, found.species, found.box, found.periodic)
    np.testing.assert_allclose(mine, energies, rtol=1e-10, atol=1e-12)
    assert mine.sum() == pytest.approx(total, rel=1e-10)


def test_energies_agree_with_the_oracle_with_empty_slots(single_point):
    found, pairs, _, _ = single_point
    species = found.species.copy()
    species[::7] = EMPTY
    mine = particle_energies(pairs, found.positions, species, found.box, found.periodic)
    oracle, _ = pair_energies_and_forces(pairs, found.positions, species, found.box, found.periodic)
    np.testing.assert_allclose(mine, oracle, rtol=1e-10, atol=1e-12)
    assert (mine[::7] == 0).all()


def test_energy_is_truncated_at_each_pairs_own_cutoff():
    pairs, box = kob_andersen_pairs(), np.array([20.0, 20.0])
    for species, r_cut in (((A, A), 2.5), ((A, B), 2.0), ((B, B), 2.2)):
        for offset in (-1e-9, 1e-9):
            dimer = np.array([[0.0, 0.0], [r_cut + offset, 0.0]])
            energy = particle_energies(pairs, dimer, np.array(species), box, (True, True)).sum()
            ratio6 = 2.5**-6
            expected = 4 * pairs.epsilon[species] * (ratio6**2 - ratio6) if offset < 0 else 0.0
            assert energy == pytest.approx(expected, abs=1e-9)


def test_species_outside_of_the_table():
    with pytest.raises(ValueError, match=r"species: got \[0, 2\]"):
        particle_energies(kob_andersen_pairs(), np.zeros((2, 2)), np.array([0, 2]), np.full(2, 9.0), (True, True))
