"""The network of the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from flax import nnx

from vitrify.learn.configurations import Configurations
from vitrify.learn.recipe import Recipe
from vitrify.learn.render import CELLS, ImageSpec, cells_of, render
from vitrify.learn.symmetry import Symmetry

SAME_SCALE = 0.01
"""Boxes whose edges differ by less are drawn to one scale."""


@dataclass(frozen=True, kw_only=True)
class Cnn2018:
    """The network of the log, as it was: no periodic padding, no pooling, no augmentation, 72 million parameters.

    Convolution 10 x 10 to 6 channels, convolution 5 x 5 to 16 channels, both valid and rectified; dense 80, rectified;
    dropout 0.5; softmax. The l2 of 0.01 is that of Keras, l2 * sum of squares.

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
        _ = self.image
        if self.pixels < 14:
            raise ValueError(f"pixels: got {self.pixels}, expected at least 14, the reach of both convolutions")

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

    def places(self, encoded: Configurations, row: int) -> np.ndarray:
        """(N, 2) where the particles of one configuration are drawn, x and y in pixels."""
        one = encoded.select(np.array([row]))
        return cells_of(one.positions, one.box, one.periodic, self.pixels)[0] / CELLS

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
