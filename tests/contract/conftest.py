"""The engines under contract, and the systems they are given.

One suite for all: ``replica`` always, ``hoomd`` with ``-m hoomd`` where HOOMD-blue is installed, ``replica`` on the GPU
with ``-m gpu``. The last also runs without a GPU under Numba's CUDA simulator, ``NUMBA_ENABLE_CUDASIM=1 pytest -m gpu
tests/contract``: what takes more steps than that can do is skipped there.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from vitrify.md.engines.base import TIME_STEP, Engine
from vitrify.md.ensemble import Ensemble, maxwell_boltzmann
from vitrify.md.model import EMPTY, KobAndersen2D, PairTable, kob_andersen_pairs

REFERENCE = Path(__file__).parents[1] / "reference" / "lammps"


@dataclass(frozen=True)
class Contender:
    """An engine under contract.

    Attributes:
        build: makes the engine for a pair table.
        simulated: whether it runs under Numba's CUDA simulator.
    """

    build: Callable[..., Engine]
    simulated: bool = False

    def __call__(self, pairs: PairTable, time_step: float = TIME_STEP) -> Engine:
        return self.build(pairs=pairs, time_step=time_step)


def replica() -> Contender:
    from vitrify.md.engines.replica import ReplicaEngine

    return Contender(lambda **options: ReplicaEngine(device="cpu", **options))


def replica_gpu() -> Contender:
    from numba import cuda

    from vitrify.md.engines.replica import ReplicaEngine

    if not cuda.is_available():
        pytest.skip("no CUDA GPU, and NUMBA_ENABLE_CUDASIM is not set")
    simulated = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
    lanes = {"lanes": 8} if simulated else {}  # the simulator starts a Python thread for each
    return Contender(lambda **options: ReplicaEngine(device="gpu", **lanes, **options), simulated=simulated)


def hoomd() -> Contender:
    if find_spec("hoomd") is None:
        pytest.skip("HOOMD-blue is not installed: conda install -c conda-forge hoomd")
    from vitrify.md.engines.hoomd import HoomdEngine

    return Contender(lambda **options: HoomdEngine(device="cpu", **options))


CONTENDERS = [
    replica,
    pytest.param(hoomd, marks=pytest.mark.hoomd),
    pytest.param(
        replica_gpu,
        marks=[
            pytest.mark.gpu,
            # In the simulator NumPy warns of the integer overflow by which fixed-point coordinates wrap, and of NaN.
            pytest.mark.filterwarnings("ignore:.*encountered in scalar:RuntimeWarning"),
        ],
    ),
]


@pytest.fixture(params=CONTENDERS, ids=lambda make: make.__name__)
def contender(request) -> Contender:
    return request.param()


@pytest.fixture
def engine(contender) -> Engine:
    """The engine under contract for the Kob-Andersen mixture."""
    return contender(kob_andersen_pairs())


@pytest.fixture
def film_engine(contender, film_pairs) -> Engine:
    """The engine under contract for A, B and the substrate S."""
    return contender(film_pairs)


@pytest.fixture
def patience(contender):
    """Asked for by tests of many steps."""
    if contender.simulated:
        pytest.skip("the CUDA simulator is too slow for this many steps")


@pytest.fixture
def film_pairs() -> PairTable:
    """Pair table of the reference film: tests/reference/README.md."""
    epsilon = np.array([[1.0, 1.5, 1.0], [1.5, 0.5, 1.0], [1.0, 1.0, 0.1]])
    sigma = np.array([[1.0, 0.8, 0.75], [0.8, 0.88, 0.75], [0.75, 0.75, 0.76]])
    return PairTable(epsilon=epsilon, sigma=sigma, r_cut=2.5 * sigma)


@pytest.fixture
def ideal_gas() -> PairTable:
    """Particles that do not feel one another."""
    return PairTable(epsilon=np.full((3, 3), 1e-30), sigma=np.full((3, 3), 1e-4), r_cut=np.ones((3, 3)))


@pytest.fixture
def ensemble_of() -> Callable[..., Ensemble]:
    """Make an ensemble from positions (R, N, 2), species (R, N) or (N,), box (2,) and what else is given."""

    def make(positions, species, box, *, velocities=None, periodic=(True, True), seed=11, step=0) -> Ensemble:
        positions = np.array(positions, np.float64)
        replicas = len(positions)
        return Ensemble(
            positions=positions,
            velocities=np.zeros_like(positions) if velocities is None else np.array(velocities, np.float64),
            species=np.broadcast_to(np.asarray(species, np.int8), positions.shape[:2]).copy(),
            box=np.broadcast_to(np.asarray(box, np.float64), (replicas, 2)).copy(),
            periodic=periodic,
            seed=seed,
            replica=np.arange(replicas),
            step=np.full(replicas, step),
        )

    return make


@pytest.fixture
def reference(ensemble_of):
    """A single point of LAMMPS: the ensemble and its file."""

    def load(name: str):
        point = np.load(REFERENCE / name)
        periodic = bool(point["periodic"][0]), bool(point["periodic"][1])
        return ensemble_of(point["positions"][None], point["types"], point["box"], periodic=periodic), point

    return load


@pytest.fixture
def mixture(ensemble_of):
    """The mixture on a rattled square lattice at rho 1.2, velocities at kT, every replica another arrangement."""

    def make(particles=64, replicas=2, kt=0.3, rattle=0.03, seed=5) -> Ensemble:
        model, rng = KobAndersen2D(particles=particles), np.random.default_rng(seed)
        edge = int(np.ceil(np.sqrt(particles)))
        sites = np.stack(np.meshgrid(np.arange(edge), np.arange(edge)), axis=-1).reshape(-1, 2)[:particles]
        lattice = (sites + 0.5) * model.box_length / edge - model.box_length / 2
        return ensemble_of(
            [lattice + rattle * rng.standard_normal((particles, 2)) for _ in range(replicas)],
            [rng.permutation(model.species) for _ in range(replicas)],
            [model.box_length, model.box_length],
            velocities=[maxwell_boltzmann(rng, particles, kt) for _ in range(replicas)],
            seed=seed,
        )

    return make


@pytest.fixture
def liquid_at(mixture, engine):
    """An equilibrium liquid, made with the engine under contract."""

    def make(kt, particles=64, replicas=8, tau=0.2, steps=2000) -> Ensemble:
        from vitrify.md.engines.base import Thermostat
        from vitrify.md.schedule import TemperatureSchedule

        start = engine.minimize(mixture(particles, replicas, kt), fmax=1e-2).ensemble
        return engine.integrate(start, steps, Thermostat(schedule=TemperatureSchedule.constant(kt), tau=tau))

    return make


@pytest.fixture
def small_film(ensemble_of):
    """Two films of different size on a substrate, slots left empty in between, S in slots 0 to 11."""

    def make(kt=0.3, seed=3) -> Ensemble:
        rng = np.random.default_rng(seed)
        substrate = np.stack([np.arange(12) * 0.75 - 4.4, 1.0 + 0.1 * rng.standard_normal(12)], axis=1)
        rows = np.stack(np.meshgrid(np.arange(9) - 4.0, 2.0 + np.arange(3)), axis=-1).reshape(-1, 2)
        film = np.stack([rows + 0.03 * rng.standard_normal(rows.shape) for _ in range(2)])
        kinds = np.stack([rng.permutation(np.repeat([0, 1], [18, 9])) for _ in range(2)])
        kinds[0, [4, 20, 26]], kinds[1, 18:] = EMPTY, EMPTY
        species = np.concatenate([np.full((2, 12), 2), kinds], axis=1)
        velocities = np.sqrt(kt) * rng.standard_normal((2, 39, 2))
        positions = np.concatenate([np.broadcast_to(substrate, (2, 12, 2)), film], axis=1)
        return ensemble_of(positions, species, [9.0, 12.0], velocities=velocities, periodic=(True, False))

    return make
