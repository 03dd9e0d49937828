import csv
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from vitrify.learn.datasets import save_dataset
from vitrify.learn.evaluate import evaluate, null_score
from vitrify.learn.evaluations import differences, evaluate_all, roc_curve
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


def test_a_model_that_did_not_learn_its_training_part_says_so(model, saved):
    verdict = replace(model.verdict, learnt=False, reason="training AUC 0.46, below 0.75")
    found = evaluate(replace(model, verdict=verdict), saved, seed=1)
    assert not found.learnt
    assert "yardstick: did not learn its own training part (training AUC 0.46" in found.notes[0]


def test_any_model_is_tested_on_a_null(model, noise):
    null = replace(noise, classes=("glass-1", "glass-2"), null=True)
    assert 0.5 in evaluate(model, null, part="all", seed=1).auc.interval


def test_another_density_or_composition_is_refused_or_said(model, saved, noise):
    seen = noise.configurations
    with pytest.raises(ValueError, match=r"yardstick on noise: density: got 0\.751, expected 0\.826"):
        evaluate(model, replace(noise, configurations=replace(seen, box=seen.box * 1.049)), part="all", seed=1)
    other = replace(noise, configurations=replace(seen, species=1 - seen.species))
    notes = evaluate(model, other, part="all", seed=1).notes
    assert "noise: has 0.340 of A, yardstick was trained at 0.660" in notes


def test_the_null_of_a_class_is_a_half_within_its_interval():
    rng = np.random.default_rng(1)
    found = null_score(rng.normal(size=60), np.repeat(np.arange(30), 2), seed=1)
    assert found is not None
    assert 0.5 in found.interval
    assert null_score(np.zeros(3), np.zeros(3), seed=1) is None


def test_differences_are_to_every_yardstick_on_the_same_configurations(model, noise, toy):
    informed = evaluate(model, replace(noise, configurations=toy.configurations, name="data"), part="all", seed=1)
    blind = replace(evaluate(model, replace(noise, name="data"), part="all", seed=1), model="blind")
    network = replace(informed, model="network", architecture="cnn")
    (row,) = differences([network, blind], seed=1)
    assert (row["model"], row["yardstick"], row["replicas"]) == ("network", "blind", 20)
    assert row["difference"] == informed.auc.value - blind.auc.value
    assert 0 < row["low"] < row["difference"] < row["high"]
    assert len(differences([network, blind, replace(blind, model="both")], seed=1)) == 3


def test_tables_and_figures_of_every_model_on_every_dataset(model, saved, noise, tmp_path):
    inherent = save_dataset(replace(noise, positions_taken="inherent"), tmp_path / "noise")
    other = replace(model, name="other")
    models = [model, other]
    found = evaluate_all(models, [saved, inherent], tmp_path / "out", part="all", seed=1, null_permutations=19)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    figures = {
        f"{name}.{kind}" for name in ("roc", "auc", "accuracy", "matrix", "differences") for kind in ("png", "svg")
    }
    tables = {"matrix.csv", "scores.csv", "differences.csv", "predictions.csv"}
    assert names == figures | tables | {"evaluation.toml", "contents.json", "DONE"}
    scores = rows_of(tmp_path / "out" / "scores.csv")
    assert [row["dataset"] for row in scores] == ["toy", "noise"] * 2
    assert [row["positions"] for row in scores[:2]] == ["instant", "inherent"]
    assert {row["trained_positions"] for row in scores} == {"instant"}
    assert [row["replicas"] for row in scores[:2]] == ["3", "20"]
    assert {row["architecture"] for row in scores} == {"linear on energy"}
    # A linear model on an energy that differs: it separates the configurations it was trained on, whatever it is asked.
    assert {(row["train_accuracy"], row["train_auc"], row["learnt"]) for row in scores} == {("1", "1", "True")}
    for row, evaluation in zip(scores, found, strict=True):
        assert float(row["accuracy_low"]) <= float(row["accuracy"]) <= float(row["accuracy_high"])
        assert float(row["majority"]) == 0.5
        assert float(row["auc"]) == pytest.approx(evaluation.auc.value)
    matrix = rows_of(tmp_path / "out" / "matrix.csv")
    assert [row["model"] for row in matrix] == ["yardstick", "other"]
    assert [matrix[0][name] for name in ("toy", "noise")] == [row["auc"] for row in scores[:2]]
    assert float(matrix[0]["null_low"]) <= 0.5 <= float(matrix[0]["null_high"])
    assert [float(row["difference"]) for row in rows_of(tmp_path / "out" / "differences.csv")] == [0.0, 0.0]
    predictions = rows_of(tmp_path / "out" / "predictions.csv")
    assert len(predictions) == 2 * 46
    right = [line["class"] == line["predicted"] for line in predictions if line["dataset"] == "noise"]
    assert np.mean(right) == pytest.approx(float(scores[1]["accuracy"]))
    head = tomllib.loads((tmp_path / "out" / "evaluation.toml").read_text())
    assert head["dataset"]["1"]["digest"] == inherent.digest
    assert head["model"]["0"]["digest"] == model.digest


def test_the_roc_curve_passes_every_threshold():
    rng = np.random.default_rng(2)
    score, positive = rng.integers(6, size=30) / 6, rng.random(30) < 0.4
    false, true = roc_curve(score, positive)
    expected = [[0.0, *((score[own] >= t).mean() for t in np.unique(score)[::-1])] for own in (~positive, positive)]
    np.testing.assert_allclose([false, true], expected)


def test_the_same_seed_gives_the_same_tables(model, noise, tmp_path):
    for name in ("one", "same"):
        evaluate_all([model], [noise], tmp_path / name, part="all", seed=1, null_permutations=9)
    for name in ("matrix.csv", "scores.csv", "predictions.csv"):
        assert (tmp_path / "one" / name).read_text() == (tmp_path / "same" / name).read_text()


def test_an_evaluation_that_is_there_is_not_overwritten(model, saved, tmp_path):
    evaluate_all([model], [saved], tmp_path / "out", seed=1)
    with pytest.raises(FileExistsError, match=r"exists already.*--force"):
        evaluate_all([model], [saved], tmp_path / "out", seed=1)
    evaluate_all([model], [saved], tmp_path / "out", seed=1, force=True)
