"""The replica program on NVIDIA GPUs: one thread block a replica, thousands of steps a launch.

More replicas than fit the memory run in waves whose size is worked out beforehand. Between launches the host only looks
who is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numba import config, cuda, from_dtype

from vitrify.md.engines.replica import block, kernels, layout, minimizer
from vitrify.md.engines.replica.layout import DOUBLE, SINGLE, Geometry, Outcome, Precision, Task
from vitrify.md.engines.replica.state import LIST_FULL, UNFINISHED
from vitrify.md.engines.replica.targets import compile_program, fingerprint

SIMULATED = bool(getattr(config, "ENABLE_CUDASIM", False))
"""Whether kernels run in Numba's simulator, which knows neither registers nor caches."""

STEPS_PER_LAUNCH = 5000
EVALUATIONS_PER_LAUNCH = 500
"""So that no replica waits for the slowest longer than this."""

FIRST_ROOM = 48
"""Neighbours of one species that a particle has room for at first."""

MEMORY_SHARE = 0.8
"""Of the memory that is free, what a wave of replicas may take."""

SHARED_WITHOUT_ASKING = 48 * 1024
"""Shared memory every kernel gets [bytes]; for more the driver has to be asked."""

REGISTERS = 64
"""Registers a thread may use, so that a block of 1024 threads can start."""


@cache
def program(precision: Precision, lanes: int) -> SimpleNamespace:
    """The program of a block of ``lanes`` threads."""
    source = fingerprint(block, kernels)

    def compile_function(function: FunctionType) -> Any:
        if function.__name__.endswith("_kernel"):
            function.__qualname__ = f"{function.__name__}.{source}.{lanes}"
            return cuda.jit(**({} if SIMULATED else {"max_registers": REGISTERS, "cache": True}))(function)
        # NaN ends a replica as failed, so only the force may be computed as if there were none.
        return cuda.jit(device=True, fastmath=function.__name__ in ("pair_forces", "force_over_distance"))(function)

    shift = 8 * np.dtype(precision.fixed).itemsize - 32
    coordinate = from_dtype(np.dtype(precision.fixed))
    return compile_program(
        compile_function,
        block,
        kernels,
        real=precision.real,
        fixed=precision.fixed,
        coordinate=coordinate,
        SHIFT=shift,
        LANES=lanes,
    )


class Batch(NamedTuple):
    """The arrays of R replicas with up to N particles each, as kernels.py wants them."""

    size: Any  # (R,) particles
    coordinates: Any  # (R, 3, N) fixed point: x and y at the last build; scratch
    values: Any  # (R, 5, N) vx, vy, fx, fy; scratch
    indices: Any  # (R, 6, N) species, slot, place; scratch for sorting
    cells: Any  # (R, 2, cells + 1) scratch for sorting
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
    now: Any  # (R, 2, N) coordinates by slot


def batch_of(task: Task, rows: Sequence[int], origin: np.ndarray, precision: Precision, room: int) -> Batch:
    """The arrays of the replicas ``rows`` in host memory; ``origin`` (R, N, 2) is where their lists were last built."""
    ensemble, species, count = task.ensemble, task.pairs.species, len(rows)
    reach, slots = task.pairs.longest_cutoff + task.skin, ensemble.slots
    geometries = [Geometry.of(ensemble.box[row], ensemble.periodic, reach, precision) for row in rows]
    particles = ensemble.particles[rows]
    boxes = [geometry.state(task.skin, reach, int(n)) for geometry, n in zip(geometries, particles, strict=True)]
    externals = [layout.external_arrays(task.externals, row, box) for row, box in zip(rows, geometries, strict=True)]
    cells = max(box.columns * box.rows for box in boxes)
    real, fixed = precision.real, precision.fixed
    batch = Batch(
        size=particles.astype(np.int32),
        coordinates=np.zeros((count, 3, slots), fixed),
        values=np.zeros((count, 5, slots), real),
        indices=np.zeros((count, 6, slots), np.int32),
        cells=np.zeros((count, 2, cells + 1), np.int32),
        counts=np.zeros((count, species, slots), np.int32),
        ids=np.zeros((count, species, room, slots), np.uint16),
        lengths=np.array([[box.scale_x, box.scale_y, box.skin] for box in boxes], real),
        shape=np.array([[box.columns, box.rows, box.margin, box.limit] for box in boxes], np.int64),
        table=np.array(list(layout.pair_parameters(task.pairs, task.skin, precision)), real),
        tethered=externals[0].slot,
        sites=np.array([[external.site_x, external.site_y] for external in externals], fixed),
        springs=np.array([externals[0].stiffness_x, externals[0].stiffness_y], real),
        wall_start=np.array([external.wall_start for external in externals], fixed),
        wall_stiffness=externals[0].wall_stiffness,
        ended=np.full(count, UNFINISHED, np.int64),
        clock=np.zeros(count, np.int64),
        max_force=np.full(count, np.inf),
        fire=np.tile(np.array(minimizer.AT_REST), (count, 1)),
        now=np.zeros((count, 2, slots), fixed),
    )
    geometry, filled = stacked(geometries), ensemble.filled[rows]
    slot = np.argsort(~filled, axis=1, kind="stable")  # filled ones first
    fill(batch.now, geometry.encode(np.where(filled[..., None], ensemble.positions[rows], 0.0)))
    fill(batch.coordinates, geometry.encode(np.where(filled[..., None], origin[rows], 0.0)), slot)
    fill(batch.values, ensemble.velocities[rows], slot)
    batch.indices[:, 0] = np.take_along_axis(ensemble.species[rows], slot, axis=1)
    batch.indices[:, 1] = slot
    batch.indices[:, 2] = np.argsort(slot, axis=1)
    return batch


