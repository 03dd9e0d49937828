"""A small convolutional network for the picture of a periodic box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from vitrify.learn.datasets import Configurations
from vitrify.learn.graphs import counted_particles
from vitrify.learn.soft_dots import Canvas, canvas_of, draw, places

SCALED_BY = 128
"""Training configurations that scales are taken from, at most."""

NEAREST = 0.6
"""Radius of the innermost ring [sigma_AA]: no two particles of the mixture come closer."""


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
    CVPR 2017). Convolutions go through the Fourier transform of the picture, which is periodic as the box is, and reach
    2.5 sigma_AA at once, with no stride. Two layers then look at the channels of each pixel, and their mean is
    taken over the box and over the dots of each species. Beside it the mean of plain rings over the dots, a smoothed
    g(r), is read out linearly.

    The score does not change under translations by whole pixels, quarter turns and mirror images, in boxes of any size.

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
    dropout: float = 0.2
    species: int = 2

    name: ClassVar[str] = "cnn"

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
        """Mean and scatter of g(r) over configurations."""
        chosen = rows[:: -(-len(rows) // SCALED_BY)]
        found = np.concatenate(
            [np.asarray(_rings(self, self.inputs(encoded, chosen[n : n + 8], {}))) for n in range(0, len(chosen), 8)]
        )
        scatter = found.std(axis=0)
        return {"mean": found.mean(axis=0), "scatter": np.where(scatter > 1e-6, scatter, 1e6).astype(np.float32)}

    def inputs(
        self,
        encoded: Drawn,
        rows: np.ndarray,
        scaling: Mapping[str, np.ndarray],
        symmetry: np.random.Generator | None = None,
    ) -> dict[str, Array | np.ndarray]:
        """``picture`` (B, species, P, Q) and ``counted``, the same of the dots that are averaged over.

        All equivalents of a configuration look the same, so that ``symmetry`` is not needed.
        """
        place, species, counted = encoded.place[rows], encoded.species[rows], encoded.counted[rows]
        return self.pictures(place, species, counted, encoded.canvas) | {
            name: np.broadcast_to(value, (len(rows), *value.shape)) for name, value in scaling.items()
        }

    def pictures(self, place, species, counted, canvas: Canvas) -> dict[str, Array | np.ndarray]:
        """The pictures of a batch, differentiable in ``place``."""
        width = self.dot / float(canvas.pixel.mean())
        picture = draw(place, species, np.ones_like(species, np.float32), shape=canvas.shape, width=width, species_count=self.species)
        inside = picture
        if not np.all(counted | (species < 0)):
            inside = draw(place, species, counted.astype(np.float32), shape=canvas.shape, width=width, species_count=self.species)
        return {"picture": picture, "counted": inside, "pixel": np.broadcast_to(canvas.pixel.astype(np.float32), (len(place), 2))}

    def network(self, classes: int, rngs: nnx.Rngs) -> nnx.Module:
        """The network."""
        return Harmonic(self, classes, rngs)


class Harmonic(nnx.Module):
    """See :class:`Cnn`."""

    def __init__(self, options: Cnn, classes: int, rngs: nnx.Rngs):
        self.options = options
        s, n = options.species, options.rings
        filters = options.round_filters + options.angled_filters * len(options.angles)
        self.rings = nnx.Param(rngs.params.normal((filters, s, n)) / np.sqrt(s * n) * 2)
        self.first = nnx.Linear(filters + s, options.width, rngs=rngs)
        self.second = nnx.Linear(options.width, options.width, rngs=rngs)
        self.dropout = nnx.Dropout(options.dropout, rngs=rngs)
        self.plain = nnx.Linear(s * s * len(fine_rings(options)), classes, kernel_init=nnx.initializers.zeros, rngs=rngs)
        self.read = nnx.Linear((s + 1) * options.width, classes, rngs=rngs)

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """(B, classes)."""
        picture, counted = inputs["picture"], inputs["counted"]
        channels = self.channels(picture, inputs["pixel"][0])
        x = jnp.concatenate([channels, picture / jnp.max(picture)], axis=1)
        x = jnp.moveaxis(x, 1, -1)
        x = nnx.tanh(self.first(x))
        x = nnx.tanh(self.second(x))
        share = counted / jnp.maximum(counted.sum(axis=(2, 3), keepdims=True), 1e-9)
        dots = jnp.einsum("bspq,bpqf->bsf", share, x).reshape(len(x), -1)
        everywhere = counted.sum(axis=1)
        everywhere = x.mean(axis=(1, 2))
        logits = self.read(self.dropout(30 * jnp.concatenate([dots, everywhere], axis=-1)))
        rings = (smoothed_g(self.options, inputs) - inputs["mean"]) / inputs["scatter"]
        return logits + self.plain(self.dropout(rings))

    def kernels(self, pixel: Array) -> Array:
        """(filters, 2, species, rows, columns): each filter's cosine and sine; the sine of a round one is 0."""
        options = self.options
        distance, angle = grid(options.reach, options.pixel, pixel)
        centres = jnp.linspace(0.0, options.reach, options.rings + 1)[:-1]
        width = options.reach / options.rings
        bumps = jnp.exp(-0.5 * ((distance - centres[:, None, None]) / (0.7 * width)) ** 2)
        bumps = bumps / jnp.sqrt(1 + (distance / 0.5)) * (distance < options.reach)
        radial = jnp.einsum("fsn,npq->fspq", self.rings[...], bumps)
        l = np.array([0] * options.round_filters + [l for l in options.angles for _ in range(options.angled_filters)])
        turn = l[:, None, None] * angle
        waves = jnp.stack([jnp.cos(turn), jnp.sin(turn)], axis=1) * jnp.where((l[:, None, None] > 0) & (distance < 1e-6), 0, 1)[:, None]
        return radial[:, None] * waves[:, :, None]

    def channels(self, picture: Array, pixel: Array) -> Array:
        """(B, filters, P, Q): what the filters see, round ones first."""
        rounds = self.options.round_filters
        shape = picture.shape[-2:]
        spectrum = jnp.fft.rfft2(picture)
        kernels = jnp.fft.rfft2(placed(self.kernels(pixel), shape))
        seen = jnp.fft.irfft2(jnp.einsum("bspq,fspq->bfpq", spectrum, kernels[:rounds, 0]), s=shape)
        pair = jnp.fft.irfft2(jnp.einsum("bspq,fcspq->bfcpq", spectrum, kernels[rounds:]), s=shape)
        return jnp.concatenate([seen, (pair**2).sum(axis=2)], axis=1)


