"""The ``hoomd`` engine: HOOMD-blue behind the seam of every engine, one replica after the other, on the CPU or one GPU.

The only file that imports HOOMD-blue, which comes from conda-forge. Tethers are harmonic bonds to anchors: particles
without pair forces that never move and never appear in a result. A wall is a Mie wall with exponents
-2 and -1, which is a parabola.

Source: Anderson, Glaser and Glotzer, Comput. Mater. Sci. 173, 109363 (2020).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import hoomd
import numpy as np

from vitrify.md.engines.base import MINIMUM_FORCE, TIME_STEP, Minimized, Thermostat
from vitrify.md.engines.validation import check_ensemble, check_externals, check_thermostat
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External, Tether, Wall
from vitrify.md.model import PairTable, minimum_image
from vitrify.md.randomness import Purpose, stream

ANCHOR = "anchor"
"""Particle type of the sites of tethers."""

WATCH = 1_000
"""Steps between two looks at a running replica: are all numbers finite, all particles in the box?"""

KEPT = 64
"""Simulations kept from call to call. A new one costs 10 ms, and on a GPU it tunes its kernels first."""

RESTING = -1
"""Where the simulation that measures and minimises is kept, beside those of replicas by number."""

MOST_EVALUATIONS = 1_000_000
"""Force evaluations after which a minimisation is given up as not converged."""

QUENCH_STEPS = 50
"""Minimiser steps between two looks at max|F|."""

QUENCH_TIME_STEPS = (0.015, 0.005, 0.0015)
"""Largest FIRE time steps, tried in turn until none blows up [tau]. FIRE bounds no move in HOOMD-blue, whose remedy,
``DisplacementCapped``, lets a capped particle go too far by a factor 1 / time step (4.8). From liquids at kT 1, N = 1080,
0.015 takes 1,500 evaluations, 0.005 takes 6,100, and 0.025 loses particles of random starts."""

OVERLAP_FORCE = 1e3
"""max|F| above which FIRE goes with a tenth of its time step: overlaps are parted gently [eps_AA / sigma_AA]."""


def hoomd_version() -> str:
    """Version of the HOOMD-blue that is installed."""
    return hoomd.version.version


def devices() -> tuple[str, ...]:
    """Devices HOOMD-blue can run on here, as ``--device`` takes them."""
    return ("cpu", *(f"gpu:{number}" for number in range(len(hoomd.device.GPU.get_available_devices()))))


@dataclass(frozen=True, kw_only=True)
class HoomdEngine:
    """Molecular dynamics with HOOMD-blue.

    Results are a function of the ensemble and of how many steps are asked for, so that a run that is killed and resumed
    between two calls goes on bit for bit. One call of 2n steps and two of n agree to rounding only: HOOMD-blue sums
    forces in the order of a neighbour list that every call builds anew.

    Attributes:
        pairs: the pair table.
        time_step: dt [tau].
        device: "auto", "cpu", "gpu" or "gpu:1"; afterwards the device taken.
        buffer: by how much the neighbour list reaches beyond the cut-off [sigma_AA], less where the box is too small.
    """

    pairs: PairTable
    time_step: float = TIME_STEP
    device: str = "auto"
    buffer: float = 0.4
    name: str = "hoomd"
    _hardware: hoomd.device.Device = field(init=False, repr=False, compare=False)
    _kept: dict[int, _System] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self):
        if not (np.isfinite(self.time_step) and self.time_step > 0):
            raise ValueError(f"time_step: got {self.time_step}, expected a positive time")
        if not (np.isfinite(self.buffer) and self.buffer > 0):
            raise ValueError(f"buffer: got {self.buffer}, expected a positive distance")
        device, hardware = _open_device(self.device)
        object.__setattr__(self, "device", device)
        object.__setattr__(self, "_hardware", hardware)

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
        clock, failure = ensemble.step.copy(), list(ensemble.failure)
        for row in _startable(ensemble, failure):
            system = self._moving(ensemble, row, thermostat, externals)
            for start, end in _spans(int(clock[row]), steps, thermostat):
                if thermostat is not None:
                    system.set_temperature(thermostat, start, end)
                failure[row] = system.run(end - start)
                clock[row] = system.simulation.timestep
                if failure[row]:
                    self._kept.pop(int(ensemble.replica[row]))
                    break
                positions[row, ensemble.filled[row]], velocities[row, ensemble.filled[row]] = system.read()
        return replace(
            ensemble, positions=positions, velocities=velocities, step=clock, failure=tuple(failure), origin=None
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
        max_force = np.full(ensemble.replicas, np.nan)
        evaluations, failure = np.zeros(ensemble.replicas, np.int64), list(ensemble.failure)
        for row in _startable(ensemble, failure):
            system = self._resting(ensemble, row, externals)
            failure[row], evaluations[row] = system.quench(fmax)
            if failure[row]:
                self._kept.pop(RESTING)
                continue
            max_force[row] = system.max_force()
            positions[row, ensemble.filled[row]], _ = system.read()
            energies[row, ensemble.filled[row]] = system.pair_energies()
        return Minimized(
            ensemble=replace(ensemble, positions=positions, failure=tuple(failure), origin=None),
            energies=energies,
            max_force=max_force,
            converged=max_force < fmax,
            evaluations=evaluations,
        )

    def energies(self, ensemble: Ensemble) -> np.ndarray:
        """Pair energy of each particle, (R, N) float64, truncated and not shifted [eps_AA]; NaN where not finite."""
        self._check(ensemble, ())
        energies = np.where(ensemble.filled, np.nan, 0.0)
        for row in _measurable(ensemble):
            system = self._resting(ensemble, row, ())
            if not system.run(0):
                energies[row, ensemble.filled[row]] = system.pair_energies()
        return energies

    def forces(self, ensemble: Ensemble, externals: Sequence[External] = ()) -> np.ndarray:
        """Force on each particle, (R, N, 2) float64 [eps_AA / sigma_AA]; NaN where not finite."""
        self._check(ensemble, externals)
        forces = np.where(ensemble.filled[..., None], np.nan, np.zeros(2))
        for row in _measurable(ensemble):
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
    ) -> _System:
        """The simulation that moves replica ``row``, its clock and state as the ensemble has them."""
        number, clock = int(ensemble.replica[row]), int(ensemble.step[row])
        # Only 16 bits of a seed count in HOOMD-blue; the step is the other part of its random numbers' key.
        seed = int(stream(ensemble.seed, Purpose.THERMOSTAT, number).integers(1 << 16))
        bath = None if thermostat is None else (thermostat.tau, thermostat.species)
        built_for = (seed, bath, *_structure(ensemble, row, externals))
        snapshot = _snapshot(self._hardware, self.pairs, ensemble, row, externals)
        kept = self._kept.pop(number, None)
        if kept is not None and kept.built_for == built_for and kept.simulation.timestep == clock:
            kept.simulation.state.set_snapshot(snapshot)
            return self._keep(number, kept)
        integrator = hoomd.md.Integrator(self.time_step, methods=_methods(ensemble, row, thermostat, externals))
        integrator.forces.extend(_forces(self.pairs, self.buffer, ensemble, row, externals))
        return self._keep(
            number, _System.new(snapshot, integrator, self._hardware, seed, clock, built_for, ensemble, row)
        )

    def _resting(self, ensemble: Ensemble, row: int, externals: Sequence[External]) -> _System:
        """The simulation that measures and minimises: one for all replicas, as long as they are built alike."""
        built_for = _structure(ensemble, row, externals)
        snapshot = _snapshot(self._hardware, self.pairs, ensemble, row, externals)
        kept = self._kept.pop(RESTING, None)
        if kept is not None and kept.built_for == built_for:
            kept.simulation.state.set_snapshot(snapshot)
            return self._keep(RESTING, kept)
        fire = _fire(QUENCH_TIME_STEPS[0])
        fire.forces.extend(_forces(self.pairs, self.buffer, ensemble, row, externals))
        return self._keep(RESTING, _System.new(snapshot, fire, self._hardware, 0, 0, built_for, ensemble, row))

    def _keep(self, key: int, system: _System) -> _System:
        if len(self._kept) >= KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[key] = system
        return system


@dataclass(frozen=True)
class _System:
    """One HOOMD-blue simulation of one replica.

    Attributes:
        simulation: the simulation; its integrator's first force is the pair force.
        built_for: what cannot be changed in it any more; positions, velocities and sites of tethers can.
        particles: number of particles n, which have the tags 0 to n - 1; anchors come after them.
        centre: (2,) where the centre of HOOMD-blue's box lies in the ensemble's coordinates [sigma_AA].
        half_height: how far particles may be from the centre along y [sigma_AA]; infinite where y is periodic.
    """

    simulation: hoomd.Simulation
    built_for: tuple
    particles: int
    centre: np.ndarray
    half_height: float

    @classmethod
    def new(cls, snapshot, integrator, hardware, seed, clock, built_for, ensemble, row) -> _System:
        """A simulation of replica ``row`` from its snapshot."""
        simulation = hoomd.Simulation(hardware, seed=seed)
        simulation.timestep = clock
        simulation.create_state_from_snapshot(snapshot)
        # Sorting particles in memory, by a clock of its own, would make results depend on what ran before.
        simulation.operations.tuners.clear()
        simulation.operations.integrator = integrator
        half_height = np.inf if ensemble.periodic[1] else ensemble.box[row, 1] / 2
        return cls(simulation, built_for, int(ensemble.particles[row]), _centre(ensemble, row), half_height)

    def set_temperature(self, thermostat: Thermostat, start: int, end: int) -> None:
        """Let the set temperature go straight from what it is at ``start`` to what it is at ``end``."""
        first, last = thermostat.schedule.kt(np.array([start, end]))
        ramp = hoomd.variant.Ramp(A=first, B=last, t_start=start, t_ramp=end - start)
        self.simulation.operations.integrator.methods[0].thermostat.kT = ramp

    def run(self, steps: int) -> str:
        """Advance; returns "" or why the replica failed."""
        try:
            self.simulation.run(steps)
        except RuntimeError as error:
            return str(error).strip().split("\n")[0]
        with self.simulation.state.cpu_local_snapshot as local:
            real = local.particles.tag < self.particles
            state = np.concatenate([local.particles.position[real], local.particles.velocity[real]], axis=1)
            height, turns = local.particles.position[real, 1], local.particles.image[real, 1]
        if not np.isfinite(state).all():
            return "positions or velocities are no longer finite numbers: overlap or too long a time step"
        if np.isfinite(self.half_height) and (turns.any() or (abs(height) > self.half_height).any()):
            return "a particle left the box through its open end"
        return ""

    def quench(self, fmax: float) -> tuple[str, int]:
        """Minimise; returns "" or why it failed, and the number of force evaluations."""
        start, evaluations, failure = self.simulation.state.get_snapshot(), 0, ""
        for time_step in QUENCH_TIME_STEPS:
            self.simulation.state.set_snapshot(start)
            for step, target in ((time_step / 10, OVERLAP_FORCE), (time_step, fmax)):
                self._begin_descent(step)
                failure, evaluations = self.run(0), evaluations + 1
                while not failure and not self.max_force() < target and evaluations < MOST_EVALUATIONS:
                    failure, evaluations = self.run(QUENCH_STEPS), evaluations + QUENCH_STEPS
            if not failure:
                break
        return failure, evaluations

    def _begin_descent(self, time_step: float) -> None:
        """A new minimiser with the forces of the old."""
        fire, old = _fire(time_step), self.simulation.operations.integrator
        forces = list(old.forces)
        old.forces.clear()
        fire.forces.extend(forces)
        self.simulation.operations.integrator = fire
        self.simulation.run(0)
        fire.reset()  # only a reset makes FIRE begin with a tenth of its time step

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities, (n, 2) each."""
        snapshot = self.simulation.state.get_snapshot()
        positions = snapshot.particles.position[: self.particles, :2] + self.centre
        return positions, snapshot.particles.velocity[: self.particles, :2]

    def pair_energies(self) -> np.ndarray:
        """Half of each pair's energy to each partner, (n,)."""
        return self.simulation.operations.integrator.forces[0].energies[: self.particles]

    def forces(self) -> np.ndarray:
        """Total force on each particle, (n, 2)."""
        with self.simulation.state.cpu_local_snapshot as local:
            order = np.array(local.particles.rtag[: self.particles])
            return np.array(local.particles.net_force)[order, :2]

    def max_force(self) -> float:
        """Largest |F| over particles."""
        return float(np.sqrt((self.forces() ** 2).sum(axis=1).max()))


