"""Square windows cut out of larger systems, all of one size: what a model takes that takes windows.

A window is open on both axes, its particles stand in [0, edge); how many they are is left to chance. Its energy is
that of its particles in the whole inherent structure, with their neighbours outside of the window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.films.film import Bulk, Film


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Where a window lies and how to look into it.

    Attributes:
        corner: (2,) its lower left corner [sigma_AA].
        edge: of the square [sigma_AA].
        box: (2,) of the system, infinite along an open axis [sigma_AA].
    """

    corner: np.ndarray
    edge: float
    box: np.ndarray

    def cut(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which particles lie in it, (N,) bool, and where from its corner, (n, 2) [sigma_AA]."""
        periods = np.where(np.isfinite(self.box), self.box, 0.0)
        local = positions - self.corner
        local = local - periods * np.floor(np.divide(local, periods, out=np.zeros_like(local), where=periods > 0))
        inside = np.asarray(((local >= 0) & (local < self.edge)).all(axis=1))
        return inside, local[inside]


def edge_for(particles: int, density: float) -> float:
    """Edge of a square that holds ``particles`` on average [sigma_AA].

    >>> edge_for(120, 1.2)
    10.0
    """
    if particles < 1:
        raise ValueError(f"window: got {particles} particles, expected at least 1")
    return round(float(np.sqrt(particles / density)), 9)


def tiles(box: np.ndarray, edge: float) -> list[Piece]:
    """Windows side by side in a periodic box, as many as fit, from its lower corner (-box / 2) on.

    Raises:
        ValueError: when not one fits.

    >>> [piece.corner.tolist() for piece in tiles(np.array([10.0, 6.0]), 4.0)]
    [[-5.0, -3.0], [-1.0, -3.0]]
    """
    fit = np.floor(box / edge + 1e-9).astype(int) if edge > 0 else np.zeros(2, dtype=int)
    if not fit.all():
        raise ValueError(f"window: got an edge of {edge:g}, expected at most that of the box, {min(box):g} sigma_AA")
    corners = [(-box / 2 + edge * np.array([column, row])) for row in range(fit[1]) for column in range(fit[0])]
    return [Piece(corner=corner, edge=edge, box=np.asarray(box, dtype=np.float64)) for corner in corners]


def film_windows(film: Film, bulk: Bulk, edge: float) -> list[Piece]:
    """Windows in the bulk of a film that do not overlap, taken from the bottom up and from left to right.

    Each lies between the faces of the slab, and everywhere as deep below the nearest surface as the bulk begins.
    """
    pixels = film.pixels
    heights = (pixels.edges[1:] + pixels.edges[:-1]) / 2
    free = (pixels.depth >= bulk.depth) & ((heights > bulk.low) & (heights < bulk.high))[:, None]
    side = int(np.ceil(edge / pixels.width))
    rise = int(np.ceil(edge / (pixels.edges[1] - pixels.edges[0])))
    box = np.array([film.box_length, np.inf])
    return [
        Piece(corner=np.array([column * pixels.width, pixels.edges[row]]), edge=edge, box=box)
        for row, column in _packed(free, rise, side)
    ]


def _packed(free: np.ndarray, rise: int, side: int) -> Iterator[tuple[int, int]]:
    """Lower left pixels of rectangles of free pixels, periodic along a row, that share none."""
    free = free.copy()
    rows, columns = free.shape
    if side > columns:
        return
    for row in range(rows - rise + 1):
        usable = np.flatnonzero(free[row : row + rise].all(axis=0))
        if len(usable) < side:
            continue
        for column in range(columns):
            across = np.arange(column, column + side) % columns
            if free[row : row + rise, across].all():
                free[row : row + rise, across] = False
                yield row, column
