"""Training: an importable loop that goes on exactly where it stopped.

The configurations of every batch, their symmetries and the dropout are functions of (seed, update), so that 2n epochs
are n epochs, a file, and n epochs. What is kept are the weights of the lowest validation loss; test configurations are
never looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import jax
import numpy as np

from vitrify.learn.batches import ahead, batch_rows
from vitrify.learn.classifier import Classifier, periodic_density
from vitrify.learn.datasets import Dataset
from vitrify.learn.devices import Placement
from vitrify.learn.models.base import Architecture, Solved
from vitrify.learn.recipe import Recipe
from vitrify.learn.symmetry import Symmetry
from vitrify.learn.update import Batch, State, Update, alone, first_state, kept
from vitrify.learn.verdict import PartScore
from vitrify.md.randomness import Purpose, stream

COLUMNS = (
    "epoch", "update", "learning_rate", "loss", "accuracy", "validation_loss", "validation_accuracy", "validation_auc",
)  # fmt: skip
"""Of a row of the history, one a validation: loss and accuracy are means over the batches since the last one, with
dropout and without l2; those on the validation part are of the averaged weights, where the recipe averages."""

IN_FLIGHT = 4
"""Updates that may be under way on the device before the host waits."""

_WEIGHTS, _SYMMETRY = 0, 2  # what a random number is for takes the place of the replica in a stream's address


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where training stands: everything the next update depends on.

    Attributes:
        state: weights and moments as they are now; the next update takes their buffers.
        best: the weights of the lowest validation loss so far, by path.
        history: a row a validation, by COLUMNS.
        updates: done.
        scores: cross entropy and accuracy of each batch since the last validation.
        seconds: time spent.
        waited: seconds of these in which the device may have stood still for want of inputs.
    """

    state: State = field(repr=False)
    best: Mapping[str, np.ndarray] = field(repr=False)
    history: tuple[Mapping[str, float], ...] = ()
    updates: int = 0
    scores: tuple[tuple[float, float], ...] = ()
    seconds: float = 0.0
    waited: float = 0.0

    @property
    def epochs(self) -> float:
        """Epochs done, as of the last validation."""
        return self.history[-1]["epoch"] if self.history else 0.0

    @property
    def input_share(self) -> float:
        """Share of the time in which the device may have stood still for want of inputs: an upper bound."""
        return self.waited / self.seconds if self.seconds else 0.0

    @property
    def best_row(self) -> int:
        """The validation, from 1, whose weights are the best; 0 before the first."""
        return int(np.argmin([row["validation_loss"] for row in self.history])) + 1 if self.history else 0

    def finished(self, recipe: Recipe) -> bool:
        """Whether the recipe says to stop."""
        return self.epochs >= recipe.epochs or len(self.history) - self.best_row >= recipe.patience


