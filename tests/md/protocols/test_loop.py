"""The run loop: where it may be cut, what a stop leaves behind, what it keeps in memory."""

import threading
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from vitrify.md.engines.replica import ReplicaEngine, engine
from vitrify.md.protocols import gathering, pace
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.protocols.films.growth import deposit
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.unfinished import Unfinished
from vitrify.md.store.checkpoint import load_checkpoint
from vitrify.md.store.naming import CHECKPOINT, TABLE

COOL = CoolingSpec(
    particles=100, ramp_steps=900, frames=3, equilibration_steps=100, replicas=4, seed=5, store="all", device="cpu"
)


@pytest.fixture
def calls(monkeypatch):
    """Every replica's integrations, (replica, its clock, steps), by an engine that does not split exactly."""
    seen = []
    integrate = ReplicaEngine.integrate

    def counted(self, ensemble, steps, thermostat=None, externals=()):
        seen.extend((int(k), int(step), steps) for k, step in zip(ensemble.replica, ensemble.step, strict=True))
        return integrate(self, ensemble, steps, thermostat, externals)

    monkeypatch.setattr(ReplicaEngine, "integrate", counted)
    monkeypatch.setattr(ReplicaEngine, "splits_exactly", property(lambda self: False), raising=False)
    monkeypatch.setattr(pace, "PARTICLE_STEPS_OF_A_PIECE", 0)
    monkeypatch.setattr(pace, "LEAST_STEPS_OF_A_PIECE", 70)
    return seen


def count_to(number):
    """A stop that is asked for from its ``number``-th question on."""
    asked = iter(range(1_000_000))
    return lambda: next(asked) >= number


@pytest.mark.parametrize("after", [3, 8, 15])
@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e9])
def test_pieces_of_an_engine_that_does_not_split_follow_from_the_spec(tmp_path, monkeypatch, calls, seconds, after):
    """However fast the machine, wherever it is stopped: the same calls for every replica, cut at 70 from each frame."""
    cool(COOL, tmp_path / "whole")
    undisturbed = sorted(calls)
    assert {steps for _, _, steps in undisturbed} == {70, 30, 20}
    calls.clear()
    monkeypatch.setattr(pace, "SECONDS", seconds)
    with pytest.raises(Unfinished):
        cool(COOL, tmp_path / "run", stop=count_to(after))
    if not (tmp_path / "run" / CHECKPOINT).exists():
        calls.clear()
    cool(COOL, tmp_path / "run", resume=True)
    assert sorted(calls) == undisturbed


def test_the_clock_cuts_an_engine_that_splits_wherever_it_likes(tmp_path, monkeypatch):
    whole = cool(COOL, tmp_path / "whole")
    monkeypatch.setattr(pace, "PARTICLE_STEPS_OF_A_PIECE", 0)
    monkeypatch.setattr(pace, "LEAST_STEPS_OF_A_PIECE", 13)
    for seconds in (1e-9, 1e9):
        monkeypatch.setattr(pace, "SECONDS", seconds)
        run = cool(COOL, tmp_path / f"{seconds}")
        assert (run.path / TABLE).read_bytes() == (whole.path / TABLE).read_bytes()


@pytest.fixture
def idle_cores(monkeypatch):
    """A machine of 6 cores for 4 replicas, on which two frames are enough; what was quenched beside dynamics."""
    beside, minimize = [], ReplicaEngine.minimize

    def noted(self, ensemble, fmax=1e-6, externals=()):
        if threading.current_thread() is not threading.main_thread():
            beside.extend(zip(ensemble.replica.tolist(), ensemble.step.tolist(), strict=True))
        return minimize(self, ensemble, fmax, externals)

    monkeypatch.setattr(engine, "cores", lambda: 6)
    monkeypatch.setattr(ReplicaEngine, "replicas_at_once", property(lambda self: 4 if self.threads == 6 else 1))
    monkeypatch.setattr(ReplicaEngine, "minimize", noted)
    monkeypatch.setattr(gathering, "PARTICLES_QUENCHED_AT_ONCE", 800)
    return beside


