"""The two-dimensional Kob-Andersen mixture, and the NumPy oracle that every engine is held against.

Reduced Lennard-Jones units: energy eps_AA, length sigma_AA, mass 1, time tau = sigma_AA (m / eps_AA)^1/2, k_B = 1.
**Energies are truncated at the cut-off and not shifted.** Shifted energies lie 0.171 per particle higher at rho = 1.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vitrify.md.pair_law import coefficients, force_over_distance, half_energy

A, B, SUBSTRATE = 0, 1, 2
EMPTY = -1
SPECIES_NAMES = ("A", "B", "S")


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """The law of pair_law.py, Lennard-Jones, between every pair of species for ``r < r_cut``.

    Truncated, not shifted, in energy and force. Arrays are symmetric, shape (S, S), indexed by species.

    Attributes:
        epsilon: well depths [eps_AA].
        sigma: diameters [sigma_AA].
        r_cut: cut-off distances [sigma_AA].
    """

    epsilon: np.ndarray
    sigma: np.ndarray
    r_cut: np.ndarray

    def __post_init__(self):
        for name in ("epsilon", "sigma", "r_cut"):
            table = np.array(getattr(self, name), dtype=np.float64)
            if table.ndim != 2 or table.shape[0] != table.shape[1] or not np.array_equal(table, table.T):
                raise ValueError(f"{name}: got shape {table.shape}, expected a symmetric table (species, species)")
            if not (np.isfinite(table).all() and (table > 0).all()):
                raise ValueError(f"{name}: got {table.tolist()}, expected positive finite numbers")
            table.flags.writeable = False
            object.__setattr__(self, name, table)
        if not self.epsilon.shape == self.sigma.shape == self.r_cut.shape:
            raise ValueError("epsilon, sigma and r_cut: expected tables of one shape")

    @property
    def species(self) -> int:
        """Number of species."""
        return self.epsilon.shape[0]

    @property
    def longest_cutoff(self) -> float:
        """The largest cut-off of the table [sigma_AA]."""
        return float(self.r_cut.max())


def kob_andersen_pairs() -> PairTable:
    """The Kob-Andersen pair table of A and B, each pair cut at 2.5 of its own sigma.

    Source: Kob and Andersen, Phys. Rev. E 51, 4626 (1995); 65:35 in two dimensions after Bruening et al.,
    J. Phys.: Condens. Matter 21, 035117 (2009).

    >>> kob_andersen_pairs().r_cut.tolist()
    [[2.5, 2.0], [2.0, 2.2]]
    """
    sigma = np.array([[1.0, 0.8], [0.8, 0.88]])
    return PairTable(epsilon=np.array([[1.0, 1.5], [1.5, 0.5]]), sigma=sigma, r_cut=2.5 * sigma)


@dataclass(frozen=True, kw_only=True)
class KobAndersen2D:
    """The bulk mixture: N particles of A and B in a square periodic box.

    Attributes:
        particles: number of particles N.
        density: number density rho [sigma_AA^-2].
        fraction_a: fraction of A particles; the count of A is rounded to the nearest integer.

    Raises:
        ValueError: for a count, density or fraction outside its range, or a box too small for the cut-off.

    >>> model = KobAndersen2D()
    >>> model.count_a, model.count_b, round(model.box_length, 12)
    (2808, 1512, 60.0)
    """

    particles: int = 4320
    density: float = 1.2
    fraction_a: float = 0.65

    def __post_init__(self):
        if self.particles < 2:
            raise ValueError(f"particles: got {self.particles}, expected at least 2")
        if not 0 < self.density <= MAXIMUM_DENSITY:
            raise ValueError(f"density: got {self.density}, expected 0 < rho <= {MAXIMUM_DENSITY}")
        if not 0 <= self.fraction_a <= 1:
            raise ValueError(f"fraction_a: got {self.fraction_a}, expected 0 to 1")
        if self.box_length < 2 * self.pairs.longest_cutoff:
            raise ValueError(
                f"particles: got {self.particles} at rho {self.density}, a box of {self.box_length:.2f}; expected at "
                f"least twice the cut-off, {2 * self.pairs.longest_cutoff}"
            )

    @property
    def pairs(self) -> PairTable:
        """The pair table."""
        return kob_andersen_pairs()

    @property
    def box_length(self) -> float:
        """Edge of the square box [sigma_AA]."""
        return float(np.sqrt(self.particles / self.density))

    @property
    def count_a(self) -> int:
        """Number of A particles."""
        return round(self.particles * self.fraction_a)

    @property
    def count_b(self) -> int:
        """Number of B particles."""
        return self.particles - self.count_a

    @property
    def species(self) -> np.ndarray:
        """Species of every particle, (N,) int8: all A first, then all B."""
        return np.repeat(np.array([A, B], dtype=np.int8), [self.count_a, self.count_b])


MAXIMUM_DENSITY = 1.6
"""Beyond this density the mixture is squeezed far past any published state and random starts no longer relax."""


class SinglePoint(NamedTuple):
    """What the pairs of one configuration add up to.

    Attributes:
        energies: (N,) half of each pair's energy to each partner, truncated and not shifted [eps_AA].
        forces: (N, 2) [eps_AA / sigma_AA].
        virials: (N,) half of each pair's r . F to each partner [eps_AA].
    """

    energies: np.ndarray
    forces: np.ndarray
    virials: np.ndarray


def single_point(
    pairs: PairTable, positions: np.ndarray, species: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]
) -> SinglePoint:
    """The oracle: energies, forces and virials of one configuration in plain NumPy float64, every pair looked at.

    Args:
        pairs: the pair table.
        positions: (N, 2) [sigma_AA].
        species: (N,) indices into the table; EMPTY slots have no energy and no force.
        box: (2,) edge lengths [sigma_AA].
        periodic: which axes are periodic.

    >>> table = kob_andersen_pairs()
    >>> r = np.array([[0.0, 0.0], [2 ** (1 / 6), 0.0]])
    >>> energies, forces, virials = single_point(table, r, np.array([A, A]), np.array([10.0, 10.0]), (True, True))
    >>> energies.round(12).tolist(), bool(abs(forces).max() < 1e-12), bool(abs(virials).max() < 1e-12)
    ([-0.5, -0.5], True, True)
    """
    filled = np.flatnonzero(species != EMPTY)
    r, s = positions[filled].astype(np.float64), np.asarray(species)[filled]
    energies, forces, virials = np.zeros(len(species)), np.zeros((len(species), 2)), np.zeros(len(species))
    wrap = np.where(periodic, box, np.inf)
    numerator, offset = coefficients(pairs.epsilon, pairs.sigma)
    rows = 256
    for start in range(0, len(filled), rows):
        block = slice(start, start + rows)
        separation = minimum_image(r[block, None] - r[None], wrap)
        distance2 = np.einsum("ijk,ijk->ij", separation, separation)
        distance2[np.arange(distance2.shape[0]), np.arange(start, start + distance2.shape[0])] = np.inf
        pair = s[block, None], s[None]
        inside = distance2 < pairs.r_cut[pair] ** 2
        nearness = numerator[pair] / distance2
        energies[filled[block]] = half_energy(nearness, numerator[pair], offset[pair]).sum(axis=1, where=inside)
        strength = np.where(inside, force_over_distance(nearness, offset[pair]), 0.0)
        forces[filled[block]] = np.einsum("ij,ijk->ik", strength, separation)
        virials[filled[block]] = 0.5 * np.einsum("ij,ijk,ijk->i", strength, separation, separation)
    return SinglePoint(energies, forces, virials)


def pair_energies_and_forces(
    pairs: PairTable, positions: np.ndarray, species: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Energies (N,) and forces (N, 2) of `single_point`."""
    energies, forces, _ = single_point(pairs, positions, species, box, periodic)
    return energies, forces


def minimum_image(separation: np.ndarray, wrap: np.ndarray) -> np.ndarray:
    """The shortest of all periodic images of ``separation`` (..., 2); an axis with ``wrap`` infinite is open.

    >>> minimum_image(np.array([[6.0, 6.0]]), np.array([10.0, np.inf])).tolist()
    [[-4.0, 6.0]]
    """
    return separation - np.where(np.isfinite(wrap), wrap, 0.0) * np.rint(separation / wrap)
