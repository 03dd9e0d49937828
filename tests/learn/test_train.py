import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from vitrify.learn import checkpoint
from vitrify.learn.checkpoint import open_model
from vitrify.learn.datasets import save_dataset
from vitrify.learn.fit import fit
from vitrify.learn.models import get_architecture
from vitrify.learn.train import COLUMNS, batch_rows, train
from vitrify.md.store.product import DONE

CNN = get_architecture("cnn", pixels=16)
LINEAR = get_architecture("linear")
SHORT = replace(CNN.recipe, iterations=4, batch=8)


@pytest.fixture(scope="module")
def saved(toy, tmp_path_factory):
    return save_dataset(toy, tmp_path_factory.mktemp("data") / "toy")


def test_every_configuration_is_seen_once_an_epoch():
    rows = np.arange(100, 130)
    epochs = np.concatenate([batch_rows(rows, 7, update, seed=1) for update in range(60)]).reshape(-1, 30)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(rows, (14, 1)))
    assert not np.array_equal(epochs[0], epochs[1])


@pytest.mark.parametrize("name", ["cnn", "cnn2018"])
def test_twice_n_iterations_are_n_iterations_a_file_and_n_iterations(saved, tmp_path, name):
    # The network of the log has dropout, the other one random symmetries: both must come out of the seed.
    architecture = get_architecture(name, pixels=16)
    recipe = replace(SHORT, symmetry=name == "cnn")
    straight = fit(saved, architecture, tmp_path / "straight", seed=5, recipe=recipe)
    fit(saved, architecture, tmp_path / "halves", seed=5, recipe=replace(recipe, iterations=2))
    halves = fit(saved, architecture, tmp_path / "halves", seed=5, recipe=recipe, resume=True)
    assert halves.history() == straight.history()
    assert (halves.path / "weights.npz").read_bytes() == (straight.path / "weights.npz").read_bytes()
    one, other = (checkpoint.load_progress(model.path) for model in (halves, straight))
    jax.tree.map(np.testing.assert_array_equal, (one.variables, one.moments), (other.variables, other.moments))


def test_a_killed_training_goes_on_where_it_was_saved(saved, tmp_path, monkeypatch):
    monkeypatch.setattr("vitrify.learn.fit.CHECKPOINT_SECONDS", 0.0)

    def die_after_two(progress):
        if progress.iteration == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(saved, CNN, tmp_path / "killed", seed=5, recipe=SHORT, report=die_after_two)
    with pytest.raises(ValueError, match="not a finished model directory"):
        open_model(tmp_path / "killed")
    seen = []
    resumed = fit(
        saved, CNN, tmp_path / "killed", seed=5, recipe=SHORT, resume=True, report=lambda p: seen.append(p.iteration)
    )
    assert seen == [3, 4]
    assert resumed.history() == fit(saved, CNN, tmp_path / "whole", seed=5, recipe=SHORT).history()


def test_a_finished_training_is_skipped(saved, tmp_path):
    fit(saved, LINEAR, tmp_path / "model", seed=1, recipe=replace(LINEAR.recipe, iterations=2))
    before = (tmp_path / "model" / DONE).stat().st_mtime_ns

    def never(progress):
        raise AssertionError

    fit(
        saved,
        LINEAR,
        tmp_path / "model",
        seed=1,
        recipe=replace(LINEAR.recipe, iterations=2),
        resume=True,
        report=never,
    )
    assert (tmp_path / "model" / DONE).stat().st_mtime_ns == before


def test_a_model_that_is_there_is_not_overwritten(saved, tmp_path):
    recipe = replace(LINEAR.recipe, iterations=1)
    first = fit(saved, LINEAR, tmp_path / "model", seed=1, recipe=recipe)
    with pytest.raises(FileExistsError, match=r"exists already.*--force"):
        fit(saved, LINEAR, tmp_path / "model", seed=1, recipe=recipe)
    with pytest.raises(ValueError, match="expected the same to resume"):
        fit(saved, LINEAR, tmp_path / "model", seed=2, recipe=recipe, resume=True)
    assert open_model(tmp_path / "model").digest == first.digest
    assert fit(saved, LINEAR, tmp_path / "model", seed=2, recipe=recipe, force=True).training.seed == 2


def test_force_never_removes_what_is_no_model(saved, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="--force replaces its own kind only"):
        fit(saved, LINEAR, tmp_path, seed=1, force=True)
    assert (tmp_path / "thesis.tex").exists()