class _MaskedTether(hoomd.md.force.Custom):
    """Springs along some axes only, which no bond is. A call of Python a step: for the relaxation of a substrate."""

    def __init__(self, tags: np.ndarray, sites: np.ndarray, stiffness: np.ndarray, wrap: np.ndarray):
        super().__init__()
        self._tags, self._sites, self._stiffness, self._wrap = tags, sites, stiffness, wrap

    def set_forces(self, timestep: int) -> None:
        """Called by HOOMD-blue for the forces of a step."""
        with self._state.cpu_local_snapshot as local, self.cpu_local_force_arrays as arrays:
            held = np.array(local.particles.rtag)[self._tags]
            stretch = minimum_image(np.array(local.particles.position)[held, :2] - self._sites, self._wrap)
            arrays.force[:] = 0.0
            arrays.force[held, :2] = -self._stiffness * stretch


def _open_device(device: str) -> tuple[str, hoomd.device.Device]:
    """The device asked for. What HOOMD-blue would print of a failure is in ``Ensemble.failure``: it prints nothing."""
    quiet = {"notice_level": 0, "message_filename": os.devnull}
    graphics = hoomd.device.GPU.get_available_devices()
    if device == "cpu" or (device == "auto" and not graphics):
        return "cpu", hoomd.device.CPU(**quiet)
    number = device.removeprefix("gpu:") if device.startswith("gpu:") else "0"
    if device not in ("auto", "gpu") and not (device.startswith("gpu:") and number.isdecimal()):
        raise ValueError(f"device: got {device!r}, the hoomd engine expects auto, cpu, gpu or one GPU such as gpu:0")
    if int(number) >= len(graphics):
        raise ValueError(f"device: got {device!r}, HOOMD-blue finds {len(graphics)} GPUs here")
    return f"gpu:{number}", hoomd.device.GPU(gpu_id=int(number), **quiet)


