"""Dynamics of the replica engine: drift, restart, films, and every way to fail."""

from dataclasses import replace

import numpy as np
import pytest

from vitrify.md.engines.base import Thermostat
from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.ensemble import Ensemble, maxwell_boltzmann
from vitrify.md.external import Tether, Wall
from vitrify.md.model import EMPTY, KobAndersen2D, kob_andersen_pairs
from vitrify.md.schedule import TemperatureSchedule

PAIRS = kob_andersen_pairs()
ENGINE = ReplicaEngine(pairs=PAIRS, device="cpu")
SHIFT = 4 * PAIRS.epsilon * ((PAIRS.sigma / PAIRS.r_cut) ** 12 - (PAIRS.sigma / PAIRS.r_cut) ** 6)


@pytest.fixture(scope="module")
def liquid():
    """Four equilibrium liquids of 270 particles at kT 0.8."""
    model, replicas = KobAndersen2D(particles=270), 4
    rng = np.random.default_rng(11)
    side = np.arange(17) * model.box_length / 17
    sites = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2) - model.box_length / 2
    state = Ensemble(
        positions=np.stack([sites[rng.permutation(289)[:270]] for _ in range(replicas)]),
        velocities=np.stack([maxwell_boltzmann(rng, 270, 0.8) for _ in range(replicas)]),
        species=np.repeat(model.species[None], replicas, axis=0),
        box=np.full((replicas, 2), model.box_length),
        seed=3,
        replica=np.arange(replicas),
        step=np.zeros(replicas, np.int64),
    )
    state = replace(state, positions=ENGINE.minimize(state, 1.0).ensemble.positions)
    return ENGINE.integrate(state, 4000, Thermostat(schedule=TemperatureSchedule.constant(0.8)))


def shifted_energy(state):
    """Total energy per particle with pairs shifted to zero at the cut-off: what NVE conserves."""
    energies = []
    for row in range(state.replicas):
        separation = state.positions[row, :, None] - state.positions[row]
        separation -= state.box[row] * np.rint(separation / state.box[row])
        species = state.species[row]
        pair = species[:, None], species[None]
        inside = (separation**2).sum(axis=-1) < PAIRS.r_cut[pair] ** 2
        np.fill_diagonal(inside, False)
        energies.append(-0.5 * SHIFT[pair][inside].sum())
    kinetic = 0.5 * (state.velocities**2).sum(axis=(1, 2))
    return (ENGINE.energies(state).sum(axis=1) + np.array(energies) + kinetic) / state.slots


def test_nve_neither_drifts_nor_gains_momentum(liquid):
    state, energies = replace(liquid, origin=None), []
    for _ in range(6):
        state = ENGINE.integrate(state, 4000)
        energies.append(shifted_energy(state))
    drift = np.polyfit(np.arange(6) * 4000, np.array(energies), 1)[0] * 24_000  # per particle over the whole run
    # Forces jump where pairs cross the cut-off: the energy walks randomly by some 1e-3 whatever the precision.
    assert abs(drift.mean()) < 1e-3
    assert abs(state.velocities.sum(axis=1)).max() < 2e-3


def test_bits_depend_neither_on_threads_nor_on_where_a_run_was_cut(liquid):
    thermostat = Thermostat(schedule=TemperatureSchedule.ramp(0.8, 0.3, start=4000, steps=300))
    whole = ENGINE.integrate(liquid, 300, thermostat)
    serial = ReplicaEngine(pairs=PAIRS, device="cpu", threads=1)
    cut = liquid
    for steps in (1, 99, 137, 63):
        cut = serial.integrate(cut, steps, thermostat)
    for name in ("positions", "velocities", "origin", "step"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name)), name


def test_empty_slots_anywhere_change_nothing_but_the_order_of_sums(liquid):
    """A film's arrays have holes; particles keep their slots and their paths."""
    rows = np.sort(np.random.default_rng(2).permutation(400)[:270])
    shape = (liquid.replicas, 400)
    holes = Ensemble(
        positions=np.full((*shape, 2), np.nan),
        velocities=np.zeros((*shape, 2)),
        species=np.full(shape, EMPTY, np.int8),
        box=liquid.box,
        seed=liquid.seed,
        replica=liquid.replica,
        step=liquid.step,
    )
    for name in ("positions", "velocities", "species"):
        getattr(holes, name)[:, rows] = getattr(liquid, name)
    expected = ENGINE.integrate(replace(liquid, origin=None), 50)
    got = ENGINE.integrate(holes, 50)
    assert got.failure == ("",) * 4
    assert np.array_equal(got.positions[:, rows], expected.positions)
    assert np.isnan(got.positions[:, got.species[0] == EMPTY]).all()


def film(velocity, wall=100.0):
    """Two tethered particles at the bottom of a box open in y, and a free one above them."""
    state = Ensemble(
        positions=np.array([[[-2.0, 1.0], [2.0, 1.0], [0.0, 9.0]]]),
        velocities=np.array([[[0.0, 0.0], [0.0, 0.0], velocity]]),
        species=np.array([[0, 0, 1]], np.int8),
        box=np.array([[12.0, 20.0]]),
        periodic=(True, False),
        seed=1,
        replica=np.array([0]),
        step=np.array([0]),
    )
    return state, Wall(stiffness=10.0, start=np.array([wall]))


