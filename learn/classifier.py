"""A trained network: from configurations to the probability of each class."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np
from flax import nnx

from vitrify.learn.batches import ahead
from vitrify.learn.datasets import Configurations
from vitrify.learn.models.base import Architecture
from vitrify.md.model import EMPTY

CHUNK = 64
"""Configurations that go through a network at a time."""

SAME_DENSITY = 0.02
"""Densities that differ by less are taken for one."""


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """An architecture with its weights.

    Attributes:
        architecture: the kind of network and its options.
        classes: names of the classes, in the order of their labels.
        scaling: what the inputs are scaled with.
        weights: by their path in the module, such as ``dense/kernel``; running averages included.
        density: of the periodic configurations it was trained on [sigma_AA^-2]; NaN where there were none.
    """

    architecture: Architecture
    classes: tuple[str, ...]
    scaling: Mapping[str, np.ndarray]
    weights: Mapping[str, Any] = field(repr=False)
    density: float = np.nan

    def module(self) -> nnx.Module:
        """The Flax module with these weights, in evaluation mode: ``module(inputs) -> logits (B, classes)``."""
        graph, rest, template = skeleton(self.architecture, len(self.classes))
        return nnx.merge(graph, rest, filled(template, self.weights))

    def probabilities(self, configurations: Configurations) -> np.ndarray:
        """(C, classes) float64, rows adding up to 1.

        Raises:
            ValueError: for periodic configurations of another density than those of the training, whose structure
                differs for that reason alone.
        """
        return softmax(self.judged(configurations))

    def judged(self, configurations: Configurations) -> np.ndarray:
        """(C, classes) float64, the logits of configurations; raises as :meth:`probabilities` does."""
        rows = np.arange(len(configurations))
        density = periodic_density(configurations, rows)
        if abs(density / self.density - 1) > SAME_DENSITY:  # never for NaN
            raise ValueError(f"density: got {density:.4g}, expected {self.density:.4g} per sigma_AA^2, as in training")
        return self.logits(self.architecture.encode(configurations), rows)

    def logits(self, encoded: Any, rows: np.ndarray) -> np.ndarray:
        """(R, classes) float64 for the rows of what `encode` of its architecture made, a chunk at a time."""
        graph, rest, template = skeleton(self.architecture, len(self.classes))
        weights = filled(template, self.weights)
        size = min(CHUNK, len(rows))  # one shape, compiled once: the last chunk is filled up with its own rows

        def inputs(chunk: int) -> Any:
            return self.architecture.inputs(
                encoded, np.resize(rows[chunk * CHUNK : (chunk + 1) * CHUNK], size), self.scaling
            )

        chunks = ahead(inputs, range(math.ceil(len(rows) / CHUNK)))
        logits = [np.asarray(_forward(graph, rest, weights, seen), np.float64) for seen in chunks]
        return np.concatenate([np.empty((0, len(self.classes))), *logits])[: len(rows)]


def periodic_density(configurations: Configurations, rows: np.ndarray) -> float:
    """Mean number density of the configurations at ``rows`` that have no open axis [sigma_AA^-2]; NaN for none."""
    rows = rows[configurations.periodic[rows].all(axis=1)]
    if not len(rows):
        return np.nan
    sample = rows[:: max(1, len(rows) // CHUNK)]  # species may be mapped from a file: no need to read them all
    particles = (configurations.species[sample] != EMPTY).sum(axis=1)
    return float((particles / configurations.box[sample].prod(axis=1)).mean())


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of the classes along the last axis.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    weight = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    return weight / weight.sum(axis=-1, keepdims=True)


@lru_cache(maxsize=8)
def skeleton(architecture: Architecture, classes: int) -> tuple[nnx.GraphDef, nnx.State, nnx.State]:
    """A network in evaluation mode without weights.

    Returns:
        Its graph; its random streams, which nothing draws from in evaluation; and shapes in place of its weights.
    """
    module = nnx.eval_shape(lambda: architecture.network(classes, nnx.Rngs(0)))
    module.eval()
    graph, keys, counts, template = nnx.split(module, nnx.RngKey, nnx.RngCount, ...)
    streams = nnx.merge_state(
        jax.tree.map(lambda leaf: jax.random.key(0), keys), jax.tree.map(lambda leaf: np.zeros((), leaf.dtype), counts)
    )
    return graph, streams, template


def flat(state: nnx.State) -> dict[str, Any]:
    """The arrays of a state by path.

    >>> sorted(flat(nnx.state(nnx.Linear(1, 2, rngs=nnx.Rngs(0)))))
    ['bias', 'kernel']
    """
    return {"/".join(map(str, path)): leaf.get_value() for path, leaf in nnx.to_flat_state(state)}


def filled(template: nnx.State, arrays: Mapping[str, Any]) -> nnx.State:
    """A state of the same form with other arrays.

    Raises:
        ValueError: when an array is missing, left over, or of another shape.
    """
    shapes = {name: leaf.shape for name, leaf in flat(template).items()}
    if shapes != (got := {name: np.shape(array) for name, array in arrays.items()}):
        odd = sorted(name for name in {*shapes, *got} if shapes.get(name) != got.get(name))[0]
        raise ValueError(f"weights: got {odd} of shape {got.get(odd)}, the network has {shapes.get(odd)}")
    filled = [(path, leaf.replace(arrays["/".join(map(str, path))])) for path, leaf in nnx.to_flat_state(template)]
    return nnx.from_flat_state(filled)


@partial(jax.jit, static_argnums=0)
def _forward(graph, rest, weights, inputs):
    return nnx.merge(graph, rest, weights)(inputs)