def _startable(ensemble: Ensemble, failure: list[str]) -> list[int]:
    """Rows of the replicas to run: neither failed before, nor marked in ``failure`` here, nor without particles."""
    for row in range(ensemble.replicas):
        filled = ensemble.filled[row]
        state = np.stack([ensemble.positions[row, filled], ensemble.velocities[row, filled]])
        height = state[0, :, 1]
        if failure[row]:
            continue
        if not np.isfinite(state).all():
            failure[row] = "positions or velocities are not finite numbers"
        elif not ensemble.periodic[1] and ((height < 0) | (height >= ensemble.box[row, 1])).any():
            failure[row] = "a particle lies outside the open axis of the box"
    return [row for row in range(ensemble.replicas) if not failure[row] and ensemble.filled[row].any()]


def _measurable(ensemble: Ensemble) -> list[int]:
    """Rows of the replicas with particles, all at finite positions."""
    finite = np.isfinite(ensemble.positions).all(axis=2) | ~ensemble.filled
    return list(np.flatnonzero(finite.all(axis=1) & ensemble.filled.any(axis=1)))


def _spans(start: int, steps: int, thermostat: Thermostat | None) -> list[tuple[int, int]]:
    """Cut ``steps`` steps into spans over which the set temperature is one straight line, none longer than WATCH."""
    end = start + steps
    knots = () if thermostat is None else thermostat.schedule.steps
    cuts = sorted({start, end, *range(start, end, WATCH), *(knot for knot in knots if start < knot < end)})
    return list(pairwise(cuts))


