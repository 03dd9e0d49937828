"""Filters for pictures of a periodic box: rings and circular waves."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array


def patch(reach: float, nominal: float, pixel: Array) -> tuple[Array, Array]:
    """Distance [sigma_AA] and angle of each pixel of a square patch from its middle, (odd, odd) each.

    Args:
        reach: half of the patch's edge, at least [sigma_AA].
        nominal: edge of a pixel that says how many the patch has [sigma_AA].
        pixel: (2,) the edges as they are.
    """
    half = int(np.ceil(reach / nominal))
    along = jnp.arange(-half, half + 1)
    x, y = jnp.broadcast_arrays(along[None, :] * pixel[0], along[:, None] * pixel[1])
    return jnp.sqrt(x**2 + y**2), jnp.arctan2(y, x)


def bumps(reach: float, count: int, nominal: float, pixel: Array) -> Array:
    """(count, odd, odd): overlapping rings, the first a spot in the middle, each as heavy as the others per length."""
    distance, _ = patch(reach, nominal, pixel)
    spacing = reach / count
    radius = (jnp.arange(count) * spacing)[:, None, None]
    rings = jnp.exp(-0.5 * ((distance - radius) / (0.7 * spacing)) ** 2) * (distance < reach)
    return rings / (spacing + radius)


def circular_waves(angles: Sequence[int], reach: float, nominal: float, pixel: Array) -> Array:
    """(angles, 2, odd, odd): cos(l theta) and sin(l theta); 0 in the middle, where there is no angle, but for l = 0."""
    distance, theta = patch(reach, nominal, pixel)
    order = jnp.asarray(angles)[:, None, None]
    middle = (distance < 1e-6) & (order > 0)
    return jnp.where(middle[:, None], 0.0, jnp.stack([jnp.cos(order * theta), jnp.sin(order * theta)], axis=1))


def placed(patches: Array, shape: tuple[int, ...]) -> Array:
    """Patches (..., odd, odd) on an empty canvas, their middles at pixel (0, 0), wrapped around."""
    half = patches.shape[-1] // 2
    place = jnp.arange(-half, half + 1)
    canvas = jnp.zeros((*patches.shape[:-2], *shape), patches.dtype)
    return canvas.at[..., (place % shape[0])[:, None], (place % shape[1])[None, :]].add(patches)
