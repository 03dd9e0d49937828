"""Random numbers as a function of what they are for, never of what was drawn before."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream of random numbers is used for. Values are part of the file format: never renumber."""

    POSITIONS = 0
    VELOCITIES = 1
    THERMOSTAT = 2
    SUBSTRATE = 3
    INJECTION = 4
    PERTURBATION = 5
    SPLIT = 6
    BOOTSTRAP = 7
    TRAINING = 8


def stream(seed: int, purpose: Purpose, replica: int = 0, step: int = 0) -> np.random.Generator:
    """The generator of one (seed, purpose, replica, step): the same numbers on every machine and in every engine.

    >>> float(stream(7, Purpose.POSITIONS).random()) == float(stream(7, Purpose.POSITIONS).random())
    True
    """
    if seed < 0:
        raise ValueError(f"seed: got {seed}, expected a non-negative integer")
    sequence = np.random.SeedSequence(seed, spawn_key=(int(purpose), int(replica), int(step)))
    return np.random.Generator(np.random.Philox(sequence))


def short_seed(seed: int, purpose: Purpose, replica: int) -> int:
    """A seed of 16 bits for programs that take no more, 0 to 65535; different for every replica of a run.

    A base drawn from ``seed`` and ``purpose``, plus the replica's number, modulo 65536. Beyond 65,536 replicas seeds
    come again: replicas k and k + 65536 of a run get the same noise at the same step, on other positions and
    velocities. Runs of two seeds may share part of theirs as well: 16 bits hold no more.

    >>> len({short_seed(7, Purpose.THERMOSTAT, replica) for replica in range(1000)})
    1000
    """
    return (int(stream(seed, purpose).integers(1 << 16)) + int(replica)) % (1 << 16)