def same_bytes(one, other):
    files = sorted(file.name for file in one.path.iterdir() if file.suffix in (".csv", ".gsd"))
    return files and all((one.path / name).read_bytes() == (other.path / name).read_bytes() for name in files)


def test_idle_cores_quench_while_dynamics_go_on(tmp_path, request):
    spec = replace(COOL, frames=6)
    whole = cool(spec, tmp_path / "whole")
    beside = request.getfixturevalue("idle_cores")
    run = cool(spec, tmp_path / "run")
    assert same_bytes(whole, run)
    assert len(beside) == len(set(beside)) > 0
    for after in (9, 12, 15, 18):
        with pytest.raises(Unfinished):
            cool(spec, tmp_path / f"{after}", stop=count_to(after))
        assert same_bytes(whole, cool(spec, tmp_path / f"{after}", resume=True))


def test_quenches_that_were_done_are_not_done_again(tmp_path, monkeypatch):
    """A stop in the middle of a gathered quench: frames seen and inherent structures found are in the checkpoint."""
    whole = cool(COOL, tmp_path / "whole")
    minimize, quenched, stop = ReplicaEngine.minimize, [], []

    def counted(self, ensemble, fmax=1e-6, externals=()):
        if fmax < 1e-3:
            quenched.extend(zip(ensemble.replica.tolist(), ensemble.step.tolist(), strict=True))
            stop.append(True)
        return minimize(self, ensemble, fmax, externals)

    monkeypatch.setattr(ReplicaEngine, "minimize", counted)
    monkeypatch.setattr(gathering, "PARTICLES_QUENCHED_AT_ONCE", 500)
    launches = 0
    while True:
        try:
            run = cool(COOL, tmp_path / "run", resume=True, stop=lambda: bool(stop))
            break
        except Unfinished:
            _, extra = load_checkpoint(tmp_path / "run" / CHECKPOINT)
            assert len(extra["seen/frames"]) >= len(extra["seen/quenched/converged"])
            stop.clear()
            launches += 1
    assert launches > 2
    assert len(quenched) == len(set(quenched)) == 12
    assert (run.path / TABLE).read_bytes() == (whole.path / TABLE).read_bytes()


def test_memory_does_not_grow_with_the_number_of_films(tmp_path, monkeypatch):
    """Eight films at a time: twelve waves take hardly more than three."""
    monkeypatch.setattr(pace, "REPLICAS_AT_ONCE", 8)
    spec = DepositionSpec.preset(
        "reid", seed=2, replicas=8, box_length=10.0, substrate_particles=70, relax_steps=20, batch=5, injections=2,
        steps_per_injection=20, slab_gap=3.0, fmax=1.0,
    )  # fmt: skip
    deposit(spec, tmp_path / "warm")
    peaks = []
    for replicas in (24, 96):
        tracemalloc.start()
        run = deposit(replace(spec, replicas=replicas), tmp_path / f"{replicas}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(run.replicas) == replicas
        assert len(list(run.path.iterdir())) == len(list((tmp_path / "warm").iterdir()))
    assert peaks[1] < 1.3 * peaks[0]


def test_pressure_is_that_of_the_virial(tmp_path):
    """Against -dU/dA of the stored configurations, scaled by one part in 1e6 either way, and the kinetic part."""
    from vitrify.md.model import KobAndersen2D, pair_energies_and_forces

    run = cool(replace(COOL, replicas=1), tmp_path / "run")
    pairs, frame = KobAndersen2D().pairs, 3
    stored = run.configuration(0, frame)
    row = np.flatnonzero(run.table["frame"] == frame)[0]

    def potential(scale):
        energies, _ = pair_energies_and_forces(
            pairs, scale * stored.positions, stored.species, scale * stored.box, stored.periodic
        )
        return energies.sum()

    # No pair crosses its cut-off at so small a change, where a truncated energy would jump.
    area, delta = np.prod(stored.box), 1e-7
    virial_part = -(potential(1 + delta) - potential(1 - delta)) / (4 * delta * area)
    kinetic_part = run.table["kt"][row] * (2 * 100 - 2) / 2 / area
    assert run.table["pressure"][row] == pytest.approx(virial_part + kinetic_part, rel=1e-4, abs=1e-4)
