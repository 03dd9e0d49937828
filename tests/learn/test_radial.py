"""The linear model of smooth radial counts: what it is shown, how that is whitened, which penalty is chosen."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import GroupKFold

from vitrify.analysis.structure.radial import shell_counts
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.learn.graphs import depth_below_edge
from vitrify.learn.models.linear import PENALTIES, Linear
from vitrify.learn.train import Material, solve

RADIAL = Linear(features="radial", reach=2.0, spacing=0.1)


def test_it_is_shown_the_counts_of_every_configuration_and_no_empty_slot(toy):
    seen = toy.configurations.select(np.arange(4))
    found = RADIAL.encode(
        replace(
            seen,
            positions=np.pad(seen.positions, ((0, 0), (3, 2), (0, 0))),
            species=np.pad(seen.species, ((0, 0), (3, 2)), constant_values=-1),
        )
    )
    assert found.shape == (4, RADIAL.size) == (4, 45)
    for row in range(4):
        counts = shell_counts(Surroundings(seen.one(row)), RADIAL.shells)
        np.testing.assert_allclose(found[row], counts.ravel(), atol=1e-12)


def test_of_a_window_it_counts_around_those_that_have_all_their_neighbours(toy):
    window = replace(toy.configurations.select(np.arange(1)), periodic=np.zeros((1, 2), bool))
    deep = depth_below_edge(window.positions[0], (False, False)) >= RADIAL.shells.farthest
    assert 20 < deep.sum() < 50
    counts = shell_counts(Surroundings(window.one(0), deep), RADIAL.shells)
    np.testing.assert_allclose(RADIAL.encode(window)[0], counts.ravel(), atol=1e-12)


def test_training_configurations_are_whitened():
    """Correlated counts of many configurations become uncorrelated, each of variance one."""
    rng = np.random.default_rng(5)
    counts = 3.0 + 1e-2 * rng.standard_normal((4000, 6)) @ (np.eye(6) + np.eye(6, k=1) / 2)
    rows = np.arange(3000)
    shown = RADIAL.inputs(counts, rows, RADIAL.scaling(counts, rows))
    assert shown.dtype == np.float32
    np.testing.assert_allclose(np.cov(shown.T), np.eye(6), atol=0.1)


def test_shells_that_are_all_but_empty_are_left_out():
    counts = np.random.default_rng(5).uniform(1, 2, (50, 3)) * [1.0, 1e-40, 0.0]
    shown = RADIAL.inputs(counts, np.arange(50), RADIAL.scaling(counts, np.arange(50)))
    np.testing.assert_allclose(np.linalg.matrix_rank(shown), 1)
    assert shown.std(axis=0).max() == pytest.approx(1, abs=0.05)


def test_the_penalty_is_that_of_cross_validation_over_origins():
    """scikit-learn's own LogisticRegressionCV, on the same folds, chooses the same and finds the same weights."""
    rng = np.random.default_rng(6)
    label, origin = np.tile([0, 1], 60), np.array([f"1:{row // 4}" for row in range(120)])
    shown = (rng.standard_normal((120, 10)) + 0.5 * label[:, None] * (np.arange(10) < 2)).astype(np.float32)
    found = RADIAL.solve(shown, label, origin, 2)
    features = shown.astype(np.float64)
    peer = LogisticRegressionCV(
        Cs=list(PENALTIES),
        cv=list(GroupKFold(5).split(features, label, origin)),
        scoring="neg_log_loss",
        class_weight="balanced",
        max_iter=10_000,
        l1_ratios=(0,),
        use_legacy_attributes=False,
    ).fit(features, label)
    assert PENALTIES[2] < peer.C_ < PENALTIES[-3]
    np.testing.assert_allclose(found["dense/kernel"][:, 1], peer.coef_[0] / 2, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("whitened", [True, False])
def test_it_tells_a_lattice_from_a_gas(toy, whitened):
    classifier = solve(Material.of(toy, replace(RADIAL, whitened=whitened)))
    glass = classifier.probabilities(toy.configurations)[:, 1]
    assert glass[toy.label == 1].min() > 0.5 > glass[toy.label == 0].max()


def test_a_box_too_narrow_for_its_shells_is_refused(toy):
    with pytest.raises(ValueError, match=r"got neighbours up to 5.9 sigma_AA, expected at most 4"):
        Linear(features="radial", reach=5.5, spacing=0.1).encode(toy.configurations)
    with pytest.raises(ValueError, match=r"shells: got a spacing of 3 and a reach of 1.75"):
        Linear(features="radial", spacing=3.0)
