import csv
from dataclasses import replace

import numpy as np
import pytest

from vitrify.learn.checkpoint import Model, open_model
from vitrify.learn.datasets import save_dataset
from vitrify.learn.fit import fit
from vitrify.learn.sweep import histories, members, sweep, table
from vitrify.md.protocols.unfinished import Unfinished


@pytest.fixture(scope="module")
def saved(toy, tmp_path_factory):
    return save_dataset(toy, tmp_path_factory.mktemp("data") / "toy")


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_side_by_side_is_one_after_another(saved, tmp_path, tiny):
    # The same sums in another order: agreement to single precision, not to the bit.
    grid = members("tiny", {"epochs": 3}, ["learning_rate=1e-2,3e-3", "seed=1,2"], seed=9)
    found = sweep(saved, grid, tmp_path / "sweep")
    assert [member.seed for member in grid] == [1, 2, 1, 2]
    for member, model in zip(grid, found, strict=True):
        alone = fit(saved, tiny, tmp_path / "alone" / member.name, seed=member.seed, recipe=member.recipe)
        assert model.path == tmp_path / "sweep" / member.name
        for one, other in zip(model.history(), alone.history(), strict=True):
            assert one == pytest.approx(other, rel=1e-4, abs=1e-6)
        for name, weights in alone.classifier.weights.items():
            np.testing.assert_allclose(model.classifier.weights[name], weights, rtol=1e-3, atol=1e-5)


def test_trainings_of_other_shapes_and_lengths_share_a_sweep_and_its_table(saved, tmp_path, tiny):
    grid = members("tiny", {}, ["epochs=1,3", "batch=4,8", "width=4"], seed=1)
    done = []
    found = sweep(saved, grid, tmp_path / "sweep", report=done.append)
    assert done[-1] == 4
    assert (tmp_path / "sweep" / "training.png").stat().st_size > 1000
    assert [model.history()[-1]["epoch"] for model in found] == [1, 1, 3, 3]
    rows = rows_of(tmp_path / "sweep" / "sweep.csv")
    assert [(row["epochs"], row["batch"], row["width"]) for row in rows] == [
        ("1", "4", "4"), ("1", "8", "4"), ("3", "4", "4"), ("3", "8", "4"),
    ]  # fmt: skip
    for row, model in zip(rows, found, strict=True):
        assert float(row["validation_loss"]) == pytest.approx(model.verdict.validation.loss, rel=1e-5)
        assert float(row["train_auc"]) == pytest.approx(model.verdict.train.auc)
        assert open_model(model.path).digest == model.digest


def test_one_that_diverges_does_not_take_the_others_along(saved, tmp_path, tiny):
    grid = members(
        "tiny", {"optimiser": "adamw", "weight_decay": 1e30, "epochs": 1}, ["learning_rate=1e-31,9.0"], seed=1
    )
    good, bad = sweep(saved, grid, tmp_path / "sweep")
    assert isinstance(good, Model)
    assert "training diverged in epoch 1" in str(bad)
    columns = table(grid, [good, bad])
    assert columns["learnt"][1] is False
    assert np.isnan(columns["validation_loss"][1])


def test_a_sweep_that_is_stopped_goes_on(saved, tmp_path, tiny):
    grid = members("tiny", {}, ["seed=1,2"], seed=1)
    asked = []

    def after_a_while():
        asked.append(True)
        return len(asked) > 12

    with pytest.raises(Unfinished):
        sweep(saved, grid, tmp_path / "sweep", stop=after_a_while)
    with pytest.raises(FileExistsError, match="exists already"):
        sweep(saved, grid, tmp_path / "sweep")
    found = sweep(saved, grid, tmp_path / "sweep", resume=True)
    whole = sweep(saved, grid, tmp_path / "whole")
    assert [model.history() for model in found] == [model.history() for model in whole]
    before = [model.digest for model in found]
    assert [model.digest for model in sweep(saved, grid, tmp_path / "sweep", resume=True)] == before


def test_curves_are_grouped_by_what_seeds_share(saved, tmp_path, tiny):
    grid = members("tiny", {"epochs": 1}, ["batch=4,8", "seed=1,2"], seed=1)
    found = sweep(saved, grid, tmp_path / "sweep")
    groups = histories(grid, [found[0], ValueError("diverged"), *found[2:]])
    assert {name: len(curves) for name, curves in groups.items()} == {"batch 4": 1, "batch 8": 2}
    assert groups["batch 8"] == [model.history() for model in found[2:]]


def test_models_that_are_solved_for_can_be_swept(saved, tmp_path):
    found = sweep(saved, members("linear", {}, ["folds=2,3"], seed=1), tmp_path / "sweep")
    assert [model.training.architecture.folds for model in found] == [2, 3]
    assert rows_of(tmp_path / "sweep" / "sweep.csv")[0]["learnt"] == "True"


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (["seed"], "sweep: got 'seed', expected key=value,value"),
        (["seed=1,1"], "got a value twice"),
        (["seed=1", "seed=2"], "every key once"),
        (["seed=-1"], "seed: got -1"),
        (["colour=1,2"], "tiny: has no colour; expected one of average, batch"),
        (["learning_rate=0.1,fast"], "learning_rate: got 'fast', expected a number"),
    ],
)
def test_an_impossible_grid_is_refused(tiny, grid, message):
    with pytest.raises(ValueError, match=message):
        members("tiny", {}, grid, seed=1)


def test_shapes_say_what_may_go_side_by_side(tiny):
    one = members("tiny", {}, ["seed=1"], seed=1)[0]
    assert one.shapes(28) == replace(one, seed=5).shapes(28)
    assert one.shapes(28) != replace(one, recipe=replace(one.recipe, batch=4)).shapes(28)
    assert one.shapes(4) == replace(one, recipe=replace(one.recipe, batch=4)).shapes(4)
