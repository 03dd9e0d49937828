"""The programs that take part in ``vitrify benchmark md``, each set up from one and the same liquid."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import util

import numpy as np

from vitrify.md.engines.base import TIME_STEP, Engine, Thermostat
from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import KobAndersen2D
from vitrify.md.schedule import TemperatureSchedule
from vitrify.pipelines.benchmark.jax_md_peer import JaxMdMixture, jax_md_is_installed, jax_md_version
from vitrify.pipelines.benchmark.lammps_peer import LammpsMixture, lammps_is_installed, lammps_version
from vitrify.pipelines.benchmark.race import Contender, race
from vitrify.pipelines.benchmark.record import available_cores

TAU = 0.5
"""Relaxation time of every thermostat [tau]."""

REBUILD = "looked at every step, rebuilt once a particle has moved half the skin"

HOOMD_PRECISION = "double throughout"
REPLICA_PRECISION = "single, positions in 32-bit fixed point"

LAMMPS_STYLES = ("lj/cut", "lj/cut/opt")
LAMMPS_SKINS = (0.15, 0.2, 0.25, 0.3, 0.4)
HOOMD_SKINS = (0.2, 0.3, 0.4, 0.6)
JAX_MD_SKINS = (0.3, 0.5, 0.8)
TUNING_STEPS = 500


def with_engine(name: str, engine: Engine, liquid: Ensemble, *, kt: float, threads: int, settings: dict) -> Contender:
    """An engine of this project on every replica of ``liquid``."""
    state = liquid
    thermostat = Thermostat(schedule=TemperatureSchedule.constant(kt), tau=TAU)

    def advance(steps: int) -> None:
        nonlocal state
        state = engine.integrate(state, steps, thermostat)
        if state.failed.any():
            raise ValueError(f"{name}: a replica failed: {next(filter(None, state.failure))}")

    return Contender(
        name=name,
        engine=engine.name,
        device=engine.device,
        threads=threads,
        particles=liquid.slots,
        replicas=liquid.replicas,
        settings={**settings, "thermostat": f"Bussi, tau {TAU}", "rebuild": REBUILD},
        advance=advance,
    )


def with_hoomd(liquid: Ensemble, *, kt: float, device: str, skin: float) -> Contender:
    """HOOMD-blue through this project's own engine, one core or one card."""
    from vitrify.md.engines.hoomd import HoomdEngine, hoomd_version

    engine = HoomdEngine(pairs=KobAndersen2D().pairs, time_step=TIME_STEP, device=device, buffer=skin)
    settings = {
        "version": hoomd_version(),
        "precision": HOOMD_PRECISION,
        "skin": skin,
    }
    return with_engine("HOOMD-blue", engine, liquid, kt=kt, threads=1, settings=settings)


def with_lammps(liquid: Ensemble, *, kt: float, style: str, skin: float) -> Contender:
    """LAMMPS on the first replica of ``liquid``, one core."""
    mixture = LammpsMixture(
        liquid.positions[0],
        liquid.species[0],
        liquid.box[0],
        pairs=KobAndersen2D().pairs,
        velocities=liquid.velocities[0],
        pair_style=style,
        skin=skin,
    )
    mixture.thermostat(kt, tau=TAU, seed=1)
    return Contender(
        name=f"LAMMPS {style}",
        engine="lammps",
        device="cpu",
        threads=1,
        particles=liquid.slots,
        replicas=1,
        settings={
            "version": lammps_version(),
            "precision": "double",
            "skin": skin,
            "thermostat": f"fix temp/csvr (Bussi), tau {TAU}",
            "rebuild": REBUILD,
            "newton": True,
        },
        advance=mixture.run,
    )


def with_jax_md(liquid: Ensemble, *, kt: float, skin: float) -> Contender:
    """jax-md on the first replica of ``liquid``, on JAX's default device, with as many threads as XLA takes."""
    import jax

    mixture = JaxMdMixture(
        liquid.positions[0],
        liquid.velocities[0],
        liquid.species[0],
        liquid.box[0],
        pairs=KobAndersen2D().pairs,
        kt=kt,
        tau=TAU,
        skin=skin,
    )
    return Contender(
        name="jax-md",
        engine="jax-md",
        device=jax.default_backend(),
        threads=available_cores(),
        particles=liquid.slots,
        replicas=1,
        settings={
            "version": jax_md_version(),
            "precision": "single",
            "skin": skin,
            "thermostat": f"Nose-Hoover chain, tau {TAU}",
            "rebuild": REBUILD,
        },
        advance=mixture.run,
    )


def fastest(build: Callable[[float], Contender], skins: Sequence[float]) -> Contender:
    """The contender at the skin that costs least CPU time, each skin tried twice in turn."""
    contenders = [build(skin) for skin in skins]
    for contender in contenders:
        contender.advance(TUNING_STEPS // 10)
    laps = race(contenders, steps=TUNING_STEPS, rounds=2)
    return contenders[int(np.argmin([lap.cpu.min() for lap in laps]))]


def enter(engine: ReplicaEngine, liquid: Ensemble, *, kt: float) -> Iterator[Contender]:
    """Every contender that is installed, set up from ``liquid``; those that hold one system take its first replica.

    Args:
        engine: the replica engine with all the cores or the card it has, for all replicas at once.
        liquid: the start.
        kt: set temperature [eps_AA].
    """
    one, pairs = liquid.select(np.array([0])), engine.pairs
    core = ReplicaEngine(pairs=pairs, time_step=TIME_STEP, device="cpu", threads=1).with_settings(engine.settings)
    settings = {"precision": REPLICA_PRECISION, "skin": engine.skin, "vector_bytes": engine.vector_bytes}
    yield with_engine("replica, one core", core, one, kt=kt, threads=1, settings=settings)
    if engine.device == "cpu":
        name, threads = "replica, all cores", min(available_cores(), liquid.replicas)
    else:
        name, threads, settings = "replica, GPU", 1, {**settings, "lanes": engine.lanes}
    if threads > 1 or engine.device != "cpu":
        yield with_engine(name, engine, liquid, kt=kt, threads=threads, settings=settings)
    if lammps_is_installed():
        for style in LAMMPS_STYLES:
            yield fastest(lambda skin, style=style: with_lammps(one, kt=kt, style=style, skin=skin), LAMMPS_SKINS)
    if util.find_spec("hoomd"):
        yield fastest(lambda skin: with_hoomd(one, kt=kt, device=engine.device, skin=skin), HOOMD_SKINS)
    if jax_md_is_installed():
        yield fastest(lambda skin: with_jax_md(one, kt=kt, skin=skin), JAX_MD_SKINS)
