"""Local pair entropy: how much order the distances around one particle show."""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.md.model import A, B

RANGE = 3.5
"""Upper limit of the integral [sigma_AA]: three shells, and less than a film's bulk keeps from its surface."""
WIDTH = 0.12
"""Width of the Gaussian that smooths the distances of one particle [sigma_AA]."""
STEP = 0.05
"""Step of the integral [sigma_AA]."""
FINE = 0.02
"""Bins that distances are sorted into before they are smoothed [sigma_AA]."""


def local_pair_entropy(around: Surroundings) -> np.ndarray:
    """Two-body excess entropy of each particle in units of k_B, ``s2_i`` (N,); 0 for an ideal gas, below in order.

    ``s2_i = -pi rho sum_b x_b int_0^R [g_b ln g_b - g_b + 1] r dr`` with the particle's own smoothed
    ``g_b(r) = 1 / (2 pi r rho x_b) sum_(j of b) exp(-(r - r_ij)^2 / 2 w^2) / sqrt(2 pi w^2)``; R = RANGE, w = WIDTH,
    rho and x_b those of the members. NaN where a circle of radius R leaves the material: particles nearer than R to a
    cell that is not closed, or to a substrate.

    Sources: Tanaka, Kawasaki, Shintani and Watanabe, Nature Mater. 9, 324 (2010); the smoothing of one particle's
    distances: Piaggi and Parrinello, J. Chem. Phys. 147, 114112 (2017).
    """
    if around.reach < RANGE + 4 * WIDTH:
        return np.full(around.count, np.nan)
    near = around.near_matter
    bins = int(around.reach / FINE) + 2
    scaled = near.distance / FINE
    place = scaled.astype(np.int64)
    scaled -= place
    # A distance is shared between the two nearest bin middles, so that its mean is kept.
    row = (2 * near.i + (around.species[near.j] == B)) * bins + place
    size = 2 * around.count * bins
    shared = np.bincount(row, weights=1 - scaled, minlength=size) + np.bincount(row + 1, weights=scaled, minlength=size)
    radius = STEP * (np.arange(round(RANGE / STEP)) + 0.5)
    middle = FINE * np.arange(bins)
    narrower = WIDTH**2 - FINE**2 / 6  # sharing has widened every distance by this much already
    smooth = np.exp(-((radius - middle[:, None]) ** 2) / (2 * narrower)) / np.sqrt(2 * np.pi * narrower)
    found = (shared.reshape(-1, bins) @ smooth).reshape(around.count, 2, len(radius))
    members = around.members.sum()
    entropy = np.zeros(around.count)
    for column, kind in ((0, A), (1, B)):
        fraction = around.of(kind).sum() / members
        if fraction == 0:
            continue
        g = found[:, column] / (2 * np.pi * radius * around.density * fraction)
        entropy -= np.pi * around.density * fraction * ((xlogy(g, g) - g + 1) @ (radius * STEP))
    return np.where(around.matter & ~_near_a_void(around), entropy, np.nan)


def _near_a_void(around: Surroundings) -> np.ndarray:
    """(N,) bool, particles nearer than RANGE to one whose cell is not closed, or to the substrate."""
    exposed = ~around.cells.closed | ~around.matter
    if not exposed.any():
        return exposed
    near = around.near.select(around.near.distance < RANGE)
    return exposed | (np.bincount(near.i, weights=exposed[near.j], minlength=around.count) > 0)
