"""What must not change a network's score: moving, turning, mirroring, numbering anew."""

from dataclasses import replace
from functools import cache

import jax
import numpy as np
import pytest
from flax import nnx

from vitrify.learn.datasets import Configurations
from vitrify.learn.models.cnn import Cnn
from vitrify.learn.models.mpnn import Mpnn

CNN = Cnn(pixel=0.25, dot=0.2, reach=1.5, rings=6, width=8)
MPNN = Mpnn(cutoff=2.0, spacing=0.25, shells=2, harmonics=4, rounds=2, width=16)
EDGE = 10.0  # 40 pixels


def liquid(periodic, count=3, particles=110, seed=1):
    """Particles on a disturbed lattice, so that none is on top of another; a window counts from 0."""
    rng = np.random.default_rng(seed)
    lattice = np.stack(np.meshgrid(np.arange(11), np.arange(10)), -1).reshape(-1, 2) * EDGE / [11, 10]
    positions = lattice + rng.uniform(-0.2, 0.2, (count, particles, 2))
    positions = (positions + EDGE / 2) % EDGE - EDGE / 2 if periodic else positions
    return Configurations(
        positions=positions,
        species=rng.integers(2, size=(count, particles)).astype(np.int8),
        box=np.full((count, 2), EDGE),
        periodic=np.full((count, 2), periodic),
        inherent_energy=np.full(count, np.nan),
    )


def scores(architecture, configurations, scaling_of=None):
    """Logits of a network with random weights everywhere."""
    encoded = architecture.encode(configurations)
    first = encoded if scaling_of is None else architecture.encode(scaling_of)
    scaling = architecture.scaling(first, np.arange(3))
    inputs = architecture.inputs(encoded, np.arange(len(configurations)), scaling)
    return np.asarray(_forward(random_network(architecture), inputs), np.float64)


_forward = nnx.jit(lambda network, inputs: network(inputs))


@cache
def random_network(architecture):
    network = architecture.network(2, nnx.Rngs(0))
    network.eval()
    rng = np.random.default_rng(0)
    weights = nnx.state(network, nnx.Param)
    nnx.update(network, jax.tree.map(lambda w: w + 0.1 * rng.standard_normal(w.shape).astype(w.dtype), weights))
    return network


def moved(configurations, change):
    positions = change(configurations.positions)
    if configurations.periodic.all():
        positions = (positions + EDGE / 2) % EDGE - EDGE / 2
    return replace(configurations, positions=positions)


def turn(angle):
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return lambda positions: positions @ matrix.T


SQUARE = {
    "quarter turn": lambda r: np.stack([-r[..., 1], r[..., 0]], axis=-1),
    "half turn": lambda r: -r,
    "mirror": lambda r: r * [-1, 1],
    "diagonal": lambda r: r[..., ::-1],
}


@pytest.mark.parametrize("architecture", [CNN, MPNN], ids=["cnn", "mpnn"])
@pytest.mark.parametrize("change", SQUARE.values(), ids=SQUARE)
@pytest.mark.parametrize("periodic", [True, False], ids=["box", "window"])
def test_symmetries_of_the_square(architecture, change, periodic):
    seen = liquid(periodic)
    found = scores(architecture, moved(seen, change), scaling_of=seen)
    as_it_was = scores(architecture, seen)
    assert as_it_was.std(axis=0).min() > 0.05
    # A picture rounds places to 1/1024 of a pixel, downwards, so that a mirror image moves them by as much.
    np.testing.assert_allclose(found, as_it_was, atol=0.02 if architecture is CNN else 1e-3, rtol=1e-3)


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (13, -7), (40, 19)])
def test_translation_by_whole_pixels_of_a_picture(shift):
    seen = liquid(True)
    seen = replace(seen, positions=(np.floor(seen.positions * 4096) + 0.5) / 4096)  # in the middle of a cell
    found = scores(CNN, moved(seen, lambda r: r + 0.25 * np.array(shift)))
    np.testing.assert_allclose(found, scores(CNN, seen), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("periodic", [True, False], ids=["box", "window"])
def test_any_translation_of_a_graph(periodic):
    seen = liquid(periodic)
    found = scores(MPNN, moved(seen, lambda r: r + np.array([1.2345, -3.21])))
    np.testing.assert_allclose(found, scores(MPNN, seen), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("angle", [0.1, 1.0, 2.5])
def test_any_turn_of_a_window(angle):
    seen = liquid(False)
    np.testing.assert_allclose(scores(MPNN, moved(seen, turn(angle))), scores(MPNN, seen), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("architecture", [CNN, MPNN], ids=["cnn", "mpnn"])
@pytest.mark.parametrize("periodic", [True, False], ids=["box", "window"])
def test_the_order_of_particles_and_empty_slots(architecture, periodic):
    seen = liquid(periodic)
    order = np.random.default_rng(1).permutation(110)
    shuffled = replace(
        seen,
        positions=np.pad(seen.positions[:, order], ((0, 0), (0, 6), (0, 0))),
        species=np.pad(seen.species[:, order], ((0, 0), (0, 6)), constant_values=-1),
    )
    np.testing.assert_allclose(scores(architecture, shuffled), scores(architecture, seen), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("architecture", [CNN, MPNN], ids=["cnn", "mpnn"])
def test_four_copies_side_by_side_score_as_one(architecture):
    """A network that averages over the box sees a box of any size."""
    seen = liquid(True)
    tiles = [seen.positions + EDGE / 2 * np.array(corner) for corner in ((-1, -1), (-1, 1), (1, -1), (1, 1))]
    larger = replace(
        seen, positions=np.concatenate(tiles, axis=1), species=np.tile(seen.species, (1, 4)), box=2 * seen.box
    )
    found = scores(architecture, larger, scaling_of=seen)
    np.testing.assert_allclose(found, scores(architecture, seen), rtol=2e-3, atol=2e-3)


def test_attention_adds_up_to_one():
    seen = liquid(True)
    encoded = MPNN.encode(seen)
    found = random_network(MPNN).explained(MPNN.inputs(encoded, np.arange(3), MPNN.scaling(encoded, np.arange(3))))
    np.testing.assert_allclose(found["particles"].sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found["bonds"].sum(axis=2), 1, atol=1e-5)


@pytest.mark.parametrize("particles", [20, 4320])
def test_small_and_large_configurations_have_a_score(particles):
    edge = np.sqrt(particles / 1.2)
    rng = np.random.default_rng(3)
    seen = Configurations(
        positions=rng.uniform(-edge / 2, edge / 2, (3, particles, 2)),
        species=rng.integers(2, size=(3, particles)).astype(np.int8),
        box=np.full((3, 2), edge),
        periodic=np.ones((3, 2), bool),
        inherent_energy=np.full(3, np.nan),
    )
    assert np.isfinite(scores(MPNN, seen)).all()
