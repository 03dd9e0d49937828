from dataclasses import replace

import numpy as np
import pytest
from flax import nnx
from scipy.stats import spearmanr

from vitrify.analysis.structure.descriptors import COLUMNS
from vitrify.learn.artificial import ArtificialSpec, artificial
from vitrify.learn.checkpoint import Model, Training
from vitrify.learn.classifier import Classifier, flat
from vitrify.learn.explanation.descriptors import correlations, energy_bins, rank_correlation
from vitrify.learn.explanation.explain import explain
from vitrify.learn.explanation.gradients import attributions, nearest_particle, reference_inputs
from vitrify.learn.explanation.groups import Particles, followed, grouped
from vitrify.learn.explanation.particles import particle_numbers
from vitrify.learn.explanation.scored import Question
from vitrify.learn.explanation.taste import WalkSpec, slope, walk
from vitrify.learn.models import get_architecture
from vitrify.learn.verdict import PartScore, Verdict
from vitrify.md.engines.registry import get_engine
from vitrify.md.model import A, B, kob_andersen_pairs, minimum_image, pair_energies_and_forces

MPNN = get_architecture("mpnn", cutoff=2.0, spacing=0.25, harmonics=3, shells=2, width=8)
CNN2018 = get_architecture("cnn2018", pixels=40)
CNN = get_architecture("cnn", pixel=0.25, dot=0.2, reach=1.5, rings=6, width=8)


def random_classifier(architecture, configurations):
    encoded = architecture.encode(configurations)
    rng = np.random.default_rng(0)
    weights = flat(nnx.state(architecture.network(2, nnx.Rngs(0)), nnx.Param))
    return Classifier(
        architecture=architecture,
        classes=("liquid", "glass"),
        scaling=architecture.scaling(encoded, np.arange(len(configurations))),
        weights={name: array + 0.1 * rng.standard_normal(array.shape, np.float32) for name, array in weights.items()},
    )


@pytest.fixture(scope="module")
def engine():
    return get_engine("replica", pairs=kob_andersen_pairs(), device="cpu", particles=64)


def test_rank_correlation_is_spearman_and_its_interval_covers():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 50))
    y += x
    r, low, high = rank_correlation(x, y, 50)
    assert r == pytest.approx(spearmanr(x, y)[0], abs=1e-12)
    assert low < r < high
    # Independent numbers: 0 lies in 95 % of the intervals, 190 of 200 with a standard error of 3.1.
    covered = 0
    for _ in range(200):
        _, low, high = rank_correlation(*rng.standard_normal((2, 30)), 30)
        covered += low <= 0 <= high
    assert abs(covered - 190) < 5 * 3.1


def test_within_a_class_a_descriptor_that_only_tells_the_classes_apart_says_nothing():
    rng = np.random.default_rng(2)
    label = np.repeat([0, 1], 200)
    logit = rng.standard_normal(400) + 4 * label
    columns = {"class_only": rng.standard_normal(400) + 4 * label, "logit": logit, "constant": np.ones(400)}
    table = correlations(columns, logit, label, ("liquid", "glass"), np.arange(400))
    assert table["descriptor"] == ["logit", "class_only", "constant"]
    assert np.isnan(table["correlation"][2])
    assert table["mean_glass"][2] == 1
    assert table["within"][0] == pytest.approx(1)
    assert abs(table["within"][1]) < 5 / np.sqrt(400)
    assert table["correlation"][1] > 0.6
    assert table["difference_in_spreads"][1] == pytest.approx(4, abs=0.5)


def test_bins_of_energy_need_both_classes():
    energy = np.concatenate([np.full(10, -3.8675), np.full(8, -3.8625)])
    label = np.array([0, 1] * 5 + [0] * 8)
    table = energy_bins(energy, np.arange(18) < 8, label, np.arange(18), width=0.005)
    assert table["configurations"] == [10]
    assert table["accuracy"] == [0.8]
    assert table["majority"] == [0.5]
    assert table["energy_from"][0] == pytest.approx(-3.870)


