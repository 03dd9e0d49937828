import numpy as np
import pytest

from vitrify.analysis.films.film import Bulk, Film
from vitrify.learn.windows import Piece, edge_for, film_windows, tiles
from vitrify.md.model import SUBSTRATE


def test_windows_of_a_periodic_box_share_no_particle_and_miss_none_where_they_fill_it():
    rng = np.random.default_rng(1)
    positions = rng.uniform(-6, 6, (200, 2))
    owners = sum(piece.cut(positions)[0].astype(int) for piece in tiles(np.array([12.0, 12.0]), 4.0))
    np.testing.assert_array_equal(owners, 1)


def test_positions_in_a_window_are_those_of_the_box_but_for_a_shift():
    positions = np.array([[-4.5, -4.9], [4.9, 4.9], [0.5, -4.0]])
    piece = tiles(np.array([10.0, 10.0]), 5.0)[0]
    inside, local = piece.cut(positions)
    assert inside.tolist() == [True, False, False]
    np.testing.assert_allclose(local, [[0.5, 0.1]])


def test_a_window_across_the_period_of_a_film_is_whole():
    piece = Piece(corner=np.array([9.0, 2.0]), edge=2.0, box=np.array([10.0, np.inf]))
    inside, local = piece.cut(np.array([[-0.5, 3.0], [-4.5, 3.0], [-0.5, 1.0]]))  # -0.5 is 9.5, and 0.5 to its right
    assert inside.tolist() == [True, False, False]
    np.testing.assert_allclose(local, [[0.5, 1.0]])
    np.testing.assert_allclose(piece.cut(np.array([[0.9, 2.5]]))[1], [[1.9, 0.5]])


@pytest.mark.parametrize(("edge", "count"), [(5.0, 4), (3.0, 9), (10.0, 1)])
def test_as_many_windows_as_fit(edge, count):
    assert len(tiles(np.array([10.0, 10.0]), edge)) == count


@pytest.mark.parametrize("edge", [10.1, 0.0, -1.0])
def test_a_window_that_does_not_fit_is_refused(edge):
    with pytest.raises(ValueError, match="window: got an edge of"):
        tiles(np.array([10.0, 10.0]), edge)


def test_a_window_needs_a_particle():
    with pytest.raises(ValueError, match="got 0 particles"):
        edge_for(0, 1.2)


def film_with_a_pit():
    """A crystal of spacing 1 on a substrate, 30 wide and 20 high, with a pit of radius 7 at its top."""
    x, y = np.meshgrid(np.arange(30.0) - 15, np.arange(20.0))
    positions = np.column_stack([x.ravel(), y.ravel()])
    species = np.where(positions[:, 1] == 0, SUBSTRATE, 0)
    pit = (np.hypot(positions[:, 0], positions[:, 1] - 19) < 7) & (positions[:, 1] > 0)
    return Film.of(positions[~pit], species[~pit], 30.0)


def test_windows_of_a_film_lie_in_its_bulk_and_do_not_overlap():
    film, bulk = film_with_a_pit(), Bulk(low=4.0, high=15.0, depth=3.0)
    pieces = film_windows(film, bulk, 4.0)
    owners = np.zeros(len(film.positions), dtype=int)
    for piece in pieces:
        inside, local = piece.cut(film.positions)
        owners += inside
        assert bulk.members(film)[inside].all()
        assert abs(len(local) - 16) <= 9  # an edge of 4 holds 3 to 5 rows and columns
    assert owners.max() == 1
    low = [piece for piece in pieces if piece.corner[1] < 5]
    assert len(low) == 7  # 30 / 4, all around
    assert len(pieces) < 14  # above them the pit is in the way


def test_a_film_that_is_too_thin_has_no_window():
    assert film_windows(film_with_a_pit(), Bulk(low=4.0, high=7.0, depth=3.0), 4.0) == []
