"""The CUDA program in Numba's simulator: same source as on a GPU, a few dozen particles, no GPU needed.

The simulator is chosen when Numba is imported, so that everything runs in a process of its own, once.
"""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = r"""
import json
from dataclasses import replace
import numpy as np

from vitrify.md.engines.base import Thermostat
from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.engines.replica.layout import SINGLE
from vitrify.md.ensemble import Ensemble, maxwell_boltzmann
from vitrify.md.external import Tether, Wall
from vitrify.md.model import EMPTY, KobAndersen2D
from vitrify.md.schedule import TemperatureSchedule

def apart(a, b, rows=slice(None)):
    filled = a.filled[rows]
    return float(abs(a.positions - b.positions)[rows][filled].max())

def same(a, b):
    return all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=True)
               for n in ("positions", "velocities", "origin", "step", "travelled"))

model, rng = KobAndersen2D(particles=36), np.random.default_rng(2)
pairs, length = model.pairs, model.box_length
cpu = ReplicaEngine(pairs=pairs, device="cpu")
gpu = ReplicaEngine(pairs=pairs, device="gpu", lanes=3, skin=0.1)
sites = (np.stack(np.meshgrid(np.arange(6), np.arange(6)), -1).reshape(-1, 2) + 0.5) * length / 6 - length / 2
bulk = Ensemble(
    positions=np.stack([sites[rng.permutation(36)] for _ in range(2)]),
    velocities=np.stack([maxwell_boltzmann(rng, 36, 2.0) for _ in range(2)]),
    species=np.repeat(model.species[None], 2, axis=0), box=np.full((2, 2), length),
    seed=1, replica=np.array([0, 5]), step=np.zeros(2, np.int64))
bulk = replace(bulk, positions=cpu.minimize(bulk, 1e-4).ensemble.positions)
report = {"device": gpu.device}

bath = Thermostat(schedule=TemperatureSchedule.ramp(1.0, 0.4, start=0, steps=30))
bulk = replace(bulk, travelled=np.zeros_like(bulk.positions))
whole = gpu.integrate(bulk, 10, bath)
report["bulk"] = apart(whole, cpu.integrate(bulk, 10, bath))
report["travelled"] = float(abs(whole.travelled - cpu.integrate(bulk, 10, bath).travelled).max())
report["rebuilt"] = not np.array_equal(whole.origin, bulk.positions)
report["restart"] = same(gpu.integrate(gpu.integrate(bulk, 6, bath), 4, bath), whole)

gpu.processor.room[SINGLE] = 2
report["grown"] = same(gpu.integrate(bulk, 10, bath), whole) and gpu.processor.room[SINGLE] > 2

spoilt = bulk.positions.copy()
spoilt[0, 7] = spoilt[0, 3]
failed = gpu.integrate(replace(bulk, positions=spoilt), 4, bath)
report["failure"], report["failed_at"] = list(failed.failure), failed.step.tolist()

quenched = gpu.minimize(bulk)
report["converged"] = quenched.converged.tolist()
report["max_force"] = float(np.linalg.norm(cpu.forces(quenched.ensemble), axis=2).max())

species = np.full((2, 20), EMPTY, np.int8)
species[0, ::2], species[1, 1:13] = [0, 1] * 5, [1, 0] * 6
positions = np.full((2, 20, 2), np.nan)
for row in range(2):
    filled = species[row] != EMPTY
    spots = np.stack([np.arange(filled.sum()) % 4 * 1.9 - 3.5, 0.9 + np.arange(filled.sum()) // 4 * 1.1], -1)
    positions[row, filled] = spots + rng.normal(0, 0.02, spots.shape)
velocities = np.where(species[..., None] != EMPTY, rng.normal(0, 0.5, (2, 20, 2)), 0.0)
film = Ensemble(positions=positions, velocities=velocities, species=species, box=np.array([[9.0, 12.0], [8.0, 9.0]]),
                periodic=(True, False), seed=1, replica=np.arange(2), step=np.array([10, 10]))
held = np.array([2, 4])
held = Tether(stiffness=50.0, slots=held, sites=positions[:, held] + 0.05)
wall = Wall(stiffness=10.0, start=np.array([2.5, 3.0]))
bath = Thermostat(schedule=TemperatureSchedule.constant(0.3), species=(0,))
report["film"] = apart(gpu.integrate(film, 8, bath, [held, wall]), cpu.integrate(film, 8, bath, [held, wall]))
positions[0, 18], velocities[0, 18] = [0.0, 11.95], [0.0, 15.0]
flown = gpu.integrate(replace(film, positions=positions, velocities=velocities), 3)
report["lost"] = flown.failure[0]
print("REPORT" + json.dumps(report))
"""


@pytest.fixture(scope="module")
def report():
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    run = subprocess.run(
        # NumPy remarks on the wraps, and on the overlap below, that compiled code is silent about.
        [sys.executable, "-W", "error", "-W", "ignore::RuntimeWarning", "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.split("REPORT")[1])


def test_trajectories_are_those_of_the_cpu_to_single_precision(report):
    assert report["device"] == "gpu"
    assert report["bulk"] < 1e-5
    assert report["film"] < 1e-5
    assert report["travelled"] < 1e-5


def test_a_block_rebuilds_its_list_by_itself_and_restarts_bit_for_bit(report):
    assert report["rebuilt"]
    assert report["restart"]


def test_a_full_list_grows_and_changes_nothing(report):
    assert report["grown"]


def test_a_bad_replica_fails_alone(report):
    assert "overlap" in report["failure"][0]
    assert report["failure"][1] == ""
    assert report["failed_at"] == [0, 4]
    assert "lost particle" in report["lost"]


def test_minimiser_meets_the_criterion_by_forces_computed_elsewhere(report):
    assert report["converged"] == [True, True]
    assert report["max_force"] < 1e-6