@dataclass(frozen=True, kw_only=True)
class Material:
    """A data set as one kind of network sees it; trainings that differ in seed or recipe share it.

    Attributes:
        dataset: where it is from.
        architecture: the kind of network.
        rows: of the training and of the validation part.
        encoded: what inputs are made from.
        scaling: what they are scaled with.
        weights: (classes,) of the configurations of each class, so that classes count equally.
    """

    dataset: Dataset
    architecture: Architecture
    rows: Mapping[str, np.ndarray]
    encoded: Any = field(repr=False)
    scaling: Mapping[str, np.ndarray] = field(repr=False)
    weights: np.ndarray

    @classmethod
    def of(cls, dataset: Dataset, architecture: Architecture) -> Material:
        """Encode a data set.

        Raises:
            ValueError: when a class has no configuration to train on or none to validate on.
        """
        rows = {part: dataset.rows(part) for part in ("train", "validation")}
        for part, members in rows.items():
            counts = np.bincount(dataset.label[members], minlength=len(dataset.classes))
            if not counts.all():
                empty = dataset.classes[int(counts.argmin())]
                raise ValueError(
                    f"{dataset.name}: no {part} configurations of class {empty}; expected some of every class in the "
                    "training and in the validation part"
                )
        counts = np.bincount(dataset.label[rows["train"]])
        encoded = architecture.encode(dataset.configurations)
        return cls(
            dataset=dataset,
            architecture=architecture,
            rows=rows,
            encoded=encoded,
            scaling=architecture.scaling(encoded, rows["train"]),
            weights=(counts.sum() / (len(counts) * counts)).astype(np.float32),
        )

    def classifier(self, weights: Mapping[str, Any]) -> Classifier:
        """A network of this kind with some weights."""
        return Classifier(
            architecture=self.architecture,
            classes=self.dataset.classes,
            scaling=self.scaling,
            weights=weights,
            density=periodic_density(self.dataset.configurations, self.rows["train"]),
        )

    def score(self, weights: Mapping[str, Any], part: str) -> PartScore:
        """Scores of some weights on a part."""
        rows = self.rows[part]
        logits = self.classifier(weights).logits(self.encoded, rows)
        return PartScore.of(logits, self.dataset.label[rows], self.weights)

    def batch(self, update: int, recipe: Recipe, seed: int) -> tuple[Any, np.ndarray, np.ndarray]:
        """Inputs, labels and weights of one batch."""
        chosen = batch_rows(self.rows["train"], min(recipe.batch, len(self.rows["train"])), update, seed)
        symmetry = Symmetry.draw(_random(seed, _SYMMETRY, update), len(chosen)) if recipe.symmetry else None
        label = self.dataset.label[chosen].astype(np.int32)
        return self.architecture.inputs(self.encoded, chosen, self.scaling, symmetry), label, self.weights[label]


def train(
    dataset: Dataset,
    architecture: Architecture,
    recipe: Recipe,
    *,
    seed: int,
    progress: Progress | None = None,
    show: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Classifier, Progress]:
    """Train a network on the training part of a dataset, choose its weights on the validation part.

    Classes count equally, whatever the number of their configurations. Batches are spread over all devices that JAX
    has, where their size allows.

    Args:
        dataset: with its split.
        architecture: the kind of network.
        recipe: how long and how.
        seed: what weights, batches, symmetries and dropout derive from.
        progress: where to go on from; None for a fresh start.
        show: called with the progress after every validation.

    Returns:
        The network of the lowest validation loss, and the progress to go on from.

    Raises:
        ValueError: when a class has no configuration in a part, or the loss is no longer a number.
    """
    material = Material.of(dataset, architecture)
    steps = training(material, recipe, seed=seed, progress=progress, show=show)
    progress = carry_out(steps, alone(architecture, len(dataset.classes), recipe.optimiser, recipe.weight_decay))
    return material.classifier(progress.best), progress


def solve(material: Material) -> Classifier:
    """The network of an architecture whose weights are found at one go, from the training part.

    Raises:
        ValueError: for an architecture that is trained step by step.
    """
    kind, rows, dataset = material.architecture, material.rows["train"], material.dataset
    if not isinstance(kind, Solved):
        raise ValueError(f"{kind.name}: has no solution, it is trained by a recipe")
    inputs = kind.inputs(material.encoded, rows, material.scaling)
    return material.classifier(kind.solve(inputs, dataset.label[rows], dataset.origin[rows], len(dataset.classes)))


Found = TypeVar("Found")

Steps = Generator[tuple[State, Batch], tuple[State, jax.Array], Found]
"""A training that leaves its updates to whoever drives it: it yields a state and a batch, and is sent the next state
with the scores of the batch."""


def carry_out(steps: Steps[Found], update: Update) -> Found:
    """Drive one training to its end."""
    try:
        request = next(steps)
        while True:
            request = steps.send(update(*request))
    except StopIteration as end:
        return end.value


