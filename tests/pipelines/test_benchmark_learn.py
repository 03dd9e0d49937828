import json

import numpy as np
import pytest
from rich.console import Console

from vitrify.learn.models import get_architecture
from vitrify.learn.recipe import Recipe
from vitrify.learn.train import Material
from vitrify.learn.update import first_state
from vitrify.pipelines.benchmark.learning import benchmark_learn, lattices
from vitrify.pipelines.benchmark.torch_peer import TorchTrainee, torch_is_installed


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


@pytest.mark.skipif(not torch_is_installed(), reason="PyTorch is not installed: an optional peer")
def test_the_peer_in_pytorch_is_the_same_network_and_steps_by_its_rate():
    import torch

    architecture = get_architecture("cnn2018", pixels=16)
    recipe = Recipe(epochs=1, batch=4, learning_rate=1e-3, l2=1e-3, symmetry=False, patience=1)
    material = Material.of(lattices(100, 12), architecture)
    state = first_state(architecture, 2, recipe, seed=1)
    peer = TorchTrainee(material, recipe)
    peer.network.dropout.p = 0.0
    ours = {"first": (3, 2, 0, 1), "second": (3, 2, 0, 1), "hidden": (1, 0), "read_out": (1, 0)}
    with torch.no_grad():
        for name, axes in ours.items():
            layer = getattr(peer.network, name)
            layer.weight.copy_(torch.tensor(np.array(state.weights[f"{name}/kernel"]).transpose(axes)))
            layer.bias.copy_(torch.tensor(np.array(state.weights[f"{name}/bias"])))
    pictures = material.batch(0, recipe, seed=1)[0]
    theirs = peer.network(torch.from_numpy(pictures)).detach().numpy()
    np.testing.assert_allclose(theirs, material.classifier(state.weights).module()(pictures), atol=1e-5)
    before = peer.network.read_out.weight.detach().clone()
    peer.advance(1)
    moved = (peer.network.read_out.weight.detach() - before).abs().max()
    assert float(moved) == pytest.approx(1e-3, rel=1e-3)  # Adam's first step
