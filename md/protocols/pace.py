"""How much is asked of an engine between two looks at the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

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
