"""Pictures of configurations: one dot a particle, one channel a species, periodic, exact to the pixel.

The convention. A square box of edge L is covered by P x P pixels; pixel ``[row, column]`` spans
``[column, column + 1) L/P`` in x and ``[row, row + 1) L/P`` in y, both counted from the lower edge of the box: -L/2 on
a periodic axis, 0 on an open one (see :class:`vitrify.md.ensemble.Ensemble`). Row 0 is therefore the bottom of the box:
show images with ``origin="lower"``.

A particle lights every pixel whose centre lies within the dot radius of it, and always the pixel it lies in. Dots reach
across periodic edges and are cut at open ones. Species have channels of their own, so that dots of different species
never hide each other, and dots of one species merge: the order of the particles cannot matter.

Positions are first rounded to the middle of one of 256 x 256 cells a pixel, and everything after that is integer
arithmetic. So a translation by whole pixels is ``np.roll`` to the bit, and a quarter turn is ``np.rot90``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from vitrify.learn.symmetry import Symmetry

CELLS = 256
"""Cells along the edge of a pixel: positions are known to 1/512 of a pixel."""

LIT = 255
"""Value of a lit pixel."""


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """How a configuration becomes a picture.

    Attributes:
        pixels: pixels P along the edge of the box.
        dot_radius: radius of a dot [sigma_AA]; 0 lights one pixel a particle. At the log's 250 pixels for L = 60 the
            default is one pixel, and dots of neighbours (0.8 sigma_AA apart and more) do not touch.
        colour: one channel a species if true, one channel for all if not.
        species: number of species that may occur.

    Raises:
        ValueError: for a size or radius outside its range.
    """

    pixels: int = 250
    dot_radius: float = 0.25
    colour: bool = True
    species: int = 2

    def __post_init__(self):
        if not 1 <= self.pixels <= 4096:
            raise ValueError(f"pixels: got {self.pixels}, expected 1 to 4096")
        if not 0 <= self.dot_radius <= 2:
            raise ValueError(f"dot_radius: got {self.dot_radius}, expected 0 to 2 sigma_AA")
        if self.species < 1:
            raise ValueError(f"species: got {self.species}, expected at least 1")

    @property
    def channels(self) -> int:
        """Channels of an image."""
        return self.species if self.colour else 1


def render(
    positions: np.ndarray,
    species: np.ndarray,
    box: np.ndarray,
    periodic: np.ndarray,
    spec: ImageSpec,
    symmetry: Symmetry | None = None,
) -> np.ndarray:
    """Draw a batch of configurations.

    Args:
        positions: (B, N, 2) [sigma_AA].
        species: (B, N) int; a negative species is an empty slot and is not drawn.
        box: (B, 2) edge lengths, square [sigma_AA].
        periodic: (B, 2) bool, or (2,) for all.
        spec: how.
        symmetry: draws every configuration as that one of its equivalents: shifted along its periodic axes, mirrored
            and turned where both axes are periodic. None draws it as it stands.

    Returns:
        (B, P, P, C) uint8, 255 where a pixel is lit and 0 where it is not.

    Raises:
        ValueError: for boxes that are not square, or a species that has no channel.

    >>> spec = ImageSpec(pixels=4, dot_radius=0.0)
    >>> corner = np.array([[[-2.0, -2.0]]])
    >>> image = render(corner, np.zeros((1, 1), np.int8), np.array([[4.0, 4.0]]), np.array([True, True]), spec)
    >>> image[0, :, :, 0].tolist()[0]
    [255, 0, 0, 0]
    """
    periodic = np.broadcast_to(periodic, box.shape)
    if species.max(initial=-1) >= spec.species:
        raise ValueError(f"species: got {int(species.max())}, expected 0 to {spec.species - 1}")
    cells = cells_of(positions, box, periodic, spec.pixels)
    if symmetry is not None:
        cells = equivalent(cells, periodic, spec.pixels * CELLS, symmetry)
    channel = species if spec.colour else np.minimum(species, 0)
    radius = 2 * CELLS * spec.pixels * spec.dot_radius / box[:, 0]
    images = np.zeros((len(cells), spec.pixels, spec.pixels, spec.channels), np.uint8)
    _draw(images, cells, np.ascontiguousarray(channel, np.int8), radius, np.ascontiguousarray(periodic))
    return images


def cells_of(positions: np.ndarray, box: np.ndarray, periodic: np.ndarray, pixels: int) -> np.ndarray:
    """The cell each particle lies in, (B, N, 2) int32 as (x, y), wrapped to [0, 256 P) on a periodic axis."""
    if not np.allclose(box[:, 0], box[:, 1], rtol=1e-9, atol=0):
        odd = box[~np.isclose(box[:, 0], box[:, 1], rtol=1e-9, atol=0)][0]
        raise ValueError(f"box: got {odd[0]:g} x {odd[1]:g}, expected a square, so that x and y are drawn to one scale")
    edge = pixels * CELLS
    fraction = positions / box[:, None] + np.where(periodic, 0.5, 0.0)[:, None]
    cells = np.clip(np.floor(fraction * edge), -(2**30), 2**30).astype(np.int32)
    return np.where(periodic[:, None], cells % edge, cells)


def equivalent(cells: np.ndarray, periodic: np.ndarray, edge: int, symmetry: Symmetry) -> np.ndarray:
    """Each configuration as one of those that physics cannot tell from it.

    Eight turns and mirror images where both axes are periodic; a mirror image along x alone in a film, which has an up
    and a down; and a shift, in whole cells, along every periodic axis.

    Args:
        cells: (B, N, 2) int32.
        periodic: (B, 2) bool.
        edge: cells along the edge of the box.
        symmetry: which one.
    """
    mirrored = (symmetry.mirror & periodic)[:, None]
    swapped = (symmetry.swap & np.all(periodic, axis=1))[:, None, None]
    shift = np.floor(symmetry.shift.astype(np.float64) * edge).astype(np.int32)[:, None]
    cells = np.where(mirrored, edge - 1 - cells, cells)
    cells = np.where(swapped, cells[..., ::-1], cells)
    return np.where(periodic[:, None], (cells + shift) % edge, cells)


@numba.njit(cache=True, nogil=True)
def _draw(images, cells, channel, radius, periodic):  # pragma: no cover - compiled
    # Lengths in half cells: a pixel's centre is even, a particle (the middle of its cell) odd, so nothing ever ties.
    pixels = images.shape[1]
    for b in range(images.shape[0]):
        reach = int(radius[b] / (2 * CELLS)) + 1
        for n in range(cells.shape[1]):
            if channel[b, n] < 0:
                continue
            x, y = cells[b, n, 0], cells[b, n, 1]
            for i in range((y >> 8) - reach, (y >> 8) + reach + 1):
                if not periodic[b, 1] and (i < 0 or i >= pixels):
                    continue
                for j in range((x >> 8) - reach, (x >> 8) + reach + 1):
                    if not periodic[b, 0] and (j < 0 or j >= pixels):
                        continue
                    dx = float(2 * CELLS * j + CELLS - 2 * x - 1)
                    dy = float(2 * CELLS * i + CELLS - 2 * y - 1)
                    inside = dx * dx + dy * dy <= radius[b] * radius[b]
                    if inside or (i == y >> 8 and j == x >> 8):
                        images[b, i % pixels, j % pixels, channel[b, n]] = LIT
