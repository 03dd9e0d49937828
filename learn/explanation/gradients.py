"""Integrated gradients: what each pixel of a picture, and so each particle, adds to a score.

The score of a picture x less that of a reference x0 is, along the straight line between the two, the sum over pixels of

    (x - x0) * mean over a in (0, 1) of d score / d pixel at x0 + a (x - x0),

to the accuracy of that mean. The reference is the mean of the picture over all its translations: the same composition
and density without any structure. A pixel goes to the particle that is nearest to it.

Grad-CAM of the last layer, for ``cnn``, whose last layer is averaged over dots, is its ``contribution``: see
:meth:`vitrify.learn.models.cnn.Harmonic.particle_numbers`.

Source: M. Sundararajan, A. Taly and Q. Yan, ICML 2017, arXiv 1703.01365.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from scipy.spatial import KDTree

from vitrify.learn.classifier import Classifier, filled, skeleton
from vitrify.learn.configurations import Configurations
from vitrify.learn.models.cnn import Cnn
from vitrify.md.model import EMPTY

STEPS = 24
"""Places along the line from reference to picture at which the slope is taken."""


def sees_pictures(classifier: Classifier) -> bool:
    """Whether a network looks at pictures."""
    return classifier.architecture.name in ("cnn", "cnn2018")


def integrated_gradients(classifier: Classifier, inputs: Any, steps: int = STEPS) -> np.ndarray:
    """(S, P, Q): what each pixel of the first picture adds to the logit of the last class less that of the first.

    Args:
        classifier: of a kind that looks at pictures.
        inputs: what its architecture shows of one configuration.
        steps: see STEPS.
    """
    graph, rest, template = skeleton(classifier.architecture, len(classifier.classes))
    weights = filled(template, classifier.weights)
    picture = jnp.asarray(picture_of(inputs), jnp.float32)
    reference = jnp.broadcast_to(picture.mean(axis=(-2, -1), keepdims=True), picture.shape)
    total = np.zeros(picture.shape[1:])
    for place in (np.arange(steps) + 0.5) / steps:
        between = reference + np.float32(place) * (picture - reference)
        total += np.asarray(_slope(graph, rest, weights, inputs, between))[0]
    return total / steps * np.asarray(picture - reference)[0]


def reference_inputs(inputs: Any) -> Any:
    """The inputs that :func:`integrated_gradients` begins with: every pixel at its mean over the picture."""
    picture = jnp.asarray(picture_of(inputs), jnp.float32)
    return with_picture(inputs, jnp.broadcast_to(picture.mean(axis=(-2, -1), keepdims=True), picture.shape))


def picture_of(inputs: Any) -> Any:
    """(B, S, P, Q) the picture among a network's inputs, rows from the bottom."""
    return inputs["picture"] if isinstance(inputs, Mapping) else jnp.moveaxis(jnp.asarray(inputs), -1, 1)


def with_picture(inputs: Any, picture: Any) -> Any:
    """The same inputs with another picture."""
    return {**inputs, "picture": picture} if isinstance(inputs, Mapping) else jnp.moveaxis(picture, 1, -1)


def attributions(classifier: Classifier, configurations: Configurations) -> tuple[list[np.ndarray], np.ndarray]:
    """What pixels and particles add to a score.

    Returns:
        maps, (P, Q) of each configuration, the sum over species; and (C, N) float64, of each particle the sum over the
        pixels that are nearest to it, times the number of particles: so that their mean is the logit of the last class
        less the first, less that of the reference. NaN in empty slots.
    """
    kind = classifier.architecture
    # A cnn would keep what its filters see: drawn alone, pictures are among its inputs.
    encoded = kind.drawn(configurations) if isinstance(kind, Cnn) else kind.encode(configurations)
    maps, numbers = [], np.full(configurations.species.shape, np.nan)
    for row in range(len(configurations)):
        inputs = kind.inputs(encoded, np.array([row]), classifier.scaling)
        maps.append(integrated_gradients(classifier, inputs).sum(axis=0))
        there = np.flatnonzero(np.asarray(configurations.species[row]) != EMPTY)
        places = inputs["place"][0] if isinstance(inputs, Mapping) else kind.places(encoded, row)  # type: ignore[attr-defined]
        owner = nearest_particle(np.asarray(places)[there], maps[-1].shape, configurations.periodic[row])
        numbers[row, there] = len(there) * np.bincount(owner.ravel(), maps[-1].ravel(), len(there))
    return maps, numbers


def nearest_particle(places: np.ndarray, shape: tuple[int, ...], periodic: np.ndarray) -> np.ndarray:
    """(P, Q) the particle nearest to the middle of each pixel.

    Args:
        places: (N, 2) x and y in pixels.
        shape: pixels along y and x.
        periodic: (2,) whether x and y wrap around.
    """
    edges = np.array(shape[::-1], dtype=np.float64)
    wrapped = np.where(periodic, places % edges, places)
    size = np.where(periodic, edges, 0.0)  # 0: an open axis
    wrapped = np.where(periodic & (wrapped >= edges), 0.0, wrapped)
    row, column = np.mgrid[: shape[0], : shape[1]] + 0.5
    return np.asarray(KDTree(wrapped, boxsize=size).query(np.stack([column, row], axis=-1))[1])


@partial(jax.jit, static_argnums=0)
def _slope(graph: nnx.GraphDef, rest: nnx.State, weights: nnx.State, inputs: Any, picture: jax.Array) -> jax.Array:
    def score(shown):
        logits: Any = nnx.merge(graph, rest, weights)(with_picture(inputs, shown))  # type: ignore[operator]
        return logits[0, -1] - logits[0, 0]

    return jax.grad(score)(picture)
