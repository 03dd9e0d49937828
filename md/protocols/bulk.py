"""The bulk mixture: what a cooling and an annealing have in common, and the random liquid both begin with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from vitrify.md.engines.base import TIME_STEP, Engine
from vitrify.md.ensemble import Ensemble, maxwell_boltzmann
from vitrify.md.model import KobAndersen2D
from vitrify.md.placement import place_randomly
from vitrify.md.randomness import Purpose, stream
from vitrify.md.schedule import TemperatureSchedule

START_DISTANCE = 0.6
"""Least distance between particles of a random start [sigma_AA]."""

START_FORCE = 10.0
"""max|F| at which a random start counts as free of overlaps; a liquid at kT 2 has larger forces [eps_AA / sigma_AA]."""


@dataclass(frozen=True, kw_only=True)
class BulkSpec(ABC):
    """What every run of the bulk mixture needs; its subclasses add the schedule.

    Attributes:
        particles: number of particles N of each replica.
        density: number density rho [sigma_AA^-2].
        fraction_a: fraction of A particles.
        replicas: number of independent systems R.
        frames: how many times the system is looked at, the last time at its end.
        kt_start: temperature of the first velocities [eps_AA].
        equilibration_steps: time steps before the first frame's clock starts.
        store: frames whose configurations are kept: "all", "none", "last" or their numbers.
        inherent: whether each frame is quenched to its inherent structure.
        seed: what every random number of the run derives from.
        time_step: dt [tau].
        engine: "auto", "replica" or "hoomd".
        device: "auto", "cpu", "gpu" or "gpu:0,1".
    """

    protocol: ClassVar[str]

    particles: int = 4320
    density: float = 1.2
    fraction_a: float = 0.65
    replicas: int = 1
    frames: int = 200
    kt_start: float = 2.0
    equilibration_steps: int = 5_000
    store: str | tuple[int, ...] = "last"
    inherent: bool = True
    seed: int
    time_step: float = TIME_STEP
    engine: str = "auto"
    device: str = "auto"

    def __post_init__(self):
        KobAndersen2D(particles=self.particles, density=self.density, fraction_a=self.fraction_a)
        for name, least in (("replicas", 1), ("frames", 1), ("equilibration_steps", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least {least}")
        for name in ("kt_start", "time_step"):
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

    def to_dict(self) -> dict:
        """What stands in spec.toml."""
        return {"protocol": self.protocol, **asdict(self)}


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless ``value`` is a positive finite number."""
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name}: got {value}, expected a positive number")


def require_frames_fit(name: str, steps: int, frames: int) -> None:
    """Raise ValueError unless every frame has a time step of its own."""
    if steps < 1:
        raise ValueError(f"{name}: got {steps}, expected at least 1")
    if steps < frames:
        raise ValueError(f"{name}: got {steps} for {frames} frames, expected at least a time step per frame")


def random_liquid(spec: BulkSpec, replicas: np.ndarray, engine: Engine) -> Ensemble:
    """Random places ``START_DISTANCE`` or more apart, relaxed until no overlap is left, velocities at ``kt_start``.

    Args:
        spec: which mixture, and its seed.
        replicas: (R,) numbers of the replicas wanted.
        engine: what relaxes them.
    """
    model, corner = spec.model, np.full(2, spec.model.box_length / 2)
    positions, velocities = np.empty((2, len(replicas), spec.particles, 2))
    for row, replica in enumerate(replicas):
        positions[row] = place_randomly(
            stream(spec.seed, Purpose.POSITIONS, replica),
            spec.particles,
            lower=-corner,
            upper=corner,
            min_distance=START_DISTANCE,
            box=2 * corner,
            periodic=(True, True),
        )
        rng = stream(spec.seed, Purpose.VELOCITIES, replica)
        velocities[row] = maxwell_boltzmann(rng, spec.particles, spec.kt_start)
    placed = Ensemble(
        positions=positions,
        velocities=velocities,
        species=np.tile(model.species, (len(replicas), 1)),
        box=np.full((len(replicas), 2), model.box_length),
        seed=spec.seed,
        replica=np.asarray(replicas, dtype=np.int64),
        step=np.zeros(len(replicas), dtype=np.int64),
    )
    return engine.minimize(placed, fmax=START_FORCE).ensemble