def _centre(ensemble: Ensemble, row: int) -> np.ndarray:
    return np.array([0.0, 0.0 if ensemble.periodic[1] else ensemble.box[row, 1] / 2])


def _wrap(ensemble: Ensemble, row: int) -> np.ndarray:
    """Periods along both axes, infinite along an open one."""
    return np.where(ensemble.periodic, ensemble.box[row], np.inf)


def _bonds(externals: Sequence[External]) -> list[Tether]:
    """The tethers that are bonds to anchors: those along both axes."""
    return [external for external in externals if isinstance(external, Tether) and all(external.axes)]


def _structure(ensemble: Ensemble, row: int, externals: Sequence[External]) -> tuple:
    """What a simulation is built for: everything but positions, velocities and the sites of bonds."""
    built: list = [ensemble.species[row].tobytes(), ensemble.box[row].tobytes(), ensemble.periodic]
    for external in externals:
        if isinstance(external, Wall):
            built += ["wall", external.stiffness, float(external.start[row])]
        else:
            sites = b"" if all(external.axes) else external.sites[row].tobytes()
            built += ["tether", external.stiffness, np.asarray(external.slots).tobytes(), external.axes, sites]
    return tuple(built)


def _snapshot(
    hardware: hoomd.device.Device, pairs: PairTable, ensemble: Ensemble, row: int, externals: Sequence[External]
) -> hoomd.Snapshot:
    """Replica ``row`` with its anchors, centred."""
    filled, centre, wrap = ensemble.filled[row], _centre(ensemble, row), _wrap(ensemble, row)
    particles, tethers = int(filled.sum()), _bonds(externals)
    # Where something acts from outside, one anchor more that holds nothing tells HOOMD-blue, which counts degrees of
    # freedom by whether a method moves every particle, that momentum is not conserved.
    spare = np.zeros((1 if externals else 0, 2))
    sites = np.concatenate([spare, *(tether.sites[row] - centre for tether in tethers)])
    snapshot = hoomd.Snapshot(hardware.communicator)
    # An open axis is a periodic one with a gap that no force spans.
    gap = 0.0 if ensemble.periodic[1] else 2 * pairs.longest_cutoff + 2.0
    snapshot.configuration.box = [ensemble.box[row, 0], ensemble.box[row, 1] + gap, 0, 0, 0, 0]
    snapshot.particles.N = particles + len(sites)
    snapshot.particles.types = [*_type_names(pairs), ANCHOR]
    snapshot.particles.typeid[:particles] = ensemble.species[row, filled]
    snapshot.particles.typeid[particles:] = pairs.species
    snapshot.particles.position[:particles, :2] = _wrapped(ensemble.positions[row, filled] - centre, wrap)
    snapshot.particles.position[particles:, :2] = _wrapped(sites, wrap)
    snapshot.particles.velocity[:particles, :2] = ensemble.velocities[row, filled]
    tags = np.cumsum(filled) - 1
    held = np.concatenate([np.empty(0, int), *(tags[tether.slots] for tether in tethers)])
    snapshot.bonds.N = len(held)
    snapshot.bonds.types = [f"tether {number}" for number in range(len(tethers))]
    snapshot.bonds.typeid[:] = np.repeat(np.arange(len(tethers)), [len(tether.slots) for tether in tethers])
    snapshot.bonds.group[:] = np.stack([held, particles + len(spare) + np.arange(len(held))], axis=1)
    return snapshot


