"""The replica program's view of the machine, as one thread of a CPU sees it.

The program (neighbours.py, forces.py, thermostat.py, dynamics.py, minimizer.py) is written once, as loops
``for i in range(lane(), n, lanes())`` with a ``barrier()`` between them. On the CPU a replica has one lane: the loops
are plain serial loops and a barrier is nothing. On the GPU it has a thread block: see block.py.

These are the names the program imports. targets.py binds them anew for each device and precision.
"""

from __future__ import annotations

import numpy as np

SHIFT = 0
"""How many bits longer than 32 a coordinate is."""

real = np.float32
"""Velocities, forces, separations."""

fixed = np.int32
"""Coordinates: a periodic axis of length L is cut into 2^32 (2^64) steps, so that integer overflow is the period."""


def lane() -> int:
    """Which of the replica's lanes this is."""
    return 0


def lanes() -> int:
    """How many lanes work on one replica."""
    return 1


def barrier() -> None:
    """Wait for all lanes of the replica, and see what they wrote."""


def all_lanes(fact) -> bool:
    """Whether ``fact`` holds in every lane."""
    return fact


def total(value, scratch):
    """Sum over the lanes, in one order; ``scratch`` is where lanes meet."""
    return value


def largest(value, scratch):
    """Maximum over the lanes."""
    return value


def sum_before(value, scratch):
    """Sum of a whole number over the lanes before this one."""
    return 0


def add_one(counts, index) -> int:
    """Add one to ``counts[index]``, whichever lanes do so at once, and return what it was."""
    before = counts[index]
    counts[index] = before + 1
    return before
