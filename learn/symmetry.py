"""What physics cannot tell apart: shifts, mirror images and turns of a configuration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Symmetry(NamedTuple):
    """Which of its equivalents each configuration of a batch is shown as: numbers, so that a device can apply them.

    Attributes:
        shift: (B, 2) float32, along each axis, as a fraction of the box in [0, 1).
        mirror: (B, 2) bool, x -> -x and y -> -y; comes first.
        swap: (B,) bool, x <-> y; comes second, the shift third.

    What a configuration does not have is not applied: an open axis is neither shifted nor mirrored, and axes are
    swapped only where both are periodic.
    """

    shift: np.ndarray
    mirror: np.ndarray
    swap: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, batch: int) -> Symmetry:
        """A random one for each of ``batch`` configurations."""
        return cls(
            mirror=rng.integers(2, size=(batch, 2)).astype(bool),
            swap=rng.integers(2, size=batch).astype(bool),
            shift=rng.random((batch, 2), np.float32),
        )
