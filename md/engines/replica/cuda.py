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
from typing import Any

import numpy as np
from numba import config, cuda, from_dtype

from vitrify.md.engines.replica import block, kernels, layout
from vitrify.md.engines.replica.graphics import gpu_numbers, why_no_gpu
from vitrify.md.engines.replica.layout import DOUBLE, SINGLE, Outcome, Precision, Task
from vitrify.md.engines.replica.state import UNFINISHED
from vitrify.md.engines.replica.targets import compile_program, fingerprint
from vitrify.md.engines.replica.wave import Batch, Wave

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


@dataclass(frozen=True)
class Gpus:
    """Runs replicas on the GPUs of this machine, each GPU its share of them.

    Attributes:
        devices: which GPUs, as the driver numbers them.
        lanes: threads of a block.
        threads: cores of the host that prepare and read what runs.
    """

    devices: tuple[int, ...]
    lanes: int
    threads: int
    room: dict[Precision, int] = field(default_factory=lambda: {SINGLE: FIRST_ROOM, DOUBLE: FIRST_ROOM})

    @property
    def most_particles(self) -> int:
        """Particles whose 64-bit coordinates fit beside SCRATCH into the shared memory of a block on every GPU."""
        room = min(shared_memory(device) for device in self.devices) - 8 * kernels.SCRATCH
        return room // (2 * np.dtype(DOUBLE.fixed).itemsize)

    @property
    def replicas_at_once(self) -> int:
        """Two blocks for each multiprocessor."""
        return 2 * sum(1 if SIMULATED else cuda.gpus[device].MULTIPROCESSOR_COUNT for device in self.devices)

    def integrate(self, task: Task, rows: Iterable[int], steps: int, outcome: Outcome) -> None:
        """Advance the replicas ``rows`` by ``steps`` and write down where they came to."""
        baths, kernel = layout.bath_arrays(task), program(SINGLE, self.lanes).integrate_kernel

        def run(wave: Wave) -> list[int]:
            device = wave.on_device(cuda.to_device, cuda.device_array)
            first = baths[wave.rows[0]]
            freedom = np.array([baths[row].freedom for row in wave.rows])
            replica = np.array([baths[row].replica for row in wave.rows])
            bath = first.knot_step, first.knot_kt, first.member, freedom, first.memory, first.seed, replica
            given = [cuda.to_device(value) if isinstance(value, np.ndarray) else value for value in bath]
            for done in range(0, steps, STEPS_PER_LAUNCH):
                launch = min(STEPS_PER_LAUNCH, steps - done)
                self.launch(kernel, device, *given, np.float32(task.time_step), launch)
            return wave.read(device, outcome)

        self.each(run, task, list(rows), SINGLE)

    def minimize(self, task: Task, rows: Iterable[int], fmax: float, evaluations: int, outcome: Outcome) -> None:
        """Minimise the replicas ``rows`` and write down where they came to."""

        def run(wave: Wave) -> list[int]:
            device = wave.on_device(cuda.to_device, cuda.device_array)
            for done in range(0, evaluations, EVALUATIONS_PER_LAUNCH):
                launch = min(EVALUATIONS_PER_LAUNCH, evaluations - done)
                self.launch(program(DOUBLE, self.lanes).minimize_kernel, device, fmax, launch)
                if (device.ended.copy_to_host() != UNFINISHED).all():
                    break
            return wave.read(device, outcome)

        self.each(run, task, list(rows), DOUBLE)

    def launch(self, kernel: Any, batch: Batch, *arguments: Any) -> None:
        """Start one block a replica."""
        coordinates = 2 * batch.now.dtype.itemsize * batch.now.shape[2]
        everything = (*batch, *arguments)
        allow_shared_memory(kernel, everything, coordinates)
        kernel[len(batch.size), self.lanes, 0, coordinates](*everything)

    def each(self, run: Callable[[Wave], list[int]], task: Task, rows: list[int], precision: Precision) -> None:
        """Run all replicas, in waves that fit, on all GPUs; those whose lists were full again with longer ones."""
        if not rows:
            return
        share = -(-len(rows) // len(self.devices))

        def wave_of(members: Sequence[int]) -> Wave:
            return Wave(task, np.array(members), precision, self.room[precision], self.threads)

        def on(device: int, part: list[int]) -> list[int]:
            cuda.select_device(device)
            free = MEMORY_SHARE * cuda.current_context().get_memory_info()[0]
            largest = max(part, key=lambda row: np.prod(task.ensemble.box[row]))
            fit = int(max(min(free / wave_of([largest]).bytes_of_one(), len(part)), 1))
            return [row for first in range(0, len(part), fit) for row in run(wave_of(part[first : first + fit]))]

        parts = [rows[first : first + share] for first in range(0, len(rows), share)]
        with ThreadPoolExecutor(len(parts)) as pool:
            full = [row for rest in pool.map(on, self.devices, parts) for row in rest]
        if full:
            self.room[precision] *= 2
            self.each(run, task, full, precision)


def shared_memory(device: int) -> int:
    """Shared memory that a block on a GPU may ask for [bytes]: 64 KiB on a T4, 163 on an A100, 227 on an H100."""
    if SIMULATED:
        return SHARED_WITHOUT_ASKING
    return cuda.gpus[device].MAX_SHARED_MEMORY_PER_BLOCK_OPTIN


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
    there = gpu_numbers()
    if not there:
        raise ValueError(f"device: got {name!r}, but no CUDA GPU can be used here: {why_no_gpu()}")
    if name == "gpu":
        return there
    numbers = name.removeprefix("gpu:").split(",")
    wanted = tuple(int(number) for number in numbers if number.isdecimal())
    if len(wanted) != len(numbers) or len(set(wanted)) != len(wanted) or not set(wanted) <= set(there):
        raise ValueError(f"device: got {name!r}, expected 'gpu' or 'gpu:' and numbers from 0 to {len(there) - 1}")
    return wanted
