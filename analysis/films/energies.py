"""Inherent-structure energies of the bulk of films, deposited and cooled ones.

E_IS of a film is that of its bulk particles after the whole film was minimised with its tethers; per particle,
truncated and not shifted. A film sits at zero pressure: compare it with a film cooled on the same substrate, never with
the bulk mixture at rho = 1.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.curves.cooling_curve import CoolingCurve
from vitrify.analysis.films.film import SURFACE_DEPTH, Bulk, Film, find_bulk
from vitrify.analysis.statistics import mean_and_error
from vitrify.analysis.structure.energies import particle_energies
from vitrify.md.model import A
from vitrify.md.protocols.films.cooled import film_cooling_spec
from vitrify.md.protocols.films.observables import deposition_spec
from vitrify.md.store.rundir import RunDirectory


@dataclass(frozen=True, kw_only=True)
class BulkState:
    """What the bulk of R films of one run is at one frame, in their inherent structures.

    Attributes:
        bulk: the slab.
        replicas: (R,) numbers of the films.
        particles: (R,) bulk particles.
        energy: (R,) E_IS per bulk particle, not shifted [eps_AA].
        density: (R,) number density [sigma_AA^-2].
        fraction_a: (R,) fraction of A.
        thickness: (R,) mean height of the local surface above the substrate [sigma_AA].
        roughness: (R,) root mean square of the local surface [sigma_AA].
    """

    bulk: Bulk
    replicas: np.ndarray
    particles: np.ndarray
    energy: np.ndarray
    density: np.ndarray
    fraction_a: np.ndarray
    thickness: np.ndarray
    roughness: np.ndarray


def bulk_of(run: RunDirectory, depth: float = SURFACE_DEPTH) -> Bulk:
    """The bulk slab of a run of films: its spec's where that names one, else found from the films at their end."""
    given = deposition_spec(run).bulk_slab
    if given:
        return Bulk(low=given[0], high=given[1], depth=depth)
    frame = last_frame(run)
    return find_bulk([_film(run, replica, frame) for replica in _with_frame(run, frame)], depth=depth)


def bulk_state(run: RunDirectory, frame: int | None = None, bulk: Bulk | None = None) -> BulkState:
    """The bulk of every film of a run that reached ``frame``.

    Args:
        run: a deposition or cooled films.
        frame: a frame with stored inherent structures; None for the last.
        bulk: the slab; None for :func:`bulk_of`.

    Raises:
        ValueError: when that frame was not stored, or a film has nothing in the slab.
    """
    bulk = bulk or bulk_of(run)
    frame = last_frame(run) if frame is None else frame
    state = _bulk_state(run, frame, bulk)
    if not state.particles.all():
        raise ValueError(
            f"{run.path}: film {state.replicas[state.particles.argmin()]} has no particle from {bulk.low:.1f} to "
            f"{bulk.high:.1f}, {bulk.depth} below its surface; expected a thicker film or another slab"
        )
    return state


def _bulk_state(run: RunDirectory, frame: int, bulk: Bulk) -> BulkState:
    """What :func:`bulk_state` returns; NaN where a film has no bulk."""
    pairs = deposition_spec(run).pairs
    rows = []
    for replica in _with_frame(run, frame):
        end = run.configuration(replica, frame, inherent=True)
        film = Film.of(end.positions, end.species, float(end.box[0]))
        member = bulk.members(film)
        energies = particle_energies(pairs, end.positions, end.species, end.box, end.periodic)[film.slots]
        count, any_bulk = int(member.sum()), bool(member.any())
        rows.append(
            {
                "replicas": replica,
                "particles": count,
                "energy": energies[member].mean() if any_bulk else np.nan,
                "density": count / bulk.area(film) if any_bulk else np.nan,
                "fraction_a": (film.species[member] == A).mean() if any_bulk else np.nan,
                "thickness": film.thickness(),
                "roughness": film.roughness(),
            }
        )
    return BulkState(bulk=bulk, **{name: np.array([row[name] for row in rows]) for name in rows[0]})


def film_cooling_curve(run: RunDirectory, bulk: Bulk | None = None) -> CoolingCurve:
    """Bulk E_IS against temperature of films cooled on their substrate: what Tg is read from.

    The slab is that of the cold films at the end and stays where it is; what counts at each frame is the part of it
    below the surfaces of that frame, NaN where a hot film is all pores. The instantaneous energies are those of the
    table: of the whole film.
    """
    spec = film_cooling_spec(run)
    bulk = bulk or bulk_of(run)
    table = run.table
    replicas, frames = np.unique(table["replica"]), np.unique(table["frame"])
    energy, kt, potential = (np.full((len(replicas), len(frames)), np.nan) for _ in range(3))
    row, column = np.searchsorted(replicas, table["replica"]), np.searchsorted(frames, table["frame"])
    kt[row, column], potential[row, column] = table["kt"], table["potential_energy"]
    converged = np.zeros(energy.shape, dtype=bool)
    converged[row, column] = table["converged"]
    for place, frame in enumerate(frames):
        state = _bulk_state(run, int(frame), bulk)
        energy[np.searchsorted(replicas, state.replicas), place] = state.energy
    energy[~converged] = np.nan
    kt_set = np.array([table["kt_set"][table["frame"] == frame][0] for frame in frames])
    duration = spec.ramp_steps * spec.deposition.time_step
    return CoolingCurve(
        ramp_steps=spec.ramp_steps,
        rate=(spec.melt_kt - spec.kt_final) / duration,
        kt_set=kt_set,
        kt=kt,
        potential_energy=potential,
        inherent_energy=energy,
    )


def film_columns(runs: Sequence[RunDirectory]) -> dict[str, list]:
    """The columns of films.csv: one row a run, means with standard errors over its films at their end."""
    rows = []
    for run in runs:
        spec, state = deposition_spec(run), bulk_state(run)
        cooled = run.spec["protocol"] == "cool-film"
        row = {
            "run": run.name,
            "protocol": run.spec["protocol"],
            "kt_substrate": np.nan if cooled else spec.substrate_kt,
            "steps": run.spec["ramp_steps"] if cooled else spec.injections * spec.steps_per_injection,
            "films": len(state.replicas),
            "bulk_low": state.bulk.low,
            "bulk_high": state.bulk.high,
        }
        for name in ("particles", "energy", "density", "fraction_a", "thickness", "roughness"):
            estimate = mean_and_error(getattr(state, name))
            row |= {name: float(estimate.mean), f"{name}_error": float(estimate.error)}
        rows.append(row)
    return {name: [row[name] for row in rows] for name in rows[0]}


def last_frame(run: RunDirectory) -> int:
    """The last frame of which any film has its inherent structure stored.

    Raises:
        ValueError: when there is none.
    """
    frames = run.stored_frames(inherent=True)
    if not frames:
        raise ValueError(f"{run.path}: got no stored inherent structure, expected the films at their end")
    return max(frames)


def _with_frame(run: RunDirectory, frame: int) -> list[int]:
    return run.stored_replicas(frame, inherent=True)


def _film(run: RunDirectory, replica: int, frame: int) -> Film:
    end = run.configuration(replica, frame, inherent=True)
    return Film.of(end.positions, end.species, float(end.box[0]))
