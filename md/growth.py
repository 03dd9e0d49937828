"""A film grows: inject, let it fall and stick, take out what flies off, write down what was reached, and again.

Run directory: frame = injection; frame 0 is the bare substrate on its sites. The row of a frame is taken at the end of
its injection, strays already out. Columns beyond those every table has, and what the shared ones mean here:

- ``kt_set`` is the substrate's thermostat; ``kt`` the film's own kinetic temperature, ``kt_substrate`` the substrate's.
- ``potential_energy`` and ``inherent_energy`` are means over the film's particles (substrate and vapour left out), pair
  energies only, truncated and not shifted.
- ``particles``: A and B in the box; ``vapour``: how many of them are not attached to the film.
- ``film_top``: height of the highest attached particle [sigma_AA].
- ``strays``: how many were taken out after this injection, to return with the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from vitrify.md.engines.registry import get_engine

from vitrify.md.deposition import DepositionSpec
from vitrify.md.engines.base import Engine
from vitrify.md.ensemble import Ensemble, kinetic_temperature
from vitrify.md.external import External, Wall
from vitrify.md.injection import inject, strays, take_out, wall_heights
from vitrify.md.model import SUBSTRATE
from vitrify.md.rundir import COLUMNS, RunDirectory, RunWriter
from vitrify.md.substrate import build_substrate, tether, thermostat
from vitrify.md.surface import attached

FILM_COLUMNS = (*COLUMNS, "kt_substrate", "particles", "vapour", "film_top", "strays")

Progress = Callable[[int, int], None]
"""Called with the injections done and their total."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Where growing films stand after some injections: all that the next one needs.

    Attributes:
        ensemble: the films.
        sites: (R, S, 2) the substrate's sites [sigma_AA].
        injection: injections done.
        returning: (R, 2) numbers of A and B taken out as strays, to return with the next batch.
        idle: (R,) injections in a row that added nothing.
    """

    ensemble: Ensemble
    sites: np.ndarray
    injection: int
    returning: np.ndarray
    idle: np.ndarray

    @classmethod
    def begin(cls, spec: DepositionSpec, engine: Engine) -> Growth:
        """Bare substrates, nothing injected yet."""
        ensemble = build_substrate(spec, engine)
        return cls(
            ensemble=ensemble,
            sites=ensemble.positions[:, : spec.substrate_particles].copy(),
            injection=0,
            returning=np.zeros((spec.replicas, 2), dtype=np.int64),
            idle=np.zeros(spec.replicas, dtype=np.int64),
        )


def grow(growth: Growth, spec: DepositionSpec, engine: Engine) -> Growth:
    """One injection: a batch falls for ``steps_per_injection`` time steps; strays are then taken out.

    After the last injection nothing is taken out, so that the film keeps its composition to the particle.
    """
    injection = growth.injection + 1
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
    return replace(growth, ensemble=ensemble, injection=injection, returning=returning, idle=idle)


def externals(ensemble: Ensemble, spec: DepositionSpec, sites: np.ndarray) -> tuple[External, ...]:
    """What acts on a film from outside: the substrate's tethers and the wall above the injection slab."""
    return tether(spec, sites), Wall(stiffness=spec.wall_stiffness, start=wall_heights(ensemble, spec))


def deposit(
    spec: DepositionSpec,
    out: str | Path,
    *,
    engine: str = "auto",
    device: str = "auto",
    force: bool = False,
    progress: Progress | None = None,
) -> RunDirectory:
    """Grow the films of ``spec`` into a run directory.

    Args:
        spec: the recipe.
        out: the directory.
        engine: "auto", "replica" or "hoomd".
        device: "auto", "cpu", "gpu" or "gpu:0,1".
        force: replace a run that is there.
        progress: called after each injection.

    Raises:
        ValueError: for an engine that is not there, or when no film is left to grow: the reason of the first.
        FileExistsError: when there is a run already and ``force`` is not given.
    """
    mover = _engine(spec, engine, device)
    with RunWriter.create(
        out, {"protocol": "deposit", **asdict(spec)}, _launch(mover), columns=FILM_COLUMNS, force=force
    ) as writer:
        growth = Growth.begin(spec, mover)
        _record(writer, growth, spec, mover)
        _checkpoint(writer, growth)
        return _grow_to_the_end(writer, growth, spec, mover, progress)


def resume_deposition(
    out: str | Path, *, engine: str = "auto", device: str = "auto", progress: Progress | None = None
) -> RunDirectory:
    """Go on with a deposition from its last injection, bit for bit on the same device; a finished one is handed back.

    Raises:
        FileNotFoundError: when there is no run or no checkpoint.
        ValueError: when something in the directory is damaged or is no deposition.
    """
    run = RunDirectory.open(out)
    spec = deposition_spec(run)
    if run.spec["protocol"] != "deposit":
        raise ValueError(f"{run.path}: got a run of protocol {run.spec['protocol']}, expected a deposition")
    if run.finished:
        return run
    mover = _engine(spec, engine, device)
    writer, ensemble, extra = RunWriter.resume(out, _launch(mover), columns=FILM_COLUMNS)
    with writer:
        growth = Growth(
            ensemble=ensemble,
            sites=extra["sites"],
            injection=int(extra["injection"]),
            returning=extra["returning"],
            idle=extra["idle"],
        )
        return _grow_to_the_end(writer, growth, spec, mover, progress)


