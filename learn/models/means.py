"""Means over the particles of a configuration, in units in which training configurations differ.

The mean of a number over a thousand particles differs between configurations by little, and means of numbers that
overlap (the shells around a particle) differ together: what tells classes apart may lie where they hardly differ at
all. Divided by the spread of each, such means are learnt slowly, by gradients that point along the others. So they are
whitened: turned and scaled until their covariance over training configurations is the unit matrix, as far as a
covariance is known from so many of them.

Source: O. Ledoit and M. Wolf, J. Multivar. Anal. 88, 365 (2004), for how far that is.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jax import Array
from sklearn.covariance import LedoitWolf

SAME = 1e-9
"""A number whose spread is below this part of its size is the same in all configurations."""


def species_means(numbers: Array, share: Array) -> Array:
    """(B, S, F): means of numbers (B, N, F) over the particles of each species.

    Args:
        numbers: of particles.
        share: (B, N, S), what each particle counts for each species; a species without particles has mean 0.
    """
    return jnp.einsum("bns,bnf->bsf", share, numbers) / jnp.maximum(share.sum(axis=1), 1)[..., None]


def whitening(means: np.ndarray) -> dict[str, np.ndarray]:
    """How means (C, D) of training configurations are whitened: ``centre`` (D,) and ``directions`` (D, D).

    >>> means = np.random.default_rng(0).normal(size=(5000, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    >>> white = (means - whitening(means)["centre"]) @ whitening(means)["directions"]
    >>> np.round(np.cov(white.T), 1).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    means = np.asarray(means, np.float64)
    centre, spread = means.mean(axis=0), means.std(axis=0)
    scale = np.where(spread > SAME * np.abs(means).max(axis=0, initial=0), 1 / np.maximum(spread, 1e-300), 0.0)
    covariance = LedoitWolf(assume_centered=True).fit((means - centre) * scale).covariance_
    variance, along = np.linalg.eigh(covariance)
    inverse = 1 / np.sqrt(np.maximum(variance, SAME * max(variance.max(initial=0.0), SAME)))
    return {"centre": centre.astype(np.float32), "directions": (scale[:, None] * along * inverse).astype(np.float32)}


def whitened(means: Array, scaling: Mapping[str, Array]) -> Array:
    """Means (B, S, F) as (B, S F) in units of what training configurations differ by."""
    flat = means.reshape(len(means), -1)
    return jnp.einsum("bd,bde->be", flat - scaling["centre"], scaling["directions"])
