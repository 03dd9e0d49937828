import json

import numpy as np
import pytest
from rich.console import Console

from vitrify.pipelines.benchmark.learning import benchmark_learn, lattices


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
    (row,) = found["rows"]  # a model that is solved for makes no steps
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
