"""The default engine: many replicas at once."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrify.md.engines.base import MINIMUM_FORCE, TIME_STEP, Measured, Minimized, Thermostat
from vitrify.md.engines.replica import tuning
from vitrify.md.engines.replica.cpu import NARROWEST, WIDEST, Cpu, vector_bytes
from vitrify.md.engines.replica.graphics import gpu_is_there, gpu_name
from vitrify.md.engines.replica.layout import Outcome, Task
from vitrify.md.engines.replica.state import LOST, MOST_LANES, TOO_FAST
from vitrify.md.engines.validation import check_ensemble, check_externals, check_thermostat
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External
from vitrify.md.model import PairTable, minimum_image

if TYPE_CHECKING:
    from vitrify.md.engines.replica.cuda import Gpus

REASONS = {
    TOO_FAST: "overlap or too long a time step: a force is not finite, or a particle would cross the skin in one step",
    LOST: "lost particle: it left the box through an open end",
}
NOT_FINITE = "positions or velocities are not finite numbers"
OUTSIDE = "lost particle: it lies outside the box along the open axis"

EDGE = 1e-9
"""By how much of the box a particle may lie outside an open end: a step of 32-bit fixed point and a little."""

SKIN = 0.5
"""Default reach of the neighbour list beyond the cut-off [sigma_AA]; see README.md."""

LANES = 512
"""Default threads of a GPU block."""

SETTINGS = (*tuning.SETTINGS, "vector_bytes")
"""What a run keeps to go on bit for bit, by the names of the engine's fields."""

TUNING_STEPS = 2000
"""Time steps of each trial of ``ReplicaEngine.tuned``."""

MOST_EVALUATIONS = 200_000
"""Force evaluations after which a minimisation is given up as not converged."""


