"""What a configuration's energy is, found apart from every engine.

Neighbours come from freud, energies are summed here in double precision: a check on the energies that an engine wrote
into a run's table, and the energy per particle that a film's bulk slab is averaged over.
"""

from __future__ import annotations

import numpy as np

from vitrify.analysis.structure.neighbours import Neighbours, neighbours_within
from vitrify.md.model import EMPTY, PairTable
from vitrify.md.pair_law import coefficients, half_energy


def particle_energies(
    pairs: PairTable, positions: np.ndarray, species: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]
) -> np.ndarray:
    """Pair energy of each particle: half of every pair to each partner, **truncated, not shifted**.

    Args:
        pairs: the pair table.
        positions: (N, 2) float64 [sigma_AA].
        species: (N,) indices into the table; EMPTY slots have no energy.
        box: (2,) edge lengths [sigma_AA].
        periodic: which axes are periodic.

    Returns:
        (N,) float64 [eps_AA]; the mean over particles is the energy a table reports.

    Raises:
        ValueError: for a species outside the table, or a box shorter than twice the longest cut-off.

    >>> from vitrify.md.model import A, kob_andersen_pairs
    >>> dimer = np.array([[0.0, 0.0], [2 ** (1 / 6), 0.0]])
    >>> box = np.array([10.0, 10.0])
    >>> particle_energies(kob_andersen_pairs(), dimer, np.array([A, A]), box, (True, True)).round(12).tolist()
    [-0.5, -0.5]
    """
    species = np.asarray(species)
    if species.max(initial=EMPTY) >= pairs.species or species.min(initial=EMPTY) < EMPTY:
        raise ValueError(f"species: got {np.unique(species).tolist()}, expected indices below {pairs.species}")
    filled = np.flatnonzero(species != EMPTY)
    near = neighbours_within(pairs.longest_cutoff, np.asarray(positions, np.float64)[filled], box, periodic)
    energies = np.zeros(len(species))
    energies[filled] = energies_of_pairs(pairs, near, species[filled])
    return energies


def energies_of_pairs(pairs: PairTable, near: Neighbours, species: np.ndarray) -> np.ndarray:
    """Pair energy of each particle (N,) from pairs that are there: all those within the longest cut-off, or more."""
    pair = species[near.i], species[near.j]
    numerator, offset = (table[pair] for table in coefficients(pairs.epsilon, pairs.sigma))
    energy = half_energy(numerator / near.distance**2, numerator, offset)
    return np.bincount(near.i, np.where(near.distance < pairs.r_cut[pair], energy, 0.0), minlength=len(species))
