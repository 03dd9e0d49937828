import csv
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from vitrify.learn.datasets import save_dataset
from vitrify.learn.evaluate import evaluate, evaluate_all, training_score
from vitrify.learn.fit import fit
from vitrify.learn.models import get_architecture

LINEAR = get_architecture("linear")


@pytest.fixture(scope="module")
def saved(toy, tmp_path_factory):
    return save_dataset(toy, tmp_path_factory.mktemp("data") / "toy")


@pytest.fixture(scope="module")
def model(saved, tmp_path_factory):
    return fit(saved, LINEAR, tmp_path_factory.mktemp("models") / "yardstick", seed=1)


@pytest.fixture
def noise(toy):
    """The same configurations with energies that know nothing of the classes, of other replicas."""
    energy = np.random.default_rng(3).normal(-3.83, 0.03, 40)
    origin = np.array([f"9:{number}" for number in toy.replica])
    return replace(toy, configurations=replace(toy.configurations, inherent_energy=energy), origin=origin, name="noise")


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_only_the_test_part_is_tested(model, saved):
    found = evaluate(model, saved, seed=1)
    np.testing.assert_array_equal(found.rows, np.flatnonzero(saved.part == "test"))
    assert (found.left_out, found.accuracy.value, found.auc.value) == (0, 1.0, 1.0)
    assert found.auc.interval.low < 0.8  # three replicas are no proof


def test_replicas_seen_in_training_are_left_out_of_another_dataset(model, saved):
    # The same replicas split another way: half of this test part was trained on.
    other = replace(saved, part=np.where(saved.replica >= 11, "test", "train"), digest="another")
    found = evaluate(model, other, seed=1)
    assert found.left_out == 2 * 6
    assert set(found.origin) == {f"0:{replica}" for replica in range(17, 20)}


def test_a_dataset_of_nothing_but_seen_replicas_is_refused(model, saved):
    other = replace(saved, part=np.where(saved.replica < 14, "test", "train"), digest="another")
    with pytest.raises(ValueError, match=r"toy: 0 of 28 test configurations are left once the replicas that yardstick"):
        evaluate(model, other, seed=1)


def test_part_all_still_leaves_out_what_was_seen(model, saved, noise):
    assert len(evaluate(model, noise, part="all", seed=1).rows) == 40
    assert len(evaluate(model, saved, part="all", seed=1).rows) == 6


def test_training_configurations_are_no_test(model, saved):
    with pytest.raises(ValueError, match="part: got 'train', expected test or all"):
        evaluate(model, saved, part="train", seed=1)


def test_features_without_meaning_score_a_half_within_the_interval(model, noise):
    found = evaluate(model, noise, part="all", seed=1, null_permutations=199)
    assert 0.5 in found.auc.interval
    assert 0.5 in found.accuracy.interval
    assert found.p_value > 0.05


def test_a_true_difference_passes_the_null_test(model, noise, toy):
    told_apart = replace(noise, configurations=toy.configurations)
    found = evaluate(model, told_apart, part="all", seed=1, null_permutations=199)
    assert found.p_value == 1 / 200


def test_without_permutations_there_is_no_p_value(model, saved):
    assert np.isnan(evaluate(model, saved, seed=1).p_value)


def test_other_classes_are_refused(model, saved):
    with pytest.raises(ValueError, match="knows the classes liquid, glass, toy has glass, liquid"):
        evaluate(model, replace(saved, classes=("glass", "liquid")), seed=1)


def test_tables_and_figures_of_every_model_on_every_dataset(model, saved, noise, tmp_path):
    inherent = save_dataset(replace(noise, positions_taken="inherent"), tmp_path / "noise")
    found = evaluate_all([model], [saved, inherent], tmp_path / "out", part="all", seed=1, null_permutations=19)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "accuracy.csv", "auc.csv", "scores.csv", "predictions.csv", "evaluation.toml", "contents.json", "DONE",
        "roc.png", "auc.png", "accuracy.png", "roc.svg", "auc.svg", "accuracy.svg",
    }  # fmt: skip
    accuracy, auc = rows_of(tmp_path / "out" / "accuracy.csv"), rows_of(tmp_path / "out" / "auc.csv")
    assert [row["dataset"] for row in auc] == ["toy", "noise"]
    assert [row["positions"] for row in auc] == ["instant", "inherent"]
    assert {row["trained_positions"] for row in auc} == {"instant"}
    assert [row["replicas"] for row in auc] == ["3", "20"]
    assert {row["architecture"] for row in accuracy} == {"linear on energy"}
    for row, evaluation in zip(accuracy, found, strict=True):
        assert float(row["low"]) <= float(row["accuracy"]) <= float(row["high"])
        assert float(row["majority"]) == 0.5
        assert float(row["accuracy"]) == pytest.approx(evaluation.accuracy.value)
    scores = rows_of(tmp_path / "out" / "scores.csv")
    assert [row["auc"] for row in scores] == [row["auc"] for row in auc]
    # A linear model on an energy that differs: it separates the configurations it was trained on, whatever it is asked.
    assert [(row["training_accuracy"], row["training_auc"]) for row in scores] == [("1", "1")] * 2
    predictions = rows_of(tmp_path / "out" / "predictions.csv")
    assert len(predictions) == 46
    for name, row in zip(("toy", "noise"), accuracy, strict=True):
        right = [line["class"] == line["predicted"] for line in predictions if line["dataset"] == name]
        assert np.mean(right) == pytest.approx(float(row["accuracy"]))
    head = tomllib.loads((tmp_path / "out" / "evaluation.toml").read_text())
    assert head["dataset"]["1"]["digest"] == inherent.digest
    assert head["model"]["0"]["digest"] == model.digest


def test_a_training_score_is_that_of_the_models_own_dataset(model, saved, noise):
    own = saved.rows("train")
    probability = model.classifier.probabilities(saved.configurations.select(own))
    assert training_score(model, saved).accuracy == np.mean(probability.argmax(axis=1) == saved.label[own])
    with pytest.raises(ValueError, match="was trained on toy, got noise"):
        training_score(model, noise)


def test_the_same_seed_gives_the_same_tables(model, noise, tmp_path):
    for name in ("one", "same"):
        evaluate_all([model], [noise], tmp_path / name, part="all", seed=1, null_permutations=9)
    for name in ("accuracy.csv", "auc.csv", "predictions.csv"):
        assert (tmp_path / "one" / name).read_text() == (tmp_path / "same" / name).read_text()


def test_an_evaluation_that_is_there_is_not_overwritten(model, saved, tmp_path):
    evaluate_all([model], [saved], tmp_path / "out", seed=1)
    with pytest.raises(FileExistsError, match=r"exists already.*--force"):
        evaluate_all([model], [saved], tmp_path / "out", seed=1)
    evaluate_all([model], [saved], tmp_path / "out", seed=1, force=True)