def _wrapped(positions: np.ndarray, wrap: np.ndarray) -> np.ndarray:
    """Positions (n, 2) in [-wrap/2, wrap/2)."""
    return positions - np.where(np.isfinite(wrap), wrap, 0.0) * np.floor(positions / wrap + 0.5)


def _type_names(pairs: PairTable) -> list[str]:
    return [str(species) for species in range(pairs.species)]


def _particles() -> hoomd.filter.ParticleFilter:
    """Everything but anchors."""
    return hoomd.filter.SetDifference(hoomd.filter.All(), hoomd.filter.Type([ANCHOR]))


def _fire(time_step: float) -> hoomd.md.minimize.FIRE:
    """A minimiser that never stops by itself: what its criterion looks at is a mean force."""
    fire = hoomd.md.minimize.FIRE(time_step, force_tol=0.0, angmom_tol=0.0, energy_tol=0.0)
    fire.methods.append(hoomd.md.methods.ConstantVolume(_particles()))
    return fire


def _methods(
    ensemble: Ensemble, row: int, thermostat: Thermostat | None, externals: Sequence[External]
) -> list[hoomd.md.methods.Method]:
    """What moves the particles of replica ``row``, the group with a thermostat first."""
    everything = _particles() if externals else hoomd.filter.All()
    if thermostat is None:
        return [hoomd.md.methods.ConstantVolume(everything)]
    bussi = hoomd.md.methods.thermostats.Bussi(kT=1.0, tau=thermostat.tau)
    present = set(ensemble.species[row, ensemble.filled[row]].tolist())
    if thermostat.species is None or present <= set(thermostat.species):
        return [hoomd.md.methods.ConstantVolume(everything, thermostat=bussi)]
    group = hoomd.filter.Type([str(species) for species in thermostat.species])
    rest = hoomd.md.methods.ConstantVolume(hoomd.filter.SetDifference(everything, group))
    return [hoomd.md.methods.ConstantVolume(group, thermostat=bussi), rest]


