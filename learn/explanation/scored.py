"""What a model says of configurations it has not seen, and what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vitrify.learn.checkpoint import Model
from vitrify.learn.configurations import Configurations
from vitrify.learn.datasets import Dataset
from vitrify.learn.explanation.descriptors import descriptor_table


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a model.

    Attributes:
        bin_width: of E_IS [eps_AA].
        artificial: configurations of each motif; 0 for none.
        steps: of each walk to higher scores; 0 for none.
        seed: what artificial configurations and walks derive from.
    """

    bin_width: float = 0.005
    artificial: int = 8
    steps: int = 60
    seed: int


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The configurations of a dataset that a model has not seen, and what it says of them.

    Attributes:
        configurations: C of them.
        label: (C,).
        unit: (C,) number of the origin and class of each: those of one are not independent.
        classes: their names.
        logits: (C, classes).
    """

    configurations: Configurations
    label: np.ndarray
    unit: np.ndarray
    classes: tuple[str, ...]
    logits: np.ndarray

    @cached_property
    def descriptors(self) -> dict[str, np.ndarray]:
        """Every descriptor of every configuration, (C,) each, and its E_IS as ``inherent_energy``."""
        return descriptor_table(self.configurations)

    @property
    def logit(self) -> np.ndarray:
        """(C,) of the last class less the first."""
        return self.logits[:, -1] - self.logits[:, 0]


def score(model: Model, dataset: Dataset) -> Scored:
    """Score the configurations of origins that the model was neither trained nor chosen on.

    Raises:
        ValueError: for other classes or another density than the model's, or when nothing is left.
    """
    if dataset.classes != model.classifier.classes:
        raise ValueError(
            f"classes: got {', '.join(dataset.classes)}, expected {', '.join(model.classifier.classes)} as in training"
        )
    seen = {origin for part in model.training.origins.values() for origin in part}
    rows = np.flatnonzero([origin not in seen for origin in dataset.origin])
    if not len(rows):
        raise ValueError(f"{dataset.name}: the model has seen every configuration of it, expected some it has not")
    configurations = dataset.configurations.select(rows)
    try:
        logits = model.classifier.judged(configurations)
    except ValueError as error:
        raise ValueError(f"{model.name} on {dataset.name}: {error}") from error
    label = dataset.label[rows]
    _, origin = np.unique(dataset.origin[rows], return_inverse=True)
    _, unit = np.unique(len(dataset.classes) * origin + label, return_inverse=True)
    return Scored(configurations=configurations, label=label, unit=unit, classes=dataset.classes, logits=logits)
