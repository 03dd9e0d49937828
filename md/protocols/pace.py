"""How much is done at a time: replicas side by side, and what is asked of an engine between two looks at the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

REPLICAS_AT_ONCE, PARTICLES_AT_ONCE = 2048, 2048 * 4320
"""Replicas beyond these run after them: enough to fill a GPU, and a checkpoint stays near a gigabyte."""

PARTICLE_STEPS_OF_A_PIECE, LEAST_STEPS_OF_A_PIECE = 8_000_000, 1_000
"""One replica moves on by a multiple of so much at a time: a fifth of a second on one core."""

SECONDS = 2.0
"""How long a piece should take: a signal waits for at most about twice that."""


class Pace:
    """An amount of work, in any unit, that follows how fast it turns out to be done.

    Attributes:
        amount: what a piece should be, 1 or more.
    """

    def __init__(self, first: int):
        self.amount = max(1, first)

    @contextmanager
    def timed(self, amount: int) -> Iterator[int]:
        """Do ``amount`` within; the next piece is larger after a short one, smaller after a long one."""
        begun = time.monotonic()
        yield amount
        self.learn(amount, time.monotonic() - begun)

    def learn(self, amount: int, seconds: float) -> None:
        """Take into account that ``amount`` took ``seconds``.

        >>> pace = Pace(4)
        >>> pace.learn(4, 0.1)
        >>> pace.amount
        8
        >>> pace.learn(8, 16.0)
        >>> pace.amount
        1
        """
        if seconds > 1.5 * SECONDS:
            self.amount = max(1, min(self.amount, int(amount * SECONDS / seconds)))
        elif amount >= self.amount and seconds < SECONDS / 2:
            self.amount *= 2


def wave_size(slots: int) -> int:
    """How many replicas of ``slots`` particles run side by side; the others run after them.

    >>> wave_size(1080), wave_size(5830)
    (2048, 1517)
    """
    return max(1, min(REPLICAS_AT_ONCE, PARTICLES_AT_ONCE // slots))


def piece_steps(slots: int) -> int:
    """Time steps of a piece for a replica of ``slots`` particles: by the spec alone, never by the clock.

    >>> piece_steps(4320), piece_steps(100_000)
    (1851, 1000)
    """
    return max(LEAST_STEPS_OF_A_PIECE, PARTICLE_STEPS_OF_A_PIECE // slots)
