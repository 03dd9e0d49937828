"""Effect sizes against SciPy's tests and published numbers, and how often their intervals hold the truth."""

import numpy as np
import pytest
import scipy.stats

from vitrify.analysis.comparison.effect import hedges_factor, paired_effect, unpaired_effect


def test_p_values_and_differences_are_those_of_welch_and_of_the_paired_test():
    rng = np.random.default_rng(1)
    first, second = rng.normal(1.0, 1.0, 7), rng.normal(0.0, 3.0, 11)
    found = unpaired_effect(first, second, np.arange(7), np.arange(11) + 7)
    welch = scipy.stats.ttest_ind(first, second, equal_var=False)
    assert found.p == pytest.approx(welch.pvalue)
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(welch.confidence_interval(0.95)))
    paired = scipy.stats.ttest_rel(first, second[:7])
    assert paired_effect(first, second[:7]).p == pytest.approx(paired.pvalue)
    # One origin on both sides makes the whole sets pairs.
    assert unpaired_effect(first, second[:7], np.arange(7), np.arange(7)).p == pytest.approx(paired.pvalue)


def test_hedges_factor_is_close_to_his_own_approximation():
    # 1 - 3 / (4 f - 1): Hedges, J. Educ. Stat. 6, 107 (1981), eq. 6e
    assert [hedges_factor(f) for f in (6, 20, 100)] == pytest.approx(
        [1 - 3 / (4 * f - 1) for f in (6, 20, 100)], abs=2e-3
    )


def test_the_interval_is_that_of_the_noncentral_distribution():
    rng = np.random.default_rng(2)
    first, second = rng.normal(2.0, 1.0, 9), rng.normal(0.0, 1.0, 9)
    found = paired_effect(first, second)
    t = scipy.stats.ttest_rel(first, second).statistic
    ends = [scipy.stats.nct.cdf(t, 8, end * np.sqrt(9 / 2)) for end in (found.size.low, found.size.high)]
    assert ends == pytest.approx([0.975, 0.025], abs=1e-6)
    assert found.size.value == pytest.approx(t * np.sqrt(2 / 9) * hedges_factor(8))


@pytest.mark.parametrize(("size", "ratio"), [(0.0, 1.0), (3.0, 1.0), (3.0, 3.0)])
def test_intervals_of_four_replicas_hold_the_truth(size, ratio):
    """600 draws: 0.95 with a standard error of 0.009; Welch's degrees of freedom are an approximation."""
    rng = np.random.default_rng(3)
    unit = np.sqrt((1 + ratio**2) / 2)
    held = 0
    for _ in range(600):
        first, second = rng.normal(size * unit, 1.0, 4), rng.normal(0.0, ratio, 4)
        found = unpaired_effect(first, second, np.arange(4), np.arange(4) + 4).size
        held += found.low <= size <= found.high
    assert held / 600 == pytest.approx(0.95, abs=0.03)


def test_a_constant_has_no_effect_and_few_no_interval():
    constant = paired_effect(np.full(5, 0.65), np.full(5, 0.65) + 1e-13 * np.arange(5))
    assert np.isnan(constant.size.value)
    assert np.isnan(constant.p)
    few = paired_effect(np.array([1.0, 2.0, 3.5, np.nan]), np.array([0.0, 0.5, 1.0, 1.0]))
    assert few.counts == (3, 3)
    assert few.size.interval is None
    assert np.isnan(paired_effect(np.array([np.nan, 1.0]), np.array([1.0, 2.0])).size.value)
