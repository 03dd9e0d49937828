"""The laws of tau_alpha recovered from exact data, and where a ramp falls out of them."""

import numpy as np
import pytest

from vitrify.analysis.dynamics.falling_out import RAMPS, Ramp, falling_out_rows
from vitrify.analysis.dynamics.laws import PARABOLIC, VFT, fit_law
from vitrify.analysis.dynamics.relaxation import RelaxationTime
from vitrify.analysis.statistics import Interval, Quantity
from vitrify.md.protocols.cooling import CoolingSpec

KT = np.array([0.45, 0.5, 0.55, 0.6, 0.7, 0.8])


def measured(kt, log_tau, scatter=0.0, replicas=6, seed=1):
    """Relaxation times at these temperatures, with replicas that scatter."""
    rng = np.random.default_rng(seed)
    times = []
    for one, height in zip(kt, log_tau, strict=True):
        own = height + scatter * rng.normal(size=replicas)
        without = (own.sum() - own) / (replicas - 1)
        tau = Quantity(value=float(np.exp(own.mean())), error=0.1, interval=Interval(low=0, high=9, level=0.95))
        times.append(RelaxationTime(kt=float(one), tau=tau, without=without))
    return times


def test_exact_vft_is_recovered():
    law = fit_law(VFT, measured(KT, np.log(0.4) + 1.7 / (KT - 0.22)))
    np.testing.assert_allclose(law.parameters, [np.log(0.4), 1.7, 0.22], rtol=1e-5)
    assert law.residual < 1e-7
    assert float(law(0.4)) == pytest.approx(0.4 * np.exp(1.7 / 0.18), rel=1e-5)
    assert np.isnan(law(0.2))


def test_exact_parabola_is_recovered_and_its_onset_respected():
    def log_tau(kt):
        return np.log(0.7) + 2.4**2 * np.maximum(0, 1 / kt - 1 / 0.85) ** 2

    kt = np.append(KT, [0.9, 1.0, 1.5])
    law = fit_law(PARABOLIC, measured(kt, log_tau(kt)))
    np.testing.assert_allclose(law.parameters, [np.log(0.7), 2.4, 0.85], rtol=1e-3)
    assert law.kt.tolist() == KT.tolist()
    assert np.isnan(law(0.9))


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    """200 experiments of six replicas that scatter by 2 %: 0.95 +- 0.015; seeds 0 to 199."""
    held = {"kt_0": 0, "kt_onset": 0}
    for seed in range(200):
        vft = fit_law(VFT, measured(KT, np.log(0.4) + 1.7 / (KT - 0.22), scatter=0.02, seed=seed))
        parabola = fit_law(PARABOLIC, measured(KT, 5.76 * (1 / KT - 1 / 1.2) ** 2, scatter=0.02, seed=seed))
        held["kt_0"] += vft.parameter("kt_0").low <= 0.22 <= vft.parameter("kt_0").high
        held["kt_onset"] += parabola.parameter("kt_onset").low <= 1.2 <= parabola.parameter("kt_onset").high
    assert all(0.91 <= count / 200 <= 0.99 for count in held.values()), held


def test_too_few_temperatures_have_no_law():
    few = measured(KT[:3], 1 / KT[:3] ** 2)
    for form in (VFT, PARABOLIC):
        with pytest.raises(ValueError, match=rf"no {form.name} law: got tau_alpha at 3 temperatures.*at least 4"):
            fit_law(form, few)
    unreached = RelaxationTime(kt=0.4, tau=Quantity(value=np.nan, note="not reached"), without=np.full(6, np.nan))
    with pytest.raises(ValueError, match="at 3 temperatures"):
        fit_law(VFT, [*few, unreached])


def test_what_does_not_bend_upwards_has_no_law():
    for form in (VFT, PARABOLIC):
        with pytest.raises(ValueError, match=r"does not bend upwards.*from kT 0\.45 to 0\.8"):
            fit_law(form, measured(KT, -((1 / KT) ** 2)))


@pytest.mark.parametrize(("form", "log_tau"), [(VFT, 1.2 / (KT - 0.2)), (PARABOLIC, 4 * (1 / KT - 1) ** 2)])
def test_a_ramp_falls_out_where_tau_grows_by_its_own_unit_of_time(form, log_tau):
    law = fit_law(form, measured(KT, log_tau, scatter=0.01))
    for rate in (0.0195, 0.00195, 0.000195):
        found = law.falls_out(rate)
        step = 1e-5
        growth = float(law(found.value - step) - law(found.value + step)) / (2 * step)
        assert rate * growth == pytest.approx(1.0, rel=1e-4)
        assert found.low < found.value < found.high
    assert law.falls_out(0.0195).value > law.falls_out(0.00195).value > law.falls_out(0.000195).value
    assert law.extrapolates(0.4)
    assert not law.extrapolates(0.5)


def test_the_rates_of_the_ramps():
    for steps, rate in RAMPS.items():
        spec = CoolingSpec(ramp_steps=steps, replicas=1, seed=1)
        assert rate == pytest.approx((spec.kt_start - spec.kt_end) / (steps * spec.time_step))


def test_a_row_for_each_ramp_and_law():
    laws = {"plain": [fit_law(VFT, measured(KT, 1.2 / (KT - 0.2)))], "cage-relative": []}
    rows = falling_out_rows([Ramp(steps=100, rate=0.1), Ramp(steps=10, rate=1.0)], laws)
    assert [(row["ramp_steps"], row["law"]) for row in rows] == [(100, "vft"), (10, "vft")]
    assert np.isnan(rows[0]["kt_fictive"])
