"""A film grows: inject, let it fall and stick, take out what flies off, write down what was reached, and again.

Run directory: frame = injection; frame 0 is the bare substrate on its sites. The row of a frame is taken at the end of
its injection, strays already out; :mod:`vitrify.md.protocols.films.observables` says what its columns mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vitrify.md.engines.base import Engine
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External, Wall
from vitrify.md.model import SUBSTRATE
from vitrify.md.protocols.films.injection import inject, strays, take_out, wall_heights
from vitrify.md.protocols.films.observables import describe_films, failures, launch_films, mean_over_film
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.films.substrate import build_substrate, tether, thermostat
from vitrify.md.protocols.launch import Announce, Progress, finished
from vitrify.md.store.rundir import RunDirectory, RunWriter


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Where growing films stand after some injections: all that the next one needs.

    Attributes:
        ensemble: the films.
        sites: (R, S, 2) the substrate's sites [sigma_AA].
        injection: () injections done.
        returning: (R, 2) numbers of A and B taken out as strays, to return with the next batch.
        idle: (R,) injections in a row that added nothing.
    """

    ensemble: Ensemble
    sites: np.ndarray
    injection: np.ndarray
    returning: np.ndarray
    idle: np.ndarray

    @classmethod
    def begin(cls, spec: DepositionSpec, engine: Engine) -> Growth:
        """Bare substrates, nothing injected yet."""
        ensemble = build_substrate(spec, engine)
        return cls(
            ensemble=ensemble,
            sites=ensemble.positions[:, : spec.substrate_particles].copy(),
            injection=np.array(0),
            returning=np.zeros((spec.replicas, 2), dtype=np.int64),
            idle=np.zeros(spec.replicas, dtype=np.int64),
        )


def grow(growth: Growth, spec: DepositionSpec, engine: Engine) -> Growth:
    """One injection: a batch falls for ``steps_per_injection`` time steps; strays are then taken out.

    After the last injection nothing is taken out, so that the film keeps its composition to the particle.
    """
    injection = int(growth.injection) + 1
    ensemble = inject(growth.ensemble, spec, injection, growth.returning)
    entered = ensemble.particles - growth.ensemble.particles
    ensemble = engine.integrate(
        ensemble, spec.steps_per_injection, thermostat(spec), externals(ensemble, spec, growth.sites)
    )
    ensemble = _mark(ensemble, _crossed(ensemble, growth.sites), "a particle crossed the substrate")
    leaving = np.zeros(ensemble.species.shape, dtype=bool)
    if spec.recover_strays and injection < spec.injections:
        leaving = strays(ensemble, spec)
    ensemble, returning = take_out(ensemble, leaving)
    idle = np.where(returning.sum(axis=1) >= entered, growth.idle + 1, 0)
    reason = f"the film only recycles: {spec.stray_patience} injections in a row came back as strays"
    ensemble = _mark(ensemble, idle >= spec.stray_patience, reason)
    return replace(growth, ensemble=ensemble, injection=np.array(injection), returning=returning, idle=idle)


def externals(ensemble: Ensemble, spec: DepositionSpec, sites: np.ndarray) -> tuple[External, ...]:
    """What acts on a film from outside: the substrate's tethers and the wall above the injection slab."""
    return tether(spec, sites), Wall(stiffness=spec.wall_stiffness, start=wall_heights(ensemble, spec))


def deposit(
    spec: DepositionSpec,
    out: str | Path,
    *,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> RunDirectory:
    """Grow the films of ``spec`` into a run directory, with a checkpoint after each injection.

    Args:
        spec: the recipe.
        out: the directory.
        resume: go on with the run that is there, bit for bit on the same device; hand back a finished one; begin one
            where there is none.
        force: replace the run that is there.
        progress: called after each injection.
        announce: told which engine was taken and why.

    Raises:
        FileExistsError: when there is a run and neither ``resume`` nor ``force`` is given.
        ValueError: when the run that is there was made from another spec or is damaged, when the engine is not to be
            had, or when no film is left to grow: the reason of the first.
    """
    out = Path(out)
    if resume and finished(spec, out):
        return RunDirectory.open(out)
    run = launch_films(spec, spec, out, resume=resume, force=force, announce=announce)
    with run.writer as writer:
        if run.ensemble is None:
            growth = Growth.begin(spec, run.engine)
            _record(writer, growth, spec, run.engine)
            _checkpoint(writer, growth)
        else:
            growth = Growth(ensemble=run.ensemble, **run.extra)
        while growth.injection < spec.injections:
            failed = growth.ensemble.failed
            growth = grow(growth, spec, run.engine)
            writer.record_failures(failures(growth.ensemble, failed))
            if growth.ensemble.failed.all():
                reason = growth.ensemble.failure[0]
                raise ValueError(f"{out}: no film is left to grow after injection {growth.injection}: {reason}")
            _record(writer, growth, spec, run.engine)
            _checkpoint(writer, growth)
            if progress:
                progress(int(growth.injection), spec.injections)
        return writer.finish()


def _checkpoint(writer: RunWriter, growth: Growth) -> None:
    writer.checkpoint(
        growth.ensemble,
        {
            "sites": growth.sites,
            "injection": growth.injection,
            "returning": growth.returning,
            "idle": growth.idle,
        },
    )


def _record(writer: RunWriter, growth: Growth, spec: DepositionSpec, mover: Engine) -> None:
    """Configurations that are to be stored, and then the rows of this injection."""
    frame = int(growth.injection)
    well = np.flatnonzero(~growth.ensemble.failed)
    ensemble = growth.ensemble.select(well)
    columns = describe_films(ensemble, mover)
    last = frame == spec.injections
    if frame == 0 or last or (spec.store_every and frame % spec.store_every == 0):
        found = None
        if frame:
            found, energies = _quench(growth, well, spec, mover)
            columns |= energies
        writer.write_frame(frame, spec.substrate_kt, ensemble, inherent=found, velocities=True)
    writer.append_rows(
        {
            "replica": ensemble.replica,
            "frame": np.full(len(well), frame),
            "step": ensemble.step,
            "kt_set": np.full(len(well), spec.substrate_kt),
            "strays": growth.returning[well].sum(axis=1),
            **columns,
        }
    )


def _quench(
    growth: Growth, well: np.ndarray, spec: DepositionSpec, mover: Engine
) -> tuple[Ensemble, dict[str, np.ndarray]]:
    """Inherent structures of the whole films with their tethers, and what the table says of them."""
    ensemble = growth.ensemble.select(well)
    found = mover.minimize(ensemble, externals=externals(ensemble, spec, growth.sites[well]))
    return found.ensemble, {
        "inherent_energy": mean_over_film(ensemble, found.energies),
        "max_force": found.max_force,
        "converged": found.converged,
    }


def _crossed(ensemble: Ensemble, sites: np.ndarray) -> np.ndarray:
    """Replicas in which an A or B lies below the lowest site of the substrate, (R,) bool."""
    film = ensemble.filled & (ensemble.species != SUBSTRATE)
    lowest = np.where(film, ensemble.positions[..., 1], np.inf).min(axis=1)
    return lowest < sites[..., 1].min(axis=1)


def _mark(ensemble: Ensemble, rows: np.ndarray, reason: str) -> Ensemble:
    failure = tuple(
        reason if marked and not before else before for marked, before in zip(rows, ensemble.failure, strict=True)
    )
    return replace(ensemble, failure=failure)
