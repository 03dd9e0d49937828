import numpy as np
import pytest
import scipy.stats

from vitrify.analysis.statistics import (
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
