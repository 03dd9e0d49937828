"""The films of a run: their bulk and its inherent-structure energies, of deposited and cooled ones.

E_IS of a film is that of its bulk particles after the whole film was minimised with its tethers; per particle,
truncated and not shifted. A film sits at zero pressure: compare it with a film cooled on the same substrate, never with
the bulk mixture at rho = 1.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from vitrify.analysis.curves.cooling_curve import CoolingCurve
from vitrify.analysis.films.film import SURFACE_DEPTH, Bulk, Film, find_bulk
from vitrify.analysis.statistics import mean_and_error
from vitrify.analysis.structure.energies import particle_energies
from vitrify.md.model import A
from vitrify.md.protocols.films.cooled import film_cooling_spec
from vitrify.md.protocols.films.observables import deposition_spec
from vitrify.md.store.frames import Configuration
from vitrify.md.store.rundir import RunDirectory

KEPT = 256
"""Films of a run that are kept in memory, some half a megabyte each: of more, the others are read again when asked."""


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


class FilmRun:
    """The films of one run, deposited or cooled: their bulk, its state at the end, its curve on cooling.

    Everything is worked out at most once, however many tables and figures ask for it.

    Attributes:
        run: a deposition or cooled films.
        spec: the recipe of the deposition.
        depth: distance of the bulk from substrate and surface [sigma_AA].
    """

    def __init__(self, run: RunDirectory, depth: float = SURFACE_DEPTH):
        self.run, self.spec, self.depth = run, deposition_spec(run), depth
        self.end = lru_cache(maxsize=KEPT)(self._end)

    @property
    def name(self) -> str:
        """That of the run."""
        return self.run.name

    @property
    def cooled(self) -> bool:
        """Whether the films were melted and cooled."""
        return self.run.spec["protocol"] == "cool-film"

    @cached_property
    def last_frame(self) -> int:
        """The last frame of which any film has its inherent structure stored.

        Raises:
            ValueError: when there is none.
        """
        frames = self.run.stored_frames(inherent=True)
        if not frames:
            raise ValueError(f"{self.run.path}: got no stored inherent structure, expected the films at their end")
        return frames[-1]

    @cached_property
    def replicas(self) -> list[int]:
        """Numbers of the films that reached the last frame."""
        return self._with_frame(self.last_frame)

    def _end(self, replica: int) -> tuple[Configuration, Film]:
        """The inherent structure of a film at its end, and the film in it; the last few hundred are kept."""
        return self.at(replica, self.last_frame)

    @cached_property
    def bulk(self) -> Bulk:
        """The bulk slab: the recipe's where it names one, else found from the films at their end.

        Raises:
            ValueError: when the films are too thin to have one.
        """
        if given := self.spec.bulk_slab:
            return Bulk(low=given[0], high=given[1], depth=self.depth)
        try:
            return find_bulk([self.end(replica)[1] for replica in self.replicas], depth=self.depth)
        except ValueError as error:
            raise ValueError(f"{self.run.path}: {error}") from error

    @cached_property
    def state(self) -> BulkState:
        """The bulk of every film at its end.

        Raises:
            ValueError: when a film has nothing in the slab.
        """
        state, bulk = self.state_at(self.last_frame), self.bulk
        if not state.particles.all():
            raise ValueError(
                f"{self.run.path}: film {state.replicas[state.particles.argmin()]} has no particle from {bulk.low:.1f} "
                f"to {bulk.high:.1f}, {bulk.depth} below its surface; expected a thicker film or another slab"
            )
        return state

    @property
    def every_frame_stored(self) -> bool:
        """Whether the inherent structure of every frame of every film is there, as a cooling curve needs it."""
        rows = self.run.table["frame"]
        return all(
            len(self.run.stored_replicas(frame, inherent=True)) == (rows == frame).sum()
            for frame in np.unique(rows).tolist()
        )

    @cached_property
    def cooling_curve(self) -> CoolingCurve:
        """Bulk E_IS against temperature of films cooled on their substrate: what Tg is read from.

        The slab is that of the cold films at the end and stays where it is; what counts at each frame is the part of it
        below the surfaces of that frame, NaN where a hot film is all pores. The instantaneous energies are those of the
        table: of the whole film.
        """
        spec, table = film_cooling_spec(self.run), self.run.table
        replicas, frames = np.unique(table["replica"]), np.unique(table["frame"])
        energy, kt, potential = (np.full((len(replicas), len(frames)), np.nan) for _ in range(3))
        row, column = np.searchsorted(replicas, table["replica"]), np.searchsorted(frames, table["frame"])
        kt[row, column], potential[row, column] = table["kt"], table["potential_energy"]
        converged = np.zeros(energy.shape, dtype=bool)
        converged[row, column] = table["converged"]
        for place, frame in enumerate(frames):
            state = self.state_at(int(frame))
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

    def state_at(self, frame: int) -> BulkState:
        """The bulk of every film that reached ``frame``; NaN where a film has none."""
        rows = []
        for replica in self._with_frame(frame):
            end, film = self.end(replica) if frame == self.last_frame else self.at(replica, frame)
            member = self.bulk.members(film)
            energies = particle_energies(self.spec.pairs, end.positions, end.species, end.box, end.periodic)[film.slots]
            count, any_bulk = int(member.sum()), bool(member.any())
            rows.append(
                {
                    "replicas": replica,
                    "particles": count,
                    "energy": energies[member].mean() if any_bulk else np.nan,
                    "density": count / self.bulk.area(film) if any_bulk else np.nan,
                    "fraction_a": (film.species[member] == A).mean() if any_bulk else np.nan,
                    "thickness": film.thickness(),
                    "roughness": film.roughness(),
                }
            )
        columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        return BulkState(bulk=self.bulk, **columns)

    def _with_frame(self, frame: int) -> list[int]:
        return self.run.stored_replicas(frame, inherent=True)

    def at(self, replica: int, frame: int) -> tuple[Configuration, Film]:
        """The inherent structure of a film at a frame, and the film in it."""
        found = self.run.configuration(replica, frame, inherent=True)
        return found, Film.of(found.positions, found.species, float(found.box[0]))


def film_columns(runs: Sequence[FilmRun]) -> dict[str, list]:
    """The columns of films.csv: one row a run, means with standard errors over its films at their end."""
    rows = []
    for one in runs:
        spec, state = one.spec, one.state
        row = {
            "run": one.name,
            "protocol": one.run.spec["protocol"],
            "kt_substrate": np.nan if one.cooled else spec.substrate.kt,
            "steps": one.run.spec["ramp_steps"] if one.cooled else spec.injections * spec.steps_per_injection,
            "films": len(state.replicas),
            "bulk_low": state.bulk.low,
            "bulk_high": state.bulk.high,
        }
        for name in ("particles", "energy", "density", "fraction_a", "thickness", "roughness"):
            estimate = mean_and_error(getattr(state, name))
            row |= {name: float(estimate.mean), f"{name}_error": float(estimate.error)}
        rows.append(row)
    return {name: [row[name] for row in rows] for name in rows[0]}
