"""A small convolutional network for the picture of a periodic box."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from vitrify.learn.configurations import Configurations
from vitrify.learn.graphs import counted_particles
from vitrify.learn.models.filters import bumps, circular_waves, placed
from vitrify.learn.models.means import species_means, whitened, whitening
from vitrify.learn.recipe import Recipe
from vitrify.learn.soft_dots import Canvas, canvas_of, draw, places, seen_at
from vitrify.learn.symmetry import Symmetry

SCALED_BY = 512
"""Training configurations that scales are taken from, at most."""
KEPT = 2**31
"""What filters see is kept rather than looked at for every batch where it takes fewer bytes than this."""
CHUNK = 4
"""Configurations that are looked at at a time."""
NEVER = 1e9
"""Scale of what is the same everywhere."""
SHOWN = ("picture", "place", "pixel")
"""Inputs that what is seen at the dots follows from."""
GAIN = 10.0
"""What the layers say is enlarged: means over a box differ little between configurations; see the mpnn."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """C configurations ready to be drawn, and what the parts of all filters see at their dots.

    Attributes:
        canvas: what they are drawn on.
        place: (C, N, 2) float32, in pixels.
        species: (C, N) int8.
        counted: (C, N) bool, the particles that are averaged over; see :mod:`vitrify.learn.graphs`.
        seen: (C, N, species, parts) float32, or None where pictures are looked at for every batch.
    """

    canvas: Canvas
    place: np.ndarray
    species: np.ndarray
    counted: np.ndarray
    seen: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Cnn:
    """Convolutions of the periodic picture with filters that have an angle but no preferred direction.

    A filter is a learnt sum of rings around its centre, times cos(l theta) and sin(l theta); of each such pair the
    squares are added, so that what is found does not depend on how it is turned (Worrall et al., Harmonic Networks,
    CVPR 2017). Convolutions go through the Fourier transform of the picture, which is periodic as the box is: they
    reach 2.5 sigma_AA at once, with no stride. What filters see is read at the dots and averaged over the dots of each
    species: what round filters see as it is (:mod:`vitrify.learn.models.means`), all of it through a layer as well.

    As a convolution is linear, what a learnt filter sees is the learnt sum of what its rings see; the rings look once,
    before the training, and their filters are learnt from what they saw.

    The score does not change under translations by whole pixels, quarter turns and mirror images, in boxes of any size.
    There are no batch statistics: everything is scaled by what is seen in training configurations.

    Attributes:
        pixel: edge of a pixel [sigma_AA].
        dot: standard deviation of a dot [sigma_AA].
        reach: of a filter [sigma_AA].
        rings: of a round filter.
        angles: the l of the others.
        shells: rings of these.
        angled_filters: filters of each l.
        width: channels of the layer.
        dropout: fraction of the layer's means that is dropped in training.
        species: number of species that may occur.
    """

    pixel: float = 0.15
    dot: float = 0.1
    reach: float = 2.5
    rings: int = 24
    angles: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    shells: int = 4
    angled_filters: int = 2
    width: int = 16
    dropout: float = 0.3
    species: int = 2

    name: ClassVar[str] = "cnn"
    recipe: ClassVar[Recipe] = Recipe(
        epochs=15,
        batch=16,
        learning_rate=5e-3,
        schedule="cosine",
        optimiser="adamw",
        weight_decay=0.05,
        average=1.0,
        symmetry=False,
        patience=15,
    )

    def __post_init__(self):
        object.__setattr__(self, "angles", tuple(self.angles))  # a list, where it comes from a file
        for name in ("pixel", "dot", "reach"):
            if not 0 < getattr(self, name) < 10:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected a positive length below 10 sigma_AA")
        if not self.angles or min(self.angles) < 1:
            raise ValueError(f"angles: got {self.angles}, expected whole numbers from 1")

    @property
    def parts(self) -> int:
        """Rings of round filters, and cosines and sines of the rings of the others."""
        return self.rings + 2 * self.shells * len(self.angles)

    def by_wave(self, seen: Array | np.ndarray) -> Array | np.ndarray:
        """The other parts, (..., parts less rings), as (..., shells, angles, 2)."""
        return seen.reshape(*seen.shape[:-1], self.shells, len(self.angles), 2)

    def drawn(self, configurations: Configurations) -> Drawn:
        """Where each particle is, in pixels; nothing is looked at yet."""
        canvas = canvas_of(configurations, self.pixel, self.reach + 8 * self.dot)
        rows = range(len(configurations))
        return Drawn(
            canvas=canvas,
            place=places(configurations, canvas),
            species=np.asarray(configurations.species),
            counted=np.array([counted_particles(configurations, row, self.reach) for row in rows]),
        )

    def encode(self, configurations: Configurations) -> Drawn:
        """Configurations with what the parts of all filters see at their dots, where that is little enough to keep."""
        drawn = self.drawn(configurations)
        if 4 * drawn.species.size * self.species * self.parts > KEPT:
            return drawn
        seen = np.empty((*drawn.species.shape, self.species, self.parts), np.float32)
        for start in range(0, len(seen), CHUNK):
            rows = np.resize(np.arange(start, min(start + CHUNK, len(seen))), CHUNK)
            seen[rows] = _look(self, drawn, rows)
        return replace(drawn, seen=seen)

    def scaling(self, encoded: Drawn, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What is seen around dots of each species in training configurations.

        Of rings ``mean`` and ``spread``, and how their means over dots are whitened; of the other parts the ``size``,
        root of the mean square.
        """
        chosen = rows[:: -(-len(rows) // SCALED_BY)]
        moments = [self._moments(encoded, chosen[start : start + CHUNK]) for start in range(0, len(chosen), CHUNK)]
        count, mean, square, power = (np.concatenate(part) for part in zip(*moments, strict=True))
        weight = (count / np.maximum(count.sum(axis=0), 1))[..., None, None]
        level = (weight * mean).sum(axis=0)
        spread = np.sqrt(np.maximum((weight * square).sum(axis=0) - level**2, 0))
        spread = np.where(spread < 1e-3 * np.abs(level).max(), NEVER, spread)
        size = np.sqrt(power.mean(axis=0))
        means = ((mean - level) / spread).reshape(len(mean), -1)
        return {
            "mean": level.astype(np.float32),
            "spread": spread.astype(np.float32),
            "size": np.where(size > 0, size, NEVER).astype(np.float32),
        } | whitening(means)

    def inputs(
        self,
        encoded: Drawn,
        rows: np.ndarray,
        scaling: Mapping[str, np.ndarray],
        symmetry: Symmetry | None = None,
    ) -> dict[str, Array | np.ndarray]:
        """What is seen at the dots of a batch.

        ``seen`` (B, N, species, parts) or, where it is not kept, the ``picture`` (B, species, P, Q); ``place`` and
        ``species`` of the dots; ``counted``, those that are averaged over; ``pixel``, its edges.

        All equivalents of a configuration look the same, so that ``symmetry`` is not needed.
        """
        place, species = encoded.place[rows], encoded.species[rows]
        batch: dict[str, Array | np.ndarray] = {"place": place, "species": species, "counted": encoded.counted[rows]}
        batch["pixel"] = np.broadcast_to(encoded.canvas.pixel.astype(np.float32), (len(rows), 2))
        if encoded.seen is None:
            batch["picture"] = self.picture(place, species, encoded.canvas)
        else:
            batch["seen"] = encoded.seen[rows]
        return batch | {name: np.broadcast_to(value, (len(rows), *value.shape)) for name, value in scaling.items()}

    def picture(self, place: Array | np.ndarray, species: np.ndarray, canvas: Canvas) -> Array:
        """The pictures of a batch, differentiable in ``place``."""
        width, ones = self.dot / float(canvas.pixel.mean()), np.ones(species.shape, np.float32)
        return draw(place, species, ones, shape=canvas.shape, width=width, channels=self.species)

    def scored(
        self, encoded: Drawn, scaling: Mapping[str, np.ndarray]
    ) -> Callable[[Array | np.ndarray], dict[str, Array | np.ndarray]]:
        """From positions (N, 2) of the first configuration, a periodic one, to inputs, so that a score has a slope."""
        canvas = encoded.canvas
        first = self.inputs(replace(encoded, seen=None), np.arange(1), scaling)
        middle = np.array(canvas.shape[::-1]) / 2

        def inputs(positions: Array | np.ndarray) -> dict[str, Array | np.ndarray]:
            place = (jnp.asarray(positions) / canvas.pixel + middle)[None].astype(jnp.float32)
            return first | {"picture": self.picture(place, encoded.species[:1], canvas), "place": place}

        return inputs

    def network(self, classes: int, rngs: nnx.Rngs) -> nnx.Module:
        """The network."""
        return Harmonic(self, classes, rngs)

    def _moments(self, encoded: Drawn, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Of each configuration what scales are made of.

        Dots of each species; mean and mean square of rings around them; mean square of the other parts around any dot.
        """
        seen = _look(self, encoded, rows) if encoded.seen is None else encoded.seen[rows]
        share = (encoded.species[rows][..., None] == np.arange(self.species)) & encoded.counted[rows][..., None]
        count = share.sum(axis=1)
        rings, waves = np.split(seen.astype(np.float64), [self.rings], axis=-1)
        mean, square = (
            np.einsum("bns,bntr->bstr", share, power, optimize=True) / np.maximum(count, 1)[..., None, None]
            for power in (rings, rings**2)
        )
        anyone = share.any(axis=-1) / np.maximum(count.sum(axis=1, keepdims=True), 1)
        return count, mean, square, np.einsum("bn,bnslac->bsla", anyone, self.by_wave(waves) ** 2) / 2


class Harmonic(nnx.Module):
    """See :class:`Cnn`."""

    def __init__(self, options: Cnn, classes: int, rngs: nnx.Rngs):
        self.options = options
        species = options.species
        angled = len(options.angles), species, options.shells, options.angled_filters
        self.angled = nnx.Param(rngs.params.normal(angled) / np.sqrt(species * options.shells))
        channels = species * options.rings + len(options.angles) * options.angled_filters + species
        self.layer = nnx.Linear(channels, options.width, rngs=rngs)
        self.dropout = nnx.Dropout(options.dropout, rngs=rngs)
        zeros = nnx.initializers.zeros
        self.round = nnx.Linear(species * species * options.rings, classes, kernel_init=zeros, rngs=rngs)
        self.read = nnx.Linear(species * options.width, classes, kernel_init=zeros, use_bias=False, rngs=rngs)

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """(B, classes)."""
        rings, x, share = self.channels(inputs)
        means = species_means(x, share).reshape(len(x), -1)
        return self.round(whitened(species_means(rings, share), inputs)) + self.read(self.dropout(GAIN * means))

    def particle_numbers(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """``contribution`` (B, N): what is read at each dot, weighted as its species is read out.

        Scaled so that its mean over particles is the logit of the last class less that of the first, but for a
        constant.
        """
        rings, x, share = self.channels(inputs)
        kernel, round_kernel = (one.kernel[...][:, -1] - one.kernel[...][:, 0] for one in (self.read, self.round))
        on_rings = (inputs["directions"] @ round_kernel).reshape(len(x), self.options.species, -1)
        by_species = jnp.einsum("bnf,bsf->bns", rings, on_rings)
        by_species += GAIN * jnp.einsum("bnw,sw->bns", x, kernel.reshape(self.options.species, -1))
        number = share.sum(axis=1, keepdims=True)
        return {"contribution": (share / jnp.maximum(number, 1) * by_species).sum(axis=-1) * number.sum(axis=-1)}

    def filters(self, scaling: Mapping[str, np.ndarray]) -> tuple[np.ndarray, list[str], float]:
        """Filters (filters, species, odd, odd), what to call each, and their reach [sigma_AA].

        First the round ones that are read out around each species, then the cosines of the angled ones.
        """
        options = self.options
        kernel = self.round.kernel[...][:, -1] - self.round.kernel[...][:, 0]
        on_rings = (scaling["directions"] @ kernel).reshape(*scaling["spread"].shape) / scaling["spread"]
        rings, waves = parts(options, jnp.full(2, options.pixel))
        angled = jnp.einsum("aslf,sla,lapq->afspq", self.angled[...], 1 / scaling["size"], waves[:, :, 0])
        angled = angled.reshape(-1, options.species, *rings.shape[1:])
        around = jnp.einsum("ctr,rpq->ctpq", on_rings, rings)
        titles = [f"l = 0, around {name}" for name in "ABCDEFGH"[: options.species]]
        titles += [f"l = {angle}" for angle in options.angles for _ in range(options.angled_filters)]
        return np.concatenate([around, angled]), titles, options.reach

    def channels(self, inputs: Mapping[str, Array]) -> tuple[Array, Array, Array]:
        """At the dots: standardised rings (B, N, F), the layer (B, N, width); and what each dot counts, (B, N, S)."""
        options = self.options
        kinds = nnx.one_hot(jnp.asarray(inputs["species"], jnp.int32), options.species)
        seen = inputs["seen"] if "seen" in inputs else looked(options, *(inputs[name] for name in SHOWN))
        rings, waves = jnp.split(seen, [options.rings], axis=-1)
        level, slope = (
            jnp.einsum("bns,bstr->bntr", kinds, by_species) for by_species in (inputs["mean"], 1 / inputs["spread"])
        )
        rings = ((rings - level) * slope).reshape(*kinds.shape[:2], -1)
        waves = options.by_wave(waves) / inputs["size"][:, None, ..., None]
        pair = jnp.einsum("bnslac,aslf->bnacf", waves, self.angled[...])
        power = (pair**2).mean(axis=3).reshape(*kinds.shape[:2], -1) - 1
        x = nnx.gelu(self.layer(jnp.concatenate([rings, power, kinds], axis=-1)))
        return rings, x, kinds * jnp.asarray(inputs["counted"])[..., None]


def parts(options: Cnn, pixel: Array) -> tuple[Array, Array]:
    """Rings (rings, odd, odd), and cosines and sines on broader rings (shells, angles, 2, odd, odd)."""
    broad = bumps(options.reach, options.shells, options.pixel, pixel)
    waves = circular_waves(options.angles, options.reach, options.pixel, pixel)
    return bumps(options.reach, options.rings, options.pixel, pixel), broad[:, None, None] * waves


def looked(options: Cnn, picture: Array, place: Array, pixel: Array) -> Array:
    """(B, N, species, parts): what the parts of filters see of each species at the dots."""
    rings, waves = parts(options, pixel[0])
    shape = picture.shape[-2:]
    kernels = jnp.concatenate([rings, waves.reshape(-1, *rings.shape[1:])])
    spectrum = jnp.fft.rfft2(picture)[:, :, None] * jnp.fft.rfft2(placed(kernels, shape))
    return seen_at(jnp.fft.irfft2(spectrum, s=shape), place)


def _look(options: Cnn, drawn: Drawn, rows: np.ndarray) -> np.ndarray:
    inputs = options.inputs(replace(drawn, seen=None), rows, {})
    return np.asarray(_looked(options, *(inputs[name] for name in SHOWN)))


_looked = jax.jit(looked, static_argnums=0)