def test_free_flight_is_a_straight_line_also_through_the_periodic_side():
    state, _ = film([3.0, 0.5])
    flown = ENGINE.integrate(state, 1000)  # 5 tau: 15 across a box of 12, and 2.5 up
    np.testing.assert_allclose(flown.positions[0, 2], [3.0, 11.5], atol=1e-5)
    assert flown.step[0] == 1000


def test_a_harmonic_wall_returns_a_particle_with_its_speed():
    state, wall = film([0.0, 1.0], wall=10.0)
    top = ENGINE.integrate(state, 200, externals=[wall])
    assert top.positions[0, 2, 1] == pytest.approx(10.0, abs=1e-4)  # not slowed before the wall begins
    back = ENGINE.integrate(top, 400, externals=[wall])
    assert back.velocities[0, 2, 1] == pytest.approx(-1.0, abs=1e-3)
    period = np.pi / np.sqrt(10.0)  # half a period of the harmonic wall, then free flight down
    assert back.positions[0, 2, 1] == pytest.approx(10.0 - (2.0 - period), abs=2e-3)


def test_a_tethered_particle_swings_with_the_spring_constant():
    state, _ = film([0.0, 0.0])
    tether = Tether(stiffness=4.0, slots=np.array([2]), sites=np.array([[[0.5, 9.0]]]))
    swung = ENGINE.integrate(state, 100, externals=[tether])  # 0.5 tau of omega = 2
    np.testing.assert_allclose(swung.positions[0, 2], [0.5 - 0.5 * np.cos(1.0), 9.0], atol=1e-4)


def test_forces_of_walls_and_tethers_are_those_of_their_formulas():
    state, wall = film([0.0, 0.0], wall=8.25)
    tether = Tether(stiffness=7.0, slots=np.array([0]), sites=np.array([[[5.5, 1.5]]]), axes=(True, False))
    forces = ENGINE.forces(state, [wall, tether])[0]
    np.testing.assert_allclose(forces[2], [0.0, -7.5], atol=1e-12)
    assert forces[0, 0] == pytest.approx(7.0 * (5.5 - 12.0 + 2.0), rel=1e-12)  # through the side: the nearer image
    np.testing.assert_allclose(ENGINE.forces(state)[0], 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("spoil", "reason", "step"),
    [
        ("together", "overlap", 4000),
        ("close", "overlap", 4000),
        ("fast", "overlap", 4000),
        ("nan", "not finite", 4000),
    ],
)
def test_a_bad_replica_is_marked_and_the_others_go_on(liquid, spoil, reason, step):
    positions, velocities = liquid.positions.copy(), liquid.velocities.copy()
    if spoil == "together":
        positions[1, 7] = positions[1, 3]
    elif spoil == "close":
        positions[1, 7] = positions[1, 3] + 1e-3
    elif spoil == "fast":
        velocities[1, 7] = 1e4
    else:
        positions[1, 7] = np.nan
    after = ENGINE.integrate(replace(liquid, positions=positions, velocities=velocities, origin=None), 20)
    well = ENGINE.integrate(replace(liquid, origin=None), 20)
    assert reason in after.failure[1]
    assert after.failed.tolist() == [False, True, False, False]
    assert after.step.tolist() == [4020, step, 4020, 4020]
    assert np.array_equal(after.positions[[0, 2, 3]], well.positions[[0, 2, 3]])
    passed_over = ENGINE.integrate(after, 10)
    assert passed_over.step.tolist() == [4030, step, 4030, 4030]
    assert np.array_equal(passed_over.positions[1], after.positions[1], equal_nan=True)


def test_a_particle_that_leaves_the_open_end_is_lost_at_that_step():
    state, _ = film([0.0, 10.0])
    lost = ENGINE.integrate(state, 400)
    assert "lost particle" in lost.failure[0]
    assert lost.step[0] == 221  # 11 sigma at 0.05 a step, and one more to be outside
    assert ENGINE.integrate(replace(state, positions=state.positions - 2.0), 1).failed.all()


def test_replicas_of_different_size_and_box_do_not_know_of_each_other(liquid):
    positions, species, box = liquid.positions.copy(), liquid.species.copy(), liquid.box.copy()
    species[2, 40:] = EMPTY
    box[3] *= 1.3
    mixed = replace(liquid, positions=positions, species=species, box=box, origin=None)
    together = ENGINE.integrate(mixed, 25)
    for row in range(4):
        alone = ENGINE.integrate(mixed.select(np.array([row])), 25)
        assert np.array_equal(alone.positions[0], together.positions[row])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"time_step": 0.0}, "time_step"),
        ({"skin": -1.0}, "skin"),
        ({"threads": 0}, "threads"),
        ({"lanes": 4096}, "lanes"),
        ({"device": "tpu"}, "device"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ReplicaEngine(**{"pairs": PAIRS, "device": "cpu", **settings})