def deposition_spec(run: RunDirectory) -> DepositionSpec:
    """The recipe by which the films of a run directory were grown, deposited ones or cooled ones.

    Raises:
        ValueError: when the run has no films, or its spec is damaged.
    """
    table = {"deposit": run.spec, "cool-film": run.spec.get("deposition", {})}.get(run.spec["protocol"])
    if table is None:
        raise ValueError(f"{run.path}: got a run of protocol {run.spec['protocol']}, expected films")
    try:
        return DepositionSpec.from_table(table)
    except ValueError as error:
        raise ValueError(f"{run.path}: {error}") from error


def _engine(spec: DepositionSpec, engine: str, device: str) -> Engine:
    return get_engine(engine, pairs=spec.pairs, time_step=spec.time_step, device=device, particles=spec.slots)


def _launch(mover: Engine) -> dict:
    return {"engine": mover.name, "device": mover.device}


def _grow_to_the_end(
    writer: RunWriter, growth: Growth, spec: DepositionSpec, mover: Engine, progress: Progress | None
) -> RunDirectory:
    while growth.injection < spec.injections:
        failed = growth.ensemble.failed
        growth = grow(growth, spec, mover)
        writer.record_failures(failures(growth.ensemble, failed))
        if growth.ensemble.failed.all():
            raise ValueError(f"no film is left to grow: {growth.ensemble.failure[0]} (injection {growth.injection})")
        _record(writer, growth, spec, mover)
        _checkpoint(writer, growth)
        if progress:
            progress(growth.injection, spec.injections)
    return writer.finish()


def _checkpoint(writer: RunWriter, growth: Growth) -> None:
    writer.checkpoint(
        growth.ensemble,
        {
            "sites": growth.sites,
            "injection": np.array(growth.injection),
            "returning": growth.returning,
            "idle": growth.idle,
        },
    )


def _record(writer: RunWriter, growth: Growth, spec: DepositionSpec, mover: Engine) -> None:
    """Configurations that are to be stored, and then the rows of this injection."""
    frame = growth.injection
    well = np.flatnonzero(~growth.ensemble.failed)
    ensemble = growth.ensemble.select(well)
    columns = describe_films(ensemble, mover)
    last = frame == spec.injections
    if frame == 0 or last or (spec.store_every and frame % spec.store_every == 0):
        for row in range(ensemble.replicas):
            writer.append_configuration(ensemble, row, frame, spec.substrate_kt, velocities=True)
        if frame:
            columns |= _quench(writer, growth, well, spec, mover)
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


def describe_films(ensemble: Ensemble, mover: Engine) -> dict[str, np.ndarray]:
    """The columns of the table that say what the films are at this moment."""
    substrate = ensemble.species == SUBSTRATE
    member = film_members(ensemble)
    film = ensemble.filled & ~substrate
    return {
        "kt": kinetic_temperature(ensemble.velocities, member),
        "kt_substrate": kinetic_temperature(ensemble.velocities, substrate),
        "potential_energy": mean_over_film(ensemble, mover.energies(ensemble)),
        "particles": film.sum(axis=1),
        "vapour": (film & ~member).sum(axis=1),
        "film_top": np.where(member | substrate, ensemble.positions[..., 1], -np.inf).max(axis=1),
    }


def film_members(ensemble: Ensemble) -> np.ndarray:
    """A and B that are attached to the substrate by chains of neighbours, (R, N) bool."""
    member = np.zeros(ensemble.species.shape, dtype=bool)
    for row in range(ensemble.replicas):
        member[row] = attached(ensemble.positions[row], ensemble.species[row], float(ensemble.box[row, 0]))
    return member & (ensemble.species != SUBSTRATE)


def mean_over_film(ensemble: Ensemble, energies: np.ndarray) -> np.ndarray:
    """Mean of the energies (R, N) over each film's particles, (R,); NaN where there is no film yet."""
    member = film_members(ensemble)
    count = member.sum(axis=1)
    total = np.where(member, energies, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def failures(ensemble: Ensemble, before: np.ndarray) -> list[dict]:
    """Replicas that have failed and had not ``before`` (R,) bool, as a run's provenance records them."""
    return [
        {"replica": int(ensemble.replica[row]), "step": int(ensemble.step[row]), "reason": ensemble.failure[row]}
        for row in np.flatnonzero(ensemble.failed & ~before)
    ]


def _quench(
    writer: RunWriter, growth: Growth, well: np.ndarray, spec: DepositionSpec, mover: Engine
) -> dict[str, np.ndarray]:
    """Inherent structures of the whole films with their tethers, stored; what the table says of them."""
    ensemble = growth.ensemble.select(well)
    found = mover.minimize(ensemble, externals=externals(ensemble, spec, growth.sites[well]))
    for row in range(ensemble.replicas):
        writer.append_configuration(found.ensemble, row, growth.injection, spec.substrate_kt, inherent=True)
    return {
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
