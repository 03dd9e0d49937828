"""Forces from outside the particles: tethers and walls, as specs every engine builds in its own way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Tether:
    """Harmonic springs that hold particles to sites: ``u = k/2 |r - site|^2``, the shorter periodic image.

    Attributes:
        stiffness: k [eps_AA / sigma_AA^2], one number for all.
        slots: (T,) int, which particle slots are held, the same in every replica.
        sites: (R, T, 2) where each is held [sigma_AA].
        axes: which axes the spring acts along; (False, True) draws particles to a line y = site_y.
    """

    stiffness: float
    slots: np.ndarray
    sites: np.ndarray
    axes: tuple[bool, bool] = (True, True)

    def __post_init__(self):
        if not (np.isfinite(self.stiffness) and self.stiffness > 0):
            raise ValueError(f"tether stiffness: got {self.stiffness}, expected a positive number")
        if self.sites.ndim != 3 or self.sites.shape[1:] != (len(self.slots), 2):
            raise ValueError(f"tether sites: got shape {self.sites.shape}, expected (R, {len(self.slots)}, 2)")


@dataclass(frozen=True, kw_only=True)
class Wall:
    """A harmonic wall across the y axis that pushes particles down: ``u = k/2 (y - start)^2`` for ``y > start``.

    Attributes:
        stiffness: k [eps_AA / sigma_AA^2].
        start: (R,) height at which each replica's wall begins to act [sigma_AA].
    """

    stiffness: float
    start: np.ndarray

    def __post_init__(self):
        if not (np.isfinite(self.stiffness) and self.stiffness > 0):
            raise ValueError(f"wall stiffness: got {self.stiffness}, expected a positive number")
        if self.start.ndim != 1:
            raise ValueError(f"wall start: got shape {self.start.shape}, expected (R,)")


External = Tether | Wall
