"""The arrays of the replicas that run on a GPU at once: what they are, how large, how they are filled and read back.

The host works on a few replicas at a time, that stay in its caches, on all of its cores: a GPU is done with a thousand
steps of a replica in less time than one core needs to look at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from vitrify.md.engines.replica import layout, minimizer
from vitrify.md.engines.replica.layout import SINGLE, Geometry, Outcome, Precision, Task
from vitrify.md.engines.replica.state import LIST_FULL, UNFINISHED, Box

AT_ONCE = 32
"""Replicas that a core of the host takes at once."""


class Batch(NamedTuple):
    """The arrays of R replicas with up to N particles each, in the order in which kernels.py takes them."""

    size: Any  # (R,) particles
    now: Any  # (R, 2, N) coordinates by slot
    built: Any  # (R, 2, N) coordinates at the last build, in the order of the sort
    velocities: Any  # (R, 2, N)
    species: Any  # (R, N)
    slot: Any  # (R, N)
    place: Any  # (R, N)
    way: Any  # (R, 2, N) steps gone up to the last build, by slot; (R, 2, 0) where nobody asks
    forces: Any  # (R, 2, N)
    order: Any  # (R, 3, N) for sorting, as are the next three
    spare: Any  # (R, N)
    spare_real: Any  # (R, N)
    cells: Any  # (R, 2, cells + 1)
    counts: Any  # (R, S, N) neighbours
    ids: Any  # (R, S, room, N)
    lengths: Any  # (R, 3) length of a fixed-point step along x and y, skin
    shape: Any  # (R, 4) columns, rows, margin, limit
    table: Any  # (4, S, S) pair parameters
    tethered: Any  # (T,) slots
    sites: Any  # (R, 2, T)
    springs: Any  # (2, T)
    wall_start: Any  # (R, W)
    wall_stiffness: Any  # (W,)
    ended: Any  # (R,)
    clock: Any  # (R,) steps, or force evaluations
    max_force: Any  # (R,)
    fire: Any  # (R, 3)


@dataclass(frozen=True)
class Wave:
    """Replicas that run at once.

    Attributes:
        task: what is to be done.
        rows: (R,) which replicas of the ensemble.
        precision: types.
        room: neighbours of one species that a particle has room for.
        threads: cores of the host that work on it.
    """

    task: Task
    rows: np.ndarray
    precision: Precision
    room: int
    threads: int

    @cached_property
    def geometries(self) -> list[Geometry]:
        """The box of each replica."""
        box, periodic, reach = self.task.ensemble.box, self.task.ensemble.periodic, self.task.reach
        return [Geometry.of(box[row], periodic, reach, self.precision) for row in self.rows]

    @cached_property
    def boxes(self) -> list[Box]:
        """What the program needs to know of each box."""
        sized = zip(self.geometries, self.task.ensemble.particles[self.rows], strict=True)
        return [geometry.state(self.task.skin, self.task.reach, int(count)) for geometry, count in sized]

    def particle_arrays(self) -> dict[str, tuple[tuple[int, ...], type]]:
        """Shape for one replica, and type, of the arrays that hold something for each particle."""
        slots, real, fixed = self.task.ensemble.slots, self.precision.real, self.precision.fixed
        return {
            "now": ((2, slots), fixed),
            "built": ((2, slots), fixed),
            "velocities": ((2, slots), real),
            "species": ((slots,), np.int32),
            "slot": ((slots,), np.int32),
            "place": ((slots,), np.int32),
            "way": ((2, slots if self.task.tracks(self.precision) else 0), np.int64),
        }

    def scratch_arrays(self) -> dict[str, tuple[tuple[int, ...], type]]:
        """The same of arrays that the host never sees."""
        ensemble, species = self.task.ensemble, self.task.pairs.species
        slots, real, fixed = ensemble.slots, self.precision.real, self.precision.fixed
        return {
            "forces": ((2, slots), real),
            "order": ((3, slots), np.int32),
            "spare": ((slots,), fixed),
            "spare_real": ((slots,), real),
            "cells": ((2, max(box.columns * box.rows for box in self.boxes) + 1), np.int32),
            "counts": ((species, slots), np.int32),
            "ids": ((species, self.room, slots), np.uint16),
        }

    def bytes_of_one(self) -> int:
        """Memory that one replica takes."""
        arrays = {**self.particle_arrays(), **self.scratch_arrays()}.values()
        return sum(int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in arrays)

    def on_device(self, to_device: Callable[[np.ndarray], Any], allocate: Callable[..., Any]) -> Batch:
        """All arrays, those of the host copied and scratch only allocated.

        Args:
            to_device: copies an array.
            allocate: makes one of a shape and a type.
        """
        scratch = {
            name: allocate((len(self.rows), *shape), kind) for name, (shape, kind) in self.scratch_arrays().items()
        }
        host = {**self.small_arrays(), **self.particles()}
        return Batch(**scratch, **{name: to_device(array) for name, array in host.items()})

    def small_arrays(self) -> dict[str, np.ndarray]:
        """The others: boxes, pair table, tethers and walls, and where each replica stands."""
        task, count, real, fixed = self.task, len(self.rows), self.precision.real, self.precision.fixed
        boxes = self.boxes
        externals = [
            layout.external_arrays(task.externals, int(row), geometry)
            for row, geometry in zip(self.rows, self.geometries, strict=True)
        ]
        return {
            "size": task.ensemble.particles[self.rows].astype(np.int32),
            "lengths": np.array([[box.scale_x, box.scale_y, box.skin] for box in boxes], real),
            "shape": np.array([[box.columns, box.rows, box.margin, box.limit] for box in boxes], np.int64),
            "table": np.array(list(layout.pair_parameters(task.pairs, task.skin, self.precision)), real),
            "tethered": externals[0].slot,
            "sites": np.array([[external.site_x, external.site_y] for external in externals], fixed),
            "springs": np.array([externals[0].stiffness_x, externals[0].stiffness_y], real),
            "wall_start": np.array([external.wall_start for external in externals], fixed),
            "wall_stiffness": externals[0].wall_stiffness,
            "ended": np.full(count, UNFINISHED, np.int64),
            "clock": task.ensemble.step[self.rows] if self.precision is SINGLE else np.zeros(count, np.int64),
            "max_force": np.full(count, np.inf),
            "fire": np.tile(np.array(minimizer.AT_REST), (count, 1)),
        }

    def particles(self) -> dict[str, np.ndarray]:
        """The particles of every replica, at rest where they are to be minimised."""
        arrays = {
            name: np.empty((len(self.rows), *shape), kind) for name, (shape, kind) in self.particle_arrays().items()
        }
        ensemble, geometries, moving = self.task.ensemble, self.geometries, self.precision is SINGLE
        every = ensemble.filled

        def load(part: slice) -> None:
            rows, geometry = self.rows[part], stacked(geometries[part])
            filled = every[rows]
            slot = filled_first(filled)
            positions = np.where(filled[..., None], ensemble.positions[rows], 0.0)
            origin = self.task.origins(rows, filled, positions) if moving else positions
            velocities = ensemble.velocities[rows] if moving else np.zeros_like(positions)
            now, built = geometry.encode(positions), geometry.encode(origin)
            arrays["now"][part] = np.moveaxis(now, 2, 1)
            arrays["built"][part] = np.moveaxis(in_order(built, slot), 2, 1)
            if self.task.tracks(self.precision):
                arrays["way"][part] = np.moveaxis(layout.steps_between(now, built), 2, 1)
            arrays["velocities"][part] = np.moveaxis(in_order(velocities, slot), 2, 1)
            arrays["species"][part] = in_order(ensemble.species[rows], slot)
            arrays["slot"][part] = slot
            arrays["place"][part] = np.argsort(slot, axis=1)

        self.in_parts(load)
        return arrays

    def read(self, device: Batch, outcome: Outcome) -> list[int]:
        """Write down where the replicas came to; returns those whose lists were full, to be run again."""
        names = ("ended", "clock", "now", *(("built", "velocities", "slot", "way") if self.precision is SINGLE else ()))
        host: Mapping[str, np.ndarray] = {name: getattr(device, name).copy_to_host() for name in names}
        ensemble, geometries, full = self.task.ensemble, self.geometries, host["ended"] == LIST_FULL
        every = ensemble.filled

        def unload(part: slice) -> None:
            well = np.arange(part.start, part.stop)[~full[part]]
            if not len(well):
                return
            rows, geometry = self.rows[well], stacked([geometries[place] for place in well])
            filled = every[rows][..., None]
            positions = geometry.decode(np.moveaxis(host["now"][well], 1, 2))
            outcome.positions[rows] = np.where(filled, positions, ensemble.positions[rows])
            if self.precision is SINGLE:
                slot = host["slot"][well]
                velocities = to_slots(np.moveaxis(host["velocities"][well], 1, 2), slot)
                built = to_slots(np.moveaxis(host["built"][well], 1, 2), slot)
                origin = geometry.decode(built)
                outcome.velocities[rows] = np.where(filled, velocities, ensemble.velocities[rows])
                outcome.origin[rows] = np.where(filled, origin, np.nan)
                outcome.step[rows] = host["clock"][well]
                if ensemble.travelled is not None and outcome.travelled is not None:
                    way = np.moveaxis(host["way"][well], 1, 2)
                    way = way + layout.steps_between(built, np.moveaxis(host["now"][well], 1, 2))
                    travelled = geometry.gone_on(ensemble.travelled[rows], way)
                    outcome.travelled[rows] = np.where(filled, travelled, ensemble.travelled[rows])

        self.in_parts(unload)
        outcome.ended[self.rows[~full]] = host["ended"][~full]
        if self.precision is not SINGLE:
            outcome.max_force[self.rows] = device.max_force.copy_to_host()
            outcome.evaluations[self.rows] = host["clock"]
        return self.rows[full].tolist()

    def in_parts(self, work: Callable[[slice], None]) -> None:
        """Have all cores work on a few replicas each at a time."""
        ends = range(0, len(self.rows), AT_ONCE)
        with ThreadPoolExecutor(self.threads) as pool:
            for _ in pool.map(lambda first: work(slice(first, min(first + AT_ONCE, len(self.rows)))), ends):
                pass


def filled_first(filled: np.ndarray) -> np.ndarray:
    """The slots of each replica, those that hold a particle first, (R, N)."""
    if filled.all():
        return np.broadcast_to(np.arange(filled.shape[1]), filled.shape)
    return np.argsort(~filled, axis=1, kind="stable")


def in_order(values: np.ndarray, slot: np.ndarray) -> np.ndarray:
    """``values`` (R, N) or (R, N, 2) in the order of ``slot`` (R, N)."""
    return np.take_along_axis(values, slot.reshape(slot.shape + (1,) * (values.ndim - 2)), axis=1)


def to_slots(values: np.ndarray, slot: np.ndarray) -> np.ndarray:
    """``values`` (R, N, 2) each at the place its ``slot`` (R, N) says."""
    placed = np.empty_like(values)
    np.put_along_axis(placed, slot[..., None].astype(np.int64), values, axis=1)
    return placed


def stacked(geometries: Sequence[Geometry]) -> Geometry:
    """One geometry for the positions (R, N, 2) of many replicas."""
    lengths = np.array([geometry.lengths for geometry in geometries])[:, None]
    centre = np.array([geometry.centre for geometry in geometries])[:, None]
    box = np.array([geometry.box for geometry in geometries])[:, None]
    return Geometry(lengths, centre, box, geometries[0].open_y, geometries[0].precision)