def test_a_model_comes_back_from_its_directory_to_the_bit(saved, tmp_path):
    classifier, _ = train(saved, CNN, SHORT, seed=5)
    model = fit(saved, CNN, tmp_path / "model", seed=5, recipe=SHORT)
    jax.tree.map(np.testing.assert_array_equal, model.classifier.variables, classifier.variables)
    expected = classifier.probabilities(saved.configurations)
    np.testing.assert_array_equal(open_model(model.path).classifier.probabilities(saved.configurations), expected)
    assert model.classifier.architecture == CNN
    assert model.training.recipe == SHORT
    assert model.training.dataset == saved.facts


def test_a_model_knows_the_replicas_it_was_trained_and_chosen_on(saved, tmp_path):
    model = fit(saved, LINEAR, tmp_path / "model", seed=1, recipe=replace(LINEAR.recipe, iterations=1))
    origins = json.loads((model.path / "origins.json").read_text())
    assert set(origins["train"]) == {f"0:{replica}" for replica in range(14)}
    assert set(origins["validation"]) == {f"0:{replica}" for replica in range(14, 17)}


@pytest.mark.parametrize("name", ["weights.npz", "model.toml", "origins.json"])
def test_a_damaged_model_is_refused(saved, tmp_path, name):
    model = fit(saved, LINEAR, tmp_path / "model", seed=1, recipe=replace(LINEAR.recipe, iterations=1))
    content = bytearray((model.path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model.path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"damaged model directory \({name} is missing or was changed\)"):
        open_model(model.path)


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such model directory: .*nowhere"):
        open_model(tmp_path / "nowhere")


def test_test_configurations_are_never_looked_at(toy):
    spoilt = toy.configurations.positions.copy()
    spoilt[toy.rows("test")] = np.nan
    blind = replace(toy, configurations=replace(toy.configurations, positions=spoilt))
    blind = replace(blind, label=np.where(toy.part == "test", 1 - toy.label, toy.label))
    jax.tree.map(
        np.testing.assert_array_equal,
        train(toy, CNN, SHORT, seed=5)[0].variables,
        train(blind, CNN, SHORT, seed=5)[0].variables,
    )


def test_scaling_comes_from_training_configurations_only(toy):
    classifier, _ = train(toy, LINEAR, replace(LINEAR.recipe, iterations=1), seed=1)
    energy = toy.configurations.inherent_energy[toy.part == "train"]
    assert classifier.scaling["mean"] == pytest.approx([energy.mean()], rel=1e-12)
    assert classifier.scaling["spread"] == pytest.approx([energy.std()], rel=1e-12)


def contradicted(dataset):
    """Validation configurations with the wrong labels: the better it learns, the higher their loss."""
    return replace(dataset, label=np.where(dataset.part == "validation", 1 - dataset.label, dataset.label))


def test_the_weights_kept_are_those_of_the_lowest_validation_loss(toy):
    every = []
    recipe = replace(SHORT, iterations=6, learning_rate=5e-3)
    classifier, progress = train(contradicted(toy), CNN, recipe, seed=5, after_iteration=every.append)
    losses = [row[COLUMNS.index("validation_loss")] for row in progress.history]
    best = int(np.argmin(losses))
    assert best < 5
    jax.tree.map(np.testing.assert_array_equal, classifier.variables, every[best].variables)


def test_training_stops_when_patience_runs_out(toy):
    recipe = replace(SHORT, iterations=50, learning_rate=5e-3, patience=3)
    _, progress = train(contradicted(toy), CNN, recipe, seed=5)
    assert progress.iteration == progress.best_iteration + 3 < 50


def test_the_learning_rate_follows_the_validation_accuracy(toy):
    recipe = replace(LINEAR.recipe, iterations=8, learning_rate=1e-3, slow_learning_rate=1e-4, batch=8)
    _, progress = train(replace(toy, label=toy.label), LINEAR, recipe, seed=1)
    rate, accuracy = (np.array([row[COLUMNS.index(name)] for row in progress.history]) for name in
                      ("learning_rate", "validation_accuracy"))  # fmt: skip
    assert rate[0] == 1e-3
    np.testing.assert_array_equal(rate[1:], np.where(accuracy[:-1] > 0.9, 1e-4, 1e-3))
    assert 1e-4 in rate


def test_the_linear_model_on_the_energy_finds_the_threshold_of_logistic_regression(toy):
    # Two Gaussians of equal width: the best boundary lies half way between their means.
    classifier, _ = train(toy, LINEAR, LINEAR.recipe, seed=1)
    energy = np.linspace(-3.9, -3.76, 1401)
    probe = replace(toy.configurations.select(np.zeros(1401, int)), inherent_energy=energy)
    boundary = energy[np.abs(classifier.probabilities(probe)[:, 1] - 0.5).argmin()]
    assert boundary == pytest.approx(-3.83, abs=0.01)
    below, above = energy < boundary - 1e-3, energy > boundary + 1e-3
    glass = classifier.probabilities(probe)[:, 1]
    assert glass[below].min() > 0.5 > glass[above].max()


def test_classes_count_equally_whatever_their_number(toy):
    # Without a feature to go by, the fitted probability of both classes is 1/2, also when liquids are three to one.
    rows = np.concatenate([np.flatnonzero(toy.label == 0).repeat(3), np.flatnonzero(toy.label == 1)])
    columns = {
        name: getattr(toy, name)[rows]
        for name in ("label", "part", "origin", "run", "replica", "frame", "step", "kt_set")
    }
    flat = replace(toy.configurations.select(rows), inherent_energy=np.full(len(rows), -3.8))
    uneven = replace(toy, configurations=flat, **columns)
    classifier, _ = train(uneven, LINEAR, replace(LINEAR.recipe, l2=0.0), seed=1)
    assert classifier.probabilities(flat)[0] == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_loss_that_is_no_number_ends_training(toy):
    broken = replace(toy, configurations=replace(toy.configurations, inherent_energy=np.full(40, 1e308)))
    broken.configurations.inherent_energy[::3] = -1e308
    with pytest.raises(ValueError, match="training diverged at iteration 1"), np.errstate(all="ignore"):
        train(broken, LINEAR, LINEAR.recipe, seed=1)


def test_a_part_without_a_class_cannot_be_trained_on(toy):
    with pytest.raises(ValueError, match="no training configurations of a class"):
        train(replace(toy, label=np.zeros_like(toy.label)), LINEAR, LINEAR.recipe, seed=1)


@pytest.mark.parametrize("change", [{"iterations": 0}, {"batch": 0}, {"learning_rate": -1.0}, {"l2": -1.0}])
def test_an_impossible_recipe_is_refused(change):
    with pytest.raises(ValueError, match="expected"):
        replace(SHORT, **change)


def test_unknown_models_and_options_are_named():
    with pytest.raises(ValueError, match="got 'transformer', expected one of cnn2018, cnn, linear"):
        get_architecture("transformer")
    with pytest.raises(ValueError, match="linear: has no option pixels; expected features"):
        get_architecture("linear", pixels=3)
    with pytest.raises(ValueError, match="features: got 'mass'"):
        get_architecture("linear", features="mass")


def test_the_network_of_the_log_has_its_72_million_weights():
    network = get_architecture("cnn2018").network(2)
    shapes = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, training=False), np.zeros((1, 250, 250, 2)))
    layers = {name: layer["kernel"].shape for name, layer in shapes["params"].items()}
    assert layers == {
        "Conv_0": (10, 10, 2, 6),
        "Conv_1": (5, 5, 6, 16),
        "Dense_0": (237 * 237 * 16, 80),
        "Dense_1": (80, 2),
    }


def test_pictures_are_never_shown_at_another_scale_than_in_training(toy):
    classifier, _ = train(toy, CNN, replace(SHORT, iterations=1), seed=1)
    larger = replace(toy.configurations, box=toy.configurations.box * 2)
    with pytest.raises(ValueError, match="got 22 x 22, expected 11 x 11, as in training"):
        classifier.probabilities(larger)


def test_the_periodic_network_refuses_a_film(toy):
    film = replace(toy.configurations, periodic=np.tile([True, False], (40, 1)))
    with pytest.raises(ValueError, match="got a configuration with an open axis"):
        train(replace(toy, configurations=film), CNN, SHORT, seed=1)


def test_energies_that_were_not_computed_are_missed(toy):
    energy = toy.configurations.inherent_energy.copy()
    energy[7] = np.nan
    with pytest.raises(ValueError, match="1 of 40 configurations have no inherent energy"):
        LINEAR.encode(replace(toy.configurations, inherent_energy=energy))
