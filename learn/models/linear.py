"""The yardstick: a linear model on the energy, or on the descriptors of the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import flax.linen as nn
import numpy as np

from vitrify.analysis.structure.descriptors import descriptor_vector
from vitrify.learn.datasets import Configurations
from vitrify.learn.models.base import Recipe
from vitrify.md.model import EMPTY
from vitrify.md.store.frames import Configuration

FEATURES = ("energy", "descriptors")


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Logistic regression. A network that does no better than this on E_IS has learnt the energy and nothing else.

    Attributes:
        features: ``energy``, E_IS per particle of the configuration (whatever positions are shown to others); or
            ``descriptors``, bond order, Voronoi sides, coordination and g(r) of the positions
            (:func:`vitrify.analysis.descriptors.descriptor_vector`).
    """

    features: str = "energy"

    name: ClassVar[str] = "linear"

    def __post_init__(self):
        if self.features not in FEATURES:
            raise ValueError(f"features: got {self.features!r}, expected one of {', '.join(FEATURES)}")

    @property
    def recipe(self) -> Recipe:
        """Small steps and a firm l2 for the descriptors: they are hundreds, often more than configurations."""
        few = self.features == "energy"
        return Recipe(
            iterations=100,
            batch=256,
            learning_rate=0.03 if few else 1e-3,
            slow_learning_rate=0.01 if few else 3e-4,
            l2=1e-3 if few else 1e-2,
            symmetry=False,
            patience=50,
        )

    def encode(self, configurations: Configurations) -> np.ndarray:
        """The features, (C, K) float64.

        Raises:
            ValueError: for a configuration without an inherent-structure energy.
        """
        if self.features == "descriptors":
            return np.array(
                [descriptor_vector(_configuration(configurations, row))[1] for row in range(len(configurations))]
            )
        energy = configurations.inherent_energy
        if missing := int(np.isnan(energy).sum()):
            raise ValueError(
                f"linear: {missing} of {len(energy)} configurations have no inherent energy; expected runs whose "
                "frames were minimised"
            )
        return energy[:, None]

    def scaling(self, encoded: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Mean and standard deviation of each feature; a feature that never changes is left at zero."""
        spread = encoded[rows].std(axis=0)
        return {"mean": encoded[rows].mean(axis=0), "spread": np.where(spread > 1e-12, spread, np.inf)}

    def inputs(
        self,
        encoded: np.ndarray,
        rows: np.ndarray,
        scaling: Mapping[str, np.ndarray],
        symmetry: np.random.Generator | None = None,
    ) -> np.ndarray:
        """(B, K) float32; equivalents of a configuration have the same features."""
        return ((encoded[rows] - scaling["mean"]) / scaling["spread"]).astype(np.float32)

    def network(self, classes: int) -> nn.Module:
        """One dense layer, from zero: the problem is convex."""
        return _Linear(classes)


class _Linear(nn.Module):
    classes: int

    @nn.compact
    def __call__(self, features, training: bool):
        return nn.Dense(self.classes, kernel_init=nn.initializers.zeros)(features)


def _configuration(configurations: Configurations, row: int) -> Configuration:
    filled = configurations.species[row] != EMPTY
    along_x, along_y = configurations.periodic[row]
    return Configuration(
        positions=np.asarray(configurations.positions[row][filled]),
        species=np.asarray(configurations.species[row][filled]),
        box=configurations.box[row],
        periodic=(bool(along_x), bool(along_y)),
        step=0,
        kt_set=np.nan,
    )
