"""From an ensemble to the arrays of one replica, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vitrify.md.engines.base import Thermostat
from vitrify.md.engines.replica.state import DONE, Bath, BlockNeighbours, Box, Externals, Grid, Pairs, Particles
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External, Tether, Wall
from vitrify.md.model import PairTable
from vitrify.md.pair_law import coefficients

ROW_HEIGHT = 0.5
"""Height of a cell [sigma_AA]: low ones, so that few particles are looked at in vain."""

CELLS_PER_PARTICLE = 4
"""In a dilute system cells grow rather than outnumber the particles by more than this."""


@dataclass(frozen=True)
class Precision:
    """Floating-point and fixed-point types that belong together."""

    real: type
    fixed: type

    @property
    def period(self) -> float:
        """How many fixed-point steps make a period: 2^32 or 2^64."""
        return 2.0 ** (8 * np.dtype(self.fixed).itemsize)


SINGLE = Precision(np.float32, np.int32)
DOUBLE = Precision(np.float64, np.int64)


@dataclass(frozen=True)
class Geometry:
    """Fixed-point coordinates of one replica's box.

    A periodic axis is its own period, so that integer overflow is the minimum image and the wrap, both exact. An open
    axis has a period longer than the box by the reach of the forces and more, so that nothing acts through its ends.

    Attributes:
        lengths: (2,) period along each axis [sigma_AA].
        centre: (2,) where fixed-point zero lies [sigma_AA].
        box: (2,) edges of the box [sigma_AA].
        open_y: whether the y axis is open.
        precision: types.

    >>> box = Geometry.of(np.array([10.0, 10.0]), (True, True), 3.0, SINGLE)
    >>> left, right = box.encode(np.array([[-4.75, 0.0], [4.75, 0.0]]))
    >>> ((left - right) * box.scale).round(6).tolist()  # half a sigma apart, through the side of the box
    [0.5, 0.0]
    """

    lengths: np.ndarray
    centre: np.ndarray
    box: np.ndarray
    open_y: bool
    precision: Precision

    @classmethod
    def of(cls, box: np.ndarray, periodic: tuple[bool, bool], reach: float, precision: Precision) -> Geometry:
        """The geometry of a ``box`` in which forces and skins reach ``reach`` far."""
        open_y = not periodic[1]
        lengths = np.array([box[0], box[1] + 3 * reach if open_y else box[1]])
        return cls(lengths, np.array([0.0, box[1] / 2 if open_y else 0.0]), box, open_y, precision)

    def encode(self, positions: np.ndarray) -> np.ndarray:
        """Positions (..., 2) to fixed point."""
        turns = (positions - self.centre) / self.lengths
        turns -= np.rint(turns)
        steps = np.rint(turns * self.precision.period)
        half = self.precision.period / 2
        return np.where(steps >= half, -half, steps).astype(self.precision.fixed)

    def decode(self, coordinates: np.ndarray) -> np.ndarray:
        """Fixed point to positions; in single precision ``encode`` of it gives back every bit."""
        return coordinates * self.scale + self.centre

    @property
    def scale(self) -> np.ndarray:
        """(2,) length of one fixed-point step [sigma_AA]."""
        return self.lengths / self.precision.period

    def gone_on(self, travelled: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """``travelled`` (..., 2) and ``steps`` more fixed-point ones, in whole steps, so that no sum is ever rounded.

        >>> box = Geometry.of(np.array([10.0, 10.0]), (True, True), 3.0, SINGLE)
        >>> once = box.gone_on(np.zeros(2), np.array([7 << 34, 3]))
        >>> bool((once == box.gone_on(box.gone_on(np.zeros(2), np.array([5 << 34, 1])), np.array([2 << 34, 2]))).all())
        True
        """
        return (np.rint(travelled / self.scale) + steps) * self.scale

    def state(self, skin: float, reach: float, particles: int) -> Box:
        """What the program needs to know."""
        real, scale = self.precision.real, self.scale
        most = CELLS_PER_PARTICLE * particles
        columns = int(np.clip(self.lengths[0] // reach, 1, most))
        rows = int(np.clip(self.lengths[1] // ROW_HEIGHT, 1, max(most // columns, 1)))
        return Box(
            scale_x=real(scale[0]),
            scale_y=real(scale[1]),
            columns=columns,
            rows=rows,
            margin=int(reach * rows / self.lengths[1]) + 1,
            limit=int(self.encode(self.box / 2 + self.centre)[1]) if self.open_y else 0,
            skin=real(skin),
        )


def pair_parameters(pairs: PairTable, skin: float, precision: Precision) -> Pairs:
    """The pair table as the program wants it."""

    def table(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(values, precision.real)

    law = coefficients(pairs.epsilon, pairs.sigma)
    return Pairs(
        cutoff2=table(pairs.r_cut**2),
        numerator=table(law.numerator),
        offset=table(law.offset),
        reach2=table((pairs.r_cut + skin) ** 2),
    )


def steps_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Fixed-point steps from ``start`` to ``end``, the shorter way round a period, int64."""
    return (end - start).astype(np.int64)


