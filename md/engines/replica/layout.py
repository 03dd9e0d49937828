"""From an ensemble to the arrays of one replica, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.md.engines.replica.state import Box, Externals, Grid, Neighbours, Pairs, Particles
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External, Tether, Wall
from vitrify.md.model import PairTable

CELL_ROOM = 1 << 20
"""Cells are made larger than they need be rather than have more of them than this."""


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

    A periodic axis is its own period, so that integer overflow is the minimum image and the wrap, both exact. An open axis has a
    period longer than the box by the reach of the forces and more, so that nothing acts through its ends.

    Attributes:
        lengths: (2,) period along each axis [sigma_AA].
        centre: (2,) where fixed-point zero lies [sigma_AA].
        box: (2,) edges of the box [sigma_AA].
        open_y: whether the y axis is open.
        precision: types.
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
        return coordinates * (self.lengths / self.precision.period) + self.centre

    def state(self, skin: float, reach: float) -> Box:
        """What the program needs to know."""
        real = self.precision.real
        scale = self.lengths / self.precision.period
        cells = np.clip(self.lengths // reach, 1, np.sqrt(CELL_ROOM)).astype(int)
        limit = int(self.box[1] / 2 / scale[1]) if self.open_y else 0
        return Box(real(scale[0]), real(scale[1]), int(cells[0]), int(cells[1]), limit, real(skin))


def pair_parameters(pairs: PairTable, skin: float, precision: Precision) -> Pairs:
    """The pair table as the program wants it."""
    sigma6 = pairs.sigma**6
    tables = pairs.r_cut**2, 48 * pairs.epsilon * sigma6**2, 24 * pairs.epsilon * sigma6, (pairs.r_cut + skin) ** 2
    return Pairs(*(np.ascontiguousarray(table, precision.real) for table in tables))


def particle_arrays(count: int, slots: int, precision: Precision) -> Particles:
    """Room for one replica's particles."""
    fixed = [np.empty(count, precision.fixed) for _ in range(4)]
    real = [np.zeros(count, precision.real) for _ in range(4)]
    index = [np.empty(count, np.int32) for _ in range(2)]
    return Particles(*fixed[:2], *real, *index, np.full(slots, -1, np.int32), *fixed[2:])


def grid_arrays(count: int, box: Box, precision: Precision) -> Grid:
    """Scratch for sorting."""
    cells = box.columns * box.rows
    index = [np.empty(size, np.int32) for size in (cells + 1, cells, count, count, count)]
    return Grid(*index[:4], np.empty(count, precision.fixed), np.empty(count, precision.real), index[4])


def neighbour_arrays(count: int, capacity: int) -> Neighbours:
    """Room for ``capacity`` neighbours a particle; ids take 16 bits where they can."""
    ids = np.uint16 if count <= 1 << 16 else np.uint32
    return Neighbours(np.empty(count, np.int32), np.empty((count, capacity), ids))


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
        slots,
        *(np.ascontiguousarray(sites[:, axis]) for axis in (0, 1)),
        *(np.ascontiguousarray(stiffness[:, axis]) for axis in (0, 1)),
        (turns * geometry.precision.period).astype(fixed),
        np.array([wall.stiffness for wall in walls], real),
    )


def load(particles: Particles, ensemble: Ensemble, row: int, positions: np.ndarray, geometry: Geometry) -> None:
    """Fill ``particles`` with replica ``row`` at ``positions`` (N, 2), empty slots left out."""
    filled = np.flatnonzero(ensemble.filled[row])
    coordinates = geometry.encode(positions[filled])
    particles.x[:], particles.y[:] = coordinates.T
    particles.vx[:], particles.vy[:] = ensemble.velocities[row, filled].T
    particles.species[:] = ensemble.species[row, filled]
    particles.slot[:] = filled
    particles.place[filled] = np.arange(len(filled))
