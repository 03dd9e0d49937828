import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrify.analysis.statistics import wilson_interval
from vitrify.learn.auc import area_under_curve, influence, resampled_areas
from vitrify.learn.evaluations import roc_curve
from vitrify.learn.null_test import origin_means, permutation_p_value, permuted_labels
from vitrify.learn.scores import accuracy, auc, auc_difference, newcombe_interval


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


def test_the_interval_of_the_auc_is_that_of_a_plain_bootstrap_over_replicas():
    # The oracle draws replicas, puts their configurations side by side and takes the AUC of those. Three frames of a
    # replica score alike: taken for independent, the interval would be much narrower.
    rng = np.random.default_rng(2)
    label, origin = (np.repeat(column, 3) for column in pairs(80))
    score = label + 1.5 * np.repeat(rng.normal(0, 1, 80), 6) * (2 * label - 1) + rng.normal(0, 0.1, 480)
    draws = rng.integers(80, size=(2000, 80))
    rows = [np.concatenate([np.flatnonzero(origin == unit) for unit in draw]) for draw in draws]
    areas = [area_under_curve(score[chosen], label[chosen] == 1) for chosen in rows]
    low, high = np.quantile(areas, [0.025, 0.975])
    found = auc(score, label == 1, origin)
    # An end of a 95 % percentile interval from 2000 resamples scatters by about a twentieth of its width.
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=0.1 * (high - low))
    narrow = auc(score, label == 1, np.arange(480)).interval
    assert narrow.high - narrow.low < 0.7 * (high - low)
    times = np.array([np.bincount(draw, minlength=80) for draw in draws[:20]])
    np.testing.assert_allclose(resampled_areas(score, label == 1, origin, times), areas[:20], rtol=1e-12)


def test_the_variance_is_delongs():
    # Hand-made, after DeLong et al. (1988): positives 2, 4, 5, negatives 1, 3. V10 = 1/2, 1, 1; V01 = 1, 2/3; A = 5/6.
    # s10 = 1/12, s01 = 1/18, variance = s10 / 3 + s01 / 2 = 1/36 + 1/36.
    score, positive = np.array([2.0, 4.0, 5.0, 1.0, 3.0]), np.array([True, True, True, False, False])
    found = influence(score, positive, np.arange(5), 5)
    assert found.area == pytest.approx(5 / 6)
    assert found.variance == pytest.approx(1 / 18)


def test_a_difference_is_surer_than_two_scores_apart():
    # Two scores that share most of their noise: the difference of their areas is known better than either.
    rng = np.random.default_rng(7)
    label, origin = pairs(60)
    noise = rng.normal(size=120)
    first, second = (shift * label + noise + 0.1 * rng.normal(size=120) for shift in (1.3, 1.0))
    found = auc_difference(first, second, label == 1, origin, seed=1, resamples=400)
    own = auc(first, label == 1, origin).interval
    assert found.interval.high - found.interval.low < (own.high - own.low) / 2
    assert 0 < found.interval.low < found.value < found.interval.high
    back = auc_difference(second, first, label == 1, origin, seed=1, resamples=400)
    assert (back.value, back.interval.low) == pytest.approx((-found.value, -found.interval.high))


def test_two_perfect_scores_are_no_certainty_that_they_are_equal():
    label, origin = pairs(6)
    other = label + np.random.default_rng(1).uniform(0, 0.5, 12)
    found = auc_difference(label + 0.0, other, label == 1, origin, seed=1, resamples=99)
    low = newcombe_interval(1.0, 6, 6).low
    assert (found.value, found.interval.low, found.interval.high) == pytest.approx((0.0, low - 1, 1 - low))


def test_scores_of_thousands_of_origins_take_no_longer_than_sorting_them():
    rng = np.random.default_rng(8)
    counts, seconds = (2000, 16000), []
    for count in counts:
        score, positive, origin = rng.normal(size=count), np.arange(count) % 2 == 0, np.arange(count)
        begun = time.process_time()
        for _ in range(3):
            auc(score, positive, origin)
            permutation_p_value(score, positive, origin, permutations=20, rng=rng)
        seconds.append(time.process_time() - begun)
    assert seconds[1] / seconds[0] < 8 * 3  # in proportion, with room; pairs of origins would take 64 times as long


