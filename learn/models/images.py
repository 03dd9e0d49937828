"""Networks that look at pictures: that of the log, and a lighter one that knows the box is periodic."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from flax import nnx

from vitrify.learn.datasets import Configurations
from vitrify.learn.recipe import Recipe
from vitrify.learn.render import ImageSpec, render
from vitrify.learn.symmetry import Symmetry

SAME_SCALE = 0.01
"""Boxes whose edges differ by less are drawn to one scale."""


@dataclass(frozen=True, kw_only=True)
class ImageArchitecture(ABC):
    """Draws configurations (:mod:`vitrify.learn.render`); what looks at the pictures is left to the subclass.

    Attributes:
        pixels: pixels along the edge of the box.
        dot_radius: radius of a dot [sigma_AA].
        colour: one channel a species if true, one for all if not.
        species: number of species that may occur.
    """

    pixels: int = 250
    dot_radius: float = 0.25
    colour: bool = True
    species: int = 2

    def __post_init__(self):
        _ = self.image

    @property
    def image(self) -> ImageSpec:
        """How configurations are drawn."""
        return ImageSpec(pixels=self.pixels, dot_radius=self.dot_radius, colour=self.colour, species=self.species)

    def encode(self, configurations: Configurations) -> Configurations:
        """The configurations themselves: they are drawn batch by batch."""
        return configurations

    def scaling(self, encoded: Configurations, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The size of a pixel [sigma_AA], the same for all that the network will ever be shown.

        Raises:
            ValueError: for boxes of different size.
        """
        edge = encoded.box[rows, 0]
        if not np.allclose(edge, edge[0], rtol=SAME_SCALE):
            raise ValueError(
                f"box: got edges from {edge.min():g} to {edge.max():g}, expected one size to draw to scale"
            )
        return {"pixel": np.array(edge.mean() / self.pixels)}

    def inputs(
        self,
        encoded: Configurations,
        rows: np.ndarray,
        scaling: Mapping[str, np.ndarray],
        symmetry: Symmetry | None = None,
    ) -> np.ndarray:
        """(B, P, P, C) uint8 pictures.

        Raises:
            ValueError: for a box that would be drawn to another scale than those of the training.
        """
        seen = encoded.select(rows)
        edge = self.pixels * float(scaling["pixel"])
        if not np.allclose(seen.box, edge, rtol=SAME_SCALE):
            got = seen.box[np.abs(seen.box / edge - 1).max(axis=1).argmax()]
            raise ValueError(f"box: got {got[0]:g} x {got[1]:g}, expected {edge:g} x {edge:g}, as in training")
        return render(seen.positions, seen.species, seen.box, seen.periodic, self.image, symmetry)

    @abstractmethod
    def network(self, classes: int, rngs: nnx.Rngs) -> nnx.Module:
        """What looks at the pictures."""


@dataclass(frozen=True, kw_only=True)
class Cnn2018(ImageArchitecture):
    """The network of the log, as it was: no periodic padding, no pooling, no augmentation, 72 million parameters.

    Convolution 10 x 10 to 6 channels, convolution 5 x 5 to 16 channels, both valid and rectified; dense 80, rectified;
    dropout 0.5; softmax. The l2 of 0.01 is that of Keras, l2 * sum of squares.
    """

    name: ClassVar[str] = "cnn2018"
    recipe: ClassVar[Recipe] = Recipe(
        epochs=40,
        batch=50,
        learning_rate=1e-3,
        schedule="threshold",
        slow_learning_rate=1e-4,
        l2=0.01,
        symmetry=False,
        validate_every=10,
        patience=200,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.pixels < 14:
            raise ValueError(f"pixels: got {self.pixels}, expected at least 14, the reach of both convolutions")

    def network(self, classes: int, rngs: nnx.Rngs) -> nnx.Module:
        """Valid convolutions and a dense layer on every pixel."""
        return _Cnn2018(self.pixels, self.image.channels, classes, rngs)


class _Cnn2018(nnx.Module):
    def __init__(self, pixels: int, channels: int, classes: int, rngs: nnx.Rngs):
        self.first = nnx.Conv(channels, 6, (10, 10), padding="VALID", rngs=rngs)
        self.second = nnx.Conv(6, 16, (5, 5), padding="VALID", rngs=rngs)
        self.hidden = nnx.Linear((pixels - 13) ** 2 * 16, 80, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.read_out = nnx.Linear(80, classes, rngs=rngs)

    def __call__(self, images):
        x = images / 255.0
        x = nnx.relu(self.first(x))
        x = nnx.relu(self.second(x))
        x = nnx.relu(self.hidden(x.reshape(len(x), -1)))
        return self.read_out(self.dropout(x))


@dataclass(frozen=True, kw_only=True)
class Cnn(ImageArchitecture):
    """A light network with the symmetries of a periodic liquid, for laptops.

    Three convolutions with periodic padding and stride 2, the mean of each channel over the box, and a linear read-out:
    where something is does not matter, only how often it occurs. Two configurations differ in these means by little, so
    they are batch-normalised; without that, training stays at chance for tens of iterations. The output is invariant to
    translations by 8 pixels when 8 divides the number of pixels. Mirror images and turns are learnt, by showing random
    equivalents.
    """

    name: ClassVar[str] = "cnn"
    recipe: ClassVar[Recipe] = Recipe(
        epochs=20,
        batch=16,
        learning_rate=2e-3,
        schedule="threshold",
        slow_learning_rate=5e-4,
        l2=1e-4,
        symmetry=True,
        validate_every=10,
        patience=20,
    )

    def inputs(
        self,
        encoded: Configurations,
        rows: np.ndarray,
        scaling: Mapping[str, np.ndarray],
        symmetry: Symmetry | None = None,
    ) -> np.ndarray:
        """(B, P, P, C) uint8 pictures.

        Raises:
            ValueError: for a configuration with an open axis, around which this network would look.
        """
        if not encoded.periodic[rows].all():
            raise ValueError("cnn: got a configuration with an open axis, expected periodic ones (cnn2018 takes both)")
        return super().inputs(encoded, rows, scaling, symmetry)

    def network(self, classes: int, rngs: nnx.Rngs) -> nnx.Module:
        """Periodic convolutions and a mean."""
        return _Cnn(self.image.channels, classes, rngs)


class _Cnn(nnx.Module):
    def __init__(self, channels: int, classes: int, rngs: nnx.Rngs):
        def layer(before: int, after: int, width: int) -> nnx.Conv:
            return nnx.Conv(before, after, (width, width), strides=2, padding="CIRCULAR", rngs=rngs)

        self.layers = nnx.List([layer(channels, 16, 5), layer(16, 32, 3), layer(32, 32, 3)])
        self.norm = nnx.BatchNorm(32, momentum=0.9, rngs=rngs)
        self.read_out = nnx.Linear(32, classes, rngs=rngs)

    def __call__(self, images):
        x = images / 255.0
        for layer in self.layers:
            x = nnx.relu(layer(x))
        return self.read_out(self.norm(x.mean(axis=(1, 2))))
