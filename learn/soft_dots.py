"""Pictures of soft dots, drawn on the device: each particle a Gaussian, each species a channel, exact to the pixel.

Unlike the hard dots of :mod:`vitrify.learn.render` they show where a particle is to a small part of a pixel, and they
are smooth in the positions. The edge of a pixel is a length [sigma_AA], so that boxes and windows of any size are drawn
to one scale; along a periodic axis, which takes a whole number of pixels, the edge differs from it by less than half a
pixel over the box, and the network is told by how much.

Places are rounded to 1/1024 of a pixel before anything is drawn. A translation by whole pixels therefore rolls the
picture, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from vitrify.learn.configurations import Configurations
from vitrify.md.model import EMPTY

CELLS = 1024
"""Places are known to this part of a pixel."""

EXTENT = 3.0
"""A dot ends at so many of its widths."""


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """What a batch of configurations is drawn on.

    Attributes:
        shape: pixels along y and x.
        pixel: (2,) edge of a pixel along x and y [sigma_AA].
    """

    shape: tuple[int, int]
    pixel: np.ndarray


def canvas_of(configurations: Configurations, pixel: float, margin: float) -> Canvas:
    """A canvas that all configurations of a set are drawn on.

    Args:
        configurations: of one box size along every periodic axis.
        pixel: edge of a pixel [sigma_AA].
        margin: void beyond an open edge [sigma_AA].

    Raises:
        ValueError: for boxes of different size, or some periodic and some not.
    """
    shape, edges = [], []
    for axis, name in enumerate("xy"):
        wraps, edge = configurations.periodic[:, axis], configurations.box[:, axis]
        if wraps.any() != wraps.all():
            raise ValueError(f"axis {name}: got periodic and open configurations, expected one kind on a picture")
        if wraps.any():
            if not np.allclose(edge, edge[0], rtol=1e-6):
                raise ValueError(
                    f"box: got edges from {edge.min():g} to {edge.max():g}, expected one size on a picture"
                )
            pixels = max(1, round(float(edge[0]) / pixel))
            edges.append(float(edge[0]) / pixels)
        else:
            filled = np.asarray(configurations.species) != EMPTY
            low, high = _extent(np.asarray(configurations.positions), filled)
            pixels = 8 * int(np.ceil((float((high - low)[:, axis].max()) + margin) / pixel / 8))
            edges.append(pixel)
        shape.append(pixels)
    return Canvas(shape=(shape[1], shape[0]), pixel=np.array(edges))


def places(configurations: Configurations, canvas: Canvas) -> np.ndarray:
    """(C, N, 2) float32 places in pixels, multiples of 1/CELLS; a window lies in the middle of its canvas."""
    positions = np.asarray(configurations.positions)
    filled = np.asarray(configurations.species) != EMPTY
    low, high = _extent(positions, filled)
    middle = np.where(configurations.periodic, 0.0, (low + high) / 2)[:, None]
    edge = np.array(canvas.shape[::-1]) * CELLS
    cells = np.floor((positions - middle) / canvas.pixel * CELLS + edge / 2)
    return (np.where(filled[..., None], cells % edge, 0) / CELLS).astype(np.float32)


def _extent(positions: np.ndarray, filled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest coordinates of the particles of each configuration, (C, 2) each."""
    there = filled[..., None]
    return np.where(there, positions, np.inf).min(axis=1), np.where(there, positions, -np.inf).max(axis=1)


@partial(jax.jit, static_argnames=("shape", "width", "channels"))
def draw(place: Array, species: Array, weight: Array, *, shape: tuple[int, int], width: float, channels: int) -> Array:
    """Draw a batch.

    Args:
        place: (B, N, 2) in pixels, x and y; wrapped around the canvas.
        species: (B, N), EMPTY is not drawn.
        weight: (B, N) of each particle's dot.
        shape: pixels along y and x.
        width: standard deviation of a dot, in pixels.
        channels: of the picture, one a species.

    Returns:
        (B, species, rows, columns) float32; the pixels of a dot add up to its weight, but for what is cut off.
    """
    reach = int(np.ceil(EXTENT * width))
    offset = jnp.arange(-reach, reach + 1)
    rows, columns = shape
    first = jnp.floor(place).astype(jnp.int32)
    away = (place - first)[..., None] - 0.5 - offset
    bell = jnp.exp(-0.5 * (away / width) ** 2) / (np.sqrt(2 * np.pi) * width)
    value = bell[..., 1, :, None] * bell[..., 0, None, :] * jnp.where(species == EMPTY, 0.0, weight)[..., None, None]
    batch = jnp.arange(len(place))[:, None, None, None]
    channel = jnp.maximum(species, 0).astype(jnp.int32)[..., None, None]
    row = (first[..., 1, None] + offset)[..., :, None] % rows
    column = (first[..., 0, None] + offset)[..., None, :] % columns
    return jnp.zeros((len(place), channels, rows, columns), value.dtype).at[batch, channel, row, column].add(value)


def seen_at(maps: Array, place: Array) -> Array:
    """What maps (B, ..., P, Q) hold at places (B, N, 2), in pixels, as (B, N, ...).

    Linear between the middles of the four pixels around a place, and so continuous in it; wrapped around the canvas.
    """
    rows, columns = maps.shape[-2:]
    first = jnp.floor(place - 0.5)
    along = place - 0.5 - first
    column, row = jnp.moveaxis(first.astype(jnp.int32), -1, 0)
    across = jnp.moveaxis(maps, (-2, -1), (1, 2))
    batch = jnp.arange(len(maps))[:, None]
    found = jnp.zeros(())
    for right in (0, 1):
        for up in (0, 1):
            weight = jnp.abs(1 - right - along[..., 0]) * jnp.abs(1 - up - along[..., 1])
            here = across[batch, (row + up) % rows, (column + right) % columns]
            found = found + weight.reshape(*weight.shape, *(1,) * (here.ndim - 2)) * here
    return found
