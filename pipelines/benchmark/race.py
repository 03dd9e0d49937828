"""Contenders take turns, A B C A B C, so that a busy minute of the machine falls on all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One program, ready to run: set up, compiled, its list built.

    Attributes:
        name: what the table calls it.
        engine: ``replica``, ``hoomd``, ``lammps``, ``jax-md``.
        device: what it runs on.
        threads: CPU threads it was given.
        particles: N of one replica.
        replicas: how many it advances at once.
        settings: everything else a reader needs to repeat it.
        advance: move every replica on by so many steps from where it stands.
    """

    name: str
    engine: str
    device: str
    threads: int
    particles: int
    replicas: int
    settings: dict
    advance: Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Laps:
    """The time of every round of one contender.

    Attributes:
        wall: (rounds,) wall time [s].
        cpu: (rounds,) CPU time of all threads of this process [s]; what a busy machine disturbs least.
    """

    wall: np.ndarray
    cpu: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Median and range over rounds.

    >>> Spread.of(np.array([3.0, 1.0, 2.0]))
    Spread(median=2.0, low=1.0, high=3.0)
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray) -> Spread:
        """Summarise ``values``, one a round."""
        return cls(median=float(np.median(values)), low=float(np.min(values)), high=float(np.max(values)))


def race(
    contenders: Sequence[Contender],
    *,
    steps: int,
    rounds: int,
    report: Callable[[float, float], None] = lambda done, total: None,
) -> list[Laps]:
    """Let contenders take turns for ``rounds`` rounds of ``steps`` steps; one entry a contender.

    Args:
        contenders: who takes part.
        steps: time steps a round.
        rounds: how often each has its turn.
        report: told how many turns are done, and of how many.

    Raises:
        ValueError: for fewer than one round or one step.
    """
    if rounds < 1 or steps < 1:
        raise ValueError(f"rounds, steps: got {rounds} and {steps}, expected at least 1 of each")
    wall, cpu = np.empty((2, len(contenders), rounds))
    for lap in range(rounds):
        for row, contender in enumerate(contenders):
            cpu_start, wall_start = time.process_time(), time.perf_counter()
            contender.advance(steps)
            wall[row, lap] = time.perf_counter() - wall_start
            cpu[row, lap] = time.process_time() - cpu_start
            report(lap * len(contenders) + row + 1, rounds * len(contenders))
    return [Laps(wall=w, cpu=c) for w, c in zip(wall, cpu, strict=True)]


def ratio(work: float, laps: np.ndarray, peer_work: float, peer_laps: np.ndarray) -> Spread:
    """How many times as fast as its peer: the ratio of their rates, round by round, then median and range.

    Args:
        work: what was done in each round (particle-steps, quenches).
        laps: (rounds,) time of each round.
        peer_work: the same of the peer.
        peer_laps: the same of the peer.

    >>> ratio(10.0, np.array([1.0, 2.0]), 10.0, np.array([3.0, 4.0])).median
    2.5
    """
    return Spread.of((work / laps) / (peer_work / peer_laps))
