"""A trained network: from configurations to the probability of each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from vitrify.learn.datasets import Configurations
from vitrify.learn.models.base import Architecture

CHUNK = 64
"""Configurations that go through a network at a time."""


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """An architecture with its weights.

    Attributes:
        architecture: the kind of network and its options.
        classes: names of the classes, in the order of their labels.
        scaling: what the inputs are scaled with.
        variables: nested dictionary of arrays as Flax has them: "params", and "batch_stats" where there are any.
    """

    architecture: Architecture
    classes: tuple[str, ...]
    scaling: Mapping[str, np.ndarray]
    variables: Mapping[str, Any] = field(repr=False)

    def probabilities(self, configurations: Configurations) -> np.ndarray:
        """(C, classes) float64, rows adding up to 1."""
        rows = np.arange(len(configurations))
        return softmax(self.logits(self.architecture.encode(configurations), rows))

    def logits(self, encoded: Any, rows: np.ndarray) -> np.ndarray:
        """(R, classes) float64 for the rows of what :meth:`Architecture.encode` made, a chunk at a time."""
        network = self.architecture.network(len(self.classes))
        chunks = [np.empty((0, len(self.classes)))]
        for start in range(0, len(rows), CHUNK):
            chosen = rows[start : start + CHUNK]
            padded = np.resize(chosen, min(CHUNK, len(rows)))  # one shape, compiled once
            inputs = self.architecture.inputs(encoded, padded, self.scaling)
            chunks.append(np.asarray(_forward(network, self.variables, inputs), np.float64)[: len(chosen)])
        return np.concatenate(chunks)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of the classes along the last axis.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    weight = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    return weight / weight.sum(axis=-1, keepdims=True)


@partial(jax.jit, static_argnums=0)
def _forward(network: nn.Module, variables, inputs):
    return network.apply(variables, inputs, training=False)
