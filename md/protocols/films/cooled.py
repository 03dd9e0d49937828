"""The fair partner of a deposited film: the same film on the same substrate, melted and cooled.

The thermostat acts on every particle. At kT 1.0 a film with a free surface would boil into the empty box above it, and
condense on the way down as drops. So while the film melts the wall comes down on it like a piston, to ``headspace``
above the height the film has when compact; it stays there. The liquid fills the box under pressure, leaves the wall as
it contracts, and ends as a film with a free surface, at zero pressure like the deposited one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vitrify.md.engines.base import Engine, Thermostat
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External, Wall
from vitrify.md.protocols.films.grown import read_films, require_source
from vitrify.md.protocols.films.observables import FilmProtocol
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.films.substrate import tether
from vitrify.md.protocols.loop import run
from vitrify.md.protocols.spec import Spec, require_at_least, require_positive
from vitrify.md.protocols.stages import Advance, Frame, Stage, Wave
from vitrify.md.schedule import TemperatureSchedule
from vitrify.md.store.rundir import RunDirectory

COMPACT_DENSITY = 1.15
"""Number density of a compact film at zero pressure, from which its height when compact is taken [sigma_AA^-2]."""

PISTON_STROKES = 50
"""Steps in which the wall comes down while the film melts."""


@dataclass(frozen=True, kw_only=True)
class FilmCoolingSpec(Spec):
    """Melt the films of a deposition and cool each on its own substrate.

    Attributes:
        replicas: number of films; 0 for all of the deposition.
        source: identity of the run the films come from.
        deposition: their recipe.
        melt_kt: temperature of the melt [eps_AA].
        melt_steps: time steps at it, the first half of them while the wall comes down.
        kt_final: temperature the ramp ends at [eps_AA].
        ramp_steps: length M of the linear ramp [time steps].
        frames: frames along the ramp, each quenched and stored; kT_k = melt_kt - (melt_kt - kt_final) k / frames.
        headspace: room between the compact film and the wall [sigma_AA].
        thermostat_tau: relaxation time of the thermostat, which acts on every particle [tau].

    Raises:
        ValueError: for a number outside its range.
    """

    protocol: ClassVar[str] = "cool-film"

    replicas: int = 0
    source: str
    deposition: DepositionSpec
    melt_kt: float = 1.0
    melt_steps: int = 20_000
    kt_final: float = 0.05
    ramp_steps: int
    frames: int = 100
    headspace: float = 4.0
    thermostat_tau: float = 0.5

    def __post_init__(self):
        if self.replicas == 0 and isinstance(self.deposition, DepositionSpec):
            object.__setattr__(self, "replicas", self.deposition.replicas)
            object.__setattr__(self, "first_replica", self.deposition.first_replica)
        super().__post_init__()
        require_at_least(self, melt_steps=2 * PISTON_STROKES, ramp_steps=1, frames=1, headspace=0)
        require_positive("thermostat_tau", self.thermostat_tau)
        if not 0 < self.kt_final < self.melt_kt:
            raise ValueError(f"kt_final: got {self.kt_final}, expected 0 < kT < melt_kt = {self.melt_kt}")
        if self.ramp_steps % self.frames:
            raise ValueError(f"ramp_steps: got {self.ramp_steps}, expected a multiple of frames = {self.frames}")

    @property
    def schedule(self) -> TemperatureSchedule:
        """Set temperature against step: the melt, then the ramp."""
        return TemperatureSchedule.ramp(self.melt_kt, self.kt_final, start=self.melt_steps, steps=self.ramp_steps)

    @property
    def thermostat(self) -> Thermostat:
        """The thermostat of all particles."""
        return Thermostat(schedule=self.schedule, tau=self.thermostat_tau)

    @property
    def noise_key(self) -> tuple:
        """Protocol, schedule, and the noise the films were grown with."""
        return (self.protocol, self.schedule.steps, self.schedule.kts, self.deposition.noise_seed)


class FilmCoolingProtocol(FilmProtocol):
    """Films of a deposition under a piston that comes down while they melt, then along the ramp."""

    def __init__(self, spec: FilmCoolingSpec, source: RunDirectory):
        require_source(source, spec.source)
        self.spec, self.recipe, self.source = spec, spec.deposition, source

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """A stage a stroke of the piston, one at rest, and from frame to frame."""
        spec, stroke = self.spec, self.spec.melt_steps // (2 * PISTON_STROKES)
        step = spec.ramp_steps // spec.frames
        clocks = [*range(0, stroke * PISTON_STROKES + 1, stroke), spec.melt_steps]
        melt = (Advance(start=start, until=until, thermostat=spec.thermostat) for start, until in pairwise(clocks))
        ramp = (
            Advance(
                start=spec.melt_steps + (k - 1) * step,
                until=spec.melt_steps + k * step,
                thermostat=spec.thermostat,
                frame=k,
            )
            for k in range(1, spec.frames + 1)
        )
        return (*melt, *ramp)

    def begin(self, replicas: np.ndarray) -> Wave:
        """The films as the deposition left them, at step 0."""
        films, sites = read_films(self.source, replicas, seed=self.spec.noise_seed)
        return Wave(ensemble=films, memory={"sites": sites})

    def externals(self, number: int, wave: Wave) -> tuple[External, ...]:
        """Tethers, and the wall on its way down or where it rests."""
        ensemble, sites = wave.ensemble, wave.memory["sites"]
        low = resting_wall(ensemble, sites, self.spec)
        high = ensemble.box[:, 1] - self.recipe.wall.range
        done = min(1.0, (number + 1) / PISTON_STROKES)
        start = low if done == 1 else np.minimum(high, high + (low - high) * done)
        return tether(self.recipe, sites), Wall(stiffness=self.recipe.wall.stiffness, start=start)

    def resting(self, wave: Wave) -> tuple[External, ...]:
        """Tethers, and the wall where it rests."""
        return self.externals(PISTON_STROKES, wave)

    def frame(self, number: int) -> Frame:
        """Every frame is stored and quenched."""
        step = self.spec.ramp_steps // self.spec.frames
        kt_set = float(self.spec.schedule.kt(self.spec.melt_steps + number * step))
        return Frame(kt_set=kt_set, store=True, inherent=True)

    def describe(self, wave: Wave, engine: Engine) -> dict[str, np.ndarray]:
        """What the films are; nothing is taken out of them."""
        return {**super().describe(wave, engine), "strays": np.zeros(wave.ensemble.replicas, dtype=np.int64)}


def cool_films(source: RunDirectory, spec: FilmCoolingSpec, out: str | Path, **options: Any) -> RunDirectory:
    """Melt and cool the films of a finished deposition into a run directory of their own.

    Frame k is the k-th of the ramp; every frame is stored, instantaneous and inherent.

    Args:
        source: the deposition, finished.
        spec: how to melt and cool.
        out: the directory.
        options: those of :func:`vitrify.md.protocols.loop.run`.

    Raises:
        ValueError: as there, and when the source is no finished deposition or not the one the spec names.
    """
    return run(FilmCoolingProtocol(spec, source), out, **options)


def film_cooling_spec(run: RunDirectory) -> FilmCoolingSpec:
    """What a run of cooled films was asked for.

    Raises:
        ValueError: when the run is none.
    """
    if run.spec["protocol"] != FilmCoolingSpec.protocol:
        raise ValueError(f"{run.path}: got a run of protocol {run.spec['protocol']}, expected cooled films")
    try:
        return FilmCoolingSpec.from_table(run.spec)
    except ValueError as error:
        raise ValueError(f"{run.path}: {error}") from error


def resting_wall(ensemble: Ensemble, sites: np.ndarray, spec: FilmCoolingSpec) -> np.ndarray:
    """Where the wall stands above each film: its height when compact, and the headspace, (R,) [sigma_AA]."""
    film = ensemble.particles - spec.deposition.substrate.particles
    return sites[..., 1].max(axis=1) + film / (COMPACT_DENSITY * spec.deposition.box_length) + spec.headspace
