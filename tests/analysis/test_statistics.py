import numpy as np
import pytest
import scipy.stats

from vitrify.analysis.statistics import (
    bootstrap_interval,
    combined_sigmas,
    jackknife,
    mean_and_error,
    mean_without_each,
    standard_error,
    wilson_interval,
)


def test_standard_error_is_that_of_the_mean():
    rng = np.random.default_rng(1)
    samples = rng.normal(3.0, 2.0, size=(25, 4000))
    estimate = mean_and_error(samples)
    # 4000 experiments of 25 replicas: the spread of their means is what one experiment's error claims, 2 / sqrt(25).
    assert estimate.mean.std() == pytest.approx(0.4, rel=0.05)
    assert np.sqrt((estimate.error**2).mean()) == pytest.approx(0.4, rel=0.02)


def test_missing_replicas_are_left_out_and_counted():
    values = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, 5.0]])
    estimate = mean_and_error(values)
    assert estimate.replicas.tolist() == [2, 1]
    assert estimate.mean.tolist() == [2.0, 5.0]
    assert estimate.error[0] == 1.0
    assert np.isnan(estimate.error[1])
    assert np.isnan(mean_and_error(np.full((3, 1), np.nan)).mean[0])


def test_one_replica_has_no_error():
    assert np.isnan(standard_error(np.array([2.0])))


def test_bootstrap_of_a_mean_is_the_normal_interval():
    heights = np.random.default_rng(3).normal(size=200)
    interval = bootstrap_interval(lambda rows: heights[rows].mean(), 200, seed=5)
    half = 1.96 * standard_error(heights)
    assert interval.low == pytest.approx(heights.mean() - half, abs=0.12 * half)
    assert interval.high == pytest.approx(heights.mean() + half, abs=0.12 * half)


def test_bootstrap_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(11)
    held = 0
    for trial in range(200):
        sample = rng.normal(size=20)
        held += 0.0 in bootstrap_interval(lambda rows, s=sample: s[rows].mean(), 20, seed=trial, resamples=400)
    # percentile intervals of 20 replicas cover a little less than 95 %: 0.92 expected, standard error 0.019
    assert 0.92 - 5 * 0.019 < held / 200 <= 0.98


def test_bootstrap_depends_on_its_seed_only():
    heights = np.arange(10.0)

    def interval(seed):
        return bootstrap_interval(lambda rows: heights[rows].mean(), 10, seed=seed)

    np.random.seed(1)  # noqa: NPY002
    first = interval(4)
    np.random.seed(2)  # noqa: NPY002
    assert interval(4) == first
    assert interval(5) != first


def test_bootstrap_counts_draws_without_a_value():
    def only_mixed(rows):
        return float(rows.mean()) if len(set(rows.tolist())) > 1 else np.nan

    interval = bootstrap_interval(only_mixed, 3, seed=1, resamples=900)
    # three equal draws of three happen with probability 1/9: 100 of 900, standard error 9.4
    assert abs(interval.undefined - 100) < 5 * 9.4


@pytest.mark.parametrize(
    ("change", "said"),
    [({"replicas": 1}, "at least 2"), ({"level": 1.0}, "coverage"), ({"resamples": 0}, "at least 1")],
)
def test_bootstrap_refuses_what_it_cannot_do(change, said):
    arguments = {"replicas": 5, "seed": 1} | change
    with pytest.raises(ValueError, match=said):
        bootstrap_interval(lambda rows: 0.0, **arguments)


def test_bootstrap_refuses_a_statistic_without_values():
    with pytest.raises(ValueError, match="0 of 100"):
        bootstrap_interval(lambda rows: np.nan, 5, seed=1, resamples=100)


def test_wilson_interval_against_published_values():
    # 81 of 263: Newcombe, Statistics in Medicine 17, 857 (1998), table I, method 3
    interval = wilson_interval(81, 263)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)
    # 0 of 20, same table
    interval = wilson_interval(0, 20)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.0, 0.1611)
    with pytest.raises(ValueError, match="3 of 2"):
        wilson_interval(3, 2)


def test_combined_sigmas_is_symmetric():
    assert combined_sigmas(1.0, 0.3, 3.0, 0.4) == pytest.approx(4.0)
    assert combined_sigmas(3.0, 0.4, 1.0, 0.3) == pytest.approx(4.0)


def test_the_jackknife_of_a_mean_is_students_interval():
    heights = np.random.default_rng(3).normal(size=7)
    found = jackknife(float(heights.mean()), [mean_without_each(heights)])
    expected = scipy.stats.t.interval(0.95, 6, loc=heights.mean(), scale=scipy.stats.sem(heights))
    assert (found.low, found.high) == pytest.approx(expected)


def test_the_jackknife_of_a_difference_is_welchs_interval():
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=5), 4 * rng.normal(size=12)
    without = [mean_without_each(first) - second.mean(), first.mean() - mean_without_each(second)]
    found = jackknife(float(first.mean() - second.mean()), without)
    expected = scipy.stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_the_jackknife_gives_no_interval_to_few_replicas_or_without_a_value():
    heights = np.arange(3.0)
    few = jackknife(1.0, [mean_without_each(heights)])
    assert few.interval is None
    assert few.error == pytest.approx(float(standard_error(heights)))
    assert "3 replicas, expected at least 4" in few.note
    assert jackknife(1.0, [np.array([1.0, np.nan, 1.0, 1.0])]).interval is None
    assert jackknife(np.nan, [np.ones(5)]).interval is None
    assert "1 replica" in jackknife(1.0, [np.array([np.nan])]).note


def test_means_without_each_replica_leave_nan_out():
    found = mean_without_each(np.array([[1.0, np.nan], [2.0, 4.0], [6.0, np.nan]]))
    np.testing.assert_array_equal(found, [[4.0, 4.0], [3.5, np.nan], [1.5, 4.0]])
