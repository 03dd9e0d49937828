"""Forces from outside the particles: tethers and walls, as specs every engine builds in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.md.ensemble import Ensemble
from vitrify.md.model import minimum_image


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


def external_energies(externals: Sequence[External], ensemble: Ensemble) -> np.ndarray:
    """What tethers and walls hold, each replica on its own, (R,) float64 [eps_AA].

    >>> from vitrify.md.model import A
    >>> one = Ensemble(positions=np.array([[[0.0, 6.0]]]), velocities=np.zeros((1, 1, 2)), species=np.array([[A]]),
    ...     box=np.array([[9.0, 12.0]]), periodic=(True, False), seed=0, replica=np.zeros(1), step=np.zeros(1))
    >>> external_energies([Wall(stiffness=10.0, start=np.array([4.0]))], one).tolist()
    [20.0]
    """
    energies = np.zeros(ensemble.replicas)
    for external in externals:
        if isinstance(external, Wall):
            above = np.maximum(ensemble.positions[..., 1] - external.start[:, None], 0.0)
            energies += 0.5 * external.stiffness * np.where(ensemble.filled, above**2, 0.0).sum(axis=1)
        else:
            stretch = ensemble.positions[:, external.slots] - external.sites
            stretch = minimum_image(stretch, np.where(ensemble.periodic, ensemble.box, np.inf)[:, None])
            energies += 0.5 * external.stiffness * (stretch**2 * external.axes).sum(axis=(1, 2))
    return energies
