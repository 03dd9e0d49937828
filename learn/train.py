"""Training: an importable loop that goes on exactly where it stopped.

The set of every batch, its symmetries and its dropout are functions of (seed, update), so that 2n iterations are n
iterations, a file, and n iterations. What is kept is the network of the lowest validation loss; test configurations
are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from vitrify.learn.classifier import Classifier
from vitrify.learn.datasets import Dataset
from vitrify.learn.models.base import BATCHES_PER_ITERATION, Architecture, Recipe
from vitrify.md.randomness import Purpose, stream

COLUMNS = ("iteration", "learning_rate", "loss", "accuracy", "validation_loss", "validation_accuracy")
"""Of the history: loss and accuracy are means over the batches of the iteration, with dropout and without l2."""

# What a random number of training is for; it takes the place of the replica in a stream's address.
_WEIGHTS, _ORDER, _SYMMETRY, _DROPOUT = range(4)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where training stands: everything the next iteration depends on.

    Attributes:
        variables: weights and running averages as they are now, by Flax's collections.
        moments: of Adam.
        best: the variables of the lowest validation loss so far.
        history: a row an iteration, the columns COLUMNS.
    """

    variables: Mapping[str, Any] = field(repr=False)
    moments: optax.ScaleByAdamState = field(repr=False)
    best: Mapping[str, Any] = field(repr=False)
    history: tuple[tuple[float, ...], ...] = ()

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return len(self.history)

    @property
    def best_iteration(self) -> int:
        """The iteration, from 1, whose weights are the best; 0 before the first."""
        losses = [row[COLUMNS.index("validation_loss")] for row in self.history]
        return int(np.argmin(losses)) + 1 if losses else 0

    def finished(self, recipe: Recipe) -> bool:
        """Whether the recipe says to stop."""
        return self.iteration >= recipe.iterations or self.iteration - self.best_iteration >= recipe.patience


def train(
    dataset: Dataset,
    architecture: Architecture,
    recipe: Recipe,
    *,
    seed: int,
    progress: Progress | None = None,
    after_iteration: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Classifier, Progress]:
    """Train a network on the training part of a dataset, choose its weights on the validation part.

    Classes count equally, whatever the number of their configurations.

    Args:
        dataset: with its split.
        architecture: the kind of network.
        recipe: how long and how.
        seed: what weights, batches, symmetries and dropout derive from.
        progress: where to go on from; None for a fresh start.
        after_iteration: called with the progress after every iteration, to show or to save it.

    Returns:
        The network of the lowest validation loss, and the progress to go on from.

    Raises:
        ValueError: when a part or a class has no configuration, or the loss is no longer a number.
    """
    rows = {part: dataset.rows(part) for part in ("train", "validation")}
    counts = np.bincount(dataset.label[rows["train"]], minlength=len(dataset.classes))
    if not counts.all() or not len(rows["validation"]):
        raise ValueError(f"{dataset.name}: no training configurations of a class, or none to validate on")
    encoded = architecture.encode(dataset.configurations)
    scaling = architecture.scaling(encoded, rows["train"])
    network = architecture.network(len(dataset.classes))
    weights = counts.sum() / (len(counts) * counts)
    batch = min(recipe.batch, len(rows["train"]))
    if progress is None:
        progress = _start(network, architecture.inputs(encoded, rows["train"][:1], scaling), seed)

    def classifier(variables: Mapping[str, Any]) -> Classifier:
        return Classifier(architecture=architecture, classes=dataset.classes, scaling=scaling, variables=variables)

    while not progress.finished(recipe):
        rate = _learning_rate(recipe, progress)
        variables, moments, scores = progress.variables, progress.moments, []
        for update in range(
            progress.iteration * BATCHES_PER_ITERATION, (progress.iteration + 1) * BATCHES_PER_ITERATION
        ):
            chosen = batch_rows(rows["train"], batch, update, seed)
            symmetry = _random(seed, _SYMMETRY, update) if recipe.symmetry else None
            inputs = architecture.inputs(encoded, chosen, scaling, symmetry)
            label = dataset.label[chosen]
            dropout = _key(seed, _DROPOUT, update)
            variables, moments, *score = _update(
                network, variables, moments, inputs, label, weights[label], rate, recipe.l2, dropout
            )
            scores.append(score)
        loss, accuracy = np.mean(np.array(scores, dtype=np.float64), axis=0)
        logits = classifier(variables).logits(encoded, rows["validation"])
        validation = _scores(logits, dataset.label[rows["validation"]], weights)
        if not np.isfinite([loss, validation[0]]).all():
            raise ValueError(f"training diverged at iteration {progress.iteration + 1}; try a smaller learning rate")
        row = (progress.iteration + 1, rate, float(loss), float(accuracy), *validation)
        history = (*progress.history, row)
        progress = replace(progress, variables=variables, moments=moments, history=history)
        if progress.best_iteration == progress.iteration:
            progress = replace(progress, best=variables)
        after_iteration(progress)
    return classifier(progress.best), progress


