"""Adjusted means against a worked example of the textbooks, and their intervals against made-up films."""

import numpy as np
import pytest
import scipy.stats

from vitrify.analysis.films.ancova import adjusted_means

# Leprosy bacilli before and after treatment: Snedecor and Cochran, Statistical Methods, chapter 18; the numbers below
# are those that the SAS/STAT manual prints for it (GLM, "Analysis of Covariance").
BEFORE = [
    np.array([11, 8, 5, 14, 19, 6, 10, 6, 11, 3.0]),
    np.array([6, 6, 7, 8, 18, 8, 19, 8, 5, 15.0]),
    np.array([16, 13, 11, 9, 21, 16, 12, 12, 7, 12.0]),
]
AFTER = [
    np.array([6, 0, 2, 8, 11, 4, 13, 1, 8, 0.0]),
    np.array([0, 2, 3, 1, 18, 4, 14, 9, 1, 9.0]),
    np.array([13, 10, 18, 5, 23, 12, 5, 16, 1, 20.0]),
]


def test_the_textbook_example():
    mean = float(np.concatenate(BEFORE).mean())
    found = adjusted_means(AFTER, BEFORE, at=mean)
    np.testing.assert_allclose(found.mean, [6.7149635, 6.8239348, 10.1611017], rtol=1e-7)
    assert found.slope == pytest.approx(0.98718381, rel=1e-7)
    # SAS takes one variance for all groups, the jackknife each group's own: the same on the mean over groups.
    pooled = np.array([1.2884943, 1.2724690, 1.3159234])
    assert np.mean(found.error**2) == pytest.approx(np.mean(pooled**2), rel=0.15)
    assert found.slope_error == pytest.approx(0.16449757, rel=0.25)


FLAT, VARIED = np.zeros(5), np.array([-1.0, 0.5, 1.0, 2.0, 3.0])
"""The slope is the third group's affair, the two that are compared have one composition."""


def test_without_a_covariate_it_is_welchs_test():
    rng = np.random.default_rng(1)
    values = [rng.normal(0, 0.01, 5), rng.normal(0.02, 0.08, 5), 2 * VARIED + rng.normal(0, 1, 5)]
    found = adjusted_means(values, [FLAT, FLAT, VARIED], at=0.0).difference(0, 1)
    expected = scipy.stats.ttest_ind(values[0], values[1], equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(expected))


def test_on_the_same_substrates_it_is_the_paired_test():
    rng = np.random.default_rng(2)
    substrate = rng.normal(0, 0.1, 5)
    values = [substrate + rng.normal(0, 0.01, 5), substrate + rng.normal(0, 0.03, 5), 2 * VARIED]
    names = np.array(["a:0", "a:1", "a:2", "a:3", "a:4"])
    found = adjusted_means(values, [FLAT, FLAT, VARIED], 0.0, [names, names, np.array(list("uvwxy"))])
    expected = scipy.stats.ttest_rel(values[0], values[1]).confidence_interval(0.95)
    paired = found.difference(0, 1)
    assert (paired.low, paired.high) == pytest.approx(tuple(expected))
    assert (found.pairs(0, 1), found.pairs(0, 2)) == (5, 0)


def test_two_ways_that_differ_only_in_composition_do_not_differ():
    """Null test: raw means are 0.02 apart for composition alone; the 95 % interval holds zero in 95 % of 400 draws."""
    rng = np.random.default_rng(7)
    held = raw = 0
    for _ in range(400):
        compositions = [rng.normal(0.66, 0.01, 6), rng.normal(0.64, 0.01, 6)]
        energies = [-3.9 + 1.1 * (x - 0.65) + rng.normal(0, 0.01, 6) for x in compositions]
        found = adjusted_means(energies, compositions, at=0.65).difference(0, 1)
        assert found.value == pytest.approx((found.low + found.high) / 2)
        held += found.low <= 0 <= found.high
        raw += abs(energies[0].mean() - energies[1].mean()) < 0.0145  # 95 % of a t-test that ignores composition
    assert held / 400 == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 400))
    assert raw / 400 < 0.5


def test_fewer_than_four_films_have_no_interval():
    rng = np.random.default_rng(3)
    x = [rng.normal(size=3), rng.normal(size=8)]
    found = adjusted_means([rng.normal(size=3), rng.normal(size=8)], x, at=0.0).difference(0, 1)
    assert found.interval is None
    assert found.error > 0
    assert "3 films, expected at least 4" in found.note


def test_too_little_to_compare_says_so():
    with pytest.raises(ValueError, match="got 3 values in 2 groups, expected at least 4"):
        adjusted_means([np.ones(2), np.ones(1)], [np.arange(2.0), np.ones(1)], at=0.0)
    with pytest.raises(ValueError, match="same throughout each group"):
        adjusted_means([np.ones(2), np.ones(2)], [np.ones(2), np.zeros(2)], at=0.0)
