"""The simulation of coverage itself: its truths, and that it would notice an interval that is too narrow."""

import numpy as np
import pytest

from vitrify.analysis.coverage import KT, as_markdown, coverage, kinds, made_up_ramp, mean_energy
from vitrify.analysis.statistics import Interval, Quantity


def test_made_up_ramps_scatter_about_the_truth_and_remember_as_measured():
    ramp = made_up_ramp(np.random.default_rng(1), 4000, 200_000)
    away = ramp.inherent_energy - mean_energy(KT, 200_000)
    error = away.std(axis=0) / np.sqrt(4000)
    assert (np.abs(away.mean(axis=0)) < 5 * error).all()
    neighbours = np.array([np.corrcoef(away[:, k], away[:, k - 3])[0, 1] for k in range(3, len(KT))])
    # frames 0.0975 apart: 0.602 at kT 0.49, nothing left above 0.8 (standard error 0.016)
    assert neighbours[np.abs(KT[3:] - 0.49).argmin()] == pytest.approx(0.6, abs=0.1)
    assert np.abs(neighbours[KT[3:] > 0.9]).max() < 0.15


def test_every_kind_gives_an_interval_of_four_replicas_and_none_of_three():
    rng = np.random.default_rng(2)
    for name, draw, truth in kinds():
        assert np.isfinite(truth), name
        assert draw(rng, 6).interval is not None, name
        assert draw(rng, 3).interval is None, name


def test_intervals_that_are_too_narrow_are_noticed(monkeypatch):
    def narrow(rng, replicas):
        values = rng.normal(size=replicas)
        half = 0.5 * values.std() / np.sqrt(replicas)
        interval = Interval(low=values.mean() - half, high=values.mean() + half, level=0.95)
        return Quantity(value=values.mean(), interval=interval)

    monkeypatch.setattr("vitrify.analysis.coverage.kinds", lambda: [("narrow", narrow, 0.0)])
    found = coverage(200, replicas=(8,))
    assert found["replicas_8"][0] < 0.6
    assert "| narrow | 0." in as_markdown(found)