def batch_rows(rows: np.ndarray, size: int, update: int, seed: int) -> np.ndarray:
    """The rows of one batch: all rows in random order, then all in another, and so on, cut into pieces of ``size``.

    >>> rows = np.arange(6)
    >>> np.sort(np.concatenate([batch_rows(rows, 2, update, seed=1) for update in range(3)])).tolist()
    [0, 1, 2, 3, 4, 5]
    """
    place = np.arange(update * size, (update + 1) * size)
    epochs = place // len(rows)
    order = {epoch: _random(seed, _ORDER, int(epoch)).permutation(rows) for epoch in np.unique(epochs)}
    return np.array([order[epoch][at] for epoch, at in zip(epochs, place % len(rows), strict=True)])


def _start(network: nn.Module, inputs: np.ndarray, seed: int) -> Progress:
    variables = dict(network.init(_key(seed, _WEIGHTS), inputs, training=False))
    return Progress(variables=variables, moments=_adam().init(variables["params"]), best=variables)  # type: ignore[arg-type]


def _learning_rate(recipe: Recipe, progress: Progress) -> float:
    accuracy = progress.history[-1][COLUMNS.index("validation_accuracy")] if progress.history else 0.0
    return recipe.slow_learning_rate if accuracy > recipe.slow_above else recipe.learning_rate


def _scores(logits: np.ndarray, label: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Weighted cross entropy and plain accuracy."""
    log_total = np.logaddexp.reduce(logits, axis=1)
    loss = log_total - logits[np.arange(len(label)), label]
    return float((loss * weights[label]).mean()), float((logits.argmax(axis=1) == label).mean())


def _adam() -> optax.GradientTransformation:
    return optax.scale_by_adam()


@partial(jax.jit, static_argnums=0)
def _update(network, variables, moments, inputs, label, weight, rate, l2, dropout):
    """One step of Adam: new variables and moments, and loss and accuracy of the batch before it."""
    parameters = variables["params"]
    averages = {name: collection for name, collection in variables.items() if name != "params"}

    def objective(parameters):
        logits, new_averages = network.apply(
            {"params": parameters, **averages}, inputs, training=True, rngs={"dropout": dropout}, mutable=list(averages)
        )
        loss = (optax.softmax_cross_entropy_with_integer_labels(logits, label) * weight).mean()
        score = loss, (logits.argmax(axis=1) == label).mean()
        return loss + l2 * _squared_kernels(parameters), (score, new_averages)

    gradient, (score, averages) = jax.grad(objective, has_aux=True)(parameters)
    direction, moments = _adam().update(gradient, moments)
    parameters = jax.tree.map(lambda value, step: value - rate * step, parameters, direction)
    return {"params": parameters, **averages}, moments, *score


def _squared_kernels(parameters) -> jax.Array:
    leaves = jax.tree_util.tree_leaves_with_path(parameters)
    return sum((jnp.sum(leaf**2) for path, leaf in leaves if path[-1].key == "kernel"), start=jnp.zeros(()))


def _random(seed: int, what: int, count: int = 0) -> np.random.Generator:
    return stream(seed, Purpose.TRAINING, replica=what, step=count)


def _key(seed: int, what: int, count: int = 0) -> jax.Array:
    return jax.random.key(int(_random(seed, what, count).integers(2**31)))
