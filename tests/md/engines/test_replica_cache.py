"""What a process computes does not depend on whether Numba had compiled the program before."""

import os
import subprocess
import sys

PROGRAM = """
import hashlib
import numpy as np
from vitrify.md.engines.base import Thermostat
from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.ensemble import Ensemble, maxwell_boltzmann
from vitrify.md.model import KobAndersen2D
from vitrify.md.schedule import TemperatureSchedule

model, rng = KobAndersen2D(particles=64), np.random.default_rng(1)
sites = np.stack(np.meshgrid(np.arange(8), np.arange(8)), -1).reshape(-1, 2) * model.box_length / 8
start = Ensemble(
    positions=sites[None], velocities=maxwell_boltzmann(rng, 64, 2.0)[None],
    species=rng.permutation(model.species)[None],
    box=np.full((1, 2), model.box_length), seed=1, replica=np.arange(1), step=np.zeros(1, np.int64))
bath = Thermostat(schedule=TemperatureSchedule.ramp(2.0, 0.05, start=5000, steps=100))
end = ReplicaEngine(pairs=model.pairs, device="cpu", threads=1).integrate(start, 5100, bath)
assert end.failure == ("",)
print(hashlib.sha256(end.positions.tobytes() + end.velocities.tobytes()).hexdigest())
"""


def run(cache):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=600).stdout


def test_the_process_that_compiles_computes_what_later_ones_do(tmp_path):
    """Functions that LLVM leaves out of line are optimised differently where they are compiled and where loaded."""
    cold = run(tmp_path)
    kept = {file for file in tmp_path.rglob("*.nbc")}
    assert kept
    assert run(tmp_path) == cold
    assert {file for file in tmp_path.rglob("*.nbc")} == kept
