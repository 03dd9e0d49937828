"""The engine: one replica after the other, on the CPU or one GPU.

Source: Anderson, Glaser and Glotzer, Comput. Mater. Sci. 173, 109363 (2020).
"""

# pyright: reportAttributeAccessIssue=false
# It takes this package for HOOMD-blue itself, whose name it has.

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import hoomd
import numpy as np

from vitrify.md.engines.base import MINIMUM_FORCE, TIME_STEP, Measured, Minimized, Thermostat
from vitrify.md.engines.hoomd.forces import forces_on
from vitrify.md.engines.hoomd.snapshot import centre_of, snapshot_of, structure_of
from vitrify.md.engines.hoomd.system import QUENCH_TIME_STEPS, System, fire, methods_for, simulation_from
from vitrify.md.engines.validation import check_ensemble, check_externals, check_thermostat
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External
from vitrify.md.model import PairTable
from vitrify.md.randomness import Purpose, short_seed

WATCH = 1_000
"""Steps between two looks at a running replica: are all numbers finite, all particles in the box?"""

KEPT = 64
"""Simulations kept from call to call. A new one costs 10 ms, and on a GPU it tunes its kernels first."""

RESTING = -1
"""Where the simulation that measures and minimises is kept, beside those of replicas by number."""


def hoomd_version() -> str:
    """Version of the HOOMD-blue that is installed."""
    return hoomd.version.version


def noise_of(version: str) -> str:
    """Where a HOOMD-blue draws its random numbers from: one seed gives other noise from 5.0 on.

    >>> noise_of("4.8.2"), noise_of("7.0.1")
    ('random123', 'openrand')
    """
    return "random123" if int(version.split(".")[0]) < 5 else "openrand"


def devices() -> tuple[str, ...]:
    """Devices HOOMD-blue can run on here, as ``--device`` takes them."""
    return ("cpu", *(f"gpu:{number}" for number in range(len(hoomd.device.GPU.get_available_devices()))))


def why_no_gpu() -> str:
    """Why HOOMD-blue runs on no GPU here, in its own words; "" where it does."""
    if hoomd.device.GPU.get_available_devices():
        return ""
    if not hoomd.version.gpu_enabled:
        return "this build of HOOMD-blue is for CPUs only; conda brings the other with environment-gpu.yml"
    reasons = hoomd.device.GPU.get_unavailable_device_reasons()
    return "; ".join(" ".join(reason.split()) for reason in reasons) or "HOOMD-blue finds no GPU"


