"""Energies and forces of one replica as it stands."""

from __future__ import annotations

from vitrify.md.engines.replica.dynamics import all_forces, rebuild
from vitrify.md.engines.replica.forces import pair_energies
from vitrify.md.engines.replica.state import DONE, LIST_FULL


def energies_replica(particles, neighbours, grid, box, pairs, energies, scratch):
    """Set ``energies`` to the pair energy of each particle; returns how it ended."""
    if not rebuild(particles, neighbours, grid, box, pairs, scratch):
        return LIST_FULL
    pair_energies(particles, neighbours, box, pairs, energies)
    return DONE


def forces_replica(particles, neighbours, grid, box, pairs, externals, scratch):
    """Set fx, fy to the forces; returns how it ended."""
    if not rebuild(particles, neighbours, grid, box, pairs, scratch):
        return LIST_FULL
    all_forces(particles, neighbours, box, pairs, externals)
    return DONE
