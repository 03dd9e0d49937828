import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrify.analysis.statistics import wilson_interval
from vitrify.learn.evaluate import roc_curve
from vitrify.learn.scores import (
    accuracy,
    area_under_curve,
    auc,
    newcombe_interval,
    permutation_p_value,
    permuted_labels,
)


def pairs(replicas):
    """A liquid and a glass of every replica: labels and origins."""
    return np.tile([0, 1], replicas), np.repeat(np.arange(replicas), 2)


@given(seed=st.integers(0, 2**32), count=st.integers(2, 60))
def test_auc_is_the_fraction_of_pairs_in_the_right_order(seed, count):
    rng = np.random.default_rng(seed)
    score = rng.integers(6, size=count).astype(float)  # with ties
    positive = rng.permutation(np.arange(count) < rng.integers(1, count))
    difference = score[positive][:, None] - score[~positive]
    assert area_under_curve(score, positive) == pytest.approx(((difference > 0) + 0.5 * (difference == 0)).mean())


@given(seed=st.integers(0, 2**32))
def test_auc_is_the_area_below_the_roc_curve(seed):
    rng = np.random.default_rng(seed)
    score, positive = rng.integers(9, size=40) / 9, np.arange(40) % 3 == 0
    false, true = roc_curve(score, positive)
    area = (np.diff(false) * (true[1:] + true[:-1]) / 2).sum()
    assert area_under_curve(score, positive) == pytest.approx(area)


def test_the_bootstrap_of_the_auc_agrees_with_a_plain_one_over_replicas():
    # The oracle draws replicas, puts their configurations side by side and takes the AUC of those. Three frames of a
    # replica score alike, so that this bootstrap reaches further than Newcombe's interval at both ends.
    rng = np.random.default_rng(2)
    label, origin = (np.repeat(column, 3) for column in pairs(25))
    score = label + 1.5 * np.repeat(rng.normal(0, 1, 25), 6) * (2 * label - 1) + rng.normal(0, 0.1, 150)
    draws = rng.integers(25, size=(2000, 25))
    rows = [np.concatenate([np.flatnonzero(origin == unit) for unit in draw]) for draw in draws]
    low, high = np.quantile([area_under_curve(score[chosen], label[chosen] == 1) for chosen in rows], [0.025, 0.975])
    found = auc(score, label == 1, origin, seed=3)
    newcombe = newcombe_interval(found.value, 25, 25)
    assert low < newcombe.low < newcombe.high < high
    # An end of a 95 % percentile interval from 2000 resamples scatters by about a twentieth of its width.
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=0.15 * (high - low))


def test_frames_of_one_replica_do_not_make_the_interval_narrower():
    # Ten copies of each configuration say nothing new; counted as independent they would shrink it threefold.
    rng = np.random.default_rng(4)
    label, origin = pairs(20)
    score, correct = label + rng.normal(0, 1, 40), rng.random(40) < 0.8
    many_label, many_origin = np.repeat(label, 10), np.repeat(origin, 10)
    for once, tenfold in (
        (
            auc(score, label == 1, origin, seed=1),
            auc(np.repeat(score, 10), many_label == 1, many_origin, seed=1),
        ),
        (
            accuracy(correct, label, origin, seed=1),
            accuracy(np.repeat(correct, 10), many_label, many_origin, seed=1),
        ),
    ):
        ends = once.interval.low, once.interval.high
        assert (tenfold.interval.low, tenfold.interval.high) == pytest.approx(ends)


@pytest.mark.parametrize("replicas", [6, 40])
def test_the_interval_of_the_accuracy_covers_the_truth(replicas):
    # 200 experiments, each replica with 4 frames of one class, right or wrong together with probability 1/2: a 95 %
    # interval that knows this covers 0.8 in 0.95 +- 0.015 of them, one that takes frames for independent in 0.8.
    rng = np.random.default_rng(5)
    origin = np.repeat(np.arange(replicas), 4)
    covered = 0
    for _ in range(200):
        common, own = np.repeat(rng.random(replicas) < 0.8, 4), rng.random(4 * replicas) < 0.8
        correct = np.where(np.repeat(rng.random(replicas) < 0.5, 4), common, own)
        covered += 0.8 in accuracy(correct, origin % 2, origin, seed=1, resamples=300).interval
    assert 0.95 - 4 * 0.015 < covered / 200