@dataclass(frozen=True, kw_only=True)
class HoomdEngine:
    """Molecular dynamics with HOOMD-blue.

    Results are a function of the ensemble and of how many steps are asked for, so that a run that is killed and resumed
    between two calls goes on bit for bit. One call of 2n steps and two of n agree to rounding only: HOOMD-blue sums
    forces in the order of a neighbour list that every call builds anew.

    HOOMD-blue's MD computes in double precision throughout: positions, velocities, forces and sums.

    Attributes:
        pairs: the pair table.
        time_step: dt [tau].
        device: "auto", "cpu", "gpu" or "gpu:1"; afterwards the device taken.
        buffer: by how much the neighbour list reaches beyond the cut-off [sigma_AA], less where the box is too small.
        name: "hoomd".
        version: of the HOOMD-blue that is installed.
        noise: the random number generator of the HOOMD-blue that is installed; see :func:`noise_of`.
    """

    pairs: PairTable
    time_step: float = TIME_STEP
    device: str = "auto"
    buffer: float = 0.4
    name: str = "hoomd"
    version: str = field(default_factory=lambda: hoomd_version(), init=False)
    noise: str = field(default_factory=lambda: noise_of(hoomd_version()), init=False)
    _hardware: hoomd.device.Device = field(init=False, repr=False, compare=False)
    _kept: dict[int, System] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self):
        if not (np.isfinite(self.time_step) and self.time_step > 0):
            raise ValueError(f"time_step: got {self.time_step}, expected a positive time")
        if not (np.isfinite(self.buffer) and self.buffer > 0):
            raise ValueError(f"buffer: got {self.buffer}, expected a positive distance")
        device, hardware = open_device(self.device)
        object.__setattr__(self, "device", device)
        object.__setattr__(self, "_hardware", hardware)

    @property
    def splits_exactly(self) -> bool:
        """False: n steps and n more are 2n to rounding only."""
        return False

    @property
    def replicas_at_once(self) -> int:
        """One: they run one after the other."""
        return 1

    def beside(self, replicas: int) -> None:
        """None: one simulation is reused for all replicas."""

    def integrate(
        self, ensemble: Ensemble, steps: int, thermostat: Thermostat | None = None, externals: Sequence[External] = ()
    ) -> Ensemble:
        """Advance every replica by ``steps`` time steps: NVT with a thermostat, NVE without one.

        Raises:
            ValueError: for a negative number of steps, or an ensemble, externals or a thermostat that do not fit.
        """
        if steps < 0:
            raise ValueError(f"steps: got {steps}, expected 0 or more")
        self._check(ensemble, externals)
        check_thermostat(thermostat, ensemble, self.pairs)
        if steps == 0:
            return ensemble
        positions, velocities = ensemble.positions.copy(), ensemble.velocities.copy()
        travelled = None if ensemble.travelled is None else ensemble.travelled.copy()
        clock, failure = ensemble.step.copy(), list(ensemble.failure)
        for row in startable(ensemble, failure):
            system = self._moving(ensemble, row, thermostat, externals)
            first = None if travelled is None else system.unwrapped()
            for start, end in spans(int(clock[row]), steps, thermostat):
                if thermostat is not None:
                    system.set_temperature(thermostat, start, end)
                failure[row] = system.run(end - start)
                clock[row] = system.simulation.timestep
                if failure[row]:
                    self._kept.pop(int(ensemble.replica[row]))
                    break
                positions[row, ensemble.filled[row]], velocities[row, ensemble.filled[row]] = system.read()
                if travelled is not None and ensemble.travelled is not None:
                    gone = system.unwrapped() - first
                    travelled[row, ensemble.filled[row]] = ensemble.travelled[row, ensemble.filled[row]] + gone
        return replace(
            ensemble,
            positions=positions,
            velocities=velocities,
            step=clock,
            failure=tuple(failure),
            origin=None,
            travelled=travelled,
        )

    def minimize(
        self, ensemble: Ensemble, fmax: float = MINIMUM_FORCE, externals: Sequence[External] = ()
    ) -> Minimized:
        """Bring every replica to its local potential-energy minimum with FIRE.

        HOOMD-blue's own criterion is a mean force, which hides a few unrelaxed particles: max|F| is looked at instead.

        Source: Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006).

        Raises:
            ValueError: for fmax <= 0, or an ensemble or externals that do not fit.
        """
        if not fmax > 0:
            raise ValueError(f"fmax: got {fmax}, expected a positive force")
        self._check(ensemble, externals)
        positions, energies = ensemble.positions.copy(), np.where(ensemble.filled, np.nan, 0.0)
        travelled = None if ensemble.travelled is None else ensemble.travelled.copy()
        max_force = np.full(ensemble.replicas, np.nan)
        evaluations, failure = np.zeros(ensemble.replicas, np.int64), list(ensemble.failure)
        for row in startable(ensemble, failure):
            system = self._resting(ensemble, row, externals)
            first = None if travelled is None else system.unwrapped()
            failure[row], evaluations[row] = system.quench(fmax)
            if failure[row]:
                self._kept.pop(RESTING)
                continue
            max_force[row] = system.max_force()
            positions[row, ensemble.filled[row]], _ = system.read()
            if travelled is not None:
                travelled[row, ensemble.filled[row]] += system.unwrapped() - first
            energies[row, ensemble.filled[row]] = system.pair_energies()
        return Minimized(
            ensemble=replace(ensemble, positions=positions, failure=tuple(failure), origin=None, travelled=travelled),
            energies=energies,
            max_force=max_force,
            converged=max_force < fmax,
            evaluations=evaluations,
        )

    def measure(self, ensemble: Ensemble) -> Measured:
        """Pair energies and virials, (R, N) float64 each; NaN where not finite."""
        self._check(ensemble, ())
        energies = np.where(ensemble.filled, np.nan, 0.0)
        virials = energies.copy()
        for row in measurable(ensemble):
            system = self._resting(ensemble, row, ())
            # Virials are computed where someone asks for them, since quenches would pay for them too.
            system.simulation.always_compute_pressure = True
            if not system.run(0):
                energies[row, ensemble.filled[row]] = system.pair_energies()
                virials[row, ensemble.filled[row]] = system.pair_virials()
            system.simulation.always_compute_pressure = False
        return Measured(energies=energies, virials=virials)

    def energies(self, ensemble: Ensemble) -> np.ndarray:
        """Pair energy of each particle, (R, N) float64, truncated and not shifted [eps_AA]; NaN where not finite."""
        return self.measure(ensemble).energies

    def forces(self, ensemble: Ensemble, externals: Sequence[External] = ()) -> np.ndarray:
        """Force on each particle, (R, N, 2) float64 [eps_AA / sigma_AA]; NaN where not finite."""
        self._check(ensemble, externals)
        forces = np.where(ensemble.filled[..., None], np.nan, np.zeros(2))
        for row in measurable(ensemble):
            system = self._resting(ensemble, row, externals)
            if not system.run(0):
                forces[row, ensemble.filled[row]] = system.forces()
        return forces

    def _check(self, ensemble: Ensemble, externals: Sequence[External]) -> None:
        check_ensemble(ensemble, self.pairs)
        check_externals(externals, ensemble)
        shortest = ensemble.box[:, np.array(ensemble.periodic)].min(initial=np.inf)
        if shortest <= 2 * self.pairs.longest_cutoff:
            raise ValueError(
                f"box: got a periodic edge of {shortest:g}, HOOMD-blue needs more than twice the cut-off, "
                f"{2 * self.pairs.longest_cutoff:g}"
            )

    def _moving(
        self, ensemble: Ensemble, row: int, thermostat: Thermostat | None, externals: Sequence[External]
    ) -> System:
        """The simulation that moves replica ``row``, its clock and state as the ensemble has them."""
        number, clock = int(ensemble.replica[row]), int(ensemble.step[row])
        # Only 16 bits of a seed count in HOOMD-blue; the step is the other part of its random numbers' key.
        seed = short_seed(ensemble.seed, Purpose.THERMOSTAT, number)
        bath = None if thermostat is None else (thermostat.tau, thermostat.species)
        built_for = (seed, bath, *structure_of(ensemble, row, externals))
        snapshot = snapshot_of(self._hardware, self.pairs, ensemble, row, externals)
        kept = self._kept.pop(number, None)
        if kept is not None and kept.built_for == built_for and kept.simulation.timestep == clock:
            kept.simulation.state.set_snapshot(snapshot)
            return self._keep(number, kept)
        integrator = hoomd.md.Integrator(self.time_step, methods=methods_for(ensemble, row, thermostat, externals))
        integrator.forces.extend(forces_on(self.pairs, self.buffer, ensemble, row, externals))
        simulation = simulation_from(self._hardware, snapshot, integrator, seed, clock)
        return self._keep(number, system_of(simulation, built_for, ensemble, row))

    def _resting(self, ensemble: Ensemble, row: int, externals: Sequence[External]) -> System:
        """The simulation that measures and minimises: one for all replicas, as long as they are built alike."""
        built_for = structure_of(ensemble, row, externals)
        snapshot = snapshot_of(self._hardware, self.pairs, ensemble, row, externals)
        kept = self._kept.pop(RESTING, None)
        if kept is not None and kept.built_for == built_for:
            kept.simulation.state.set_snapshot(snapshot)
            return self._keep(RESTING, kept)
        minimizer = fire(QUENCH_TIME_STEPS[0])
        minimizer.forces.extend(forces_on(self.pairs, self.buffer, ensemble, row, externals))
        simulation = simulation_from(self._hardware, snapshot, minimizer, 0, 0)
        return self._keep(RESTING, system_of(simulation, built_for, ensemble, row))

    def _keep(self, key: int, system: System) -> System:
        if len(self._kept) >= KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[key] = system
        return system


