import json
from dataclasses import replace

import jax
import numpy as np
import pytest
from flax import nnx

from vitrify.learn import checkpoint
from vitrify.learn.batches import ahead, batch_rows
from vitrify.learn.checkpoint import open_model
from vitrify.learn.classifier import flat
from vitrify.learn.datasets import save_dataset
from vitrify.learn.fit import fit
from vitrify.learn.models import get_architecture
from vitrify.learn.recipe import Recipe
from vitrify.learn.train import Material, solve, train, training
from vitrify.learn.update import alone
from vitrify.learn.verdict import PartScore, Verdict
from vitrify.md.protocols.unfinished import Unfinished
from vitrify.md.store.product import DONE

LINEAR = get_architecture("linear")
SHORT = Recipe(epochs=4, batch=8, learning_rate=2e-3, l2=1e-4, symmetry=True, patience=20, average=1.0)


@pytest.fixture(scope="module")
def saved(toy, tmp_path_factory):
    return save_dataset(toy, tmp_path_factory.mktemp("data") / "toy")


def test_every_configuration_is_seen_once_an_epoch():
    rows = np.arange(100, 130)
    epochs = np.concatenate([batch_rows(rows, 7, update, seed=1) for update in range(60)]).reshape(-1, 30)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(rows, (14, 1)))
    assert not np.array_equal(epochs[0], epochs[1])


def test_what_is_made_ahead_comes_in_order_and_its_errors_come_through():
    assert list(ahead(lambda number: number**2, range(3, 40), workers=3)) == [n**2 for n in range(3, 40)]
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda number: 1 // (5 - number), range(9), workers=2))


@pytest.mark.parametrize("average", [0.0, 1.0])
def test_twice_n_epochs_are_n_epochs_a_file_and_n_epochs(saved, tmp_path, tiny, average):
    # Dropout, running averages and random symmetries: all must come out of the seed or the file.
    recipe = replace(SHORT, average=average)
    straight = fit(saved, tiny, tmp_path / "straight", seed=5, recipe=recipe)
    fit(saved, tiny, tmp_path / "halves", seed=5, recipe=replace(recipe, epochs=2))
    halves = fit(saved, tiny, tmp_path / "halves", seed=5, recipe=recipe, resume=True)
    assert halves.history() == straight.history()
    for file in ("weights.npz", "history.jsonl"):
        assert (halves.path / file).read_bytes() == (straight.path / file).read_bytes()
    one, other = (checkpoint.load_progress(model.path, model.training).state for model in (halves, straight))
    parts = ((state.weights, state.counts, state.averaged, state.moments) for state in (one, other))
    jax.tree.map(np.testing.assert_array_equal, *parts)


def test_a_training_that_is_stopped_within_an_epoch_goes_on_with_the_next_update(saved, tmp_path, tiny):
    asked = []

    def after_six_updates():  # an epoch has four
        asked.append(True)
        return len(asked) > 6

    with pytest.raises(Unfinished, match="checkpointed and unfinished; go on with --resume"):
        fit(saved, tiny, tmp_path / "stopped", seed=5, recipe=SHORT, stop=after_six_updates)
    with pytest.raises(ValueError, match="not a finished model directory"):
        open_model(tmp_path / "stopped")
    stands = checkpoint.load_progress(tmp_path / "stopped", checkpoint.read_training(tmp_path / "stopped"))
    assert 4 < stands.updates < 8
    assert len(stands.scores) == stands.updates - 4
    resumed = fit(saved, tiny, tmp_path / "stopped", seed=5, recipe=SHORT, resume=True)
    whole = fit(saved, tiny, tmp_path / "whole", seed=5, recipe=SHORT)
    for file in ("weights.npz", "history.jsonl"):
        assert (resumed.path / file).read_bytes() == (whole.path / file).read_bytes()


