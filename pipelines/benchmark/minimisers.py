"""The minimisers that take part in ``vitrify benchmark quench``, and the clock they are held against."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import util

import numpy as np

from vitrify.md.engines.base import MINIMUM_FORCE, TIME_STEP, Engine
from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.engines.replica.minimizer import ROUGH
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import KobAndersen2D
from vitrify.pipelines.benchmark.lammps_peer import LammpsMixture, lammps_is_installed, lammps_version
from vitrify.pipelines.benchmark.record import available_cores

REPLICA_PRECISION = f"single to max|F| {ROUGH:g}, then double; on a GPU double"
HOOMD_PRECISION = "double throughout"
LAMMPS_SKINS = (0.3, 0.5, 0.8)
TUNING_ITERATIONS = 300


@dataclass(frozen=True, kw_only=True)
class Quenched:
    """Inherent structures of R replicas.

    Attributes:
        positions: (R, N, 2) [sigma_AA].
        max_force: (R,) largest ``|F|`` over particles [eps_AA / sigma_AA].
        evaluations: (R,) force evaluations spent.
    """

    positions: np.ndarray
    max_force: np.ndarray
    evaluations: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Minimiser:
    """One way to an inherent structure.

    Attributes:
        name: what the table calls it.
        engine: ``replica``, ``hoomd``, ``lammps``.
        device: what it runs on.
        threads: CPU threads it was given.
        replicas: how many configurations it takes at once.
        settings: everything else a reader needs to repeat it.
        prepare: sets up some replicas, off the clock; what it returns is then timed.
    """

    name: str
    engine: str
    device: str
    threads: int
    replicas: int
    settings: dict
    prepare: Callable[[Ensemble], Callable[[], Quenched]]


def by_engine(name: str, engine: Engine, *, threads: int, replicas: int, settings: dict) -> Minimiser:
    """The minimiser of one of this project's engines."""

    def prepare(liquid: Ensemble) -> Callable[[], Quenched]:
        def quench() -> Quenched:
            found = engine.minimize(liquid, fmax=MINIMUM_FORCE)
            return Quenched(
                positions=found.ensemble.positions, max_force=found.max_force, evaluations=found.evaluations
            )

        return quench

    return Minimiser(
        name=name,
        engine=engine.name,
        device=engine.device,
        threads=threads,
        replicas=replicas,
        settings=settings,
        prepare=prepare,
    )


def by_lammps(style: str, *, skin: float, max_iterations: int = 1_000_000) -> Minimiser:
    """LAMMPS ``min_style`` ``cg`` or ``fire``, its defaults, on the shifted potential: the forces are the same."""

    def prepare(liquid: Ensemble) -> Callable[[], Quenched]:
        mixture = LammpsMixture(
            liquid.positions[0],
            liquid.species[0],
            liquid.box[0],
            pairs=KobAndersen2D().pairs,
            shifted=True,
            skin=skin,
        )

        def quench() -> Quenched:
            found = mixture.minimize(style, fmax=MINIMUM_FORCE, max_iterations=max_iterations)
            return Quenched(
                positions=found.positions[None],
                max_force=np.array([found.max_force]),
                evaluations=np.array([found.evaluations]),
            )

        return quench

    return Minimiser(
        name=f"LAMMPS {style}",
        engine="lammps",
        device="cpu",
        threads=1,
        replicas=1,
        settings={"version": lammps_version(), "precision": "double", "skin": skin, "minimised": "shifted energy"},
        prepare=prepare,
    )


def timed(quench: Callable[[], Quenched]) -> tuple[float, float, Quenched]:
    """Wall time, CPU time of all threads of this process, and result of ``quench``."""
    cpu_start, wall_start = time.process_time(), time.perf_counter()
    found = quench()
    return time.perf_counter() - wall_start, time.process_time() - cpu_start, found


def enter(engine: ReplicaEngine, liquid: Ensemble) -> Iterator[Minimiser]:
    """Every minimiser that is installed, LAMMPS's at the skin that suits it best on the first configuration."""
    settings = {"precision": REPLICA_PRECISION, "skin": engine.skin, "minimised": "forces"}
    core = ReplicaEngine(pairs=engine.pairs, time_step=TIME_STEP, device="cpu", threads=1).with_settings(
        engine.settings
    )
    yield by_engine("replica, one core", core, threads=1, replicas=1, settings=settings)
    if engine.device != "cpu":
        block = {**settings, "lanes": engine.lanes}
        yield by_engine("replica, GPU", engine, threads=1, replicas=liquid.replicas, settings=block)
    elif (threads := min(available_cores(), liquid.replicas)) > 1:
        yield by_engine("replica, all cores", engine, threads=threads, replicas=liquid.replicas, settings=settings)
    if lammps_is_installed():
        yield from (fastest_lammps(style, liquid.select(np.array([0]))) for style in ("cg", "fire"))
    if util.find_spec("hoomd"):
        from vitrify.md.engines.hoomd import HoomdEngine, hoomd_version

        hoomd = HoomdEngine(pairs=engine.pairs, time_step=TIME_STEP, device=engine.device)
        settings = {
            "version": hoomd_version(),
            "precision": HOOMD_PRECISION,
            "skin": hoomd.buffer,
        }
        yield by_engine("HOOMD-blue FIRE", hoomd, threads=1, replicas=1, settings=settings)


def fastest_lammps(style: str, first: Ensemble) -> Minimiser:
    """LAMMPS's minimiser at the skin that costs it least CPU time early on, when neighbours still change."""

    def cost(skin: float) -> float:
        return timed(by_lammps(style, skin=skin, max_iterations=TUNING_ITERATIONS).prepare(first))[1]

    return by_lammps(style, skin=min(LAMMPS_SKINS, key=cost))
