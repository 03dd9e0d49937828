"""No pair is ever lost: forces against the oracle, which looks at every pair."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.engines.replica.layout import SINGLE
from vitrify.md.ensemble import Ensemble, maxwell_boltzmann
from vitrify.md.model import EMPTY, KobAndersen2D, kob_andersen_pairs, pair_energies_and_forces

PAIRS = kob_andersen_pairs()


def ensemble_of(positions, species, box, periodic=(True, True), velocities=None):
    velocities = np.zeros_like(positions) if velocities is None else velocities
    return Ensemble(
        positions=positions[None],
        velocities=velocities[None],
        species=species[None].astype(np.int8),
        box=np.array(box)[None],
        periodic=periodic,
        seed=1,
        replica=np.array([0]),
        step=np.array([0]),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    particles=st.integers(1, 150),
    box=st.tuples(st.floats(5.0, 40.0), st.floats(5.0, 40.0)),
    open_y=st.booleans(),
    empty=st.floats(0.0, 0.9),
    seed=st.integers(0, 2**32 - 1),
)
def test_forces_are_those_of_the_oracle_whatever_the_configuration(particles, box, open_y, empty, seed):
    rng = np.random.default_rng(seed)
    lower = np.array([-0.5 * box[0], 0.0 if open_y else -0.5 * box[1]])
    positions = lower + rng.random((particles, 2)) * box
    species = np.where(rng.random(particles) < empty, EMPTY, rng.integers(0, 2, particles))
    state = ensemble_of(positions, species, box, (True, not open_y))
    engine = ReplicaEngine(pairs=PAIRS, device="cpu", threads=1)
    energies, forces = pair_energies_and_forces(PAIRS, positions, species, np.array(box), (True, not open_y))
    np.testing.assert_allclose(engine.energies(state)[0], energies, rtol=1e-9, atol=1e-9 * abs(energies).max())
    np.testing.assert_allclose(engine.forces(state)[0], forces, rtol=1e-9, atol=1e-9 * abs(forces).max())


@pytest.fixture(scope="module")
def liquid():
    model = KobAndersen2D(particles=200)
    rng = np.random.default_rng(5)
    side = np.arange(15) * model.box_length / 15
    sites = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2) - model.box_length / 2
    positions = sites[rng.permutation(225)[:200]]
    state = ensemble_of(positions, model.species, [model.box_length] * 2, velocities=maxwell_boltzmann(rng, 200, 2.0))
    return replace(state, positions=ReplicaEngine(pairs=PAIRS, device="cpu").minimize(state, 1.0).ensemble.positions)


def test_rebuilds_come_in_time(liquid):
    """A skin so thin that the list is rebuilt at almost every step, and one that lasts: the same trajectory."""
    often, seldom = (ReplicaEngine(pairs=PAIRS, device="cpu", skin=skin).integrate(liquid, 60) for skin in (0.03, 1.5))
    assert often.failure == seldom.failure == ("",)
    moved = abs(seldom.positions - liquid.positions)
    assert 0.3 < np.minimum(moved, liquid.box[0] - moved).max()  # far beyond the thin skin
    apart = abs(often.positions - seldom.positions)
    assert np.minimum(apart, liquid.box[0] - apart).max() < 1e-4  # rounding, grown by 60 steps of chaos


def test_a_full_list_grows_and_changes_nothing(liquid):
    roomy, cramped = ReplicaEngine(pairs=PAIRS, device="cpu"), ReplicaEngine(pairs=PAIRS, device="cpu")
    cramped.cpu.room[SINGLE] = 2
    expected, grown = roomy.integrate(liquid, 40), cramped.integrate(liquid, 40)
    assert cramped.cpu.room[SINGLE] > 2
    assert np.array_equal(grown.positions, expected.positions)
    assert np.array_equal(grown.velocities, expected.velocities)