def _forces(
    pairs: PairTable, buffer: float, ensemble: Ensemble, row: int, externals: Sequence[External]
) -> list[hoomd.md.force.Force]:
    """The pair force, then everything that acts from outside."""
    forces: list[hoomd.md.force.Force] = [_lennard_jones(pairs, buffer, _wrap(ensemble, row))]
    if bonds := _bonds(externals):
        harmonic = hoomd.md.bond.Harmonic()
        for number, tether in enumerate(bonds):
            harmonic.params[f"tether {number}"] = {"k": tether.stiffness, "r0": 0.0}
        forces.append(harmonic)
    tags, wrap = np.cumsum(ensemble.filled[row]) - 1, _wrap(ensemble, row)
    for external in externals:
        if isinstance(external, Wall):
            forces.append(_wall(pairs, external.stiffness, external.start[row], ensemble.box[row, 1]))
        elif not all(external.axes):
            stiffness = external.stiffness * np.array(external.axes)
            sites = external.sites[row] - _centre(ensemble, row)
            forces.append(_MaskedTether(tags[external.slots], sites, stiffness, wrap))
    return forces


def _lennard_jones(pairs: PairTable, buffer: float, wrap: np.ndarray) -> hoomd.md.pair.LJ:
    """The pair table; a buffer as wide as asked for or as the minimum image allows."""
    room = 0.5 * wrap.min() - pairs.longest_cutoff
    neighbours = hoomd.md.nlist.Cell(buffer=min(buffer, 0.9 * room), exclusions=())
    pair = hoomd.md.pair.LJ(neighbours, default_r_cut=0.0, mode="none")
    names = _type_names(pairs)
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            pair.params[one, other] = {"epsilon": pairs.epsilon[i, j], "sigma": pairs.sigma[i, j]}
            pair.r_cut[one, other] = pairs.r_cut[i, j]
    pair.params[ANCHOR, [*names, ANCHOR]] = {"epsilon": 0.0, "sigma": 1.0}
    return pair


def _wall(pairs: PairTable, stiffness: float, start: float, height: float) -> hoomd.md.external.wall.Mie:
    """The harmonic wall, exactly: ``4 eps [(d/sigma)^2 - d/sigma]`` with d the depth below a plane.

    The parabola has its bottom at d = sigma / 2. The plane lies that far above the start, beyond the top of the box,
    and the cut-off is the bottom, so that only what is above the start is pushed.
    """
    reach = abs(height - start) + 1.0
    plane = hoomd.wall.Plane(origin=(0.0, start + reach - height / 2, 0.0), normal=(0.0, -1.0, 0.0))
    wall = hoomd.md.external.wall.Mie([plane])
    shape = {"n": -2.0, "m": -1.0, "sigma": 2 * reach}
    wall.params[_type_names(pairs)] = {**shape, "epsilon": stiffness * reach**2 / 2, "r_cut": reach}
    wall.params[ANCHOR] = {**shape, "epsilon": 0.0, "r_cut": 0.0}
    return wall
