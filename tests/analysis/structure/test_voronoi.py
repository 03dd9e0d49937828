"""Voronoi cells against Qhull's of the particles and their images, Euler's theorem, lattices and open surfaces."""

import numpy as np
import pytest
from scipy.spatial import Voronoi

from vitrify.analysis.structure.voronoi import CLOSED_REACH, voronoi_cells, voronoi_neighbours


def cells_of_qhull(positions, box, periodic):
    """Pairs that share a side and its length, by (i, j); area and farthest corner of every cell."""
    shifts = [(x, y) for x in ((0, -1, 1) if periodic[0] else (0,)) for y in ((0, -1, 1) if periodic[1] else (0,))]
    inside = positions - np.where(periodic, box * np.rint(positions / box), 0)
    count = len(positions)
    diagram = Voronoi(np.concatenate([inside + box * shift for shift in sorted(shifts, key=lambda s: s != (0, 0))]))
    sides = {}
    for (i, j), (one, other) in zip(diagram.ridge_points.tolist(), diagram.ridge_vertices, strict=True):
        if one >= 0:
            length = np.hypot(*(diagram.vertices[one] - diagram.vertices[other]))
            sides |= {(a, b % count): length for a, b in ((i, j), (j, i)) if a < count}
        else:
            sides |= {(a, b % count): np.inf for a, b in ((i, j), (j, i)) if a < count}
    area, reach = np.full(count, np.inf), np.full(count, np.inf)
    for i in range(count):
        region = diagram.regions[diagram.point_region[i]]
        if -1 not in region:
            corners = diagram.vertices[region] - inside[i]
            corners = corners[np.argsort(np.arctan2(corners[:, 1], corners[:, 0]))]
            after = np.roll(corners, -1, axis=0)
            area[i] = (corners[:, 0] * after[:, 1] - corners[:, 1] * after[:, 0]).sum() / 2
            reach[i] = np.hypot(corners[:, 0], corners[:, 1]).max()
    return sides, area, reach


@pytest.mark.parametrize("which", ["liquid", "inherent"])
def test_cells_are_those_of_qhull(which, request):
    found = request.getfixturevalue(which)
    cells = voronoi_cells(found.positions, found.box, found.periodic)
    sides, area, _ = cells_of_qhull(found.positions, found.box, found.periodic)
    assert list(zip(cells.near.i.tolist(), cells.near.j.tolist(), strict=True)) == sorted(sides)
    np.testing.assert_allclose(cells.side, [sides[pair] for pair in sorted(sides)], atol=2e-5)
    np.testing.assert_allclose(cells.area, area, rtol=2e-5)
    assert cells.closed.all()


def test_closed_cells_of_a_film_are_those_of_qhull(film):
    cells = voronoi_cells(film.positions, film.box, film.periodic)
    sides, area, reach = cells_of_qhull(film.positions, film.box, film.periodic)
    np.testing.assert_array_equal(cells.closed, reach <= CLOSED_REACH)
    assert 0.5 < cells.closed.mean() < 0.9
    np.testing.assert_allclose(cells.area[cells.closed], area[cells.closed], rtol=2e-5)
    assert np.isnan(cells.area[~cells.closed]).all()
    mine = {
        (i, j): side
        for i, j, side in zip(cells.near.i.tolist(), cells.near.j.tolist(), cells.side, strict=True)
        if cells.closed[i]
    }
    expected = {pair: side for pair, side in sides.items() if cells.closed[pair[0]]}
    assert mine.keys() == expected.keys()
    np.testing.assert_allclose(list(mine.values()), [expected[pair] for pair in mine], atol=2e-5)


def test_separations_are_those_of_the_image_that_shares_the_side():
    """In a box three particles wide a particle has several images of one other around it."""
    positions = np.random.default_rng(7).uniform(-50, 50, (4, 2))
    box = np.array([2.0, 2.5])
    near = voronoi_neighbours(positions, box, (True, True))
    apart = positions[near.j] - positions[near.i]
    np.testing.assert_allclose((near.separation - apart) / box, np.rint((near.separation - apart) / box), atol=1e-9)
    triples = {(i, j, *np.round(r, 6)) for i, j, r in zip(near.i, near.j, near.separation, strict=True)}
    assert len(triples) == len(near.i) == 6 * 4
    assert {(j, i, -x, -y) for i, j, x, y in triples} == triples


def test_neighbours_do_not_reach_across_an_open_edge(film):
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


def test_two_particles_have_no_cells():
    with pytest.raises(ValueError, match="got 2 particles, expected at least 3"):
        voronoi_cells(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([9.0, 9.0]), (True, True))


def test_positions_may_lie_many_boxes_away(liquid):
    near = voronoi_neighbours(liquid.positions, liquid.box, liquid.periodic)
    away = voronoi_neighbours(liquid.positions + np.array([70.0, -1200.0]), liquid.box, liquid.periodic)
    np.testing.assert_array_equal(away.j, near.j)


def test_neighbours_of_a_bulk_obey_euler(liquid):
    near = voronoi_neighbours(liquid.positions, liquid.box, liquid.periodic)
    # on a torus the mean number of sides of a Voronoi cell is six, exactly
    assert len(near.i) == 6 * len(liquid.positions)
    forth, back = set(zip(near.i, near.j, strict=True)), set(zip(near.j, near.i, strict=True))
    assert forth == back


def test_a_square_lattice_has_no_sides_at_its_corners(square_lattice):
    cells = voronoi_cells(square_lattice.positions, square_lattice.box, square_lattice.periodic)
    assert (np.bincount(cells.near.i) == 4).all()
    np.testing.assert_allclose(cells.side, 1.1, atol=1e-5)


@pytest.mark.parametrize("edge", [3.0, 6.0, 40.0])
def test_areas_fill_the_box(edge):
    """Dense, a few particles in a small box, and so few in a large one that images from its far end count."""
    positions = np.random.default_rng(7).uniform(-50, 50, (25, 2))
    cells = voronoi_cells(positions, np.array([edge, edge]), (True, True))
    assert cells.area.sum() == pytest.approx(edge**2, rel=1e-7)
    assert len(cells.near.i) == 6 * 25


def test_cells_at_a_surface_are_open(film):
    cells = voronoi_cells(film.positions, film.box, film.periodic)
    surface = film.positions[:, 1] > film.positions[:, 1].max() - 0.5
    assert not cells.closed[surface].any()