def test_more_frames_of_the_same_replicas_make_no_interval_narrower():
    rng = np.random.default_rng(9)
    label, unit = np.repeat([0, 1], 10), np.arange(20)
    logit, correct = rng.standard_normal(20), rng.random(20) < 0.7
    once, often = (slice(None), np.repeat(unit, 10))
    columns = {"number": logit + rng.standard_normal(20)}
    found = [
        (
            correlations({"number": columns["number"][row]}, logit[row], label[row], ("liquid", "glass"), unit[row]),
            energy_bins(np.full(20, -3.87)[row], correct[row], label[row], unit[row], width=0.005),
        )
        for row in (once, often)
    ]
    for first, second in zip(*found, strict=True):
        for name in ("correlation_low", "correlation_high", "within_low", "accuracy_low", "accuracy_high"):
            if name in first:
                assert second[name] == pytest.approx(first[name], abs=1e-9)


@pytest.mark.parametrize(("motif", "around"), [("five-fold", 5), ("three-fold", 3)])
def test_motifs_are_regular_polygons_of_a_around_b(motif, around):
    built = artificial(ArtificialSpec(motif=motif, count=2, particles=300, seed=3))
    for positions, species in zip(built.positions, built.species, strict=True):
        assert (species == A).sum() == 195
        centre = positions[0]
        assert species[0] == B
        away = minimum_image(positions - centre, built.box[0])
        distance = np.hypot(*away.T)
        ring = np.flatnonzero(np.isclose(distance, 0.9) & (species == A))
        assert len(ring) == around
        angles = np.sort(np.arctan2(away[ring, 1], away[ring, 0]))
        np.testing.assert_allclose(np.diff(angles), 2 * np.pi / around, atol=1e-9)


@pytest.mark.parametrize("architecture", [MPNN, CNN], ids=["mpnn", "cnn"])
def test_contributions_add_up_to_the_logit(architecture):
    seen = artificial(ArtificialSpec(motif="structureless", count=6, particles=120, seed=4))
    classifier = random_classifier(architecture, seen)
    logits = classifier.logits(architecture.encode(seen), np.arange(6))
    difference = logits[:, 1] - logits[:, 0]
    mean = particle_numbers(classifier, seen)["contribution"].mean(axis=1)
    constant = difference - mean
    if architecture is MPNN:  # exact: what is left is the bias
        np.testing.assert_allclose(constant, constant[0], atol=1e-3)
    else:  # a picture is read at the pixel of a particle instead of over its dot
        assert np.corrcoef(difference, mean)[0, 1] > 0.8


@pytest.mark.parametrize("architecture", [CNN, CNN2018], ids=["cnn", "cnn2018"])
def test_integrated_gradients_add_up_to_what_the_structure_adds(architecture):
    """Completeness: logit less that of a picture without structure; a pixel nobody is near goes to the nearest."""
    seen = artificial(ArtificialSpec(motif="five-fold", count=3, particles=80, seed=7))
    classifier = random_classifier(architecture, seen)
    maps, numbers = attributions(classifier, seen)
    encoded = architecture.drawn(seen) if architecture is CNN else architecture.encode(seen)
    for row, picture in enumerate(maps):
        inputs = architecture.inputs(encoded, np.array([row]), classifier.scaling)
        both = [np.asarray(classifier.module()(one))[0] for one in (inputs, reference_inputs(inputs))]
        expected = (both[0][1] - both[0][0]) - (both[1][1] - both[1][0])
        # A rectified network of random weights has kinks all along the line, which two dozen places miss by percents.
        assert picture.sum() == pytest.approx(expected, rel=0.02 if architecture is CNN else 0.06)
        assert numbers[row].mean() == pytest.approx(picture.sum(), rel=1e-6)
        assert abs(expected) > 0.05


def test_a_pixel_belongs_to_the_nearest_particle_across_the_edge():
    places = np.array([[0.2, 2.0], [5.0, 2.0]])
    wrapped = nearest_particle(places, (4, 10), np.array([True, True]))
    assert wrapped.shape == (4, 10)
    assert wrapped[0].tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 0, 0]
    assert nearest_particle(places, (4, 10), np.array([False, False]))[0].tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]