def training(
    material: Material,
    recipe: Recipe,
    *,
    seed: int,
    progress: Progress | None = None,
    show: Callable[[Progress], None] = lambda progress: None,
    due: Callable[[], bool] = lambda: False,
    save: Callable[[Progress], None] = lambda progress: None,
) -> Steps[Progress]:
    """The steps of :func:`train`, one at a time; ``save`` is called with the progress after updates where it is due."""
    count = len(material.rows["train"])
    placement = Placement.of(min(recipe.batch, count))
    if progress is None:
        classes = len(material.dataset.classes)
        first = first_state(material.architecture, classes, recipe, seed_of_weights(seed))
        progress = Progress(state=first, best={})
    progress = replace(progress, state=placement.everywhere(progress.state))

    def make(update: int) -> tuple[Any, Any, Any]:
        return placement.spread(material.batch(update, recipe, seed))

    with closing(ahead(make, range(progress.updates, recipe.last(count)))) as batches:  # during validations as well
        while not progress.finished(recipe):
            began, before = time.perf_counter(), progress
            state, waited = progress.state, 0.0
            scores: list[Any] = list(progress.scores)
            accuracy = progress.history[-1]["validation_accuracy"] if progress.history else 0.0
            for update in range(progress.updates, progress.updates - len(scores) + recipe.interval(count)):
                asked = time.perf_counter()
                inputs, label, weight = next(batches)
                if update == before.updates or scores[-1].is_ready():  # the device stood still, for all this at most
                    waited += time.perf_counter() - asked
                batch = Batch(
                    inputs=inputs,
                    label=label,
                    weight=weight,
                    rate=np.float32(recipe.rate(update, count, accuracy)),
                    l2=np.float32(recipe.l2),
                    keep=kept(recipe.average * recipe.batches(count), update),
                )
                state, score = yield state, batch
                scores.append(score)
                if update >= before.updates + IN_FLIGHT:
                    scores[-IN_FLIGHT].block_until_ready()
                progress = replace(
                    before,
                    state=state,
                    updates=update + 1,
                    seconds=before.seconds + time.perf_counter() - began,
                    waited=before.waited + waited,
                )
                if due():
                    save(replace(progress, scores=_numbers(scores)))
            progress = _validated(material, recipe, replace(progress, scores=_numbers(scores)))
            progress = replace(progress, seconds=before.seconds + time.perf_counter() - began)
            show(progress)
    return progress


def _validated(material: Material, recipe: Recipe, progress: Progress) -> Progress:
    """With a row more in the history, and new best weights where they are."""
    count = len(material.rows["train"])
    epoch = progress.updates / recipe.batches(count)
    accuracy = progress.history[-1]["validation_accuracy"] if progress.history else 0.0
    rate = recipe.rate(progress.updates - 1, count, accuracy)
    chosen = progress.state.chosen()
    validation = material.score(chosen, "validation")
    loss, accuracy = np.mean(np.array(progress.scores), axis=0)
    if not np.isfinite([loss, validation.loss]).all():
        raise ValueError(
            f"training diverged in epoch {epoch:.3g}: the loss is no number; try a smaller learning rate than {rate:g}"
        )
    found = (validation.loss, validation.accuracy, validation.auc)
    row = dict(zip(COLUMNS, (epoch, progress.updates, rate, float(loss), float(accuracy), *found), strict=True))
    progress = replace(progress, history=(*progress.history, row), scores=())
    if progress.best_row < len(progress.history):
        return progress
    return replace(progress, best={name: np.array(array) for name, array in chosen.items()})


def _numbers(scores: list) -> tuple[tuple[float, float], ...]:
    return tuple((float(loss), float(accuracy)) for loss, accuracy in jax.device_get(scores))


def seed_of_weights(seed: int) -> int:
    """What first weights and the keys of random streams derive from."""
    return int(_random(seed, _WEIGHTS).integers(2**31))


def _random(seed: int, what: int, count: int = 0) -> np.random.Generator:
    return stream(seed, Purpose.TRAINING, replica=what, step=count)