def particle_arrays(particles: int, slots: int, padding: int, precision: Precision, tracked: bool) -> Particles:
    """Room for one replica's particles, rounded up to a multiple of ``padding`` where vectors want it."""
    longer = -(-particles // padding) * padding
    fixed, real = precision.fixed, precision.real
    return Particles(
        x=np.empty(longer, fixed),
        y=np.empty(longer, fixed),
        vx=np.zeros(particles, real),
        vy=np.zeros(particles, real),
        fx=np.zeros(longer, real),
        fy=np.zeros(longer, real),
        species=np.empty(longer, np.int32),
        slot=np.empty(particles, np.int32),
        place=np.full(slots, -1, np.int32),
        built_x=np.empty(particles, fixed),
        built_y=np.empty(particles, fixed),
        way_x=np.zeros(slots if tracked else 0, np.int64),
        way_y=np.zeros(slots if tracked else 0, np.int64),
    )


def grid_arrays(particles: int, box: Box, precision: Precision) -> Grid:
    """Scratch for sorting."""
    cells = box.columns * box.rows
    return Grid(
        start=np.empty(cells + 1, np.int32),
        cursor=np.empty(cells, np.int32),
        cell=np.empty(particles, np.int32),
        member=np.empty(particles, np.int32),
        spare=np.empty(particles, precision.fixed),
        spare_real=np.empty(particles, precision.real),
        spare_index=np.empty(particles, np.int32),
    )


def block_neighbour_arrays(blocks: int, width: int, species: int, room: int, precision: Precision) -> BlockNeighbours:
    """Neighbour lists of ``room`` entries for each block; ids take 16 bits where they can."""
    parameters = [np.empty((blocks, species, width), precision.real) for _ in range(4)]
    given = [np.zeros((blocks * width, width), precision.real) for _ in range(2)]
    ids = np.uint16 if blocks * width <= 1 << 16 else np.uint32
    return BlockNeighbours(np.zeros(blocks, np.int32), np.empty((blocks, room), ids), *parameters, *given)


def external_arrays(externals: Sequence[External], row: int, geometry: Geometry) -> Externals:
    """Tethers and walls of one replica."""
    fixed, real = geometry.precision.fixed, geometry.precision.real
    tethers = [external for external in externals if isinstance(external, Tether)]
    walls = [external for external in externals if isinstance(external, Wall)]
    sites = geometry.encode(np.concatenate([np.empty((0, 2)), *(tether.sites[row] for tether in tethers)]))
    slots = np.concatenate([np.empty(0, np.int32), *(tether.slots for tether in tethers)]).astype(np.int32)
    springs = [np.repeat(np.array([tether.axes]) * tether.stiffness, len(tether.slots), axis=0) for tether in tethers]
    stiffness = np.concatenate([np.empty((0, 2)), *springs]).astype(real)
    starts = np.array([[0.0, wall.start[row]] for wall in walls]).reshape(-1, 2)
    # A wall may begin outside the period, where no particle comes: the ends of the period stand for it.
    turns = np.clip((starts[:, 1] - geometry.centre[1]) / geometry.lengths[1], -0.5, 0.5 - 2.0**-32)
    return Externals(
        slot=slots,
        site_x=np.ascontiguousarray(sites[:, 0]),
        site_y=np.ascontiguousarray(sites[:, 1]),
        stiffness_x=np.ascontiguousarray(stiffness[:, 0]),
        stiffness_y=np.ascontiguousarray(stiffness[:, 1]),
        wall_start=(turns * geometry.precision.period).astype(fixed),
        wall_stiffness=np.array([wall.stiffness for wall in walls], real),
    )


def bath_arrays(task: Task) -> list[Bath]:
    """The thermostat of every replica."""
    ensemble, thermostat = task.ensemble, task.thermostat
    member = np.zeros(task.pairs.species, np.float32)
    if thermostat is None:
        freedom = np.zeros(ensemble.replicas, np.int64)
        steps, kts, memory = np.zeros(1, np.int64), np.ones(1), 0.0
    else:
        group = range(task.pairs.species) if thermostat.species is None else thermostat.species
        member[list(group)] = 1
        size = np.isin(ensemble.species, list(group)).sum(axis=1)
        alone = (size == ensemble.particles) & (not task.externals)
        freedom = 2 * size - 2 * alone
        steps = np.array(thermostat.schedule.steps, np.int64)
        kts = np.array(thermostat.schedule.kts, np.float64)
        memory = float(np.exp(-task.time_step / thermostat.tau))
    return [
        Bath(steps, kts, member, int(freedom[row]), memory, int(ensemble.seed), int(ensemble.replica[row]))
        for row in range(ensemble.replicas)
    ]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be done to an ensemble; fields as in ReplicaEngine and the Engine protocol."""

    ensemble: Ensemble
    pairs: PairTable
    skin: float
    time_step: float
    thermostat: Thermostat | None = None
    externals: Sequence[External] = ()

    @property
    def reach(self) -> float:
        """How far the neighbour lists reach [sigma_AA]."""
        return self.pairs.longest_cutoff + self.skin

    def tracks(self, precision: Precision) -> bool:
        """Whether the ways of particles are to be followed: in dynamics, where the ensemble asks for it."""
        return precision is SINGLE and self.ensemble.travelled is not None

    def origins(self, rows: np.ndarray, filled: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Where neighbour lists were last built; the positions, where that is not known of every particle.

        Args:
            rows: (R,) replicas.
            filled: (R, N) which of their slots hold a particle.
            positions: (R, N, 2) of those, and finite numbers in between.
        """
        if self.ensemble.origin is None:
            return positions
        origin = self.ensemble.origin[rows]
        known = np.all(np.isfinite(origin).all(axis=2) | ~filled, axis=1, keepdims=True)
        return np.where((known & filled)[..., None], origin, positions)


@dataclass(frozen=True)
class Outcome:
    """What became of each replica; filled in by whoever ran it. Fields as in Ensemble and Minimized."""

    positions: np.ndarray
    velocities: np.ndarray
    origin: np.ndarray
    step: np.ndarray
    ended: np.ndarray
    max_force: np.ndarray
    evaluations: np.ndarray
    travelled: np.ndarray | None

    @classmethod
    def of(cls, ensemble: Ensemble, running: Sequence[int]) -> Outcome:
        """Everything as it was, but for what whoever runs the replicas ``running`` is to fill in: all of their rows."""
        idle = np.setdiff1d(np.arange(ensemble.replicas), running)
        outcome = cls(
            positions=np.empty_like(ensemble.positions),
            velocities=np.empty_like(ensemble.velocities),
            origin=np.empty_like(ensemble.positions),
            step=ensemble.step.copy(),
            ended=np.full(ensemble.replicas, DONE),
            max_force=np.full(ensemble.replicas, np.nan),
            evaluations=np.zeros(ensemble.replicas, np.int64),
            travelled=None if ensemble.travelled is None else ensemble.travelled.copy(),
        )
        outcome.positions[idle], outcome.velocities[idle] = ensemble.positions[idle], ensemble.velocities[idle]
        outcome.origin[idle] = np.nan
        return outcome


class Replica(NamedTuple):
    """The arrays of one replica."""

    row: int
    slots: np.ndarray  # which slots of the ensemble hold its particles
    species: np.ndarray
    geometry: Geometry
    particles: Particles
    grid: Grid
    box: Box
    pairs: Pairs
    externals: Externals

    @classmethod
    def of(cls, task: Task, row: int, precision: Precision, padding: int) -> Replica:
        """Arrays for replica ``row``, not yet filled."""
        ensemble, reach = task.ensemble, task.reach
        geometry = Geometry.of(ensemble.box[row], ensemble.periodic, reach, precision)
        slots = np.flatnonzero(ensemble.filled[row])
        box = geometry.state(task.skin, reach, len(slots))
        return cls(
            row=row,
            slots=slots,
            species=ensemble.species[row, slots],
            geometry=geometry,
            particles=particle_arrays(len(slots), ensemble.slots, padding, precision, task.tracks(precision)),
            grid=grid_arrays(len(slots), box, precision),
            box=box,
            pairs=pair_parameters(task.pairs, task.skin, precision),
            externals=external_arrays(task.externals, row, geometry),
        )

    def load(self, positions: np.ndarray, velocities: np.ndarray, now: np.ndarray | None = None) -> None:
        """Fill in the particles from positions and velocities by slot; their ways lead from ``now``, in fixed point."""
        particles, count = self.particles, len(self.slots)
        coordinates = self.geometry.encode(positions[self.slots])
        particles.x[:count], particles.y[:count] = coordinates.T
        particles.built_x[:], particles.built_y[:] = coordinates.T
        if len(particles.way_x) and now is not None:
            particles.way_x[self.slots], particles.way_y[self.slots] = steps_between(now[self.slots], coordinates).T
        particles.vx[:], particles.vy[:] = velocities[self.slots].T
        particles.species[:count] = self.species
        particles.slot[:] = self.slots
        particles.place[self.slots] = np.arange(count)

    def unload(self, before: Ensemble, outcome: Outcome) -> None:
        """Write down where the particles came to, by slot; empty slots keep what was in them ``before``."""
        particles, count = self.particles, len(self.slots)
        rows = self.row, particles.slot
        outcome.positions[self.row], outcome.velocities[self.row] = (
            before.positions[self.row],
            before.velocities[self.row],
        )
        outcome.origin[self.row] = np.nan
        outcome.positions[rows] = self.geometry.decode(np.stack([particles.x, particles.y], axis=1)[:count])
        outcome.velocities[rows] = np.stack([particles.vx, particles.vy], axis=1)
        built = np.stack([particles.built_x, particles.built_y], axis=1)
        outcome.origin[rows] = self.geometry.decode(built)
        if len(particles.way_x) and before.travelled is not None and outcome.travelled is not None:
            here = np.stack([particles.x, particles.y], axis=1)[:count]
            way = np.stack([particles.way_x, particles.way_y], axis=1)[particles.slot] + steps_between(built, here)
            outcome.travelled[rows] = self.geometry.gone_on(before.travelled[rows], way)