@dataclass(frozen=True, kw_only=True)
class ReplicaEngine:
    """Molecular dynamics of many small systems side by side: a replica is a CPU thread or a GPU block.

    Dynamics run in single precision on 32-bit fixed-point coordinates; minimisation, energies and forces in double
    precision on 64-bit ones. What comes out is a function of the ensemble, the settings and the device: neither the
    number of threads nor where a run was cut into segments changes a bit of it.

    Attributes:
        pairs: the pair table.
        time_step: dt [tau].
        device: "cpu", "gpu" for all GPUs, "gpu:0,1" for some, "auto" for all GPUs or, without one, the CPU.
        threads: how many replicas run at once on the CPU, or are prepared at once for a GPU; None for every core this
            process may use.
        skin: by how much the neighbour list reaches beyond the cut-off [sigma_AA].
        lanes: threads of a GPU block.
        vector_bytes: CPU registers that the program is made for: 64 (16 particles side by side in single precision, 8
            in double) or 32; None for what the processor has, or the environment's VITRIFY_VECTOR_BYTES.
        name: "replica".
        cpu: what energies and forces are computed on.
        processor: what replicas run on.

    >>> from vitrify.md.model import kob_andersen_pairs
    >>> engine = ReplicaEngine(pairs=kob_andersen_pairs(), device="cpu")
    >>> engine.name, engine.device
    ('replica', 'cpu')
    """

    pairs: PairTable
    time_step: float = TIME_STEP
    device: str = "auto"
    threads: int | None = None
    skin: float = SKIN
    lanes: int = LANES
    vector_bytes: int | None = None
    name: str = "replica"
    cpu: Cpu = field(init=False, repr=False, compare=False)
    processor: Cpu | Gpus = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        if not (np.isfinite(self.time_step) and self.time_step > 0):
            raise ValueError(f"time_step: got {self.time_step}, expected a positive time")
        if not (np.isfinite(self.skin) and self.skin > 0):
            raise ValueError(f"skin: got {self.skin}, expected a positive distance")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads: got {self.threads}, expected at least 1")
        if not 1 <= self.lanes <= MOST_LANES:
            raise ValueError(f"lanes: got {self.lanes}, expected 1 to {MOST_LANES}")
        threads = self.threads or cores()
        device = self.device
        if device == "auto":
            device = "gpu" if gpu_is_there() else "cpu"
        registers = vector_bytes() if self.vector_bytes is None else self.vector_bytes
        if registers not in (WIDEST, NARROWEST):
            raise ValueError(f"vector_bytes: got {registers}, expected {WIDEST} or {NARROWEST}")
        cpu = Cpu(threads, registers)
        object.__setattr__(self, "vector_bytes", registers)
        object.__setattr__(self, "device", device)
        object.__setattr__(self, "threads", threads)
        object.__setattr__(self, "cpu", cpu)
        object.__setattr__(self, "processor", cpu if device == "cpu" else gpus(device, self.lanes, threads))

    @property
    def splits_exactly(self) -> bool:
        """True: n steps and n more are 2n bit for bit."""
        return True

    @property
    def replicas_at_once(self) -> int:
        """Two for each thread of a CPU, since some take longer than others, or two blocks for each GPU processor."""
        return 2 * self.cpu.threads if isinstance(self.processor, Cpu) else self.processor.replicas_at_once

    def beside(self, replicas: int) -> ReplicaEngine | None:
        """This engine on the threads that ``replicas`` leave idle, the same bit for bit; None where there are none."""
        idle = self.cpu.threads - replicas if isinstance(self.processor, Cpu) else 0
        return replace(self, threads=idle) if idle > 0 else None

    @property
    def most_particles(self) -> int | None:
        """Particles that a replica may have: as many as a GPU block has room for; None on a CPU, where any number may.

        A T4 has room for 3,500, an A100 for 9,900 and an H100 for 14,000.
        """
        return None if isinstance(self.processor, Cpu) else self.processor.most_particles

    @property
    def settings(self) -> dict[str, float]:
        """What a run must keep to go on bit for bit; its provenance holds it."""
        return {name: getattr(self, name) for name in SETTINGS}

    @property
    def hardware(self) -> str:
        """What replicas run on, as exactly as can be said."""
        if self.device != "cpu":
            return gpu_name()
        return f"{platform.processor() or platform.machine()}, {self.threads} threads"

    def with_settings(self, settings: Mapping[str, Any]) -> ReplicaEngine:
        """This engine with the settings of another; entries that are no settings of this kind are passed over."""
        return replace(self, **{name: settings[name] for name in SETTINGS if name in settings})

    def as_tuned(self, particles: int) -> ReplicaEngine:
        """This engine with what :meth:`tuned` has found fastest here for that many particles; itself where nothing."""
        return self.with_settings(tuning.remembered(self.hardware, particles))

    def tuned(self, ensemble: Ensemble) -> ReplicaEngine:
        """This engine with the skin, and on a GPU the block size, that run ``ensemble`` fastest.

        Each choice runs ``TUNING_STEPS`` steps, at constant energy. The fastest is remembered in the user's cache
        directory, for this hardware and number of particles; runs that begin afterwards take it.
        """

        def run(settings: Mapping[str, float]) -> None:
            self.with_settings(settings).integrate(replace(ensemble, origin=None), TUNING_STEPS)

        blocks = (self.lanes,) if self.device == "cpu" else tuning.LANES
        best = tuning.fastest(run, blocks)
        tuning.remember(self.hardware, int(ensemble.particles.max()), best)
        return self.with_settings(best)

    def integrate(
        self, ensemble: Ensemble, steps: int, thermostat: Thermostat | None = None, externals: Sequence[External] = ()
    ) -> Ensemble:
        """Advance every replica by ``steps`` time steps: NVT with a thermostat, NVE without one.

        Args:
            ensemble: the replicas; those that failed are passed over.
            steps: how many time steps.
            thermostat: None for NVE.
            externals: tethers and walls.

        Returns:
            The replicas ``steps`` later. Positions and velocities are rounded to what the engine computes with, so that
            its own output goes in again unchanged.

        Raises:
            ValueError: for a negative number of steps, species outside the pair table, a box smaller than twice the
                cut-off, or tethers, walls or a thermostat that do not fit the ensemble.
        """
        if steps < 0:
            raise ValueError(f"steps: got {steps}, expected 0 or more")
        task = self.task(ensemble, externals, thermostat)
        if steps == 0:
            return ensemble
        failure = startable(ensemble)
        rows = to_run(ensemble, failure)
        outcome = Outcome.of(ensemble, rows)
        outcome.step[~np.array([bool(reason) for reason in failure])] += steps  # empty replicas have a clock as well
        self.processor.integrate(task, rows, steps, outcome)
        return replace(
            ensemble,
            positions=outcome.positions,
            velocities=outcome.velocities,
            step=outcome.step,
            failure=ended(failure, outcome),
            origin=outcome.origin,
            travelled=outcome.travelled,
        )

    def minimize(
        self, ensemble: Ensemble, fmax: float = MINIMUM_FORCE, externals: Sequence[External] = ()
    ) -> Minimized:
        """Bring every replica to its local potential-energy minimum, by forces in double precision.

        Args:
            ensemble: the replicas; those that failed are passed over.
            fmax: the criterion on max|F| [eps_AA / sigma_AA].
            externals: tethers and walls.

        Returns:
            The inherent structures. The neighbour list's origin is forgotten.

        Raises:
            ValueError: for fmax <= 0, or an ensemble or externals that do not fit.
        """
        if not fmax > 0:
            raise ValueError(f"fmax: got {fmax}, expected a positive force")
        task = self.task(ensemble, externals)
        failure = startable(ensemble)
        rows = to_run(ensemble, failure)
        outcome = Outcome.of(ensemble, rows)
        self.processor.minimize(task, rows, fmax, MOST_EVALUATIONS, outcome)
        minimized = replace(
            ensemble,
            positions=outcome.positions,
            failure=ended(failure, outcome),
            origin=None,
            travelled=gone_to(ensemble, outcome.positions),
        )
        return Minimized(
            ensemble=minimized,
            energies=self.energies(minimized),
            max_force=outcome.max_force,
            converged=outcome.max_force < fmax,
            evaluations=outcome.evaluations,
        )

    def measure(self, ensemble: Ensemble) -> Measured:
        """Pair energies and virials, (R, N) each in double precision, from one pass; NaN without finite positions.

        Raises:
            ValueError: for an ensemble that does not fit the pair table.
        """
        task, shape = self.task(ensemble, skin=0.0), ensemble.species.shape
        measured = Measured(energies=np.zeros(shape), virials=np.zeros(shape))
        self.cpu.measure(task, measurable(ensemble, measured.energies, measured.virials), measured)
        return measured

    def energies(self, ensemble: Ensemble) -> np.ndarray:
        """Pair energies (R, N) in double precision, truncated and not shifted [eps_AA]; NaN without finite positions.

        Raises:
            ValueError: for an ensemble that does not fit the pair table.
        """
        return self.measure(ensemble).energies

    def forces(self, ensemble: Ensemble, externals: Sequence[External] = ()) -> np.ndarray:
        """Forces (R, N, 2) in double precision [eps_AA / sigma_AA]; NaN without finite positions.

        Raises:
            ValueError: for an ensemble or externals that do not fit.
        """
        task, values = self.task(ensemble, externals, skin=0.0), np.zeros((*ensemble.species.shape, 2))
        self.cpu.forces(task, measurable(ensemble, values), values)
        return values

    def task(
        self,
        ensemble: Ensemble,
        externals: Sequence[External] = (),
        thermostat: Thermostat | None = None,
        skin: float | None = None,
    ) -> Task:
        """What is to be done, checked."""
        check_ensemble(ensemble, self.pairs)
        check_externals(externals, ensemble)
        check_thermostat(thermostat, ensemble, self.pairs)
        most = self.most_particles
        if most is not None and ensemble.slots > most:
            raise ValueError(f"particles: got {ensemble.slots}, expected at most {most} a replica on {self.hardware}")
        return Task(
            ensemble=ensemble,
            pairs=self.pairs,
            skin=self.skin if skin is None else skin,
            time_step=self.time_step,
            thermostat=thermostat,
            externals=externals,
        )


