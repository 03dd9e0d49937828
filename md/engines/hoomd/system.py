"""One HOOMD-blue simulation of one replica: run it, minimise it, read it."""

# pyright: reportAttributeAccessIssue=false
# It takes this package for HOOMD-blue itself, whose name it has.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import hoomd
import numpy as np

from vitrify.md.engines.base import Thermostat
from vitrify.md.engines.hoomd.snapshot import ANCHOR
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External

MOST_EVALUATIONS = 1_000_000
"""Force evaluations after which a minimisation is given up as not converged."""

QUENCH_STEPS = 50
"""Minimiser steps between two looks at max|F|."""

QUENCH_TIME_STEPS = (0.015, 0.005, 0.0015)
"""Largest FIRE time steps, tried in turn until none blows up [tau]. FIRE bounds no move in HOOMD-blue, whose remedy,
``DisplacementCapped``, lets a capped particle go too far by a factor 1 / time step (4.8). From a liquid at kT 1,
N = 1080, 0.015 takes 1,500 evaluations and 0.005 takes 6,100; 0.025 loses particles of random starts."""

OVERLAP_FORCE = 1e3
"""max|F| above which FIRE goes with a tenth of its time step: overlaps are parted gently [eps_AA / sigma_AA]."""


@dataclass(frozen=True)
class System:
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
                failure, spent = self.descend(step, target)
                evaluations += spent
                if failure:
                    break
            else:
                break
        return failure, evaluations

    def descend(self, time_step: float, target: float) -> tuple[str, int]:
        """Follow FIRE to max|F| < target; returns "" or why it failed, and the number of force evaluations."""
        failure, evaluations = self.run(0), 1
        if failure or self.max_force() < target:
            return failure, evaluations
        new, old = fire(time_step), self.simulation.operations.integrator
        forces = list(old.forces)
        old.forces.clear()
        new.forces.extend(forces)
        self.simulation.operations.integrator = new
        self.simulation.run(0)
        new.reset()  # only a reset makes FIRE begin with a tenth of its time step
        while not failure and not self.max_force() < target and evaluations < MOST_EVALUATIONS:
            failure, evaluations = self.run(QUENCH_STEPS), evaluations + QUENCH_STEPS
        return failure, evaluations

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities, (n, 2) each."""
        snapshot = self.simulation.state.get_snapshot()
        positions = snapshot.particles.position[: self.particles, :2] + self.centre
        return positions, snapshot.particles.velocity[: self.particles, :2]

    def unwrapped(self) -> np.ndarray:
        """Positions over the edges of the box, (n, 2), counted from the snapshot that the simulation was given."""
        snapshot = self.simulation.state.get_snapshot()
        turns = snapshot.particles.image[: self.particles, :2]
        return snapshot.particles.position[: self.particles, :2] + turns * np.array(snapshot.configuration.box[:2])

    def pair_energies(self) -> np.ndarray:
        """Half of each pair's energy to each partner, (n,)."""
        return self.simulation.operations.integrator.forces[0].energies[: self.particles]

    def pair_virials(self) -> np.ndarray:
        """Half of each pair's r . F to each partner, (n,)."""
        xx, yy = 0, 3  # of xx, xy, xz, yy, yz, zz
        virials = self.simulation.operations.integrator.forces[0].virials[: self.particles]
        return virials[:, xx] + virials[:, yy]

    def forces(self) -> np.ndarray:
        """Total force on each particle, (n, 2)."""
        with self.simulation.state.cpu_local_snapshot as local:
            order = np.array(local.particles.rtag[: self.particles])
            return np.array(local.particles.net_force)[order, :2]

    def max_force(self) -> float:
        """Largest ``|F|`` over particles."""
        return float(np.sqrt((self.forces() ** 2).sum(axis=1).max()))


def simulation_from(
    hardware: hoomd.device.Device, snapshot: hoomd.Snapshot, integrator: hoomd.md.Integrator, seed: int, clock: int
) -> hoomd.Simulation:
    """A simulation that starts at step ``clock``, ready to run."""
    simulation = hoomd.Simulation(hardware, seed=seed)
    simulation.timestep = clock
    simulation.create_state_from_snapshot(snapshot)
    # Sorting particles in memory, worth 10 %, goes by a clock of its own: results would depend on what ran before.
    simulation.operations.tuners.clear()
    simulation.operations.integrator = integrator
    return simulation


def particles() -> hoomd.filter.ParticleFilter:
    """Everything but anchors."""
    return hoomd.filter.SetDifference(hoomd.filter.All(), hoomd.filter.Type([ANCHOR]))


def fire(time_step: float) -> hoomd.md.minimize.FIRE:
    """A minimiser that never stops by itself: what its criterion looks at is a mean force."""
    fire = hoomd.md.minimize.FIRE(time_step, force_tol=0.0, angmom_tol=0.0, energy_tol=0.0)
    fire.methods.append(hoomd.md.methods.ConstantVolume(particles()))
    return fire


def methods_for(
    ensemble: Ensemble, row: int, thermostat: Thermostat | None, externals: Sequence[External]
) -> list[hoomd.md.methods.Method]:
    """What moves the particles of replica ``row``, the group with a thermostat first."""
    everything = particles() if externals else hoomd.filter.All()
    if thermostat is None:
        return [hoomd.md.methods.ConstantVolume(everything)]
    bussi = hoomd.md.methods.thermostats.Bussi(kT=1.0, tau=thermostat.tau)
    present = set(ensemble.species[row, ensemble.filled[row]].tolist())
    if thermostat.species is None or present <= set(thermostat.species):
        return [hoomd.md.methods.ConstantVolume(everything, thermostat=bussi)]
    group = hoomd.filter.Type([str(species) for species in thermostat.species])
    rest = hoomd.md.methods.ConstantVolume(hoomd.filter.SetDifference(everything, group))
    return [hoomd.md.methods.ConstantVolume(group, thermostat=bussi), rest]
