from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit

from vitrify.analysis.curves.cooling_curve import curve_from_tables
from vitrify.analysis.curves.hyperbola import best_tg, smooth_transition, smoothed


@pytest.fixture
def lammps(lammps_cooling):
    return curve_from_tables([lammps_cooling], ramp_steps=200_000, rate=0.00195)


def test_it_is_the_least_squares_fit_of_scipy(lammps):
    shown = lammps.kt_set <= 0.9
    kt, energy = lammps.kt_set[shown], lammps.inherent.mean[shown]
    fitted, _ = curve_fit(
        lambda x, tg, c, p, q: c + p * (x - tg) + q * np.hypot(x - tg, 0.1), kt, energy, p0=(0.4, -3.87, 0.05, 0.05)
    )
    found = smooth_transition(lammps)
    assert found.tg.value == pytest.approx(fitted[0], abs=1e-6)
    assert (found.energy, found.mean_slope, found.half_bend) == pytest.approx(tuple(fitted[1:]), abs=1e-6)
    np.testing.assert_allclose(found(kt), energy, atol=0.003)


def test_lammps_runs_hold_their_tg_by_two_lines(lammps):
    found = smooth_transition(lammps)
    assert found.tg.low < 0.41 < found.tg.high  # tests/reference/README.md
    assert found.tg.high - found.tg.low < 0.2
    assert found.tg.low < found.tg.value < found.tg.high
    assert found.replicas == 8


def test_the_smoothed_curve_is_the_fit_and_every_replica_is_left_out_once(lammps):
    kt, energy, without, counts = smoothed(lammps, 0.05)
    assert counts.all()
    np.testing.assert_allclose(energy, smooth_transition(lammps)(kt), atol=1e-12)
    fewer = replace(
        lammps, **{name: getattr(lammps, name)[1:] for name in ("kt", "potential_energy", "inherent_energy")}
    )
    np.testing.assert_allclose(without[0], smooth_transition(fewer)(kt), atol=1e-12)


def test_replicas_that_show_no_bend_do_not_bound_tg(lammps):
    rng = np.random.default_rng(4)
    noise = 0.1 * rng.normal(size=(4, len(lammps.kt_set)))
    noisy = curve_from_tables(
        [
            {
                "replica": np.repeat(np.arange(4), len(lammps.kt_set)),
                "frame": np.tile(np.arange(len(lammps.kt_set)), 4),
                "kt_set": np.tile(lammps.kt_set, 4),
                "kt": np.tile(lammps.kt_set, 4),
                "potential_energy": np.zeros(4 * len(lammps.kt_set)),
                "inherent_energy": (lammps.inherent.mean + noise - noise.mean(axis=0)).ravel(),
            }
        ],
        ramp_steps=1,
        rate=1.0,
    )
    found = smooth_transition(noisy)
    assert (found.tg.low, found.tg.high) == (noisy.kt_set.min(), noisy.kt_set[noisy.kt_set <= 0.9].max())


def test_a_straight_line_has_no_bend_and_a_plateau_bends_the_wrong_way(lammps):
    kt = np.linspace(0.05, 0.9, 18)
    assert np.isnan(best_tg(kt, -3.9 - 0.05 * np.hypot(kt - 0.4, 0.1))[0])
    with pytest.raises(ValueError, match=r"got 3 frames up to kT 0\.15"):
        smooth_transition(lammps, 0.15)
