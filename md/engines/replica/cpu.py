"""The replica program on the CPU: one thread a replica, from a queue, so that all cores are busy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType, SimpleNamespace

import numpy as np
from llvmlite.binding import get_host_cpu_features, get_host_cpu_name
from numba import njit

from vitrify.md.engines.base import Measured
from vitrify.md.engines.replica import blocks, layout, minimizer, serial, vectors
from vitrify.md.engines.replica.layout import DOUBLE, SINGLE, Outcome, Precision, Replica, Task
from vitrify.md.engines.replica.state import LIST_FULL, LOST, TOO_FAST, BlockNeighbours
from vitrify.md.engines.replica.targets import compile_program, fingerprint

FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}
"""Sums may be reordered, so that loops vectorise; NaN and infinity keep their meaning: failures are found by them."""

WIDEST, NARROWEST = 64, 32
"""Registers that the program is made for [bytes]: those of AVX-512, and of AVX2 and everything else."""

IN_TWO_HALVES = ("znver4",)
"""Processors that have AVX-512 and work on 32 bytes at a time: with 64 they are slower, see README.md."""

NARROWER = "VITRIFY_VECTOR_BYTES"
"""The environment variable that asks for narrower registers than the processor has."""

ENTRIES = ("integrate_replica", "minimize_replica", "measure_replica", "forces_replica")

SOURCE = fingerprint(serial, blocks, vectors)

FIRST_ROOM = 256
"""Neighbours that a block has room for at first."""


def vector_bytes() -> int:
    """The registers for which runs that begin here are made: the processor's, or what VITRIFY_VECTOR_BYTES says.

    Raises:
        ValueError: where that is neither 64 nor 32.
    """
    asked = os.environ.get(NARROWER)
    if asked is None:
        whole = get_host_cpu_features().get("avx512f") and get_host_cpu_name() not in IN_TWO_HALVES
        return WIDEST if whole else NARROWEST
    if asked not in (str(WIDEST), str(NARROWEST)):
        raise ValueError(f"{NARROWER}: got {asked!r}, expected {WIDEST} or {NARROWEST}")
    return int(asked)


@cache
def program(precision: Precision, width: int) -> SimpleNamespace:
    """The program with blocks of ``width`` particles: dynamics in single precision, all that is reported in double."""

    def compile_function(function: FunctionType) -> Callable:
        """Compile without the interpreter lock; what is called from Python is kept on disk."""
        # Numba's cache looks at the file of the entry alone; with this name it looks at all of the program's files.
        function.__qualname__ = f"{function.__name__}.{SOURCE}.{width}"
        entry = function.__name__ in ENTRIES
        return njit(function, nogil=True, fastmath=FAST, cache=entry, forceinline=not entry, error_model="numpy")

    shift = 8 * np.dtype(precision.fixed).itemsize - 32
    return compile_program(
        compile_function, serial, blocks, real=precision.real, fixed=precision.fixed, SHIFT=shift, WIDTH=width
    )


@dataclass(frozen=True)
class Cpu:
    """Runs replicas on the threads of this machine.

    Attributes:
        threads: how many replicas run at once.
        vector_bytes: registers that the program is made for: 64 holds 16 particles in single precision, 8 in double.
    """

    threads: int
    vector_bytes: int
    room: dict[Precision, int] = field(default_factory=lambda: {SINGLE: FIRST_ROOM, DOUBLE: FIRST_ROOM})

    def width(self, precision: Precision) -> int:
        """Particles of a block: as many as fill a register."""
        return self.vector_bytes // np.dtype(precision.real).itemsize

    def program(self, precision: Precision) -> SimpleNamespace:
        """The program in that precision."""
        return program(precision, self.width(precision))

    def integrate(self, task: Task, rows: Iterable[int], steps: int, outcome: Outcome) -> None:
        """Advance the replicas ``rows`` by ``steps`` and write down where they came to."""
        ensemble, bath = task.ensemble, layout.bath_arrays(task)
        single, width = self.program(SINGLE), self.width(SINGLE)

        def advance(row: int) -> None:
            replica = Replica.of(task, row, SINGLE, width)
            now = np.zeros((ensemble.slots, 2), SINGLE.fixed)
            now[replica.slots] = replica.geometry.encode(ensemble.positions[row, replica.slots])
            here = slice(row, row + 1)
            origin = task.origins(np.array([row]), ensemble.filled[here], ensemble.positions[here])[0]

            def run(neighbours: BlockNeighbours) -> int:
                replica.load(origin, ensemble.velocities[row], now)
                ended, outcome.step[row] = single.integrate_replica(
                    replica.particles,
                    neighbours,
                    replica.grid,
                    replica.box,
                    replica.pairs,
                    replica.externals,
                    bath[row],
                    np.float32(task.time_step),
                    int(ensemble.step[row]),
                    steps,
                    np.ascontiguousarray(now[:, 0]),
                    np.ascontiguousarray(now[:, 1]),
                    np.zeros(1),
                )
                return ended

            outcome.ended[row] = self.with_room(run, replica)
            replica.unload(task.ensemble, outcome)

        self.each(advance, rows)

    def minimize(self, task: Task, rows: Iterable[int], fmax: float, evaluations: int, outcome: Outcome) -> None:
        """Minimise the replicas ``rows`` and write down where they came to: first in single precision, then in double.

        What single precision cannot hold, such as particles nearly at one place, begins in double precision.
        """

        def quench(row: int) -> None:
            positions, velocities = task.ensemble.positions[row], np.zeros_like(task.ensemble.velocities[row])
            fire, spent = np.array(minimizer.AT_REST), 0
            rough = minimizer.ROUGH * max(1.0, task.ensemble.box[row].max() / minimizer.ROUGH_UP_TO)
            if fmax < rough:
                begun = positions, velocities, fire, rough, evaluations // 2
                replica, ended, _, spent = self.descend(task, row, SINGLE, *begun)
                if ended == TOO_FAST:
                    fire = np.array(minimizer.AT_REST)
                else:
                    replica.unload(task.ensemble, outcome)
                    positions, velocities = outcome.positions[row].copy(), outcome.velocities[row].copy()
                if ended == LOST:
                    outcome.ended[row], outcome.evaluations[row] = ended, spent
                    return
            begun = positions, velocities, fire, fmax, evaluations - spent
            replica, outcome.ended[row], outcome.max_force[row], more = self.descend(task, row, DOUBLE, *begun)
            outcome.evaluations[row] = spent + more
            replica.unload(task.ensemble, outcome)

        self.each(quench, rows)

    def descend(
        self,
        task: Task,
        row: int,
        precision: Precision,
        positions: np.ndarray,
        velocities: np.ndarray,
        fire: np.ndarray,
        fmax: float,
        evaluations: int,
    ) -> tuple[Replica, int, float, int]:
        """Minimise one replica in one precision, ``fire`` taken on; returns it, how it ended, max|F|, evaluations."""
        program, replica = self.program(precision), Replica.of(task, row, precision, self.width(precision))
        begun, strongest, spent = fire.copy(), np.inf, 0

        def run(neighbours: BlockNeighbours) -> int:
            nonlocal strongest, spent
            replica.load(positions, velocities)
            fire[:] = begun
            ended, strongest, spent = program.minimize_replica(
                replica.particles,
                neighbours,
                replica.grid,
                replica.box,
                replica.pairs,
                replica.externals,
                fire,
                fmax,
                evaluations,
                np.zeros(1),
            )
            return ended

        return replica, self.with_room(run, replica), strongest, spent

    def measure(self, task: Task, rows: Iterable[int], measured: Measured) -> None:
        """Set the rows ``rows`` of ``measured`` to the pair energy and virial of each particle."""
        double, width = self.program(DOUBLE), self.width(DOUBLE)

        def measure(row: int) -> None:
            replica = Replica.of(task, row, DOUBLE, width)
            replica.load(task.ensemble.positions[row], task.ensemble.velocities[row])
            energies, virials = np.empty((2, len(replica.particles.x)))

            def run(neighbours: BlockNeighbours) -> int:
                return double.measure_replica(
                    replica.particles,
                    neighbours,
                    replica.grid,
                    replica.box,
                    replica.pairs,
                    energies,
                    virials,
                    np.zeros(1),
                )

            self.with_room(run, replica)
            slot = replica.particles.slot
            measured.energies[row, slot], measured.virials[row, slot] = energies[: len(slot)], virials[: len(slot)]

        self.each(measure, rows)

    def forces(self, task: Task, rows: Iterable[int], forces: np.ndarray) -> None:
        """Set ``forces[row]`` to the force on each particle."""
        double, width = self.program(DOUBLE), self.width(DOUBLE)

        def measure(row: int) -> None:
            replica = Replica.of(task, row, DOUBLE, width)
            replica.load(task.ensemble.positions[row], task.ensemble.velocities[row])
            particles = replica.particles

            def run(neighbours: BlockNeighbours) -> int:
                return double.forces_replica(
                    particles, neighbours, replica.grid, replica.box, replica.pairs, replica.externals, np.zeros(1)
                )

            self.with_room(run, replica)
            count = len(particles.slot)
            forces[row, particles.slot] = np.stack([particles.fx[:count], particles.fy[:count]], axis=1)

        self.each(measure, rows)

    def each(self, work: Callable[[int], None], rows: Iterable[int]) -> None:
        """A queue of replicas, worked off by all threads."""
        with ThreadPoolExecutor(self.threads) as pool:
            for _ in pool.map(work, rows):
                pass

    def with_room(self, run: Callable[[BlockNeighbours], int], replica: Replica) -> int:
        """Run with neighbour lists that are large enough: full ones grow and the segment is redone."""
        precision = replica.geometry.precision
        width, species = self.width(precision), replica.pairs.cutoff2.shape[0]
        blocks = len(replica.particles.x) // width
        while True:
            room = self.room[precision]
            ended = run(layout.block_neighbour_arrays(blocks, width, species, room, precision))
            if ended != LIST_FULL:
                return ended
            self.room[precision] = max(self.room[precision], 2 * room)