def fill(array: np.ndarray, vectors: np.ndarray, slot: np.ndarray | None = None) -> None:
    """Set the first two rows of each replica in ``array`` to the components of ``vectors`` (R, N, 2) at ``slot``."""
    if slot is not None:
        vectors = np.take_along_axis(vectors, slot[..., None], axis=1)
    array[:, :2] = np.moveaxis(vectors, 2, 1)


def stacked(geometries: Sequence[Geometry]) -> Geometry:
    """One geometry for the positions (R, N, 2) of many replicas."""
    lengths = np.array([geometry.lengths for geometry in geometries])[:, None]
    centre = np.array([geometry.centre for geometry in geometries])[:, None]
    box = np.array([geometry.box for geometry in geometries])[:, None]
    return Geometry(lengths, centre, box, geometries[0].open_y, geometries[0].precision)


@dataclass(frozen=True)
class Gpus:
    """Runs replicas on the GPUs of this machine, each GPU its share of them.

    Attributes:
        devices: which GPUs, as the driver numbers them.
        lanes: threads of a block.
    """

    devices: tuple[int, ...]
    lanes: int
    room: dict[Precision, int] = field(default_factory=lambda: {SINGLE: FIRST_ROOM, DOUBLE: FIRST_ROOM})

    def integrate(self, task: Task, rows: Iterable[int], steps: int, outcome: Outcome) -> None:
        """Advance the replicas ``rows`` by ``steps`` and write down where they came to."""
        baths, kernel = layout.bath_arrays(task), program(SINGLE, self.lanes).integrate_kernel
        origin = np.array([task.origin(row) for row in range(task.ensemble.replicas)])

        def run(wave: list[int]) -> list[int]:
            batch = batch_of(task, wave, origin, SINGLE, self.room[SINGLE])
            batch.clock[:] = task.ensemble.step[wave]
            first = baths[wave[0]]
            freedom = np.array([baths[row].freedom for row in wave])
            replica = np.array([baths[row].replica for row in wave])
            bath = first.knot_step, first.knot_kt, first.member, freedom, first.memory, first.seed, replica
            device = Batch(*map(cuda.to_device, batch))
            given = [cuda.to_device(value) if isinstance(value, np.ndarray) else value for value in bath]
            for done in range(0, steps, STEPS_PER_LAUNCH):
                launch = min(STEPS_PER_LAUNCH, steps - done)
                self.launch(kernel, device, *given, np.float32(task.time_step), launch)
            return self.unload(task, wave, batch, device, SINGLE, outcome)

        self.each(run, task, list(rows), SINGLE)

    def minimize(self, task: Task, rows: Iterable[int], fmax: float, evaluations: int, outcome: Outcome) -> None:
        """Minimise the replicas ``rows`` and write down where they came to."""

        def run(wave: list[int]) -> list[int]:
            batch = batch_of(task, wave, task.ensemble.positions, DOUBLE, self.room[DOUBLE])
            batch.values[:, :2] = 0.0
            device = Batch(*map(cuda.to_device, batch))
            for done in range(0, evaluations, EVALUATIONS_PER_LAUNCH):
                launch = min(EVALUATIONS_PER_LAUNCH, evaluations - done)
                self.launch(program(DOUBLE, self.lanes).minimize_kernel, device, fmax, launch)
                if (device.ended.copy_to_host() != UNFINISHED).all():
                    break
            outcome.max_force[wave] = device.max_force.copy_to_host()
            outcome.evaluations[wave] = device.clock.copy_to_host()
            return self.unload(task, wave, batch, device, DOUBLE, outcome)

        self.each(run, task, list(rows), DOUBLE)

    def launch(self, kernel: Any, batch: Batch, *arguments: Any) -> None:
        """Start one block a replica."""
        coordinates = 2 * batch.now.dtype.itemsize * batch.now.shape[2]
        everything = (*batch, *arguments)
        allow_shared_memory(kernel, everything, coordinates)
        kernel[len(batch.size), self.lanes, 0, coordinates](*everything)

    def unload(
        self, task: Task, wave: list[int], batch: Batch, device: Batch, precision: Precision, outcome: Outcome
    ) -> list[int]:
        """Write down where a wave came to; returns the replicas whose lists were full, to be run again."""
        reach = task.pairs.longest_cutoff + task.skin
        box, periodic = task.ensemble.box, task.ensemble.periodic
        ended, clock = device.ended.copy_to_host(), device.clock.copy_to_host()
        now, built = device.now.copy_to_host(), device.coordinates.copy_to_host()
        velocities, slots = device.values.copy_to_host(), device.indices.copy_to_host()
        full = []
        for place, row in enumerate(wave):
            if ended[place] == LIST_FULL:
                full.append(row)
                continue
            geometry = Geometry.of(box[row], periodic, reach, precision)
            slot = slots[place, 1, : batch.size[place]]
            outcome.positions[row, slot] = geometry.decode(now[place].T[slot])
            outcome.ended[row] = ended[place]
            if precision is SINGLE:
                outcome.velocities[row, slot] = velocities[place, :2, : len(slot)].T
                outcome.origin[row, slot] = geometry.decode(built[place, :2, : len(slot)].T)
                outcome.step[row] = clock[place]
        return full

    def each(self, run: Callable[[list[int]], list[int]], task: Task, rows: list[int], precision: Precision) -> None:
        """Run all replicas, in waves that fit, on all GPUs; those whose lists were full again with longer ones."""
        if not rows:
            return
        share = -(-len(rows) // len(self.devices))

        def on(device: int, part: list[int]) -> list[int]:
            cuda.select_device(device)
            free = MEMORY_SHARE * cuda.current_context().get_memory_info()[0]
            largest = max(part, key=lambda row: np.prod(task.ensemble.box[row]))
            probe = batch_of(task, [largest], task.ensemble.positions, precision, self.room[precision])
            wave = int(max(min(free / sum(array.nbytes for array in probe), len(part)), 1))
            return [row for first in range(0, len(part), wave) for row in run(part[first : first + wave])]

        parts = [rows[first : first + share] for first in range(0, len(rows), share)]
        with ThreadPoolExecutor(len(parts)) as pool:
            full = [row for rest in pool.map(on, self.devices, parts) for row in rest]
        if full:
            self.room[precision] *= 2
            self.each(run, task, full, precision)


def allow_shared_memory(kernel: Any, arguments: tuple, coordinates: int) -> None:
    """Ask the driver for more shared memory than every kernel gets, where the coordinates need it."""
    if SIMULATED or coordinates + 8 * kernels.SCRATCH <= SHARED_WITHOUT_ASKING:
        return
    from cuda.bindings import driver

    types = tuple(kernel.typeof_pyval(argument) for argument in arguments)
    function = kernel.compile(types)._codelibrary.get_cufunc()
    attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    (error,) = driver.cuKernelSetAttribute(attribute, coordinates, function.handle, function.device.id)
    if error != driver.CUresult.CUDA_SUCCESS:
        raise ValueError(
            f"particles: {coordinates} bytes of coordinates do not fit a thread block of this GPU: {error}"
        )


def devices_of(name: str) -> tuple[int, ...]:
    """The GPUs that a device name means: "gpu" all of them, "gpu:0,1" these.

    Raises:
        ValueError: for a GPU that is not there.
    """
    there = tuple(range(len(cuda.gpus))) if cuda.is_available() else ()
    if not there:
        raise ValueError("device: got 'gpu', but no CUDA GPU can be used here; expected a driver and vitrify[gpu]")
    if name == "gpu":
        return there
    numbers = name.removeprefix("gpu:").split(",")
    wanted = tuple(int(number) for number in numbers if number.isdecimal())
    if len(wanted) != len(numbers) or len(set(wanted)) != len(wanted) or not set(wanted) <= set(there):
        raise ValueError(f"device: got {name!r}, expected 'gpu' or 'gpu:' and numbers from 0 to {len(there) - 1}")
    return wanted
