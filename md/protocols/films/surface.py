"""Which particles are film and which are vapour: the film is what a chain of neighbours ties to the substrate."""

from __future__ import annotations

import numba
import numpy as np

from vitrify.md.model import EMPTY, SUBSTRATE

BOND_REACH = 1.5
"""Two particles closer than this are neighbours: the first minimum of g(r) of the glass [sigma_AA]."""


def attached(positions: np.ndarray, species: np.ndarray, box_length: float) -> np.ndarray:
    """Particles that a chain of neighbours connects to the substrate; the rest is vapour, droplets of it included.

    The highest particle of a film still growing is often vapour on its way down, which is why the film's top is the top
    of this set.

    Args:
        positions: (N, 2) of one replica, periodic in x [sigma_AA].
        species: (N,) with EMPTY for empty slots.
        box_length: Lx [sigma_AA].

    Returns:
        (N,) bool; substrate particles are attached by definition.

    >>> y = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 5.0]])
    >>> attached(y, np.array([SUBSTRATE, 0, 1, 0]), 30.0).tolist()
    [True, True, True, False]
    """
    found = np.zeros(len(species), dtype=bool)
    filled = np.flatnonzero(species != EMPTY)
    if len(filled):
        seeds = species[filled] == SUBSTRATE
        found[filled] = _spread(np.ascontiguousarray(positions[filled], dtype=np.float64), seeds, box_length)
    return found


def film_top(positions: np.ndarray, species: np.ndarray, box_length: float) -> float:
    """Height of the highest particle attached to the substrate, substrate included [sigma_AA]."""
    member = attached(positions, species, box_length)
    if not member.any():
        raise ValueError("film: got no substrate particle, expected a film that stands on one")
    return float(positions[member, 1].max())


@numba.njit(cache=True)
def _spread(positions, seeds, box_length):
    """Flood from the seeds through neighbours on a grid of cells one reach wide."""
    count = len(positions)
    columns = max(1, int(box_length / BOND_REACH))
    low = positions[:, 1].min()
    rows = int((positions[:, 1].max() - low) / BOND_REACH) + 1
    column, row = np.empty(count, np.int64), np.empty(count, np.int64)
    head = np.full((rows, columns), -1)
    following = np.full(count, -1)
    for i in range(count):
        column[i] = int(np.floor(positions[i, 0] / box_length * columns)) % columns
        row[i] = int((positions[i, 1] - low) / BOND_REACH)
        following[i] = head[row[i], column[i]]
        head[row[i], column[i]] = i
    found = seeds.copy()
    waiting, left = np.empty(count, np.int64), int(seeds.sum())
    waiting[:left] = np.flatnonzero(seeds)
    while left > 0:
        left -= 1
        i = waiting[left]
        for r in range(max(0, row[i] - 1), min(rows, row[i] + 2)):
            for step in range(min(3, columns)):
                j = head[r, (column[i] + step - 1) % columns]
                while j >= 0:
                    if not found[j]:
                        dx = positions[i, 0] - positions[j, 0]
                        dx -= box_length * np.rint(dx / box_length)
                        dy = positions[i, 1] - positions[j, 1]
                        if dx * dx + dy * dy < BOND_REACH * BOND_REACH:
                            found[j] = True
                            waiting[left] = j
                            left += 1
                    j = following[j]
    return found
