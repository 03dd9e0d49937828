import numpy as np
import pytest

from vitrify.learn.datasets import Configurations, stack
from vitrify.learn.graphs import depth_below_edge, graphs_of
from vitrify.md.model import EMPTY


def configurations(*positions, box=8.0, periodic=(True, True)):
    all_positions, species = stack(positions, [np.arange(len(r)) % 2 for r in positions])
    count = len(positions)
    return Configurations(
        positions=all_positions,
        species=species,
        box=np.full((count, 2), box),
        periodic=np.tile(periodic, (count, 1)),
        inherent_energy=np.full(count, np.nan),
    )


def liquid(seed, count=40, box=8.0):
    return np.random.default_rng(seed).uniform(-box / 2, box / 2, (count, 2))


def test_every_neighbour_within_the_cutoff_is_there_nearest_first():
    positions = liquid(1)
    graphs = graphs_of(configurations(positions), 1.5)
    # The oracle: every pair, the nearest image by hand.
    separation = positions - positions[:, None]
    separation -= 8 * np.rint(separation / 8)
    distance = np.hypot(separation[..., 0], separation[..., 1])
    np.fill_diagonal(distance, np.inf)
    for particle, row in enumerate(distance):
        expected = [j for j in np.argsort(row).tolist() if row[j] < 1.5]
        found = graphs.neighbours[0, particle].tolist()
        assert found == expected + [particle] * (len(found) - len(expected))


def test_smaller_configurations_stand_beside_larger_ones_and_empty_slots_have_no_edges():
    graphs = graphs_of(configurations(liquid(1), liquid(2, count=25)), 1.5)
    assert graphs.neighbours.shape[:2] == (2, 40)
    assert set(np.unique(graphs.neighbours[1, :25])) <= set(range(25))
    np.testing.assert_array_equal(
        graphs.neighbours[1, 25:], np.arange(25, 40)[:, None].repeat(len(graphs.neighbours[1, 0]), 1)
    )
    assert graphs.counted[1].tolist() == [True] * 25 + [False] * 15
    assert (graphs.species[1, 25:] == EMPTY).all()


def test_a_box_narrower_than_two_cutoffs_keeps_each_neighbour_once():
    graphs = graphs_of(configurations(liquid(3, count=20, box=4.0), box=4.0), 2.5)
    for particle, found in enumerate(graphs.neighbours[0]):
        others = found[found != particle].tolist()
        assert len(others) == len(set(others)) > 0


def test_of_a_window_only_particles_are_counted_whose_surroundings_are_inside():
    grid = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    graphs = graphs_of(configurations(grid, periodic=(False, False)), 2.5)
    assert np.isinf(graphs.box).all()
    np.testing.assert_array_equal(graphs.counted[0], ((grid >= 2.5) & (grid <= 6.5)).all(axis=1))


def test_of_a_film_depth_is_counted_across_it():
    positions = np.array([[0.0, 0.0], [3.0, 1.0], [1.0, 4.0]])
    np.testing.assert_array_equal(depth_below_edge(positions, (True, False)), [0, 1, 0])
    np.testing.assert_array_equal(depth_below_edge(positions, (True, True)), np.inf)


def test_depth_turns_with_the_window():
    positions = liquid(4)
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    turned = depth_below_edge(positions @ turn.T, (False, False))
    np.testing.assert_allclose(turned, depth_below_edge(positions, (False, False)), atol=1e-12)


def test_of_a_tiny_window_the_ten_deepest_are_counted():
    graphs = graphs_of(configurations(liquid(5, count=20, box=4.0), box=4.0, periodic=(False, False)), 2.5)
    assert graphs.counted.sum() == 10


@pytest.mark.parametrize("line", [[[0.0, 0.0]], [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]])
def test_particles_on_a_line_have_no_depth(line):
    assert depth_below_edge(np.array(line), (False, False)).tolist() == [0.0] * len(line)


def test_an_empty_configuration_is_refused():
    seen = configurations(liquid(6))
    empty = Configurations(**{**seen.__dict__, "species": np.full_like(seen.species, EMPTY)})
    with pytest.raises(ValueError, match="configuration 0: got no particles"):
        graphs_of(empty, 1.5)