def system_of(simulation: hoomd.Simulation, built_for: tuple, ensemble: Ensemble, row: int) -> System:
    """Replica ``row`` with what reads its results in the ensemble's coordinates."""
    half_height = np.inf if ensemble.periodic[1] else ensemble.box[row, 1] / 2
    return System(simulation, built_for, int(ensemble.particles[row]), centre_of(ensemble, row), half_height)


def open_device(device: str) -> tuple[str, hoomd.device.Device]:
    """The device asked for. What HOOMD-blue would print of a failure is in ``Ensemble.failure``: it prints nothing."""
    quiet = {"notice_level": 0, "message_filename": os.devnull}
    graphics = hoomd.device.GPU.get_available_devices()
    if device == "cpu" or (device == "auto" and not graphics):
        return "cpu", hoomd.device.CPU(**quiet)
    number = device.removeprefix("gpu:") if device.startswith("gpu:") else "0"
    if device not in ("auto", "gpu") and not (device.startswith("gpu:") and number.isdecimal()):
        raise ValueError(f"device: got {device!r}, the hoomd engine expects auto, cpu, gpu or one GPU such as gpu:0")
    if int(number) >= len(graphics):
        why = f": {why_no_gpu()}" if not graphics else ""
        raise ValueError(f"device: got {device!r}, HOOMD-blue finds {len(graphics)} GPUs here{why}")
    return f"gpu:{number}", hoomd.device.GPU(gpu_id=int(number), **quiet)


def startable(ensemble: Ensemble, failure: list[str]) -> list[int]:
    """Rows of the replicas to run: neither failed before, nor marked in ``failure`` here, nor without particles."""
    for row in range(ensemble.replicas):
        filled = ensemble.filled[row]
        state = np.stack([ensemble.positions[row, filled], ensemble.velocities[row, filled]])
        height = state[0, :, 1]
        if failure[row]:
            continue
        if not np.isfinite(state).all():
            failure[row] = "positions or velocities are not finite numbers"
        elif not ensemble.periodic[1] and ((height < 0) | (height > ensemble.box[row, 1])).any():
            failure[row] = "a particle lies outside the open axis of the box"
    return [row for row in range(ensemble.replicas) if not failure[row] and ensemble.filled[row].any()]


def measurable(ensemble: Ensemble) -> list[int]:
    """Rows of the replicas with particles, all at finite positions."""
    finite = np.isfinite(ensemble.positions).all(axis=2) | ~ensemble.filled
    return np.flatnonzero(finite.all(axis=1) & ensemble.filled.any(axis=1)).tolist()


def spans(start: int, steps: int, thermostat: Thermostat | None) -> list[tuple[int, int]]:
    """Cut ``steps`` steps into spans over which the set temperature is one straight line, none longer than WATCH."""
    end = start + steps
    knots = () if thermostat is None else thermostat.schedule.steps
    cuts = sorted({start, end, *range(start, end, WATCH), *(knot for knot in knots if start < knot < end)})
    return list(pairwise(cuts))
