import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrify.analysis.matching import match

energies = st.lists(st.floats(-4.0, -3.7), max_size=12).map(np.array)


@given(energies, energies, st.floats(1e-4, 0.1))
def test_every_pair_is_within_tolerance_and_nobody_is_in_two(first, second, tolerance):
    rows, partners = match(first, second, tolerance)
    assert (np.abs(first[rows] - second[partners]) <= tolerance * (1 + 1e-9)).all()
    assert len(set(rows.tolist())) == len(set(partners.tolist())) == len(rows) == len(partners)
    left = [(a, b) for i, a in enumerate(first) for j, b in enumerate(second) if i not in rows and j not in partners]
    assert all(abs(a - b) > tolerance * (1 - 1e-9) for a, b in left)  # nobody is left who could still be paired


def test_groups_a_standard_deviation_apart_have_one_mean_once_matched():
    rng = np.random.default_rng(1)
    first, second = rng.normal(-3.866, 0.004, 512), rng.normal(-3.870, 0.004, 512)
    rows, partners = match(first, second, 0.0005)
    assert len(rows) > 250
    assert abs((first[rows] - second[partners]).mean()) < 0.00005  # before: 0.004, 80 times as much


def test_an_energy_that_was_not_computed_is_never_paired():
    rows, partners = match(np.array([np.nan, 1.0]), np.array([1.0, np.nan]), 0.1)
    assert (rows.tolist(), partners.tolist()) == ([1], [0])


def test_nothing_to_pair_is_no_pair():
    assert [len(found) for found in match(np.array([1.0]), np.array([2.0]), 0.1)] == [0, 0]


@pytest.mark.parametrize("tolerance", [0.0, -1.0, np.nan])
def test_an_impossible_tolerance_is_refused(tolerance):
    with pytest.raises(ValueError, match="tolerance: got"):
        match(np.zeros(1), np.zeros(1), tolerance)