def gpus(device: str, lanes: int, threads: int) -> Gpus:
    """The GPUs that ``device`` names; their program is not touched where none is asked for."""
    if device != "gpu" and not device.startswith("gpu:"):
        raise ValueError(f"device: got {device!r}, expected 'auto', 'cpu', 'gpu' or 'gpu:0,1'")
    from vitrify.md.engines.replica.cuda import Gpus, devices_of

    return Gpus(devices_of(device), lanes, threads)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def startable(ensemble: Ensemble) -> list[str]:
    """Why each replica cannot be run; "" where it can."""
    positions, empty = ensemble.positions, ~ensemble.filled
    finite = (np.isfinite(positions).all(axis=2) & np.isfinite(ensemble.velocities).all(axis=2)) | empty
    reasons = np.where(finite.all(axis=1), "", NOT_FINITE)
    if not ensemble.periodic[1]:
        # What rests on an edge comes back rounded to a whole fixed-point step, which may lie just outside.
        height, slack = positions[..., 1], ensemble.box[:, 1:] * EDGE
        within = ((height >= -slack) & (height <= ensemble.box[:, 1:] + slack)) | empty
        reasons = np.where(finite.all(axis=1) & ~within.all(axis=1), OUTSIDE, reasons)
    return [known or str(found) for known, found in zip(ensemble.failure, reasons, strict=True)]


def to_run(ensemble: Ensemble, failure: Sequence[str]) -> list[int]:
    """The replicas that are well and hold particles."""
    holds = ensemble.particles > 0
    return [row for row in range(ensemble.replicas) if holds[row] and not failure[row]]


def measurable(ensemble: Ensemble, *values: np.ndarray) -> list[int]:
    """The replicas with particles at finite positions; the values of those with others become NaN."""
    finite = (np.isfinite(ensemble.positions).all(axis=2) | ~ensemble.filled).all(axis=1)
    for value in values:
        value[~finite] = np.nan
    return np.flatnonzero(finite & ensemble.filled.any(axis=1)).tolist()


def gone_to(ensemble: Ensemble, positions: np.ndarray) -> np.ndarray | None:
    """How far each particle has travelled once it is at ``positions``, by the shortest way there."""
    if ensemble.travelled is None:
        return None
    with np.errstate(invalid="ignore"):  # what failed may be anywhere
        moved = positions - ensemble.positions
    shortest = minimum_image(moved, np.where(ensemble.periodic, ensemble.box, np.inf)[:, None])
    return ensemble.travelled + np.where(ensemble.filled[..., None], shortest, 0.0)


def ended(failure: Sequence[str], outcome: Outcome) -> tuple[str, ...]:
    """Why each replica stopped, if it did."""
    return tuple(reason or REASONS.get(int(end), "") for reason, end in zip(failure, outcome.ended, strict=True))
