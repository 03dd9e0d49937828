"""What a protocol says: how a wave of replicas begins, the stages it goes through, what is seen at their ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vitrify.md.engines.base import Engine, Thermostat
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External
from vitrify.md.model import PairTable
from vitrify.md.store.rundir import RunDirectory
from vitrify.md.store.table import COLUMNS


@dataclass(frozen=True, kw_only=True)
class Wave:
    """Replicas that run side by side, and what their protocol remembers of each.

    Attributes:
        ensemble: where they stand.
        memory: arrays by name, a row a replica: the sites of a substrate, strays to be injected again.
    """

    ensemble: Ensemble
    memory: Mapping[str, np.ndarray] = field(default_factory=dict)

    def select(self, rows: np.ndarray) -> Wave:
        """The replicas at ``rows`` (indices or a mask), in that order."""
        return Wave(
            ensemble=self.ensemble.select(rows), memory={name: array[rows] for name, array in self.memory.items()}
        )

    @property
    def well(self) -> np.ndarray:
        """Rows of the replicas that have not failed."""
        return np.flatnonzero(~self.ensemble.failed)

    def mark(self, rows: np.ndarray, reason: str | Sequence[str]) -> Wave:
        """These replicas, those at ``rows`` (R,) bool failed, each for the reason given unless it had failed before."""
        reasons = [reason] * len(rows) if isinstance(reason, str) else reason
        failure = tuple(
            new if marked and not before else before
            for marked, new, before in zip(rows, reasons, self.ensemble.failure, strict=True)
        )
        return replace(self, ensemble=replace(self.ensemble, failure=failure))


def joined(waves: Sequence[Wave]) -> Wave:
    """Several waves of one protocol as one. Neighbour-list origins go; engines build their lists anew."""
    first = waves[0]
    if len(waves) == 1:
        return first
    names = ["positions", "velocities", "species", "box", "replica", "step"]
    names += ["travelled"] if first.ensemble.travelled is not None else []
    arrays = {name: np.concatenate([getattr(wave.ensemble, name) for wave in waves]) for name in names}
    failure = tuple(reason for wave in waves for reason in wave.ensemble.failure)
    return Wave(
        ensemble=replace(first.ensemble, **arrays, failure=failure, origin=None),
        memory={name: np.concatenate([wave.memory[name] for wave in waves]) for name in first.memory},
    )


@dataclass(frozen=True, kw_only=True)
class Relax:
    """A stage in which every replica is brought to rest; one that does not come to rest has failed.

    Attributes:
        fmax: max|F| that has to be reached [eps_AA / sigma_AA].
        what: what is relaxed, for the reason of a failure.
        required: whether a replica above ``fmax`` has failed.
        frame: number of the frame seen at the end, or None.
    """

    fmax: float
    what: str
    required: bool = True
    frame: int | None = None


@dataclass(frozen=True, kw_only=True)
class Advance:
    """A stage in which time goes by.

    Attributes:
        start: the replicas' clock at its beginning [time steps].
        until: the clock at its end.
        thermostat: of which particles.
        frame: number of the frame seen at the end, or None.
    """

    start: int
    until: int
    thermostat: Thermostat
    frame: int | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """A stage in which nothing happens but that a frame is seen.

    Attributes:
        frame: its number.
    """

    frame: int


Stage = Relax | Advance | Look


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What is kept of a frame.

    Attributes:
        kt_set: set temperature [eps_AA].
        store: whether configurations are stored.
        inherent: whether they are quenched.
        velocities: whether velocities are stored with them.
    """

    kt_set: float
    store: bool
    inherent: bool
    velocities: bool = False


class Protocol(ABC):
    """One protocol with its spec; :func:`vitrify.md.protocols.loop.run` carries it out."""

    spec: Any  # a Spec: subclasses say which
    columns: tuple[str, ...] = COLUMNS

    @property
    @abstractmethod
    def pairs(self) -> PairTable:
        """The pair table."""

    @property
    @abstractmethod
    def time_step(self) -> float:
        """[tau]."""

    @property
    @abstractmethod
    def slots(self) -> int:
        """The largest number of particles a replica will hold."""

    @property
    @abstractmethod
    def stages(self) -> tuple[Stage, ...]:
        """What replicas go through, one after the other."""

    def stage_after(self, frame: int) -> int:
        """Number of the stage that follows frame ``frame``."""
        return 1 + next(number for number, stage in enumerate(self.stages) if stage.frame == frame)

    @abstractmethod
    def begin(self, replicas: np.ndarray) -> Wave:
        """Replicas by number, as the first stage finds them; a function of spec and number alone."""

    def take_up(self, replicas: np.ndarray, run: RunDirectory, frame: int) -> Wave:
        """Replicas as a shorter run of this protocol left them at its last frame, for the stage after it."""
        raise ValueError(f"{run.path}: a run of {self.spec.protocol} cannot be extended")

    def enter(self, number: int, wave: Wave) -> Wave:
        """What happens as stage ``number`` begins, once."""
        return wave

    def externals(self, number: int, wave: Wave) -> tuple[External, ...]:
        """What acts from outside during stage ``number``."""
        return self.resting(wave)

    def end(self, number: int, wave: Wave) -> Wave:
        """What happens as stage ``number`` ends, before its frame is seen."""
        return wave

    @abstractmethod
    def frame(self, number: int) -> Frame:
        """What is kept of frame ``number``."""

    def resting(self, wave: Wave) -> tuple[External, ...]:
        """What acts from outside while a frame is measured and quenched."""
        return ()

    @abstractmethod
    def describe(self, wave: Wave, engine: Engine) -> dict[str, np.ndarray]:
        """Columns of the table for instantaneous configurations."""

    @abstractmethod
    def inherent_energy(self, wave: Wave, energies: np.ndarray) -> np.ndarray:
        """Energy per particle (R,) of the inherent structures of ``wave`` from pair energies (R, N) [eps_AA]."""


def carry(protocol: Protocol, engine: Engine, wave: Wave, first: int, last: int) -> Wave:
    """Take a wave through stages ``first`` to ``last`` - 1 at one go, nothing written, for a notebook or a test."""
    for number in range(first, last):
        wave, stage = protocol.enter(number, wave), protocol.stages[number]
        acting = protocol.externals(number, wave)
        if isinstance(stage, Relax):
            ensemble = engine.minimize(wave.ensemble, stage.fmax, acting).ensemble
        elif isinstance(stage, Advance):
            ensemble = engine.integrate(wave.ensemble, stage.until - stage.start, stage.thermostat, acting)
        else:
            ensemble = wave.ensemble
        wave = protocol.end(number, replace(wave, ensemble=ensemble))
    return wave
