"""One step of training, compiled once for a kind of network: what it depends on, and what it changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from vitrify.learn.classifier import filled, flat
from vitrify.learn.models.base import Architecture
from vitrify.learn.recipe import Recipe, adam_direction

_PARTS = (nnx.Param, nnx.RngKey, nnx.RngCount, ...)


class State(NamedTuple):
    """Everything the next update depends on; arrays by their path in the module.

    An update takes the buffers of the state it is given: what has to outlive it must be copied.

    Attributes:
        weights: what is trained.
        statistics: running averages of the network's own, such as those of a batch normalisation.
        counts: how often each random stream has been drawn from.
        keys: of the random streams; never change.
        moments: of Adam.
        averaged: weights and statistics, averaged over updates; nothing where the recipe does not average.
    """

    weights: dict[str, Any]
    statistics: dict[str, Any]
    counts: dict[str, Any]
    keys: dict[str, Any]
    moments: Any
    averaged: dict[str, Any]

    def chosen(self) -> dict[str, Any]:
        """What is validated and kept: averaged weights where there are any."""
        return self.averaged or {**self.weights, **self.statistics}


class Batch(NamedTuple):
    """What one update is shown, and how far it goes.

    Attributes:
        inputs: of the network.
        label: (B,) of the configurations.
        weight: (B,) of the configurations, so that classes count equally.
        rate: learning rate.
        l2: weight of the squares.
        keep: how much of the averaged weights stays.
    """

    inputs: Any
    label: Any
    weight: Any
    rate: Any
    l2: Any
    keep: Any


Update = Callable[[State, Batch], tuple[State, jax.Array]]
"""The next state; and cross entropy and accuracy of the batch before the update, with dropout and without l2."""


def first_state(architecture: Architecture, classes: int, recipe: Recipe, seed: int) -> State:
    """Where training begins."""
    module = architecture.network(classes, nnx.Rngs(seed))
    weights, keys, counts, statistics = _parts(module)
    averaged = jax.tree.map(jnp.copy, {**weights, **statistics}) if recipe.average else {}
    return State(weights, statistics, counts, keys, recipe.direction().init(weights), averaged)


@lru_cache(maxsize=16)
def updater(architecture: Architecture, classes: int, optimiser: str, weight_decay: float) -> Update:
    """The update of a kind of network, not compiled yet."""
    module = nnx.eval_shape(lambda: architecture.network(classes, nnx.Rngs(0)))
    module.train()
    graph, *templates = nnx.split(module, *_PARTS)
    adam = adam_direction(optimiser, weight_decay)

    def update(state: State, batch: Batch) -> tuple[State, jax.Array]:
        def objective(weights):
            parts = (weights, state.keys, state.counts, state.statistics)
            network = nnx.merge(graph, *map(filled, templates, parts))
            logits = network(batch.inputs)
            loss = (optax.softmax_cross_entropy_with_integer_labels(logits, batch.label) * batch.weight).mean()
            score = jnp.stack([loss, (logits.argmax(axis=1) == batch.label).mean()])
            return loss + batch.l2 * _squares(weights), (score, *_parts(network)[2:])

        gradient, (score, counts, statistics) = jax.grad(objective, has_aux=True)(state.weights)
        steps, moments = adam.update(gradient, state.moments, state.weights)
        weights = jax.tree.map(lambda value, step: value - batch.rate * step, state.weights, steps)
        now = {**weights, **statistics}
        averaged = {
            name: batch.keep * old + (1 - batch.keep) * now[name].astype(old.dtype)
            for name, old in state.averaged.items()
        }
        return State(weights, statistics, counts, state.keys, moments, averaged), score

    return update


@lru_cache(maxsize=16)
def alone(architecture: Architecture, classes: int, optimiser: str, weight_decay: float) -> Update:
    """The update of one network, compiled."""
    return jax.jit(updater(architecture, classes, optimiser, weight_decay), donate_argnums=0)


def kept(average: float, updates: int) -> np.float32:
    """How much of the averaged weights stays after so many updates, averaging over ``average`` of them.

    At first as much is averaged as there is: an average that began with the first weights would drag them along.

    >>> [float(kept(99.0, updates)) for updates in (0, 8, 10_000)]
    [0.10000000149011612, 0.5, 0.9900000095367432]
    """
    return np.float32(min(average / (average + 1), (1 + updates) / (10 + updates)))


def _parts(module: nnx.Module) -> list[dict[str, Any]]:
    _, *parts = nnx.split(module, *_PARTS)
    return [flat(part) for part in parts]


def _squares(weights: dict[str, jax.Array]) -> jax.Array:
    return sum((jnp.sum(array**2) for array in weights.values() if array.ndim > 1), start=jnp.zeros(()))
