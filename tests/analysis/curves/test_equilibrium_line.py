"""The equilibrium line, fictive temperatures, departures and their law, on ramps whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from vitrify.analysis.curves.cooling_curve import CoolingCurve
from vitrify.analysis.curves.equilibrium import Equilibrium, no_drift
from vitrify.analysis.curves.equilibrium_line import line_through_liquids, line_through_ramp
from vitrify.analysis.curves.fictive import departure, memory
from vitrify.analysis.curves.rate_law import rate_law
from vitrify.analysis.statistics import Estimate, mean_and_error

A, B = -3.75, -0.065
KT = 2.0 - 0.04875 * np.arange(1, 41)
STEADY = mean_and_error(np.array([0.0, 0.001, -0.001, 0.0]))


def liquid(kt, energies, drift=STEADY):
    energies = np.asarray(energies, dtype=np.float64)
    estimate = mean_and_error(energies)
    return Equilibrium(
        kt_set=kt,
        inherent=estimate,
        instantaneous=estimate,
        drift=drift,
        replica_energies=energies,
        waited=1,
        followed=1,
    )


def liquids(scatter=0.0, seed=0, replicas=8):
    rng = np.random.default_rng(seed)
    return [liquid(kt, A + B / kt + scatter * rng.normal(size=replicas)) for kt in (0.5, 0.6, 0.7, 0.8, 1.0)]


def ramp(frozen_at, *, offsets=(0.0,) * 8, lag=0.0, steps=200_000):
    """In equilibrium down to a kT of its own, below it a glass that remembers it but for a small slope."""
    own = KT + lag
    energy = np.where(own > frozen_at, A + B / own, A + B / frozen_at + 0.002 * (own - frozen_at))
    energies = energy + np.array(offsets)[:, None]
    return CoolingCurve(
        ramp_steps=steps, rate=390 / steps, kt_set=KT, kt=np.tile(own, (len(offsets), 1)),
        potential_energy=energies, inherent_energy=energies,
    )  # fmt: skip


def test_exact_liquids_give_their_line():
    line = line_through_liquids(liquids())
    assert (line.a, line.b) == pytest.approx((A, B), abs=1e-12)
    assert line(0.65) == pytest.approx(A + B / 0.65)


def test_liquids_outside_the_range_or_still_drifting_are_left_out():
    drifting = liquid(0.55, np.full(8, -3.0), drift=mean_and_error(np.array([0.1, 0.11, 0.1, 0.11])))
    line = line_through_liquids([*liquids(), liquid(2.0, np.full(8, -3.0)), liquid(0.4, np.full(8, -3.0)), drifting])
    assert line.kt.tolist() == [0.5, 0.6, 0.7, 0.8, 1.0]
    assert line.b == pytest.approx(B, abs=1e-12)


def test_too_few_temperatures_and_a_line_that_rises():
    with pytest.raises(ValueError, match="got 2 settled temperatures"):
        line_through_liquids(liquids()[:2])
    with pytest.raises(ValueError, match="energies that fall on cooling"):
        line_through_liquids([liquid(one.kt_set, -one.replica_energies) for one in liquids()])
    with pytest.raises(ValueError, match="got 1 frames of the slowest ramp"):
        line_through_ramp(ramp(0.5), (0.95, 1.0))


def test_the_fictive_temperature_is_where_the_ramp_froze():
    line = line_through_liquids(liquids())
    found = memory(ramp(0.55), line)
    # The glass's own small slope takes 0.001 off its energy from 0.55 to 0.05.
    assert found.fictive.value == pytest.approx(B / (A + B / 0.55 - 0.001 - A), abs=1e-3)
    assert not found.extrapolated
    cold = memory(ramp(0.45), line)
    assert cold.extrapolated
    assert cold.fictive.value < found.fictive.value


def test_vibrations_do_not_count_and_a_glass_above_the_line_has_none():
    line = line_through_liquids(liquids())
    hot = ramp(0.55, offsets=(0.3,) * 8)
    assert np.isnan(memory(hot, line).fictive.value)
    assert "above the line" in memory(hot, line).fictive.note


def test_a_quench_that_failed_does_not_hide_how_its_ramp_scatters():
    """The line goes through the ramp itself, whose replicas scatter below it alone."""
    energies = ramp(0.6).inherent_energy + np.random.default_rng(2).normal(0, 0.001, (8, 40)) * (KT < 0.72)
    missing = energies.copy()
    missing[0, KT.argmin()] = np.nan

    def error(energies):
        curve = replace(ramp(0.6, offsets=(0.0,) * len(energies)), inherent_energy=energies)
        return departure(curve, line_through_ramp(curve, (0.75, 1.0))).error

    assert error(missing) == pytest.approx(error(energies[1:]), rel=0.2)


def test_a_lagging_thermostat_is_no_departure():
    line = line_through_liquids(liquids())
    assert departure(ramp(0.6, lag=0.02), line).value == pytest.approx(departure(ramp(0.6), line).value, abs=0.02)
    assert 0.45 < departure(ramp(0.6), line).value < 0.65


def test_the_line_may_go_through_the_ramp_itself():
    """Then its replicas move line and glass together: an offset common to all frames changes nothing."""
    offsets = np.random.default_rng(1).normal(0, 0.003, 8)
    curve = ramp(0.55, offsets=tuple(offsets))
    own = memory(curve, line_through_ramp(curve, (0.75, 1.0)))
    other = memory(curve, line_through_liquids(liquids()))
    assert own.fictive.error < 0.1 * other.fictive.error
    assert list(own.without) == ["ramp of 200000 steps to kT 0.05 at rate 0.00195"]


def test_fewer_than_four_replicas_have_no_interval():
    line = line_through_liquids(liquids(0.001))
    found = memory(ramp(0.55, offsets=(0.0, 0.001, -0.001)), line)
    assert found.fictive.interval is None
    assert "3 replicas" in found.fictive.note


def test_the_law_counts_liquids_shared_by_all_ramps_once():
    rates, values = [0.02, 0.002, 0.0002], [0.8, 0.55, 0.45]
    shared = np.random.default_rng(2).normal(size=6) * 0.01
    # A liquid's replica that moves all three alike moves the level of the law, not its slope.
    law = rate_law(rates, values, [{"liquid": value + shared} for value in values])
    assert law.slope.value == pytest.approx(0.175)
    assert law.slope.error == pytest.approx(0.0, abs=1e-12)
    apart = rate_law(rates, values, [{str(value): value + shared} for value in values])
    assert apart.slope.error > 0
    assert law(2e-5) == pytest.approx(0.25, abs=1e-9)
    assert law.extrapolates(2e-5)
    assert not law.extrapolates(0.01)
    with pytest.raises(ValueError, match="at one rate"):
        rate_law([0.02, 0.02], [0.8, 0.8], [{}, {}])


def test_a_drift_is_judged_by_students_t():
    """Of 16 replicas without drift 0.27 % are beyond three errors, as for a normal one: 3.586 of their own errors."""
    drift = Estimate(mean=np.array(0.0034), error=np.array(0.001), replicas=np.array(16))
    assert no_drift(drift, 3.0)
    assert not no_drift(replace(drift, mean=np.array(0.0036)), 3.0)
    assert not no_drift(replace(drift, replicas=np.array(5000)), 3.0)
    assert no_drift(replace(drift, replicas=np.array(1), error=np.array(np.nan)), 3.0)


def test_a_law_goes_no_further_than_it_knows():
    rng = np.random.default_rng(8)
    rates, kts = [0.02, 0.002, 0.0002], [0.65, 0.55, 0.45]
    sharp = [{str(rate): kt + rng.normal(0, 0.001, 8)} for rate, kt in zip(rates, kts, strict=True)]
    blurred = [{str(rate): kt + rng.normal(0, 0.3, 8)} for rate, kt in zip(rates, kts, strict=True)]
    assert rate_law(rates, kts, sharp).no_further == ""
    assert "does not fall" in rate_law(rates, kts, blurred).no_further
    assert "does not fall" in rate_law(rates, kts[::-1], sharp).no_further
    bent = [kt + 0.05 * (kt > 0.6) for kt in kts]
    assert "bends" in rate_law(rates, bent, [{str(kt): kt + rng.normal(0, 0.001, 8)} for kt in bent]).no_further
    assert rate_law(rates, bent, sharp).bend.value == pytest.approx(0.025)  # half the second difference
    assert "2 rates" in rate_law(rates[:2], kts[:2], sharp[:2]).no_further
