"""The fair partner of a deposited film: the same film on the same substrate, melted and cooled.

The thermostat acts on every particle. At kT 1.0 a film with a free surface would boil into the empty box above it, and
condense on the way down as drops. So while the film melts the wall comes down on it like a piston, to ``headspace``
above the height the film has when compact; it stays there. The liquid fills the box under pressure, leaves the wall as
it contracts, and ends as a film with a free surface, at zero pressure like the deposited one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from vitrify.md.engines.base import Engine, Thermostat
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External, Wall
from vitrify.md.model import EMPTY
from vitrify.md.protocols.films.observables import (
    deposition_spec,
    describe_films,
    failures,
    launch_films,
    mean_over_film,
)
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.films.substrate import tether
from vitrify.md.protocols.launch import Announce, Progress, finished
from vitrify.md.schedule import TemperatureSchedule
from vitrify.md.store.rundir import RunDirectory, RunWriter

COMPACT_DENSITY = 1.15
"""Number density of a compact film at zero pressure, from which its height when compact is taken [sigma_AA^-2]."""


@dataclass(frozen=True, kw_only=True)
class FilmCoolingSpec:
    """Melt every film of a deposition and cool it on its own substrate.

    Attributes:
        source: name of the run directory the films come from.
        deposition: their recipe.
        melt_kt: temperature of the melt [eps_AA].
        melt_steps: time steps at it, the first half of them while the wall comes down.
        kt_final: temperature the ramp ends at [eps_AA].
        ramp_steps: length M of the linear ramp [time steps].
        frames: frames along the ramp, each quenched and stored; kT_k = melt_kt - (melt_kt - kt_final) k / frames.
        headspace: room between the compact film and the wall [sigma_AA].
        seed: what the thermostat's random numbers derive from.
        engine: "auto", "replica" or "hoomd".
        device: "auto", "cpu", "gpu" or "gpu:0,1".

    Raises:
        ValueError: for a number outside its range.
    """

    protocol: ClassVar[str] = "cool-film"

    source: str
    deposition: DepositionSpec
    melt_kt: float = 1.0
    melt_steps: int = 20_000
    kt_final: float = 0.05
    ramp_steps: int
    frames: int = 100
    headspace: float = 4.0
    seed: int
    engine: str = "auto"
    device: str = "auto"

    def __post_init__(self):
        for name, least in {"melt_steps": 2 * PISTON_STROKES, "ramp_steps": 1, "frames": 1, "seed": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least {least}")
        if not 0 < self.kt_final < self.melt_kt:
            raise ValueError(f"kt_final: got {self.kt_final}, expected 0 < kT < melt_kt = {self.melt_kt}")
        if not (np.isfinite(self.headspace) and self.headspace >= 0):
            raise ValueError(f"headspace: got {self.headspace}, expected zero or more")
        if self.ramp_steps % self.frames:
            raise ValueError(f"ramp_steps: got {self.ramp_steps}, expected a multiple of frames = {self.frames}")

    def to_dict(self) -> dict:
        """What stands in spec.toml."""
        return {"protocol": self.protocol, **asdict(self)}

    @property
    def schedule(self) -> TemperatureSchedule:
        """Set temperature against step: the melt, then the ramp."""
        return TemperatureSchedule.ramp(self.melt_kt, self.kt_final, start=self.melt_steps, steps=self.ramp_steps)

    @property
    def thermostat(self) -> Thermostat:
        """The thermostat of all particles."""
        return Thermostat(schedule=self.schedule, tau=self.deposition.thermostat_tau)


PISTON_STROKES = 50
"""Steps in which the wall comes down while the film melts."""


def cool_films(
    source: RunDirectory,
    spec: FilmCoolingSpec,
    out: str | Path,
    *,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> RunDirectory:
    """Melt and cool the films of a finished deposition into a run directory of their own.

    Frame k is the k-th of the ramp; every frame is stored, instantaneous and inherent.

    Args:
        source: the deposition, finished.
        spec: how to melt and cool.
        out: the directory.
        resume: go on with the run that is there, bit for bit on the same device; hand back a finished one; begin one
            where there is none.
        force: replace the run that is there.
        progress: called after each frame.
        announce: told which engine was taken and why.

    Raises:
        FileExistsError: when there is a run and neither ``resume`` nor ``force`` is given.
        ValueError: when the source is no finished deposition, when the run that is there was made from another spec or
            is damaged, when the engine is not to be had, or when no film is left.
    """
    out = Path(out)
    if resume and finished(spec, out):
        return RunDirectory.open(out)
    films, sites = read_films(source)
    run = launch_films(spec, spec.deposition, out, resume=resume, force=force, announce=announce)
    with run.writer as writer:
        ensemble, frame = run.ensemble, int(run.extra.get("frame", 0))
        if ensemble is None:
            ensemble = melt(replace(films, seed=spec.seed), sites, spec, run.engine)
            writer.record_failures(failures(ensemble, films.failed))
        while frame < spec.frames:
            frame += 1
            failed, acting = ensemble.failed, _externals(ensemble, sites, spec)
            ensemble = run.engine.integrate(ensemble, spec.ramp_steps // spec.frames, spec.thermostat, acting)
            writer.record_failures(failures(ensemble, failed))
            if ensemble.failed.all():
                raise ValueError(f"{out}: no film is left to cool at frame {frame}: {ensemble.failure[0]}")
            _record(writer, ensemble, sites, frame, spec, run.engine)
            writer.checkpoint(ensemble, {"frame": np.array(frame)})
            if progress:
                progress(frame, spec.frames)
        return writer.finish()


def film_cooling_spec(run: RunDirectory) -> FilmCoolingSpec:
    """What a run of cooled films was asked for.

    Raises:
        ValueError: when the run is none.
    """
    if run.spec["protocol"] != FilmCoolingSpec.protocol:
        raise ValueError(f"{run.path}: got a run of protocol {run.spec['protocol']}, expected cooled films")
    own = {name: value for name, value in run.spec.items() if name not in ("protocol", "deposition")}
    try:
        return FilmCoolingSpec(deposition=deposition_spec(run), **own)
    except TypeError as error:
        raise ValueError(f"{run.path}: damaged spec ({error})") from error


def read_films(source: RunDirectory) -> tuple[Ensemble, np.ndarray]:
    """The films at the end of a deposition, at step 0 of whatever comes next, and their substrates' sites (R, S, 2).

    Raises:
        ValueError: when the deposition is not finished, or no film came to its end.
    """
    recipe = deposition_spec(source)
    if source.spec["protocol"] != "deposit" or not source.finished:
        raise ValueError(f"{source.path}: expected a finished deposition")
    films = dict(source.configurations(recipe.injections))
    if not films:
        raise ValueError(f"{source.path}: got no film that came to its end")
    replicas, ends = sorted(films), [films[replica] for replica in sorted(films)]
    sites = [source.configuration(replica, 0).positions for replica in replicas]
    shape = (len(replicas), recipe.slots)
    positions, velocities = np.zeros((*shape, 2)), np.zeros((*shape, 2))
    species = np.full(shape, EMPTY, dtype=np.int8)
    for row, end in enumerate(ends):
        if end.velocities is None:
            raise ValueError(f"{source.path}: got a film without velocities, expected the last frame to have them")
        here = slice(len(end.species))
        positions[row, here], velocities[row, here], species[row, here] = end.positions, end.velocities, end.species
    ensemble = Ensemble(
        positions=positions,
        velocities=velocities,
        species=species,
        box=np.array([end.box for end in ends]),
        periodic=(True, False),
        seed=recipe.seed,
        replica=np.array(replicas, dtype=np.int64),
        step=np.zeros(len(replicas), dtype=np.int64),
    )
    return ensemble, np.array(sites)


def melt(ensemble: Ensemble, sites: np.ndarray, spec: FilmCoolingSpec, engine: Engine) -> Ensemble:
    """Films melted at ``melt_kt`` under a wall that comes down to the height of :func:`resting_wall`."""
    recipe = spec.deposition
    high, low = ensemble.box[:, 1] - recipe.wall_range, resting_wall(ensemble, sites, spec)
    stroke = spec.melt_steps // (2 * PISTON_STROKES)
    for done in range(1, PISTON_STROKES + 1):
        start = np.minimum(high, high + (low - high) * done / PISTON_STROKES)
        wall = Wall(stiffness=recipe.wall_stiffness, start=start)
        ensemble = engine.integrate(ensemble, stroke, spec.thermostat, (tether(recipe, sites), wall))
    rest = spec.melt_steps - stroke * PISTON_STROKES
    return engine.integrate(ensemble, rest, spec.thermostat, _externals(ensemble, sites, spec))


def resting_wall(ensemble: Ensemble, sites: np.ndarray, spec: FilmCoolingSpec) -> np.ndarray:
    """Where the wall stands above each film: its height when compact, and the headspace, (R,) [sigma_AA]."""
    film = ensemble.particles - spec.deposition.substrate_particles
    return sites[..., 1].max(axis=1) + film / (COMPACT_DENSITY * spec.deposition.box_length) + spec.headspace


def _externals(ensemble: Ensemble, sites: np.ndarray, spec: FilmCoolingSpec) -> tuple[External, ...]:
    wall = Wall(stiffness=spec.deposition.wall_stiffness, start=resting_wall(ensemble, sites, spec))
    return tether(spec.deposition, sites), wall


def _record(
    writer: RunWriter, ensemble: Ensemble, sites: np.ndarray, frame: int, spec: FilmCoolingSpec, mover: Engine
) -> None:
    well = np.flatnonzero(~ensemble.failed)
    ensemble, sites = ensemble.select(well), sites[well]
    found = mover.minimize(ensemble, externals=_externals(ensemble, sites, spec))
    kt_set = float(spec.schedule.kt(spec.melt_steps + frame * (spec.ramp_steps // spec.frames)))
    writer.write_frame(frame, kt_set, ensemble, inherent=found.ensemble)
    writer.append_rows(
        {
            "replica": ensemble.replica,
            "frame": np.full(len(well), frame),
            "step": ensemble.step,
            "kt_set": np.full(len(well), kt_set),
            "strays": np.zeros(len(well), dtype=np.int64),
            "inherent_energy": mean_over_film(ensemble, found.energies),
            "max_force": found.max_force,
            "converged": found.converged,
            **describe_films(ensemble, mover),
        }
    )
