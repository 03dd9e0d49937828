"""A small convolutional network for the picture of a periodic box."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from vitrify.learn.configurations import Configurations
from vitrify.learn.graphs import counted_particles
from vitrify.learn.models.filters import bumps, circular_waves, convolved, placed
from vitrify.learn.recipe import Recipe
from vitrify.learn.soft_dots import Canvas, canvas_of, draw, places
from vitrify.learn.symmetry import Symmetry

SCALED_BY = 16
"""Training configurations that scales are taken from, at most."""
GAIN = 10.0
"""What is read out is enlarged: means over a box differ little between configurations; see the mpnn."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """C configurations ready to be drawn.

    Attributes:
        canvas: what they are drawn on.
        place: (C, N, 2) float32, in pixels.
        species: (C, N) int8.
        counted: (C, N) bool, the particles that are averaged over; see :mod:`vitrify.learn.graphs`.
    """

    canvas: Canvas
    place: np.ndarray
    species: np.ndarray
    counted: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Cnn:
    """Convolutions of the periodic picture with filters that have an angle but no preferred direction.

    A filter is a learnt sum of rings around its centre, times cos(l theta) and sin(l theta); of each such pair the
    squares are added, so that what is found does not depend on how it is turned (Worrall et al., Harmonic Networks,
    CVPR 2017). Convolutions go through the Fourier transform of the picture, which is periodic as the box is: they
    reach 2.5 sigma_AA at once, with no stride. Two layers then look at the channels of each pixel, and their mean is
    taken over the dots of each species.

    The score does not change under translations by whole pixels, quarter turns and mirror images, in boxes of any size.
    There are no batch statistics: channels are scaled by what the filters' rings hold in training configurations.

    Attributes:
        pixel: edge of a pixel [sigma_AA].
        dot: standard deviation of a dot [sigma_AA].
        reach: of a filter [sigma_AA].
        rings: learnt numbers of a filter along its radius.
        round_filters: filters without an angle.
        angles: the l of the others.
        angled_filters: filters of each l.
        width: channels of the two layers.
        dropout: fraction of numbers read out that is dropped in training.
        species: number of species that may occur.
    """

    pixel: float = 0.15
    dot: float = 0.12
    reach: float = 2.5
    rings: int = 16
    round_filters: int = 8
    angles: tuple[int, ...] = (2, 3, 4, 5, 6)
    angled_filters: int = 2
    width: int = 16
    dropout: float = 0.1
    species: int = 2

    name: ClassVar[str] = "cnn"
    recipe: ClassVar[Recipe] = Recipe(
        epochs=20,
        batch=8,
        learning_rate=5e-3,
        schedule="cosine",
        optimiser="adamw",
        weight_decay=0.02,
        average=1.0,
        symmetry=False,
        patience=20,
    )

    def __post_init__(self):
        object.__setattr__(self, "angles", tuple(self.angles))  # a list, where it comes from a file
        for name in ("pixel", "dot", "reach"):
            if not 0 < getattr(self, name) < 10:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected a positive length below 10 sigma_AA")
        if not self.angles or min(self.angles) < 1:
            raise ValueError(f"angles: got {self.angles}, expected whole numbers from 1")

    def encode(self, configurations: Configurations) -> Drawn:
        """Where each particle is, in pixels."""
        canvas = canvas_of(configurations, self.pixel, self.reach + 8 * self.dot)
        rows = range(len(configurations))
        return Drawn(
            canvas=canvas,
            place=places(configurations, canvas),
            species=np.asarray(configurations.species),
            counted=np.array([counted_particles(configurations, row, self.reach) for row in rows]),
        )

    def scaling(self, encoded: Drawn, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Mean and spread over dots of what each ring around them holds of each species, (species, rings)."""
        chosen = rows[:: -(-len(rows) // SCALED_BY)]
        found = [
            np.asarray(_ring_moments(self, self.inputs(encoded, chosen[start : start + 1], {})))
            for start in range(len(chosen))
        ]
        mean, square = np.mean(found, axis=0)
        spread = np.sqrt(np.maximum(square - mean**2, 1e-12))
        return {"mean": mean, "spread": spread}

    def inputs(
        self,
        encoded: Drawn,
        rows: np.ndarray,
        scaling: Mapping[str, np.ndarray],
        symmetry: Symmetry | None = None,
    ) -> dict[str, Array | np.ndarray]:
        """``picture`` (B, species, P, Q), drawn on the device; ``counted``, the dots that are averaged over; ``pixel``.

        All equivalents of a configuration look the same, so that ``symmetry`` is not needed.
        """
        place, species, counted = encoded.place[rows], encoded.species[rows], encoded.counted[rows]
        pictures = self.pictures(place, species, counted, encoded.canvas) | {"place": place, "species": species}
        return pictures | {name: np.broadcast_to(value, (len(rows), *value.shape)) for name, value in scaling.items()}

    def pictures(
        self, place: Array | np.ndarray, species: np.ndarray, counted: np.ndarray, canvas: Canvas
    ) -> dict[str, Array | np.ndarray]:
        """The pictures of a batch, differentiable in ``place``."""
        brush = partial(
            draw, place, species, shape=canvas.shape, width=self.dot / float(canvas.pixel.mean()), channels=self.species
        )
        picture = brush(np.ones(species.shape, np.float32))
        whole = bool(np.all(counted == (species >= 0)))
        pixel = np.broadcast_to(canvas.pixel.astype(np.float32), (len(species), 2))
        inside = picture if whole else brush(counted.astype(np.float32))
        return {"picture": picture, "counted": inside, "pixel": pixel}

    def scored(
        self, encoded: Drawn, scaling: Mapping[str, np.ndarray]
    ) -> Callable[[Array | np.ndarray], dict[str, Array | np.ndarray]]:
        """From positions (N, 2) of the first configuration, a periodic one, to inputs, so that a score has a slope."""
        canvas, first = encoded.canvas, self.inputs(encoded, np.arange(1), scaling)
        middle = np.array(canvas.shape[::-1]) / 2

        def inputs(positions: Array | np.ndarray) -> dict[str, Array | np.ndarray]:
            place = (jnp.asarray(positions) / canvas.pixel + middle)[None].astype(jnp.float32)
            return first | self.pictures(place, encoded.species[:1], encoded.counted[:1], canvas) | {"place": place}

        return inputs

    def network(self, classes: int, rngs: nnx.Rngs) -> nnx.Module:
        """The network."""
        return Harmonic(self, classes, rngs)


class Harmonic(nnx.Module):
    """See :class:`Cnn`."""

    def __init__(self, options: Cnn, classes: int, rngs: nnx.Rngs):
        self.options = options
        species, rings, width = options.species, options.rings, options.width
        turning = [angle for angle in options.angles for _ in range(options.angled_filters)]
        self.angle = (0,) * options.round_filters + tuple(turning)
        self.radial = nnx.Param(rngs.params.normal((len(self.angle), species, rings)) / np.sqrt(species * rings))
        self.first = nnx.Linear(len(self.angle) + species, width, rngs=rngs)
        self.second = nnx.Linear(width, width, rngs=rngs)
        self.dropout = nnx.Dropout(options.dropout, rngs=rngs)
        self.read = nnx.Linear(species * width, classes, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """(B, classes)."""
        x, share = self.seen(inputs)
        dots = jnp.einsum("bspq,bpqf->bsf", share, x).reshape(len(x), -1)
        return self.read(self.dropout(GAIN * dots))

    def particle_numbers(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """``contribution`` (B, N): what the layers say at the pixel of each particle, weighted as they are read out.

        The logit of the last class less that of the first is, but for a constant and the width of the dots, its mean
        over A weighted by the fraction of A, and so for B; scaled so that the mean over particles is that difference.
        """
        x, _ = self.seen(inputs)
        kernel = self.read.kernel[...]
        by_species = (kernel[:, -1] - kernel[:, 0]).reshape(self.options.species, -1)
        column, row = jnp.moveaxis(jnp.asarray(inputs["place"], jnp.int32), -1, 0)
        kinds = nnx.one_hot(jnp.asarray(inputs["species"], jnp.int32), self.options.species)
        here = x[jnp.arange(len(x))[:, None], row, column]
        number = kinds.sum(axis=1, keepdims=True)
        share = kinds * kinds.sum(axis=(1, 2))[:, None, None] / jnp.maximum(number, 1)
        return {"contribution": GAIN * jnp.einsum("bnw,sw,bns->bn", here, by_species, share)}

    def filters(self, scaling: Mapping[str, np.ndarray]) -> tuple[np.ndarray, list[str], float]:
        """Cosines of the filters (filters, species, odd, odd), what to call each, and their reach [sigma_AA]."""
        pixel = jnp.full(2, self.options.pixel)
        patches = np.asarray(self.kernels(pixel, jnp.asarray(scaling["spread"])))[:, 0]
        return patches, [f"l = {angle}" for angle in self.angle], self.options.reach

    def seen(self, inputs: Mapping[str, Array]) -> tuple[Array, Array]:
        """What the two layers make of each pixel (B, P, Q, width); the share of each pixel in the dots' mean."""
        picture, counted = inputs["picture"], inputs["counted"]
        x = jnp.moveaxis(jnp.concatenate([self.channels(inputs), picture], axis=1), 1, -1)
        # Less what the layers make of the average surroundings: else all configurations share a large constant, whose
        # swings drown what they differ by as training begins.
        x = self._layers(x) - self._layers(jnp.zeros(x.shape[-1], x.dtype))
        return x, counted / jnp.maximum(counted.sum(axis=(2, 3), keepdims=True), 1e-9)

    def _layers(self, x: Array) -> Array:
        return nnx.gelu(self.second(nnx.gelu(self.first(x))))

    def channels(self, inputs: Mapping[str, Array]) -> Array:
        """(B, filters, P, Q): what the filters see, round ones first, in units in which dots differ by about one."""
        mean, spread = inputs["mean"][0], inputs["spread"][0]
        rounds = self.options.round_filters
        kernels = self.kernels(inputs["pixel"][0], spread)
        seen = convolved(inputs["picture"], kernels[:rounds, :1])[:, :, 0]
        seen = seen - jnp.einsum("fsn,sn->f", self.radial[:rounds], mean / spread)[:, None, None]
        pair = convolved(inputs["picture"], kernels[rounds:])
        return jnp.concatenate([seen, (pair**2).sum(axis=2) - 1], axis=1)

    def kernels(self, pixel: Array, spread: Array) -> Array:
        """(filters, 2, species, odd, odd): cosine and sine of each filter; the sine of a round one is 0."""
        options = self.options
        rings = bumps(options.reach, options.rings, options.pixel, pixel)
        waves = circular_waves(self.angle, options.reach, options.pixel, pixel)
        return jnp.einsum("fsn,sn,npq,fcpq->fcspq", self.radial[...], 1 / spread, rings, waves)


@partial(jax.jit, static_argnums=0)
def _ring_moments(options: Cnn, inputs: Mapping[str, Array]) -> Array:
    """Mean and mean square over dots of what each ring holds of each species, (2, species, rings)."""
    rings = bumps(options.reach, options.rings, options.pixel, inputs["pixel"][0])
    spectrum = jnp.fft.rfft2(inputs["picture"])
    shape = inputs["picture"].shape[-2:]
    held = jnp.fft.irfft2(spectrum[:, :, None] * jnp.fft.rfft2(placed(rings, shape)), s=shape)
    share = inputs["counted"].sum(axis=1)
    share = share / jnp.maximum(share.sum(), 1e-9)
    return jnp.stack([jnp.einsum("bpq,bsnpq->sn", share, power) for power in (held, held**2)])
