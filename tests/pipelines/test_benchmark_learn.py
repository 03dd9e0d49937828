import json
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from vitrify.learn.models import get_architecture
from vitrify.learn.recipe import Recipe
from vitrify.learn.train import Material, seed_of_weights
from vitrify.learn.update import Batch, alone, first_state, kept
from vitrify.pipelines.benchmark.learning import benchmark_learn, lattices
from vitrify.pipelines.benchmark.torch_peer import TorchTrainee, as_torch, has_peer, torch_is_installed


def test_lattices_are_the_mixture_at_its_density_in_the_box():
    made = lattices(130, 6).configurations
    assert made.positions.shape == (6, 130, 2)
    assert np.abs(made.positions).max() < made.box[0, 0] / 2
    assert 130 / made.box[0].prod() == pytest.approx(1.2)
    assert set((made.species == 0).sum(axis=1)) == {round(0.65 * 130)}


def test_networks_take_turns_and_leave_a_record(tmp_path, capsys):
    console = Console(width=120)
    small = ["pixels=16", "batch=4"]
    found = benchmark_learn(
        models=["cnn2018", "linear"],
        settings=small,
        particles=100,
        configurations=12,
        updates=3,
        rounds=2,
        out=tmp_path / "record",
        console=console,
    )
    row, *peers = found["rows"]  # a model that is solved for makes no steps
    assert [peer["name"] for peer in peers] == ["cnn2018 in PyTorch"] * torch_is_installed()
    assert row["name"] == "cnn2018"
    assert row["settings"]["pixels"] == 16
    rate = row["configurations_per_second"]
    assert rate["low"] == pytest.approx(12 / max(row["seconds"]))
    assert 0 < rate["low"] <= rate["median"] <= rate["high"]
    assert 0 <= row["share_of_time_in_input"]["low"] <= row["share_of_time_in_input"]["high"] <= 1
    assert json.loads((tmp_path / "record" / "benchmark.json").read_text())["rows"] == found["rows"]
    assert "configurations a second" in capsys.readouterr().out
    with pytest.raises(FileExistsError):
        benchmark_learn(models=["cnn2018"], settings=small, out=tmp_path / "record", console=console)
    with pytest.raises(ValueError, match="none of them is trained step by step"):
        benchmark_learn(models=["linear"], console=console)


needs_torch = pytest.mark.skipif(not torch_is_installed(), reason="PyTorch is not installed: an optional peer")
ADAM = Recipe(epochs=9, batch=4, learning_rate=1e-4, l2=1e-3, symmetry=False, patience=1)
ADAMW = replace(ADAM, l2=0.0, optimiser="adamw", weight_decay=0.1, average=1.0)
NETWORKS = [
    get_architecture("cnn2018", pixels=16),
    get_architecture("cnn", pixel=0.3, dot=0.2, rings=6, dropout=0.0),
    get_architecture("mpnn", spacing=0.25, harmonics=3, shells=2, rounds=2, width=8, dropout=0.0),
]


def random_state(architecture, recipe):
    """Where training begins, but with no weight at zero."""
    state = first_state(architecture, 2, recipe, seed=1)
    rng = np.random.default_rng(2)
    weights = {name: array + 0.1 * rng.standard_normal(array.shape) for name, array in state.weights.items()}
    return state._replace(weights={name: jnp.asarray(array, jnp.float32) for name, array in weights.items()})


def in_pytorch(network, shown):
    import torch

    with torch.no_grad():
        return network.eval()(as_torch(shown)).numpy()


@needs_torch
@pytest.mark.parametrize("architecture", NETWORKS, ids=lambda kind: kind.name)
def test_the_peer_in_pytorch_is_the_same_network(architecture):
    from vitrify.pipelines.benchmark.torch_networks import take_weights

    material = Material.of(lattices(100, 12), architecture)
    weights, peer = random_state(architecture, ADAM).weights, TorchTrainee(material, ADAM)
    take_weights(peer.network, weights)
    shown = material.batch(0, ADAM, seed=1)[0]
    ours = np.asarray(material.classifier(weights).module()(shown))
    assert ours.std(axis=0).min() > 1e-3
    np.testing.assert_allclose(in_pytorch(peer.network, shown), ours, atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="weights: got others than those of the network in PyTorch"):
        take_weights(peer.network, {"dense/kernel": np.ones((2, 2))})


@needs_torch
@pytest.mark.parametrize("architecture", NETWORKS[1:], ids=lambda kind: kind.name)
@pytest.mark.parametrize("recipe", [ADAM, ADAMW], ids=["l2", "decay"])
def test_the_peer_in_pytorch_makes_the_same_steps(architecture, recipe):
    """Three updates of both on the same batches: the same weights, and the same averages over them."""
    from vitrify.pipelines.benchmark.torch_networks import take_weights

    material = Material.of(lattices(100, 12), architecture)
    state, peer = random_state(architecture, recipe), TorchTrainee(material, recipe)
    take_weights(peer.network, state.weights)
    peer.averaged = [one.detach().clone() for one in peer.weights[: len(peer.averaged)]]
    if recipe.average:
        state = state._replace(averaged={name: jnp.copy(array) for name, array in state.weights.items()})
    shown = material.batch(0, recipe, seed=1)[0]
    before = in_pytorch(peer.network, shown)
    step = alone(architecture, 2, recipe.optimiser, recipe.weight_decay)
    for update in range(3):
        batch = material.batch(update, recipe, seed=1)
        share = kept(recipe.average * recipe.batches(len(material.rows["train"])), update)
        state, _ = step(state, Batch(*batch, np.float32(recipe.learning_rate), np.float32(recipe.l2), share))
    peer.advance(3)
    moved = np.abs(in_pytorch(peer.network, shown) - before).max()
    ours = np.asarray(material.classifier(state.weights).module()(shown))
    np.testing.assert_allclose(in_pytorch(peer.network, shown), ours, atol=0.02 * moved)
    if recipe.average:
        for mine, averaged in zip(peer.weights, peer.averaged, strict=True):
            mine.data.copy_(averaged)
        ours = np.asarray(material.classifier(state.averaged).module()(shown))
        np.testing.assert_allclose(in_pytorch(peer.network, shown), ours, atol=0.02 * moved)


@needs_torch
def test_the_peer_of_the_log_begins_where_ours_does_and_steps_by_its_rate():
    architecture = NETWORKS[0]
    material = Material.of(lattices(100, 12), architecture)
    peer = TorchTrainee(material, ADAM)
    before = peer.network.read_out.weight.detach().clone()
    first = first_state(architecture, 2, ADAM, seed_of_weights(1)).weights["read_out/kernel"]
    np.testing.assert_array_equal(before.numpy().T, np.asarray(first))
    peer.advance(1)
    moved = (peer.network.read_out.weight.detach() - before).abs().max()
    assert float(moved) == pytest.approx(ADAM.learning_rate, rel=1e-3)  # Adam's first step


@needs_torch
def test_a_cnn_that_looks_at_every_batch_has_no_peer(monkeypatch):
    monkeypatch.setattr("vitrify.learn.models.cnn.KEPT", 0)
    material = Material.of(lattices(100, 12), NETWORKS[1])
    assert not has_peer(material)
    with pytest.raises(ValueError, match="cnn: has no peer in PyTorch"):
        TorchTrainee(material, ADAM)