def test_groups_of_particles_carry_what_they_are_more_frequent_by():
    """Two classes that differ in how many B touch a B, a network that counts just these."""
    rng = np.random.default_rng(8)
    species = np.repeat([A, B], [60, 40])
    contribution, columns, label = [], [], np.repeat([0, 1], 6)
    for kind in label:
        touching = np.where(species == B, rng.random(100) < 0.2 + 0.4 * kind, 0)
        columns.append({name: rng.standard_normal(100) for name in COLUMNS} | {"bonded_b": touching.astype(float)})
        contribution.append(3.0 * touching)
    particles = Particles(contribution=contribution, species=[species] * 12, columns=columns, label=label)
    table = grouped(particles, ("liquid", "glass"))
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    own = {row["value"]: row for row in rows if (row["species"], row["column"]) == ("B", "bonded_b")}
    difference = np.mean(contribution[6:]) - np.mean(contribution[:6])
    assert own[1]["contribution"] - own[0]["contribution"] == pytest.approx(3.0)
    assert own[1]["share_glass"] - own[1]["share_liquid"] == pytest.approx(0.4, abs=5 * np.sqrt(0.2 / 240))
    assert own[0]["carries"] + own[1]["carries"] == pytest.approx(difference, rel=1e-6)
    strongest = followed(particles)
    assert (strongest["species"][0], strongest["column"][0]) == ("B", "bonded_b")
    assert strongest["correlation"][0] == pytest.approx(1)


@pytest.mark.parametrize("architecture", [MPNN, CNN], ids=["mpnn", "cnn"])
def test_the_slope_is_that_of_the_score(architecture):
    seen = artificial(ArtificialSpec(motif="structureless", count=3, particles=80, seed=5))
    classifier, first = random_classifier(architecture, seen), seen.select(np.array([0]))
    positions = first.positions[0]
    found = slope(classifier, positions, first)
    direction = found / np.linalg.norm(found)

    def score(r):
        moved = replace(first, positions=r[None])
        logits = classifier.logits(architecture.encode(moved), np.arange(1))[0]
        return logits[1] - logits[0]

    step = 0.02
    measured = (score(positions + step * direction) - score(positions - step * direction)) / (2 * step)
    assert measured == pytest.approx((found * direction).sum(), rel=0.1)


@pytest.mark.parametrize("kind", ["random", "slope"])
def test_a_walk_raises_the_score_at_one_energy(kind, engine):
    seen = artificial(ArtificialSpec(motif="five-fold", count=3, particles=80, seed=6))
    classifier = random_classifier(MPNN, seen)
    spec = WalkSpec(kind=kind, steps=6, trials=2, tolerance=0.05, softness=1e-9, seed=1)
    found = walk(classifier, seen.select(np.array([0])), engine, spec)
    assert len(found.step) > 1
    assert (np.diff(found.logit) >= 0).all()
    assert (np.abs(found.energy - found.energy[0]) <= 0.05).all()
    for positions, energy in zip(found.positions, found.energy, strict=True):  # inherent structures, by the oracle
        energies, forces = pair_energies_and_forces(
            kob_andersen_pairs(), positions, seen.species[0], seen.box[0], (True, True)
        )
        assert energies.mean() == pytest.approx(energy, abs=1e-9)
        assert np.abs(forces).max() < 1e-5


def test_a_model_explained_leaves_tables_figures_and_notes(toy, engine, tmp_path):
    part = PartScore(configurations=28, loss=0.1, accuracy=1.0, auc=1.0, majority=0.5)
    model = Model(
        path=tmp_path,
        name="toy",
        classifier=random_classifier(CNN, toy.configurations),
        training=Training.of(toy, CNN, CNN.recipe, seed=1),
        digest="",
        verdict=Verdict(train=part, validation=part),
    )
    found = explain(model, toy, engine, Question(artificial=0, steps=2, seed=1))
    assert {"descriptors.csv", "metrics.csv", "particles.csv", "groups.csv"} <= set(found.tables)
    assert {"correlations.png", "filters.png", "particles_contribution.png", "gradients.png"} <= set(found.figures)
    assert found.tables["metrics.csv"].columns["descriptor"]
    assert len(found.tables["particles.csv"].columns["x"]) == 200
    assert all(len(set(map(len, table.columns.values()))) == 1 for table in found.tables.values())
    assert any("no walks" in note for note in found.notes)  # instantaneous positions
    other = replace(toy, classes=("gas", "lattice"))
    with pytest.raises(ValueError, match="got gas, lattice, expected liquid, glass as in training"):
        explain(model, other, engine, Question(seed=1))
