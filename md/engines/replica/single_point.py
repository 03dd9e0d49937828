"""Energies, virials and forces of one replica as it stands."""

from __future__ import annotations

from vitrify.md.engines.replica.dynamics import all_forces, rebuild
from vitrify.md.engines.replica.forces import pair_sums
from vitrify.md.engines.replica.state import DONE, LIST_FULL


def measure_replica(particles, neighbours, grid, box, pairs, energies, virials, scratch):
    """Set ``energies`` and ``virials`` to the pair energy and virial of each particle; returns how it ended."""
    if not rebuild(particles, neighbours, grid, box, pairs, scratch):
        return LIST_FULL
    pair_sums(particles, neighbours, box, pairs, energies, virials)
    return DONE


def forces_replica(particles, neighbours, grid, box, pairs, externals, scratch):
    """Set fx, fy to the forces; returns how it ended."""
    if not rebuild(particles, neighbours, grid, box, pairs, scratch):
        return LIST_FULL
    all_forces(particles, neighbours, box, pairs, externals)
    return DONE
