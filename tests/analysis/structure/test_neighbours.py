import freud
import numpy as np
import pytest

from vitrify.analysis.structure.energies import particle_energies
from vitrify.analysis.structure.neighbours import (
    nearest_neighbours,
    neighbours_within,
    voronoi_cells,
    voronoi_neighbours,
)
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


def test_voronoi_neighbours_do_not_reach_across_an_open_edge(film):
    near = voronoi_neighbours(film.positions, film.box, film.periodic)
    height = film.positions[:, 1]
    bottom, top = height < 1.0, height > np.ptp(height) - 1.0
    assert not (bottom[near.i] & top[near.j]).any()
    # but they do across the periodic one
    assert (np.abs(film.positions[near.i, 0] - film.positions[near.j, 0]) > film.box[0] / 2).any()


def test_two_particles_at_one_place_are_an_error_and_not_the_end():
    positions = np.random.default_rng(0).uniform(-5, 5, (50, 2))
    positions[[3, 7]] = [[5.0, 1.0], [-5.0, 1.0 + 1e-9]]  # periodic images of each other
    with pytest.raises(ValueError, match="particles 3 and 7 at one place"):
        voronoi_neighbours(positions, np.array([10.0, 10.0]), (True, True))


def test_positions_may_lie_many_boxes_away(liquid):
    near = voronoi_neighbours(liquid.positions, liquid.box, liquid.periodic)
    away = voronoi_neighbours(liquid.positions + np.array([70.0, -1200.0]), liquid.box, liquid.periodic)
    np.testing.assert_array_equal(away.j, near.j)


def test_voronoi_neighbours_of_a_bulk_obey_euler(liquid):
    near = voronoi_neighbours(liquid.positions, liquid.box, liquid.periodic)
    # on a torus the mean number of sides of a Voronoi cell is six, exactly
    assert len(near.i) == 6 * len(liquid.positions)
    forth, back = set(zip(near.i, near.j, strict=True)), set(zip(near.j, near.i, strict=True))
    assert forth == back


def test_voronoi_cells_are_those_of_freud(liquid):
    points = np.zeros((len(liquid.positions), 3), dtype=np.float32)
    points[:, :2] = liquid.positions - liquid.box * np.rint(liquid.positions / liquid.box)
    voronoi = freud.locality.Voronoi()
    voronoi.compute((freud.box.Box(Lx=liquid.box[0], Ly=liquid.box[1], is2D=True), points))
    cells = voronoi_cells(liquid.positions, liquid.box, liquid.periodic)
    order = np.lexsort((voronoi.nlist[:][:, 1], voronoi.nlist[:][:, 0]))
    np.testing.assert_array_equal(np.stack([cells.near.i, cells.near.j], axis=1), voronoi.nlist[:][order])
    np.testing.assert_allclose(cells.side, voronoi.nlist.weights[order], atol=2e-4)
    np.testing.assert_allclose(cells.area, voronoi.volumes, rtol=2e-4)


@pytest.mark.parametrize("edge", [3.0, 6.0, 40.0])
def test_voronoi_areas_fill_the_box(edge):
    """Dense, a few particles in a small box, and so few in a large one that images from its far end count."""
    positions = np.random.default_rng(7).uniform(-50, 50, (25, 2))
    cells = voronoi_cells(positions, np.array([edge, edge]), (True, True))
    assert cells.area.sum() == pytest.approx(edge**2, rel=1e-12)
    assert len(cells.near.i) == 6 * 25


def test_cells_at_a_surface_are_open(film):
    cells = voronoi_cells(film.positions, film.box, film.periodic)
    surface = film.positions[:, 1] > film.positions[:, 1].max() - 0.5
    assert not cells.closed[surface].any()
    assert cells.closed.mean() > 0.5
    assert np.isfinite(cells.area[cells.closed]).all()
    assert np.isnan(cells.area[~cells.closed]).all()


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
