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
