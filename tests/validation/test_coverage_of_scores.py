"""How often intervals of scores hold the truth, in sets whose truth is known: the table in docs/coverage.md.

Scores are normal with means apart by ``sqrt(2) probit(AUC)``, so that the AUC is known. Sets are made of origins as
data sets are: each of one class ("apart"), each of both, which resemble each other ("paired"), or one class with five
frames an origin that resemble each other ("frames").
"""

import numpy as np
import pytest
from scipy.special import ndtri

from vitrify.learn.scores import accuracy, auc, auc_difference

pytestmark = pytest.mark.validation

ORIGINS = (8, 16, 40, 80)
LIKENESS = 0.7
"""Correlation of the scores of one origin."""


def made(kind, origins, area, rng):
    """Scores, whether each is a positive, and its origin."""
    number = np.arange(origins)
    if kind == "paired":
        origin, positive = np.repeat(number, 2), np.tile([True, False], origins)
    else:
        frames = 5 if kind == "frames" else 1
        odd = number % 2 == 1
        origin = np.concatenate([number[odd], np.repeat(number[~odd], frames)])
        positive = np.arange(len(origin)) < odd.sum()
    own = rng.normal(size=origins)[origin] * np.sqrt(LIKENESS) + rng.normal(size=len(origin)) * np.sqrt(1 - LIKENESS)
    return own + np.sqrt(2) * ndtri(area) * positive, positive, origin


def coverage_of_auc(kind, area, origins, sets, rng):
    """Fraction of intervals of an AUC that hold it."""
    return np.mean([area in auc(*made(kind, origins, area, rng)).interval for _ in range(sets)])


def coverage_of_accuracy(kind, value, origins, sets, rng):
    """Fraction of intervals of an accuracy that hold it: right is what scores below the quantile of ``value``."""
    hits = []
    for _ in range(sets):
        score, positive, origin = made(kind, origins, 0.5, rng)
        hits.append(value in accuracy(score < ndtri(value), positive, origin).interval)
    return np.mean(hits)


def coverage_of_difference(kind, areas, origins, sets, rng):
    """Fraction of intervals of a difference that hold it; the two scores of a configuration correlate by 0.5."""
    hits = []
    for _ in range(sets):
        first, positive, origin = made(kind, origins, 0.5, rng)
        second = first * 0.5 + np.sqrt(0.75) * made(kind, origins, 0.5, rng)[0]
        scores = [
            score + np.sqrt(2) * ndtri(area) * positive for score, area in zip((first, second), areas, strict=True)
        ]
        found = auc_difference(*scores, positive, origin, seed=int(rng.integers(2**31)), resamples=300)
        hits.append(areas[0] - areas[1] in found.interval)
    return np.mean(hits)


QUANTITIES = [
    ("AUC", coverage_of_auc, (0.5, 0.8, 0.97), 500),
    ("accuracy", coverage_of_accuracy, (0.5, 0.8, 0.97), 500),
    ("difference of AUCs", coverage_of_difference, ((0.7, 0.7), (0.85, 0.7)), 200),
]


@pytest.mark.parametrize(("name", "coverage", "truths", "sets"), QUANTITIES, ids=[one[0] for one in QUANTITIES])
def test_intervals_hold_the_truth_as_often_as_they_say(name, coverage, truths, sets, capsys):
    """Between 0.93 and 0.97 from forty origins on, within the error of this count; with fewer, never below."""
    rng = np.random.default_rng(20)
    error = 3 * np.sqrt(0.95 * 0.05 / sets)
    with capsys.disabled():
        print(f"\n| {name} | truth | {' | '.join(f'{count} origins' for count in ORIGINS)} |")
        for kind in ("apart", "paired", "frames"):
            for truth in truths:
                found = [coverage(kind, truth, origins, sets, rng) for origins in ORIGINS]
                print(f"| {kind} | {truth} | {' | '.join(f'{value:.3f}' for value in found)} |", flush=True)
                assert min(found) > 0.93 - error
                assert max(found[2:]) < 0.97 + error
