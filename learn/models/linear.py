"""The yardsticks: logistic regression on the energy, on the descriptors of the field, on both, or on a fine g(r)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import ClassVar

import numpy as np
from flax import nnx
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from vitrify.analysis.structure.descriptors import descriptor_vector
from vitrify.analysis.structure.measurement import in_parallel
from vitrify.analysis.structure.radial import PAIRS, Shells, shell_counts
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.learn.datasets import Configurations
from vitrify.learn.graphs import counted_particles
from vitrify.learn.models.means import whitening
from vitrify.learn.symmetry import Symmetry
from vitrify.md.model import EMPTY
from vitrify.md.store.frames import Configuration

FEATURES = ("energy", "descriptors", "both", "radial")
FEW = 128
"""Configurations that are described sooner here than processes start."""
SPARSE = 1e-3
"""Shells that hold less than this part of the fullest in training configurations are left out: at N = 1,080 some one
pair a configuration, and below contact the tails of the shells beside."""
PENALTIES = np.logspace(-5, 3, 17)
"""Inverse strengths C of the l2 penalty that are tried."""


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Logistic regression. A network that does no better than this on E_IS has learnt the energy and nothing else.

    One that does no better than this on smooth radial counts has learnt a g(r).

    Its l2 penalty is the one of the lowest log loss in cross-validation over origins, on the training part alone, after
    which it is fitted to all of that part; classes count equally.

    Attributes:
        features: ``energy``, E_IS per particle of the configuration (whatever positions are shown to others);
            ``descriptors``, bond order, Voronoi cells, coordination and g(r) of the positions
            (:func:`vitrify.analysis.structure.descriptors.descriptor_vector`); ``both`` of these; or ``radial``, how
            many A are around an A, B around an A and B around a B in smooth shells
            (:func:`vitrify.analysis.structure.radial.shell_counts`); of a window or film, around the particles whose
            neighbours are all there.
        folds: of the cross-validation; as many as there are origins where they are fewer.
        reach: radius of the last shell [sigma_AA], of ``radial``.
        spacing: of the shells, and their width [sigma_AA], of ``radial``.
        whitened: whether numbers of ``radial`` are whitened (:mod:`vitrify.learn.models.means`), so that the penalty
            weighs what is seen in units of what configurations differ by, or each divided by its own spread as others.
    """

    features: str = "energy"
    folds: int = 5
    reach: float = 1.75
    spacing: float = 0.1
    whitened: bool = True

    name: ClassVar[str] = "linear"
    recipe: ClassVar[None] = None

    def __post_init__(self):
        if self.features not in FEATURES:
            raise ValueError(f"features: got {self.features!r}, expected one of {', '.join(FEATURES)}")
        if self.folds < 2:
            raise ValueError(f"folds: got {self.folds}, expected at least 2")
        _ = self.shells

    @property
    def shells(self) -> Shells:
        """The shells of ``radial``."""
        return Shells(reach=self.reach, spacing=self.spacing)

    @property
    def size(self) -> int:
        """How many numbers a configuration has."""
        sizes = {"energy": 1, "radial": len(PAIRS) * self.shells.count}
        return sizes[self.features] if self.features in sizes else _descriptors() + (self.features == "both")

    def encode(self, configurations: Configurations) -> np.ndarray:
        """The features, (C, K) float64.

        Raises:
            ValueError: for a configuration without an inherent-structure energy, or a box too narrow for the shells.
        """
        if self.features == "radial":
            return self._radial(configurations)
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
        """Mean and standard deviation of each feature, or how all are whitened; what never changes is left at zero."""
        if self.features == "radial" and self.whitened:
            level = encoded[rows].mean(axis=0)
            return whitening(np.where(level > SPARSE * level.max(), encoded[rows], 0.0))
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
        if "directions" in scaling:
            return ((encoded[rows] - scaling["centre"]) @ scaling["directions"]).astype(np.float32)
        return ((encoded[rows] - scaling["mean"]) / scaling["spread"]).astype(np.float32)

    def network(self, classes: int, rngs: nnx.Rngs) -> nnx.Module:
        """One dense layer on scaled features."""
        return _Linear(self.size, classes, rngs)

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

    def _radial(self, configurations: Configurations) -> np.ndarray:
        """(C, K) counts in shells, of the particles whose neighbours are all there."""
        rows = range(len(configurations))
        counted = [counted_particles(configurations, row, self.shells.farthest) for row in rows]
        seen = ((configurations.one(row), counted[row][configurations.species[row] != EMPTY]) for row in rows)
        counts = list(in_parallel(partial(_counts, self.shells), seen, few=FEW))
        return np.array(counts).reshape(len(configurations), -1)


def _counts(shells: Shells, seen: tuple[Configuration, np.ndarray]) -> np.ndarray:
    configuration, members = seen
    return shell_counts(Surroundings(configuration, members), shells)


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
    def __init__(self, size: int, classes: int, rngs: nnx.Rngs):
        self.dense = nnx.Linear(size, classes, rngs=rngs)

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
