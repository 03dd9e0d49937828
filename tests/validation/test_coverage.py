"""Intervals of every kind hold the truth as often as they say, from four replicas on (docs/coverage-analysis.md)."""

import numpy as np
import pytest

from vitrify.analysis.coverage import coverage

pytestmark = pytest.mark.validation

DRAWS = 400


@pytest.fixture(scope="module")
def table():
    return coverage(DRAWS, replicas=(4, 8, 16), seed=7)


@pytest.mark.parametrize("replicas", [4, 8, 16])
def test_intervals_of_every_kind_cover(table, replicas):
    """0.93 to 0.97 but for three standard errors of 400 draws, 0.033."""
    held = dict(zip(table["interval"], table[f"replicas_{replicas}"], strict=True))
    error = np.sqrt(0.95 * 0.05 / DRAWS)
    assert {name: value for name, value in held.items() if not 0.93 - 3 * error < value < 0.97 + 3 * error} == {}


def test_hardly_an_experiment_is_without_an_interval(table):
    assert max(table["undefined"]) < 0.05
