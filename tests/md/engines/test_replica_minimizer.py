"""Every start reaches max|F| < 1e-6, and a displaced inherent structure goes back to where it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vitrify.md.engines.base import Thermostat
from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.ensemble import Ensemble, maxwell_boltzmann
from vitrify.md.external import Tether, Wall
from vitrify.md.model import KobAndersen2D, PairTable, kob_andersen_pairs
from vitrify.md.schedule import TemperatureSchedule

PAIRS = kob_andersen_pairs()
ENGINE = ReplicaEngine(pairs=PAIRS, device="cpu")
REFERENCE = Path(__file__).parents[2] / "reference" / "lammps"


def ensemble_of(positions, species, box, periodic=(True, True)):
    replicas = len(positions)
    return Ensemble(
        positions=positions,
        velocities=np.zeros_like(positions),
        species=np.repeat(species[None].astype(np.int8), replicas, axis=0),
        box=np.repeat(np.array(box, float)[None], replicas, axis=0),
        periodic=periodic,
        seed=1,
        replica=np.arange(replicas),
        step=np.zeros(replicas, np.int64),
    )


def test_random_starts_and_liquids_of_every_temperature_reach_the_criterion():
    model, rng = KobAndersen2D(particles=270), np.random.default_rng(4)
    positions = (rng.random((4, 270, 2)) - 0.5) * model.box_length  # some pairs lie within 0.01
    start = ENGINE.minimize(ensemble_of(positions, model.species, [model.box_length] * 2))
    assert start.converged.all()
    state = replace(start.ensemble, velocities=np.stack([maxwell_boltzmann(rng, 270, 1.0) for _ in range(4)]))
    for kt in (2.0, 1.0, 0.4, 0.05):
        state = ENGINE.integrate(state, 1000, Thermostat(schedule=TemperatureSchedule.constant(kt), tau=0.1))
        quenched = ENGINE.minimize(state)
        assert quenched.converged.all()
        forces = ENGINE.forces(quenched.ensemble)
        np.testing.assert_allclose(np.linalg.norm(forces, axis=2).max(axis=1), quenched.max_force, rtol=1e-3)
        assert (quenched.energies.mean(axis=1) < ENGINE.energies(state).mean(axis=1)).all()


def test_a_small_displacement_relaxes_back_to_the_lammps_inherent_structure():
    data = np.load(REFERENCE / "inherent_N1080.npz")
    rng = np.random.default_rng(9)
    # No further, or one of the 10,000 pairs beyond the cut-off comes within, where a minimum of its own is waiting.
    positions = data["positions"][None] + rng.normal(0, 3e-5, (2, 1080, 2))
    relaxed = ENGINE.minimize(ensemble_of(positions, data["types"], data["box"]))
    assert relaxed.converged.all()
    np.testing.assert_allclose(relaxed.energies.sum(axis=1), data["potential_energy"], rtol=1e-9)
    moved = relaxed.ensemble.positions - data["positions"]
    moved -= data["box"] * np.rint(moved / data["box"])
    moved -= moved.mean(axis=1, keepdims=True)  # the centre of mass is free to stay where it was put
    assert abs(moved).max() < 1e-5 < abs(positions - data["positions"]).max()


def test_a_film_relaxes_with_its_tethers_and_below_its_wall():
    data = np.load(REFERENCE / "film_N404.npz")
    substrate = np.flatnonzero(data["types"] == 2)
    sigma = np.array([[1.0, 0.8, 0.75], [0.8, 0.88, 0.75], [0.75, 0.75, 0.76]])
    epsilon = np.array([[1.0, 1.5, 1.0], [1.5, 0.5, 1.0], [1.0, 1.0, 0.1]])
    engine = ReplicaEngine(pairs=PairTable(epsilon=epsilon, sigma=sigma, r_cut=2.5 * sigma), device="cpu")
    state = ensemble_of(data["positions"][None], data["types"], data["box"], (True, False))
    top = data["positions"][:, 1].max()
    held = Tether(stiffness=1000.0, slots=substrate, sites=data["positions"][None, substrate])
    pressed = Wall(stiffness=10.0, start=np.array([top - 1.0]))
    relaxed = engine.minimize(state, externals=[held, pressed])
    assert relaxed.converged.all()
    assert abs(engine.forces(relaxed.ensemble, [held, pressed])).max() < 1e-6
    moved = relaxed.ensemble.positions[0, substrate] - data["positions"][substrate]
    moved[:, 0] -= 30.0 * np.rint(moved[:, 0] / 30.0)
    assert abs(moved).max() < 0.1
    assert relaxed.ensemble.positions[0, :, 1].max() < top


def test_particles_at_one_place_fail_instead_of_staying_there():
    positions = np.array([[[0.0, 0.0], [0.0, 0.0], [2.0, 0.0]]])
    quenched = ENGINE.minimize(ensemble_of(positions, np.array([0, 0, 1]), [10.0, 10.0]))
    assert "overlap" in quenched.ensemble.failure[0]
    assert not quenched.converged[0]


@pytest.mark.parametrize("fmax", [0.0, -1.0, np.nan])
def test_a_criterion_that_cannot_be_met_is_refused(fmax):
    state = ensemble_of(np.zeros((1, 1, 2)), np.array([0]), [10.0, 10.0])
    with pytest.raises(ValueError, match="fmax"):
        ENGINE.minimize(state, fmax)