@pytest.mark.parametrize("replicas", [6, 40])
def test_the_interval_of_the_auc_covers_the_truth(replicas):
    # Two Gaussians 1.8 apart: AUC = Phi(1.8 / sqrt 2) = 0.8985; 200 experiments, as above.
    rng = np.random.default_rng(6)
    label, origin = pairs(replicas)
    covered = 0
    for _ in range(200):
        score = 1.8 * label + rng.normal(size=2 * replicas)
        covered += 0.8985 in auc(score, label == 1, origin, seed=1, resamples=300).interval
    assert 0.95 - 4 * 0.015 < covered / 200


def test_a_constant_answer_is_no_certainty():
    # Always "liquid" is right once in every replica; a bootstrap alone would call that 0.5 without any doubt.
    label, origin = pairs(9)
    found = accuracy(label == 0, label, origin, seed=1)
    assert (found.value, found.interval) == (0.5, wilson_interval(9, 18))


def test_a_perfect_score_is_no_certainty():
    label, origin = pairs(9)
    perfect = accuracy(np.ones(18, bool), label, origin, seed=1)
    assert (perfect.value, perfect.interval) == (1.0, wilson_interval(18, 18))
    separated = auc(label + 0.0, label == 1, origin, seed=1)
    assert (separated.value, separated.interval) == (1.0, newcombe_interval(1.0, 9, 9))
    assert 0.7 < separated.interval.low < 0.85


def test_newcombes_interval_is_that_of_hanley_and_mcneil_for_many_and_moderate():
    value, count = 0.75, 2000
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    variance = (value * (1 - value) + (count - 1) * (q1 + q2 - 2 * value**2)) / count**2
    interval = newcombe_interval(value, count, count)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * np.sqrt(variance), rel=0.02)


def test_auc_of_one_class_has_no_meaning():
    with pytest.raises(ValueError, match="got 3 positive and 0 negative"):
        area_under_curve(np.arange(3.0), np.ones(3, bool))


@given(seed=st.integers(0, 2**32), replicas=st.integers(2, 20))
def test_permuted_labels_keep_replicas_and_counts(seed, replicas):
    rng = np.random.default_rng(seed)
    label, origin = pairs(replicas)
    label, origin = np.repeat(label, 3), np.repeat(origin, 3)
    new = permuted_labels(label, origin, rng)
    for unit in range(replicas):
        mine = origin == unit
        assert set(new[mine & (label == 0)]) | set(new[mine & (label == 1)]) == {0, 1}
        assert len(set(new[mine & (label == 0)])) == 1


@given(seed=st.integers(0, 2**32))
def test_replicas_of_one_class_swap_labels_as_a_whole(seed):
    label, origin = np.repeat([0, 1], [30, 60]), np.repeat(np.arange(30), 3)
    new = permuted_labels(label, origin, np.random.default_rng(seed))
    assert new.sum() == label.sum()
    assert all(len(set(new[origin == unit])) == 1 for unit in range(30))


def test_the_p_value_of_the_null_is_uniform():
    # 100 null experiments: the fraction of p <= 0.2 is 0.2 +- 0.04.
    rng = np.random.default_rng(6)
    label, origin = pairs(12)
    p = [permutation_p_value(rng.normal(size=24), label == 1, origin, permutations=99, rng=rng) for _ in range(100)]
    assert np.mean(np.array(p) <= 0.2) == pytest.approx(0.2, abs=4 * 0.04)


def test_a_perfect_separation_has_the_smallest_p_value():
    label, origin = pairs(12)
    p = permutation_p_value(label + 0.0, label == 1, origin, permutations=199, rng=np.random.default_rng(1))
    assert p == 1 / 200
