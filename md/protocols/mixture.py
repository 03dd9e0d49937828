"""The liquid mixture: what a cooling and an annealing have in common, and the liquid both begin with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

import numpy as np

from vitrify.md.engines.base import TIME_STEP, Engine, Thermostat
from vitrify.md.ensemble import Ensemble, kinetic_temperature, maxwell_boltzmann
from vitrify.md.model import KobAndersen2D, PairTable
from vitrify.md.placement import place_randomly
from vitrify.md.protocols.sources import RunSource, Source
from vitrify.md.protocols.spec import Spec, require_at_least, require_positive
from vitrify.md.protocols.stages import Advance, Frame, Protocol, Relax, Stage, Wave
from vitrify.md.randomness import Purpose, stream
from vitrify.md.schedule import TemperatureSchedule
from vitrify.md.store.rundir import RunDirectory

START_DISTANCE = 0.6
"""Least distance between particles of a random start [sigma_AA]."""

START_FORCE = 10.0
"""max|F| at which a random start counts as free of overlaps; a liquid at kT 2 has larger forces [eps_AA / sigma_AA]."""


@dataclass(frozen=True, kw_only=True)
class MixtureSpec(Spec, ABC):
    """What every run of the liquid mixture needs; its subclasses add the schedule.

    Attributes:
        particles: number of particles N of each replica.
        density: number density rho [sigma_AA^-2].
        fraction_a: fraction of A particles.
        frames: how many times the system is looked at, the last time at its end.
        kt_start: temperature of the first velocities [eps_AA].
        equilibration_steps: time steps before the first frame's clock starts.
        store: frames whose configurations are kept: "all", "none", "last" or their numbers.
        inherent: whether each frame is quenched to its inherent structure.
        time_step: dt [tau].
        thermostat_tau: relaxation time of the thermostat [tau].
        source: identity of the run or file whose configurations this one begins with; "" for a random liquid.
        source_frame: which of its frames; 0 for a random liquid.
    """

    particles: int = 4320
    density: float = 1.2
    fraction_a: float = 0.65
    frames: int = 200
    kt_start: float = 2.0
    equilibration_steps: int = 5_000
    store: str | tuple[int, ...] = "last"
    inherent: bool = True
    time_step: float = TIME_STEP
    thermostat_tau: float = 0.5
    source: str = ""
    source_frame: int = 0

    unwrapped: ClassVar[bool] = False
    """Whether displacements are kept, not wrapped, with the stored configurations."""

    def __post_init__(self):
        super().__post_init__()
        if not self.source:
            KobAndersen2D(particles=self.particles, density=self.density, fraction_a=self.fraction_a)
        require_at_least(self, frames=1, equilibration_steps=0, source_frame=0)
        for name in ("kt_start", "time_step", "thermostat_tau"):
            require_positive(name, getattr(self, name))
        if isinstance(self.store, str):
            if self.store not in ("all", "none", "last"):
                raise ValueError(f"store: got {self.store!r}, expected 'all', 'none', 'last' or frame numbers")
        elif not all(1 <= frame <= self.frames for frame in self.store):
            raise ValueError(f"store: got {list(self.store)}, expected frame numbers from 1 to {self.frames}")

    @property
    @abstractmethod
    def schedule(self) -> TemperatureSchedule:
        """Set temperature against the clock, equilibration included."""

    @property
    @abstractmethod
    def frame_kts(self) -> np.ndarray:
        """(frames,) set temperature of each frame [eps_AA]."""

    @property
    @abstractmethod
    def production_steps(self) -> int:
        """Time steps after equilibration."""

    @property
    def frame_steps(self) -> np.ndarray:
        """(frames,) clock of each frame, equilibration included: equally spaced, to the nearest step."""
        k = np.arange(1, self.frames + 1)
        return self.equilibration_steps + (2 * k * self.production_steps + self.frames) // (2 * self.frames)

    @property
    def last_frame(self) -> int:
        """The last of the frames."""
        return self.frames

    @property
    def stored(self) -> frozenset[int]:
        """Numbers of the frames whose configurations are kept."""
        if isinstance(self.store, tuple):
            return frozenset(self.store)
        named = {"all": range(1, self.frames + 1), "last": [self.frames], "none": ()}
        return frozenset(named[self.store])

    @property
    def model(self) -> KobAndersen2D:
        """The mixture."""
        return KobAndersen2D(particles=self.particles, density=self.density, fraction_a=self.fraction_a)

    @property
    def noise_key(self) -> tuple:
        """Protocol, mixture, schedule and where it began."""
        mixture = (self.particles, self.density, self.fraction_a, self.time_step)
        return (self.protocol, mixture, self.schedule.steps, self.schedule.kts, self.source, self.source_frame)


def require_frames_fit(name: str, steps: int, frames: int) -> None:
    """Raise ValueError unless every frame has a time step of its own."""
    if steps < 1:
        raise ValueError(f"{name}: got {steps}, expected at least 1")
    if steps < frames:
        raise ValueError(f"{name}: got {steps} for {frames} frames, expected at least a time step per frame")


def random_liquid(spec: MixtureSpec, replicas: np.ndarray) -> Ensemble:
    """Random places ``START_DISTANCE`` or more apart, velocities at ``kt_start``; overlaps are still to be relaxed.

    Args:
        spec: which mixture, and its seed.
        replicas: (R,) numbers of the replicas wanted.
    """
    model, corner = spec.model, np.full(2, spec.model.box_length / 2)
    positions, velocities = np.empty((2, len(replicas), spec.particles, 2))
    for row, replica in enumerate(replicas):
        positions[row] = place_randomly(
            stream(spec.noise_seed, Purpose.POSITIONS, replica),
            spec.particles,
            lower=-corner,
            upper=corner,
            min_distance=START_DISTANCE,
            box=2 * corner,
            periodic=(True, True),
        )
        velocities[row] = first_velocities(spec, replica)
    return Ensemble(
        positions=positions,
        velocities=velocities,
        species=np.tile(model.species, (len(replicas), 1)),
        box=np.full((len(replicas), 2), model.box_length),
        seed=spec.noise_seed,
        replica=np.asarray(replicas, dtype=np.int64),
        step=np.zeros(len(replicas), dtype=np.int64),
    )


def first_velocities(spec: MixtureSpec, replica: int) -> np.ndarray:
    """Velocities of a replica at ``kt_start``, (N, 2) [sigma_AA / tau]."""
    return maxwell_boltzmann(stream(spec.noise_seed, Purpose.VELOCITIES, replica), spec.particles, spec.kt_start)


class MixtureProtocol(Protocol):
    """Replicas of a mixture followed from frame to frame under one thermostat.

    Stage 0 relaxes what overlaps (nothing, where the start was stored), stage 1 equilibrates, and stage k + 1 ends in
    frame k. Where the spec asks for it, unwrapped displacements are kept from the end of the equilibration on.
    """

    def __init__(self, spec: MixtureSpec, source: Source | None = None):
        if bool(spec.source) != (source is not None) or (source and source.identity != spec.source):
            raise ValueError(
                f"source: got {source.identity if source else 'none'}, expected {spec.source or 'none'} as in the spec"
            )
        self.spec, self.source = spec, source

    @property
    def pairs(self) -> PairTable:
        """The mixture's pair table."""
        return KobAndersen2D().pairs

    @property
    def time_step(self) -> float:
        """That of the spec."""
        return self.spec.time_step

    @property
    def slots(self) -> int:
        """Particles of a replica."""
        return self.spec.particles

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """Relax, equilibrate, and from frame to frame."""
        spec, steps = self.spec, self.spec.frame_steps.tolist()
        bath = Thermostat(schedule=spec.schedule, tau=spec.thermostat_tau)
        clocks = [0, spec.equilibration_steps, *steps]
        first: list[Stage] = [] if spec.source else [Relax(fmax=START_FORCE, what="random liquid")]
        equilibrate = Advance(start=0, until=spec.equilibration_steps, thermostat=bath)
        frames = [
            Advance(start=start, until=until, thermostat=bath, frame=k)
            for k, (start, until) in enumerate(pairwise(clocks[1:]), start=1)
        ]
        return (*first, equilibrate, *frames)

    def begin(self, replicas: np.ndarray) -> Wave:
        """A random liquid, or the configurations of the source with velocities of their own or new ones."""
        if self.source is None:
            return Wave(ensemble=random_liquid(self.spec, replicas))
        return Wave(ensemble=self.source.ensemble(replicas, self.spec, first_velocities))

    def take_up(self, replicas: np.ndarray, run: RunDirectory, frame: int) -> Wave:
        """The stored configurations with their velocities, clocks and displacements."""
        ensemble = RunSource(run, frame).ensemble(replicas, self.spec, first_velocities)
        step = np.full(len(replicas), self.spec.frame_steps[frame - 1])
        travelled = np.zeros_like(ensemble.positions) if self.spec.unwrapped else None
        for row in np.flatnonzero(~ensemble.failed):
            images = run.configuration(int(replicas[row]), frame).images
            if travelled is not None and images is not None:
                travelled[row] = images * ensemble.box[row]
        return Wave(ensemble=replace(ensemble, step=step, travelled=travelled))

    def end(self, number: int, wave: Wave) -> Wave:
        """Displacements count from the end of the equilibration."""
        stage = self.stages[number]
        if self.spec.unwrapped and isinstance(stage, Advance) and stage.frame is None:
            return replace(wave, ensemble=replace(wave.ensemble, travelled=np.zeros_like(wave.ensemble.positions)))
        return wave

    def frame(self, number: int) -> Frame:
        """What is kept of frame ``number``; the last one with velocities, so that a longer run can go on from it."""
        spec = self.spec
        return Frame(
            kt_set=float(spec.frame_kts[number - 1]),
            store=number in spec.stored,
            inherent=spec.inherent,
            velocities=number == spec.frames,
        )

    def describe(self, wave: Wave, engine: Engine) -> dict[str, np.ndarray]:
        """What the table says of instantaneous configurations."""
        states, measured = wave.ensemble, engine.measure(wave.ensemble)
        twice_kinetic = np.einsum("rnk,rnk,rn->r", states.velocities, states.velocities, states.filled)
        return {
            "kt": kinetic_temperature(states.velocities, states.filled, conserved=2),
            "pressure": (twice_kinetic + measured.virials.sum(axis=1)) / (2 * states.box.prod(axis=1)),
            "potential_energy": measured.energies.sum(axis=1) / states.particles,
        }

    def inherent_energy(self, wave: Wave, energies: np.ndarray) -> np.ndarray:
        """Per particle."""
        return energies.sum(axis=1) / wave.ensemble.particles