def grid(reach: float, nominal: float, pixel: Array) -> tuple[Array, Array]:
    """Distance [sigma_AA] and angle from the middle of a square patch that holds a filter."""
    half = int(np.ceil(reach / nominal))
    along = jnp.arange(-half, half + 1)
    x, y = along[None, :] * pixel[0], along[:, None] * pixel[1]
    return jnp.sqrt(x**2 + y**2), jnp.arctan2(y, x)


def placed(patches: Array, shape: tuple[int, int]) -> Array:
    """Patches (..., odd, odd) on an empty canvas, their middles at pixel (0, 0), wrapped around."""
    half = patches.shape[-1] // 2
    place = jnp.arange(-half, half + 1)
    canvas = jnp.zeros((*patches.shape[:-2], *shape), patches.dtype)
    return canvas.at[..., (place % shape[0])[:, None], (place % shape[1])[None, :]].add(patches)


def fine_rings(options: Cnn) -> np.ndarray:
    """Radii of the rings of the smoothed g(r) [sigma_AA]."""
    return np.arange(NEAREST, 2 * options.reach, 0.1)


def smoothed_g(options: Cnn, inputs: Mapping[str, Array]) -> Array:
    """(B, species * species * rings): how much of each species lies in each ring around the counted dots of each."""
    picture, counted = inputs["picture"], inputs["counted"]
    shape = picture.shape[-2:]
    centres = jnp.asarray(fine_rings(options))
    distance, _ = grid(2 * options.reach, options.pixel, inputs["pixel"][0])
    rings = jnp.exp(-0.5 * ((distance - centres[:, None, None]) / 0.07) ** 2) / (1 + distance)
    spectrum = jnp.fft.fft2(picture)
    around = spectrum if counted is picture else jnp.fft.fft2(counted)
    # The mean over dots of what a ring around them holds is one sum over the spectrum: Parseval.
    product = jnp.einsum("bspq,btpq->bstpq", jnp.conj(around), spectrum).real
    found = jnp.einsum("bstpq,npq->bstn", product, jnp.fft.fft2(placed(rings, shape)).real)
    number = counted.sum(axis=(2, 3))[:, :, None, None]
    return (found / (shape[0] * shape[1]) / jnp.maximum(number, 1e-9)).reshape(len(picture), -1)


@nnx.jit(static_argnums=0)
def _rings(options: Cnn, inputs: Mapping[str, Array]) -> Array:
    return smoothed_g(options, inputs)
