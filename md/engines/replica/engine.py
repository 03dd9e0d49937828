"""The default engine: many replicas at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from vitrify.md.engines.base import MINIMUM_FORCE, TIME_STEP, Minimized, Thermostat
from vitrify.md.engines.replica import cpu, layout
from vitrify.md.engines.replica.layout import DOUBLE, SINGLE, Geometry, Precision
from vitrify.md.engines.replica.state import (
    DONE,
    LIST_FULL,
    LOST,
    TOO_FAST,
    Bath,
    BlockNeighbours,
    Box,
    Grid,
    Pairs,
    Particles,
)
from vitrify.md.engines.replica.vectors import WIDTH
from vitrify.md.engines.validation import check_ensemble, check_externals, check_thermostat
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External
from vitrify.md.model import PairTable

REASONS = {
    TOO_FAST: "a particle would move further than {skin:g} in one step, or a number is no longer finite: overlap or too long a time step",
    LOST: "a particle left the box through its open end",
}
NOT_FINITE = "positions or velocities are not finite numbers"
OUTSIDE = "a particle lies outside the open axis of the box"

MOST_EVALUATIONS = 1_000_000
"""Force evaluations after which a minimisation is given up as not converged."""


@dataclass(frozen=True, kw_only=True)
class ReplicaEngine:
    """Molecular dynamics of many small systems side by side, one CPU thread a replica.

    Dynamics run in single precision on 32-bit fixed-point coordinates; minimisation, energies and forces in double precision on
    64-bit ones. Results are a function of the ensemble and ``skin`` alone: neither the number of threads nor where a run was cut
    into segments changes a bit of them.

    Attributes:
        pairs: the pair table.
        time_step: dt [tau].
        device: "auto" or "cpu".
        threads: how many replicas run at once; None for every core this process may use.
        skin: by how much the neighbour list reaches beyond the cut-off [sigma_AA].

    >>> from vitrify.md.model import kob_andersen_pairs
    >>> ReplicaEngine(pairs=kob_andersen_pairs()).name
    'replica'
    """

    pairs: PairTable
    time_step: float = TIME_STEP
    device: str = "auto"
    threads: int | None = None
    skin: float = 0.4
    name: str = "replica"

    def __post_init__(self):
        if not (np.isfinite(self.time_step) and self.time_step > 0):
            raise ValueError(f"time_step: got {self.time_step}, expected a positive time")
        if not (np.isfinite(self.skin) and self.skin > 0):
            raise ValueError(f"skin: got {self.skin}, expected a positive distance")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads: got {self.threads}, expected at least 1")
        if self.device not in ("auto", "cpu"):
            raise ValueError(f"device: got {self.device!r}, expected 'auto' or 'cpu'")
        object.__setattr__(self, "device", "cpu")

    def integrate(
        self, ensemble: Ensemble, steps: int, thermostat: Thermostat | None = None, externals: Sequence[External] = ()
    ) -> Ensemble:
        """Advance every replica by ``steps`` time steps: NVT with a thermostat, NVE without one.

        Raises:
            ValueError: for a negative number of steps, species outside the pair table, a box smaller than twice the cut-off, or
                tethers, walls or a thermostat that do not fit the ensemble.
        """
        if steps < 0:
            raise ValueError(f"steps: got {steps}, expected 0 or more")
        check_ensemble(ensemble, self.pairs)
        check_externals(externals, ensemble)
        check_thermostat(thermostat, ensemble, self.pairs)
        if steps == 0:
            return ensemble
        positions, velocities = ensemble.positions.copy(), ensemble.velocities.copy()
        origin = np.full_like(positions, np.nan)
        clock, failure = ensemble.step.copy(), list(ensemble.failure)

        def advance(row: int) -> None:
            replica = self.replica(ensemble, row, SINGLE, self.skin)
            past = None if ensemble.origin is None else ensemble.origin[row]
            filled = ensemble.filled[row]
            if past is None or not np.isfinite(past[filled]).all():
                past = ensemble.positions[row]
            now = replica.geometry.encode(ensemble.positions[row])
            bath = self.bath(ensemble, row, thermostat, externals)
            springs = layout.external_arrays(externals, row, replica.geometry)

            def run(neighbours):
                layout.load(replica.particles, ensemble, row, past, replica.geometry)
                ended, clock[row] = cpu.single.integrate_replica(
                    replica.particles, neighbours, replica.grid, replica.box, replica.pairs, springs, bath,
                    np.float32(self.time_step), int(ensemble.step[row]), steps, now[:, 0].copy(), now[:, 1].copy(), NO_SCRATCH,
                )  # fmt: skip
                return ended

            ended = with_room(run, replica)
            particles, geometry = replica.particles, replica.geometry
            positions[row, particles.slot] = geometry.decode(coordinates(particles))
            velocities[row, particles.slot] = np.stack([particles.vx, particles.vy], axis=1)
            origin[row, particles.slot] = geometry.decode(np.stack([particles.built_x, particles.built_y], axis=1))
            if ended != DONE:
                failure[row] = REASONS[ended].format(skin=self.skin)

        self.each(ensemble, failure, advance)
        return replace(
            ensemble, positions=positions, velocities=velocities, step=clock, failure=tuple(failure), origin=origin
        )

    def minimize(
        self, ensemble: Ensemble, fmax: float = MINIMUM_FORCE, externals: Sequence[External] = ()
    ) -> Minimized:
        """Bring every replica to its local potential-energy minimum, by forces in double precision.

        Raises:
            ValueError: for fmax <= 0, or an ensemble or externals that do not fit.
        """
        if not fmax > 0:
            raise ValueError(f"fmax: got {fmax}, expected a positive force")
        check_ensemble(ensemble, self.pairs)
        check_externals(externals, ensemble)
        positions, energies = ensemble.positions.copy(), np.zeros(ensemble.species.shape)
        max_force = np.full(ensemble.replicas, np.nan)
        evaluations, failure = np.zeros(ensemble.replicas, np.int64), list(ensemble.failure)

        def quench(row: int) -> None:
            replica = self.replica(ensemble, row, DOUBLE, self.skin)
            springs = layout.external_arrays(externals, row, replica.geometry)

            def run(neighbours):
                layout.load(replica.particles, ensemble, row, ensemble.positions[row], replica.geometry)
                replica.particles.vx[:], replica.particles.vy[:] = 0.0, 0.0
                ended, max_force[row], evaluations[row] = cpu.double.minimize_replica(
                    replica.particles, neighbours, replica.grid, replica.box, replica.pairs, springs, fmax, MOST_EVALUATIONS,
                    NO_SCRATCH,
                )  # fmt: skip
                return ended

            ended = with_room(run, replica)
            particles = replica.particles
            positions[row, particles.slot] = replica.geometry.decode(coordinates(particles))
            if ended != DONE:
                failure[row] = REASONS[ended].format(skin=self.skin)

        self.each(ensemble, failure, quench)
        quenched = replace(ensemble, positions=positions, failure=tuple(failure), origin=None)
        energies = self.energies(quenched)
        return Minimized(
            ensemble=quenched,
            energies=energies,
            max_force=max_force,
            converged=max_force < fmax,
            evaluations=evaluations,
        )

    def energies(self, ensemble: Ensemble) -> np.ndarray:
        """Pair energy of each particle, (R, N) float64, truncated and not shifted [eps_AA]; NaN where positions are not finite."""
        check_ensemble(ensemble, self.pairs)
        energies = np.zeros(ensemble.species.shape)

        def measure(row: int) -> None:
            replica = self.replica(ensemble, row, DOUBLE, 0.0)
            layout.load(replica.particles, ensemble, row, ensemble.positions[row], replica.geometry)
            of_particle = np.empty(len(replica.particles.x))
            with_room(
                lambda neighbours: cpu.double.energies_replica(
                    replica.particles, neighbours, replica.grid, replica.box, replica.pairs, of_particle, NO_SCRATCH
                ),
                replica,
            )
            energies[row, replica.particles.slot] = of_particle[: len(replica.particles.slot)]

        self.measured(ensemble, energies, measure)
        return energies

    def forces(self, ensemble: Ensemble, externals: Sequence[External] = ()) -> np.ndarray:
        """Force on each particle, (R, N, 2) float64 [eps_AA / sigma_AA]; NaN where positions are not finite."""
        check_ensemble(ensemble, self.pairs)
        check_externals(externals, ensemble)
        forces = np.zeros((*ensemble.species.shape, 2))

        def measure(row: int) -> None:
            replica = self.replica(ensemble, row, DOUBLE, 0.0)
            layout.load(replica.particles, ensemble, row, ensemble.positions[row], replica.geometry)
            springs = layout.external_arrays(externals, row, replica.geometry)
            with_room(
                lambda neighbours: cpu.double.forces_replica(
                    replica.particles, neighbours, replica.grid, replica.box, replica.pairs, springs, NO_SCRATCH
                ),
                replica,
            )
            particles = replica.particles
            forces[row, particles.slot] = np.stack([particles.fx, particles.fy], axis=1)[: len(particles.slot)]

        self.measured(ensemble, forces, measure)
        return forces

    def replica(self, ensemble: Ensemble, row: int, precision: Precision, skin: float) -> ReplicaArrays:
        """Arrays for replica ``row``."""
        reach = self.pairs.longest_cutoff + skin
        geometry = Geometry.of(ensemble.box[row], ensemble.periodic, reach, precision)
        particles = int(ensemble.particles[row])
        box = geometry.state(skin, reach, particles)
        return ReplicaArrays(
            geometry,
            layout.particle_arrays(particles, ensemble.slots, WIDTH, precision),
            layout.grid_arrays(particles, box, precision),
            box,
            layout.pair_parameters(self.pairs, skin, precision),
        )

    def bath(self, ensemble: Ensemble, row: int, thermostat: Thermostat | None, externals: Sequence[External]) -> Bath:
        """The thermostat of replica ``row``."""
        member = np.zeros(self.pairs.species, np.float32)
        identity = int(ensemble.seed), int(ensemble.replica[row])
        if thermostat is None:
            return Bath(np.zeros(1, np.int64), np.ones(1), member, 0, 0.0, *identity)
        group = range(self.pairs.species) if thermostat.species is None else thermostat.species
        member[list(group)] = 1
        inside = int(np.isin(ensemble.species[row], list(group)).sum())
        alone = inside == ensemble.particles[row] and not externals
        schedule = thermostat.schedule
        return Bath(
            np.array(schedule.steps, np.int64),
            np.array(schedule.kts, np.float64),
            member,
            2 * inside - (2 if alone else 0),
            float(np.exp(-self.time_step / thermostat.tau)),
            *identity,
        )

    def each(self, ensemble: Ensemble, failure: list[str], work: Callable[[int], None]) -> None:
        """Run ``work`` for every replica that is well; those that cannot be started are marked failed."""
        rows = []
        for row in range(ensemble.replicas):
            failure[row] = failure[row] or unfit(ensemble, row)
            if not failure[row] and ensemble.filled[row].any():
                rows.append(row)
        self.parallel(work, rows)

    def measured(self, ensemble: Ensemble, values: np.ndarray, work: Callable[[int], None]) -> None:
        """Run ``work`` for every replica with finite positions."""
        finite = np.isfinite(ensemble.positions).all(axis=2) | ~ensemble.filled
        values[~finite.all(axis=1)] = np.nan
        self.parallel(work, [row for row in np.flatnonzero(finite.all(axis=1)) if ensemble.filled[row].any()])

    def parallel(self, work: Callable[[int], None], rows: Sequence[int]) -> None:
        """A queue of replicas, worked off by all threads."""
        threads = self.threads or len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(work, rows):
                pass


FIRST_ROOM = 128
"""Neighbours of one species a block has room for at first."""

NO_SCRATCH = np.zeros(1)
"""One lane needs no shared memory."""


class ReplicaArrays(NamedTuple):
    """What one replica needs to run."""

    geometry: Geometry
    particles: Particles
    grid: Grid
    box: Box
    pairs: Pairs


def with_room(run: Callable[[BlockNeighbours], int], replica: ReplicaArrays) -> int:
    """Run with neighbour lists that are large enough: full ones grow and the segment is redone."""
    precision = replica.geometry.precision
    blocks, species, room = len(replica.particles.x) // WIDTH, replica.pairs.cutoff2.shape[0], FIRST_ROOM
    while True:
        ended = run(layout.block_neighbour_arrays(blocks, WIDTH, species, room, precision))
        if ended != LIST_FULL:
            return ended
        room *= 2


def coordinates(particles: Particles) -> np.ndarray:
    """Fixed-point coordinates, (N, 2)."""
    return np.stack([particles.x, particles.y], axis=1)[: len(particles.slot)]


def unfit(ensemble: Ensemble, row: int) -> str:
    """Why a replica cannot be started; "" if it can."""
    filled = ensemble.filled[row]
    positions, velocities = ensemble.positions[row, filled], ensemble.velocities[row, filled]
    if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
        return NOT_FINITE
    if not ensemble.periodic[1] and ((positions[:, 1] < 0) | (positions[:, 1] >= ensemble.box[row, 1])).any():
        return OUTSIDE
    return ""
