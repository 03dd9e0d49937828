"""The yardstick: logistic regression on the energy, on the descriptors of the field, or on both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from flax import nnx
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from vitrify.analysis.structure.descriptors import descriptor_vector
from vitrify.analysis.structure.measurement import in_parallel
from vitrify.learn.datasets import Configurations
from vitrify.learn.symmetry import Symmetry
from vitrify.md.store.frames import Configuration

FEATURES = ("energy", "descriptors", "both")
FEW = 128
"""Configurations that are described sooner here than processes start."""
PENALTIES = np.logspace(-5, 3, 17)
"""Inverse strengths C of the l2 penalty that are tried."""


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Logistic regression. A network that does no better than this on E_IS has learnt the energy and nothing else.

    Its l2 penalty is the one of the lowest log loss in cross-validation over origins, on the training part alone, after
    which it is fitted to all of that part; classes count equally.

    Attributes:
        features: ``energy``, E_IS per particle of the configuration (whatever positions are shown to others);
            ``descriptors``, bond order, Voronoi cells, coordination and g(r) of the positions
            (:func:`vitrify.analysis.structure.descriptors.descriptor_vector`); or ``both``.
        folds: of the cross-validation; as many as there are origins where they are fewer.
    """

    features: str = "energy"
    folds: int = 5

    name: ClassVar[str] = "linear"
    recipe: ClassVar[None] = None

    def __post_init__(self):
        if self.features not in FEATURES:
            raise ValueError(f"features: got {self.features!r}, expected one of {', '.join(FEATURES)}")
        if self.folds < 2:
            raise ValueError(f"folds: got {self.folds}, expected at least 2")

    def encode(self, configurations: Configurations) -> np.ndarray:
        """The features, (C, K) float64.

        Raises:
            ValueError: for a configuration without an inherent-structure energy.
        """
        count = len(configurations)
        features = [np.empty((count, 0))]
        if self.features != "descriptors":
            energy = configurations.inherent_energy
            if missing := int(np.isnan(energy).sum()):
                raise ValueError(
                    f"linear: {missing} of {count} configurations have no inherent energy; expected runs whose frames "
                    "were minimised"
                )
            features.append(energy[:, None])
        if self.features != "energy":
            seen = (configurations.one(row) for row in range(count))
            described = [values for _, values in in_parallel(descriptor_vector, seen, few=FEW)]
            features.append(np.array(described).reshape(count, -1))
        return np.concatenate(features, axis=1)

    def scaling(self, encoded: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Mean and standard deviation of each feature; a feature that never changes is left at zero."""
        spread = encoded[rows].std(axis=0)
        return {"mean": encoded[rows].mean(axis=0), "spread": np.where(spread > 1e-12, spread, np.inf)}

    def inputs(
        self,
        encoded: np.ndarray,
        rows: np.ndarray,
        scaling: Mapping[str, np.ndarray],
        symmetry: Symmetry | None = None,
    ) -> np.ndarray:
        """(B, K) float32; equivalents of a configuration have the same features."""
        return ((encoded[rows] - scaling["mean"]) / scaling["spread"]).astype(np.float32)

    def network(self, classes: int, rngs: nnx.Rngs) -> nnx.Module:
        """One dense layer on scaled features."""
        return _Linear(self.features, classes, rngs)

    def solve(self, inputs: np.ndarray, label: np.ndarray, origin: np.ndarray, classes: int) -> dict[str, np.ndarray]:
        """The weights, by scikit-learn.

        Raises:
            ValueError: for a class that fewer than two origins have: nothing is left to choose the penalty on.
        """
        folds = min(self.folds, *(len(set(origin[label == number])) for number in range(classes)))
        if folds < 2:
            raise ValueError("linear: got a class with one origin, expected at least 2 to choose the penalty on")
        features = inputs.astype(np.float64)
        losses = [
            _losses(features[taught], label[taught], features[asked], label[asked])
            for taught, asked in GroupKFold(folds).split(features, label, origin)
        ]
        penalty = float(PENALTIES[np.mean(losses, axis=0).argmin()])
        found = LogisticRegression(C=penalty, class_weight="balanced", max_iter=10_000).fit(features, label)
        weights, offset = found.coef_.T, found.intercept_
        if classes == 2:  # scikit-learn has one logit for two classes
            weights, offset = weights * [-0.5, 0.5], offset * [-0.5, 0.5]
        return {"dense/kernel": weights.astype(np.float32), "dense/bias": offset.astype(np.float32)}


def _losses(taught: np.ndarray, label: np.ndarray, asked: np.ndarray, answers: np.ndarray) -> list[float]:
    """Log loss of one fold at each penalty; each fit sets out from the one before."""
    model, losses = LogisticRegression(class_weight="balanced", max_iter=10_000, warm_start=True), []
    for penalty in PENALTIES:
        model.set_params(C=float(penalty)).fit(taught, label)
        with np.errstate(divide="ignore"):  # what is surely wrong has a log chance of minus infinity, and is not chosen
            chances = model.predict_log_proba(asked)
        losses.append(-float(chances[np.arange(len(answers)), np.searchsorted(model.classes_, answers)].mean()))
    return losses


class _Linear(nnx.Module):
    def __init__(self, features: str, classes: int, rngs: nnx.Rngs):
        energy, described = features != "descriptors", features != "energy"
        self.dense = nnx.Linear(energy + described * _descriptors(), classes, rngs=rngs)

    def __call__(self, features):
        return self.dense(features)


@cache
def _descriptors() -> int:
    """How many numbers describe a configuration, of whatever size: those of a small square lattice."""
    edge = 10
    sites = np.stack(np.meshgrid(np.arange(edge), np.arange(edge)), axis=-1).reshape(-1, 2) - edge / 2
    lattice = Configuration(
        positions=sites + 0.01 * np.sin(np.arange(2 * edge**2)).reshape(-1, 2),  # four neighbours never tie
        species=np.arange(edge**2, dtype=np.int8) % 2,
        box=np.full(2, float(edge)),
        periodic=(True, True),
        step=0,
        kt_set=np.nan,
    )
    return len(descriptor_vector(lattice)[1])