def test_a_killed_training_goes_on_where_it_was_saved(saved, tmp_path, monkeypatch, tiny):
    monkeypatch.setattr("vitrify.learn.fit.CHECKPOINT_SECONDS", 0.0)

    def die_after_two(progress):
        if len(progress.history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(saved, tiny, tmp_path / "killed", seed=5, recipe=SHORT, report=die_after_two)
    seen = []
    resumed = fit(
        saved, tiny, tmp_path / "killed", seed=5, recipe=SHORT, resume=True, report=lambda p: seen.append(p.epochs)
    )
    assert seen[-2:] == [3.0, 4.0]
    assert resumed.history() == fit(saved, tiny, tmp_path / "whole", seed=5, recipe=SHORT).history()


@pytest.mark.parametrize("kind", ["linear", "tiny"])
def test_a_finished_training_is_skipped(saved, tmp_path, tiny, kind):
    kind = {"linear": LINEAR, "tiny": tiny}[kind]
    recipe = kind.recipe and replace(SHORT, epochs=1)
    fit(saved, kind, tmp_path / "model", seed=1, recipe=recipe)
    before = (tmp_path / "model" / DONE).stat().st_mtime_ns

    def never(progress):
        raise AssertionError

    fit(saved, kind, tmp_path / "model", seed=1, recipe=recipe, resume=True, report=never)
    assert (tmp_path / "model" / DONE).stat().st_mtime_ns == before


def test_a_cosine_cannot_be_made_longer(saved, tmp_path, tiny):
    recipe = replace(SHORT, schedule="cosine", epochs=1)
    fit(saved, tiny, tmp_path / "model", seed=1, recipe=recipe)
    with pytest.raises(ValueError, match="expected the same to resume"):
        fit(saved, tiny, tmp_path / "model", seed=1, recipe=replace(recipe, epochs=2), resume=True)


def test_a_model_that_is_there_is_not_overwritten(saved, tmp_path):
    first = fit(saved, LINEAR, tmp_path / "model", seed=1)
    with pytest.raises(FileExistsError, match=r"exists already.*--force"):
        fit(saved, LINEAR, tmp_path / "model", seed=1)
    with pytest.raises(ValueError, match="expected the same to resume"):
        fit(saved, LINEAR, tmp_path / "model", seed=2, resume=True)
    assert open_model(tmp_path / "model").digest == first.digest
    assert fit(saved, LINEAR, tmp_path / "model", seed=2, force=True).training.seed == 2


def test_force_never_removes_what_is_no_model(saved, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="--force replaces its own kind only"):
        fit(saved, LINEAR, tmp_path, seed=1, force=True)
    assert (tmp_path / "thesis.tex").exists()


def test_a_model_comes_back_from_its_directory_to_the_bit(saved, tmp_path, tiny):
    classifier, _ = train(saved, tiny, SHORT, seed=5)
    model = fit(saved, tiny, tmp_path / "model", seed=5, recipe=SHORT)
    jax.tree.map(np.testing.assert_array_equal, model.classifier.weights, classifier.weights)
    expected = classifier.probabilities(saved.configurations)
    np.testing.assert_array_equal(open_model(model.path).classifier.probabilities(saved.configurations), expected)
    assert model.classifier.architecture == tiny
    assert model.training.recipe == SHORT
    assert model.training.dataset == saved.facts


def test_a_model_knows_the_replicas_it_was_trained_and_chosen_on(saved, tmp_path):
    model = fit(saved, LINEAR, tmp_path / "model", seed=1)
    origins = json.loads((model.path / "origins.json").read_text())
    assert set(origins["train"]) == {f"0:{replica}" for replica in range(14)}
    assert set(origins["validation"]) == {f"0:{replica}" for replica in range(14, 17)}


@pytest.mark.parametrize("name", ["weights.npz", "model.toml", "origins.json"])
def test_a_damaged_model_is_refused(saved, tmp_path, name):
    model = fit(saved, LINEAR, tmp_path / "model", seed=1)
    content = bytearray((model.path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model.path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"damaged model directory \({name} is missing or was changed\)"):
        open_model(model.path)


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such model directory: .*nowhere"):
        open_model(tmp_path / "nowhere")


def test_test_configurations_are_never_looked_at(toy, tiny):
    spoilt = toy.configurations.positions.copy()
    spoilt[toy.rows("test")] = np.nan
    energy = np.where(toy.part == "test", np.nan, toy.configurations.inherent_energy)
    blind = replace(toy, configurations=replace(toy.configurations, positions=spoilt, inherent_energy=energy))
    blind = replace(blind, label=np.where(toy.part == "test", 1 - toy.label, toy.label))
    jax.tree.map(
        np.testing.assert_array_equal,
        train(toy, tiny, SHORT, seed=5)[0].weights,
        train(blind, tiny, SHORT, seed=5)[0].weights,
    )


def test_scaling_comes_from_training_configurations_only(toy):
    classifier = solve(Material.of(toy, LINEAR))
    energy = toy.configurations.inherent_energy[toy.part == "train"]
    assert classifier.scaling["mean"] == pytest.approx([energy.mean()], rel=1e-12)
    assert classifier.scaling["spread"] == pytest.approx([energy.std()], rel=1e-12)


def contradicted(dataset):
    """Validation configurations with the wrong labels: the better it learns, the higher their loss."""
    return replace(dataset, label=np.where(dataset.part == "validation", 1 - dataset.label, dataset.label))


@pytest.mark.parametrize("average", [0.0, 2.0])
def test_the_weights_kept_are_those_of_the_lowest_validation_loss(toy, average, tiny):
    every = []
    recipe = replace(SHORT, epochs=6, learning_rate=5e-3, average=average)

    def note(progress):
        every.append({name: np.array(array) for name, array in progress.state.chosen().items()})

    classifier, progress = train(contradicted(toy), tiny, recipe, seed=5, show=note)
    best = int(np.argmin([row["validation_loss"] for row in progress.history]))
    assert best < 5
    jax.tree.map(np.testing.assert_array_equal, classifier.weights, every[best])


def test_training_stops_when_patience_runs_out(toy, tiny):
    recipe = replace(SHORT, epochs=50, learning_rate=5e-3, patience=3)
    _, progress = train(contradicted(toy), tiny, recipe, seed=5)
    assert len(progress.history) == progress.best_row + 3 < 50


def test_the_learning_rate_follows_the_validation_accuracy(toy, tiny):
    recipe = replace(SHORT, schedule="threshold", learning_rate=2e-2, slow_learning_rate=1e-4, epochs=8, average=0.0)
    _, progress = train(toy, tiny, recipe, seed=5)
    rate, accuracy = (np.array([row[name] for row in progress.history]) for name in
                      ("learning_rate", "validation_accuracy"))  # fmt: skip
    assert rate[0] == 2e-2
    np.testing.assert_array_equal(rate[1:], np.where(accuracy[:-1] > 0.9, 1e-4, 2e-2))
    assert {1e-4, 2e-2} == set(rate)


def test_a_cosine_goes_from_the_highest_rate_to_the_lowest_and_warms_up():
    recipe = replace(SHORT, schedule="cosine", slow_learning_rate=1e-4, epochs=10, warmup=1.0)
    rates = [recipe.rate(update, 80, 0.0) for update in range(100)]
    assert rates[0] == pytest.approx(2e-4)
    assert max(rates) == pytest.approx(2e-3, rel=0.05)
    assert rates[49] == pytest.approx(1.05e-3, rel=0.05)
    assert recipe.rate(100, 80, 0.0) == pytest.approx(1e-4)


def by_hand(steps, keep):
    """Averaged weights after each of some steps, from their definition."""
    averaged = [steps[0]]
    for update, value in enumerate(steps[1:]):
        fraction = min(keep, (1 + update) / (10 + update))
        averaged.append(fraction * averaged[-1] + (1 - fraction) * value)
    return averaged


def test_averages_are_those_of_their_definition(toy, tiny):
    material, every = Material.of(toy, tiny), []
    recipe = replace(SHORT, average=2.0, epochs=1)
    steps = training(material, recipe, seed=1)
    update = alone(tiny, 2, "adam", 0.0)
    request = next(steps)
    every.append((np.array(request[0].weights["read_out/kernel"]), request[0].averaged["read_out/kernel"]))
    while True:
        state, score = update(*request)
        every.append((np.array(state.weights["read_out/kernel"]), np.array(state.averaged["read_out/kernel"])))
        try:
            request = steps.send((state, score))
        except StopIteration:
            break
    plain, averaged = zip(*every, strict=True)
    np.testing.assert_allclose(averaged[-1], by_hand(plain, 8 / 9)[-1], rtol=1e-5)


def test_the_linear_model_on_the_energy_finds_the_threshold_of_logistic_regression(toy):
    # Two Gaussians of equal width: the best boundary lies half way between their means.
    classifier = solve(Material.of(toy, LINEAR))
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
    classifier = solve(Material.of(uneven, LINEAR))
    assert classifier.probabilities(flat)[0] == pytest.approx([0.5, 0.5], abs=0.02)


def test_a_loss_that_is_no_number_ends_training(saved, tmp_path, tiny):
    broken = replace(SHORT, learning_rate=9.9, symmetry=False, optimiser="adamw", weight_decay=1e30)
    with pytest.raises(ValueError, match=r"training diverged in epoch \d: the loss is no number; try a smaller learn"):
        fit(saved, tiny, tmp_path / "model", seed=1, recipe=broken)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_part_without_a_class_cannot_be_trained_on(toy, part, tiny):
    label = np.where(toy.part == part, 0, toy.label)
    with pytest.raises(ValueError, match=rf"toy: no {part} configurations of class glass; expected some of every"):
        train(replace(toy, label=label, name="toy"), tiny, SHORT, seed=1)


def test_one_origin_a_class_is_too_few_for_the_linear_model(toy):
    few = replace(toy, part=np.where(np.arange(40) < 2, "train", "validation"))
    with pytest.raises(ValueError, match="linear: got a class with one origin, expected at least 2"):
        solve(Material.of(few, LINEAR))


def test_another_density_is_refused(saved, tmp_path):
    classifier = fit(saved, LINEAR, tmp_path / "model", seed=1).classifier
    thin = replace(saved.configurations, box=saved.configurations.box * 1.1)
    with pytest.raises(ValueError, match=r"density: got 0.6\d+, expected 0.8264 per sigma_AA\^2, as in training"):
        classifier.probabilities(thin)
    film = replace(thin, periodic=np.tile([True, False], (40, 1)))  # whose density is not that of its box
    assert classifier.probabilities(film).shape == (40, 2)


def test_a_truncated_checkpoint_is_named(saved, tmp_path, tiny):
    model = fit(saved, tiny, tmp_path / "model", seed=1, recipe=replace(SHORT, epochs=1))
    content = (model.path / "training.npz").read_bytes()
    (model.path / "training.npz").write_bytes(content[: len(content) // 2])
    (model.path / DONE).unlink()
    with pytest.raises(ValueError, match=r"training.npz: damaged"):
        fit(saved, tiny, tmp_path / "model", seed=1, recipe=SHORT, resume=True)


def test_the_verdict_tells_a_network_that_learnt_from_one_that_did_not(saved, tmp_path, tiny):
    assert fit(saved, LINEAR, tmp_path / "linear", seed=1).learnt
    # Labels that go by the replica: a liquid and a glass of one replica share theirs, and energies know nothing of it.
    label = np.arange(40) // 2 % 2
    model = fit(replace(saved, label=label), tiny, tmp_path / "tiny", seed=1, recipe=replace(SHORT, learning_rate=1e-9))
    assert not model.learnt
    assert model.verdict.reason.startswith("training AUC")
    rows = saved.rows("train")
    probability = model.classifier.probabilities(saved.configurations.select(rows))
    assert model.verdict.train.accuracy == np.mean(probability.argmax(axis=1) == label[rows])
    assert model.verdict.train.loss == pytest.approx(-np.log(probability[np.arange(28), label[rows]]).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("auc", "accuracy", "learnt"), [(0.98, 0.93, True), (0.98, 0.5, False), (0.6, 0.58, False), (0.84, 0.75, True)]
)
def test_what_counts_as_learnt(auc, accuracy, learnt):
    train = PartScore(configurations=320, loss=0.5, accuracy=accuracy, auc=auc, majority=0.5)
    verdict = Verdict.of(train, train)
    assert verdict.learnt == learnt
    assert bool(verdict.reason) != learnt
    assert Verdict.read(json.loads(json.dumps(verdict.table()))) == verdict


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0}, {"batch": 0}, {"learning_rate": -1.0}, {"l2": -1.0}, {"schedule": "steps"},
        {"optimiser": "sgd"}, {"schedule": "threshold"}, {"average": -1.0},
    ],
)  # fmt: skip
def test_an_impossible_recipe_is_refused(change):
    with pytest.raises(ValueError, match="expected"):
        replace(SHORT, **change)


def test_unknown_models_and_options_are_named():
    with pytest.raises(ValueError, match="got 'transformer', expected one of cnn2018, cnn, mpnn, linear"):
        get_architecture("transformer")
    with pytest.raises(ValueError, match="linear: has no option pixels; expected features, folds, reach, spacing"):
        get_architecture("linear", pixels=3)
    with pytest.raises(ValueError, match="features: got 'mass'"):
        get_architecture("linear", features="mass")


def test_the_network_of_the_log_has_its_72_million_weights():
    network = nnx.eval_shape(lambda: get_architecture("cnn2018").network(2, nnx.Rngs(0)))
    kernels = [leaf.shape for name, leaf in flat(nnx.state(network, nnx.Param)).items() if name.endswith("kernel")]
    assert sorted(kernels) == sorted([(10, 10, 2, 6), (5, 5, 6, 16), (237 * 237 * 16, 80), (80, 2)])


def test_energies_that_were_not_computed_are_missed(toy):
    energy = toy.configurations.inherent_energy.copy()
    energy[7] = np.nan
    with pytest.raises(ValueError, match="1 of 40 configurations have no inherent energy"):
        LINEAR.encode(replace(toy.configurations, inherent_energy=energy))


class Guarded:
    """An array as it lies on disk, of which never more than some rows may be read at a time."""

    def __init__(self, array, most):
        self.array, self.most, self.shape, self.dtype = array, most, array.shape, array.dtype

    def __getitem__(self, rows):
        found = self.array[rows]
        assert found.shape[1:] == self.array.shape[1:]
        assert len(found) <= self.most
        return found

    def __array__(self, *arguments, **options):
        raise AssertionError("the whole array was read")


def test_a_set_streams_from_disk_batch_by_batch(toy):
    # 20,000 configurations of 28 that are in memory: what is asked for is a batch or a chunk, never the set.
    many = np.arange(20_000) % 28
    seen = toy.configurations.select(many)
    guarded = replace(seen, positions=Guarded(seen.positions, 64), species=Guarded(seen.species, 128))
    columns = ("label", "part", "origin", "run", "replica", "frame", "step", "kt_set")
    part = np.where(np.arange(20_000) % 7 == 0, "validation", "train")
    large = replace(
        toy, configurations=guarded, **({name: getattr(toy, name)[many] for name in columns} | {"part": part})
    )
    material = Material.of(large, get_architecture("cnn2018", pixels=14))
    pictures, label, weight = material.batch(3, replace(SHORT, batch=50), seed=1)
    assert pictures.shape == (50, 14, 14, 2)
    assert label.shape == weight.shape == (50,)
    assert np.isfinite(material.classifier({}).density)
