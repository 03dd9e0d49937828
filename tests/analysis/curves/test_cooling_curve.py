import numpy as np
import pytest

from vitrify.analysis.curves.cooling_curve import cooling_curves, curve_columns, curve_from_tables


def table(replicas, frames=4, shift=0.0):
    kt = np.tile(2.0 - 0.4875 * np.arange(1, frames + 1), replicas)
    replica = np.repeat(np.arange(replicas), frames)
    return {
        "replica": replica,
        "frame": np.tile(np.arange(1, frames + 1), replicas),
        "kt_set": kt,
        "kt": kt + 0.01,
        "potential_energy": -2.0 - 1.0 / kt + shift,
        "inherent_energy": -3.9 + 0.05 * kt + 0.01 * replica + shift,
        "converged": np.ones(len(kt)),
    }


class Run:
    """What cooling_curves reads of a run directory."""

    def __init__(self, own, **spec):
        self.table, self.path = own, f"run-{spec.get('seed', 1)}"
        self.replicas = sorted(set(own["replica"].tolist()))
        self.spec = {
            "protocol": "cool", "particles": 1080, "density": 1.2, "fraction_a": 0.65, "frames": 4, "time_step": 0.005,
            "kt_start": 2.0, "kt_end": 0.05, "ramp_steps": 20_000, "seed": 1,
        } | spec  # fmt: skip


def test_mean_and_error_at_each_frame():
    curve = curve_from_tables([table(3)], ramp_steps=20_000, rate=0.0195)
    np.testing.assert_allclose(curve.inherent.mean, -3.9 + 0.05 * curve.kt_set + 0.01)
    np.testing.assert_allclose(curve.inherent.error, 0.01 / np.sqrt(3))
    np.testing.assert_allclose(curve.instantaneous.error, 0, atol=1e-12)


def test_row_order_does_not_matter():
    rows = table(3)
    order = np.random.default_rng(0).permutation(12)
    shuffled = {name: column[order] for name, column in rows.items()}
    straight, mixed = (curve_from_tables([own], ramp_steps=1, rate=1.0) for own in (rows, shuffled))
    np.testing.assert_array_equal(mixed.inherent_energy, straight.inherent_energy)


def test_unconverged_and_failed_are_left_out_and_counted():
    rows = table(3)
    rows["converged"][1] = 0  # replica 0, frame 2
    rows = {name: column[:-1] for name, column in rows.items()}  # replica 2 stopped before frame 4
    curve = curve_from_tables([rows], ramp_steps=1, rate=1.0)
    assert curve.inherent.replicas.tolist() == [3, 2, 3, 2]
    assert curve.instantaneous.replicas.tolist() == [3, 3, 3, 2]
    assert curve.inherent.mean[1] == pytest.approx(-3.9 + 0.05 * curve.kt_set[1] + 0.015)


def test_equal_replica_numbers_of_two_runs_are_two_replicas():
    curve = curve_from_tables([table(2), table(3, shift=0.1)], ramp_steps=1, rate=1.0)
    assert curve.inherent_energy.shape == (5, 4)
    assert curve.inherent.replicas.tolist() == [5] * 4


def test_frames_at_different_temperatures():
    other = table(1)
    other["kt_set"] = other["kt_set"] + 0.01
    with pytest.raises(ValueError, match="frame 1 has set temperatures"):
        curve_from_tables([table(1), other], ramp_steps=1, rate=1.0)


def test_runs_are_pooled_by_rate_slowest_first():
    fast, slow = Run(table(2)), Run(table(3), ramp_steps=200_000, seed=2)
    again = Run(table(4), seed=3)
    curves = cooling_curves([fast, slow, again])
    assert [curve.ramp_steps for curve in curves] == [200_000, 20_000]
    assert [curve.replicas for curve in curves] == [3, 6]
    assert [curve.rate for curve in curves] == pytest.approx([1.95 / 1000, 1.95 / 100])
    columns = curve_columns(curves)
    assert columns["ramp_steps"].tolist() == [200_000] * 4 + [20_000] * 4
    assert columns["replicas"].tolist() == [3] * 4 + [6] * 4


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Run(table(2)), "its replica 0 of seed 1 is in run-1 too"),
        (Run(table(2), seed=2, density=1.1), "density is 1.1, expected 1.2"),
        (Run(table(2), seed=2, frames=8), "frames is 8, expected 4"),
        (Run(table(2), seed=2, protocol="anneal"), "expected a run of vitrify cool"),
        (Run({name: column[:0] for name, column in table(1).items()}, seed=2), "no row"),
    ],
)
def test_runs_that_do_not_belong_together(other, said):
    with pytest.raises(ValueError, match=said):
        cooling_curves([Run(table(2)), other])


def test_lammps_curve(lammps_cooling):
    curve = curve_from_tables([lammps_cooling], ramp_steps=200_000, rate=0.00195)
    cold = curve.inherent_at(0.05)
    # tests/reference/README.md
    assert round(float(cold.mean), 4) == -3.8687
    assert round(float(cold.error), 4) == 0.0007
    assert cold.replicas == 8
