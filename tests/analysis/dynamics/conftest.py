"""Runs made by hand: particles that go wherever a test says, written as the protocol writes them."""

import numpy as np
import pytest

from vitrify.md.ensemble import Ensemble
from vitrify.md.protocols.annealing import AnnealingSpec
from vitrify.md.store.writer import RunWriter

TIME_STEP = 0.005


def write_run(path, steps, places, species, box, *, unwrapped=True, energies=None, **fields):
    """A run of ``places`` (R, frames, N, 2), which go on over the edges of the box, at the clocks ``steps``."""
    replicas, frames, count, _ = places.shape
    settings = {
        "protocol": "anneal", "kt": 1.0, "steps": int(steps[-1] - steps[0]), "equilibration_steps": int(steps[0]),
        "frames": frames, "spacing": "log", "origins": 1, "time_step": TIME_STEP, "particles": count, "density": 1.2,
        "fraction_a": 0.65, "seed": 1, "replicas": replicas, "first_replica": 0,
    } | fields  # fmt: skip
    box = np.broadcast_to(np.asarray(box, dtype=np.float64), (replicas, 2))
    wrapped = places - box[:, None, None] * np.floor(places / box[:, None, None] + 0.5)
    number = settings["first_replica"] + np.arange(replicas)
    with RunWriter.create(path, settings, {"engine": "replica", "device": "cpu"}) as writer:
        for frame in range(frames):
            ensemble = Ensemble(
                positions=wrapped[:, frame],
                velocities=np.zeros_like(wrapped[:, frame]),
                species=np.tile(np.asarray(species, dtype=np.int8), (replicas, 1)),
                box=box,
                seed=1,
                replica=number,
                step=np.full(replicas, steps[frame]),
                travelled=places[:, frame] - places[:, 0] if unwrapped else None,
            )
            writer.write_frame(frame + 1, settings["kt"], ensemble)
            writer.append_rows(
                {
                    "replica": number,
                    "frame": np.full(replicas, frame + 1),
                    "step": np.full(replicas, steps[frame]),
                    "kt_set": np.full(replicas, settings["kt"]),
                    "inherent_energy": np.full(replicas, -3.8) if energies is None else energies[:, frame],
                    "converged": np.ones(replicas, dtype=bool),
                }
            )
        return writer.finish()


def clocks(frames, steps, origins=1, first_step=1):
    """The clocks that the protocol has for this schedule."""
    spec = AnnealingSpec(
        kt=1.0, steps=steps, frames=frames, spacing="log", origins=origins, first_step=first_step, seed=1,
        equilibration_steps=0,
    )  # fmt: skip
    return spec.frame_steps


def walk(rng, steps, replicas, count, diffusion, box):
    """Free Brownian particles, (R, frames, N, 2)."""
    apart = np.diff(steps) * TIME_STEP
    jumps = rng.normal(size=(replicas, len(apart), count, 2)) * np.sqrt(2 * diffusion * apart)[:, None, None]
    start = rng.uniform(-0.499, 0.499, (replicas, 1, count, 2)) * box
    return np.concatenate([start, start + np.cumsum(jumps, axis=1)], axis=1)


@pytest.fixture
def lattice():
    """Sites (360, 2) of a triangular lattice of spacing 1 off the edges, and its box."""
    columns, rows = np.meshgrid(np.arange(18.0), np.arange(20.0), indexing="ij")
    sites = np.stack([columns + 0.5 * (rows % 2), rows * np.sqrt(3) / 2], axis=-1).reshape(-1, 2)
    box = np.array([18.0, 20 * np.sqrt(3) / 2])
    return sites - box / 2 + 0.123, box


@pytest.fixture
def liquids(tmp_path):
    """Four Brownian liquids whose tau at k = 5 follows a VFT law by construction: D = 1 / (25 tau)."""
    rng = np.random.default_rng(8)
    steps = clocks(25, 400_000, origins=2, first_step=20)
    runs = []
    for place, kt in enumerate((0.5, 0.6, 0.8, 1.0, 1.2)):
        tau = 0.3 * np.exp(1.5 / (kt - 0.25))
        places = walk(rng, steps + 1000, 6, 60, 1 / (25 * tau), 10.0)
        energies = -3.7 - 0.08 / kt + 0.001 * rng.normal(size=(6, len(steps)))
        runs.append(
            write_run(
                tmp_path / f"kt-{kt:g}", steps + 1000, places, np.arange(60) % 3 == 0, [10.0, 10.0],
                kt=kt, origins=2, seed=place, energies=energies,
            )
        )  # fmt: skip
    return runs


@pytest.fixture
def written():
    return write_run


@pytest.fixture
def log_steps():
    return clocks


@pytest.fixture
def brownian():
    return walk