def test_frames_of_one_replica_do_not_make_the_interval_narrower():
    # Ten copies of each configuration say nothing new; counted as independent they would shrink it threefold.
    rng = np.random.default_rng(4)
    label, origin = pairs(20)
    score, correct = label + rng.normal(0, 1, 40), rng.random(40) < 0.8
    many_label, many_origin = np.repeat(label, 10), np.repeat(origin, 10)
    for once, tenfold in (
        (
            auc(score, label == 1, origin),
            auc(np.repeat(score, 10), many_label == 1, many_origin),
        ),
        (
            accuracy(correct, label, origin),
            accuracy(np.repeat(correct, 10), many_label, many_origin),
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
        covered += 0.8 in accuracy(correct, origin % 2, origin).interval
    assert 0.95 - 4 * 0.015 < covered / 200


@pytest.mark.parametrize("replicas", [6, 40])
def test_the_interval_of_the_auc_covers_the_truth(replicas):
    # Two Gaussians 1.8 apart: AUC = Phi(1.8 / sqrt 2) = 0.8985; 200 experiments, as above.
    rng = np.random.default_rng(6)
    label, origin = pairs(replicas)
    covered = 0
    for _ in range(200):
        score = 1.8 * label + rng.normal(size=2 * replicas)
        covered += 0.8985 in auc(score, label == 1, origin).interval
    assert 0.95 - 4 * 0.015 < covered / 200


def test_a_constant_answer_is_no_certainty():
    # Always "liquid" is right once in every replica, which scatters not at all: no reason to be sure of 0.5.
    label, origin = pairs(9)
    found = accuracy(label == 0, label, origin)
    assert (found.value, found.interval) == (0.5, wilson_interval(9, 18))


def test_a_perfect_score_is_no_certainty():
    label, origin = pairs(9)
    perfect = accuracy(np.ones(18, bool), label, origin)
    assert (perfect.value, perfect.interval) == (1.0, wilson_interval(18, 18))
    separated = auc(label + 0.0, label == 1, origin)
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


@given(seed=st.integers(0, 2**32), shared=st.integers(0, 10), alone=st.integers(0, 10))
def test_permuted_labels_keep_what_every_origin_has(seed, shared, alone):
    rng = np.random.default_rng(seed)
    owner = np.concatenate([np.repeat(np.arange(shared), 2), shared + np.arange(alone)])
    label = np.concatenate([np.tile([False, True], shared), rng.random(alone) < 0.5]).astype(bool)
    new = permuted_labels(label, owner, rng)
    for unit in range(shared):
        assert sorted(new[owner == unit].tolist()) == [False, True]
    assert new[owner >= shared].sum() == label[owner >= shared].sum()


def test_means_of_origins_are_what_is_ranked():
    score = np.array([5.0, 1.0, 2.0, 9.0, 3.0])
    mean, label, owner = origin_means(score, np.array([1, 0, 0, 1, 0], bool), np.array(["b", "a", "a", "b", "b"]))
    assert (mean.tolist(), label.tolist(), owner.tolist()) == ([1.5, 3.0, 7.0], [False, False, True], [0, 1, 1])


def test_the_null_test_has_power_where_one_class_has_many_frames_a_replica():
    # Twenty glasses of one frame, twenty liquids of 1 to 40 frames that resemble each other, the classes apart by 1.2
    # standard deviations of replicas. On means of origins p is below 0.05 in 0.95 of such sets.
    rng = np.random.default_rng(9)
    found = []
    for _ in range(60):
        frames = np.concatenate([np.ones(20, int), rng.integers(1, 41, 20)])
        origin = np.repeat(np.arange(40), frames)
        positive = origin < 20
        score = np.repeat(rng.normal(size=40), frames) + 0.3 * rng.normal(size=len(origin)) + 1.2 * positive
        found.append(permutation_p_value(score, positive, origin, permutations=99, rng=rng))
    assert np.mean(np.array(found) <= 0.05) > 0.8


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
