"""A message-passing network on the periodic graph of neighbours."""

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
from vitrify.learn.graphs import Graphs, graphs_of
from vitrify.learn.models.environments import Edges, EnvironmentSpec, edges_of, environments
from vitrify.learn.recipe import Recipe
from vitrify.learn.symmetry import Symmetry

SCALED_BY = 128
"""Training configurations that scales are taken from, at most."""
KEPT = 2**31
"""Numbers of particles are kept rather than computed for every batch where they take fewer bytes than this."""
CHUNK = 16
"""Configurations whose numbers are computed at a time."""
NEVER = np.float32(1e9)
"""Scale of a number that is the same everywhere."""
MOST = 5.0
"""Numbers farther from their mean, in units of their spread, are cut off here."""
GAIN = 10.0
"""What is read out is enlarged: a mean over a thousand particles differs between configurations by a thirtieth of what
particles differ by, which weights of ordinary size would not turn into a score within tens of epochs."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """C configurations as graphs, with the numbers of every particle (C, N, F) float32, or None where they are many."""

    graphs: Graphs
    numbers: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Mpnn:
    """Particles talk to their neighbours, and what they have to say is averaged.

    A particle begins with its species and the radial and angular numbers of its surroundings
    (:mod:`vitrify.learn.models.environments`); in each round it takes in what its nearest neighbours say, weighted by
    an attention that adds up to one over them and depends on both, on the pair of species and on the distance. The mean
    over particles and an attention over particles are read out. What a linear model on smoothed g(r) and bond angles
    can tell, this network can.

    Distances, angles between bonds and species are all it knows: the score does not change when a configuration is
    moved, turned, mirrored, or its particles are numbered anew.

    Attributes:
        cutoff: longest edge [sigma_AA].
        spacing: of the radial functions [sigma_AA].
        shells: of the angular functions.
        harmonics: of the angular functions.
        nearest: neighbours that are listened to.
        rounds: of messages.
        width: numbers a particle has between layers.
        dropout: fraction of them that is dropped in training.
        species: number of species that may occur.
    """

    cutoff: float = 2.5
    spacing: float = 0.1
    shells: int = 3
    harmonics: int = 7
    nearest: int = 8
    rounds: int = 1
    width: int = 32
    dropout: float = 0.2
    species: int = 2

    name: ClassVar[str] = "mpnn"
    recipe: ClassVar[Recipe] = Recipe(
        epochs=30,
        batch=16,
        learning_rate=3e-3,
        schedule="cosine",
        optimiser="adamw",
        weight_decay=0.05,
        average=1.0,
        symmetry=False,
        patience=30,
    )

    @property
    def environment(self) -> EnvironmentSpec:
        """The numbers a particle begins with."""
        return EnvironmentSpec(
            cutoff=self.cutoff,
            spacing=self.spacing,
            shells=self.shells,
            harmonics=self.harmonics,
            species=self.species,
        )

    def encode(self, configurations: Configurations) -> Encoded:
        """The graphs, and the numbers of every particle where they are few enough to be kept."""
        graphs = graphs_of(configurations, self.cutoff)
        if 4 * graphs.species.size * self.environment.size > KEPT:
            return Encoded(graphs=graphs)
        numbers = np.empty((*graphs.species.shape, self.environment.size), np.float32)
        for start in range(0, len(graphs), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(graphs)))
            numbers[rows] = self._numbers(graphs, np.resize(rows, CHUNK))[: len(rows)]
        return Encoded(graphs=graphs, numbers=numbers)

    def scaling(self, encoded: Encoded, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Mean and spread of every number over particles, by species."""
        chosen = rows[:: -(-len(rows) // SCALED_BY)]
        found = [self._moments(encoded, chosen[start : start + CHUNK]) for start in range(0, len(chosen), CHUNK)]
        count, total, squares = (np.concatenate(part) for part in zip(*found, strict=True))
        known = np.maximum(count.sum(axis=0), 1)[:, None]
        mean = total.sum(axis=0) / known
        spread = np.sqrt(np.maximum(squares.sum(axis=0) / known - mean**2, 0))
        return {
            "mean": mean.astype(np.float32),
            "spread": np.where(spread < 1e-3, NEVER, spread).astype(np.float32),
        }

    def inputs(
        self,
        encoded: Encoded,
        rows: np.ndarray,
        scaling: Mapping[str, np.ndarray],
        symmetry: Symmetry | None = None,
    ) -> dict[str, np.ndarray]:
        """A batch of graphs; all equivalents of a configuration look the same."""
        graphs = encoded.graphs
        batch = {
            "numbers": self._numbers(graphs, rows) if encoded.numbers is None else encoded.numbers[rows],
            "positions": graphs.positions[rows].astype(np.float32),
            "species": graphs.species[rows],
            "box": graphs.box[rows].astype(np.float32),
            "neighbours": graphs.neighbours[rows, :, : self.nearest],
            "counted": graphs.counted[rows],
        }
        return batch | {name: np.broadcast_to(value, (len(rows), *value.shape)) for name, value in scaling.items()}

    def scored(
        self, encoded: Encoded, scaling: Mapping[str, np.ndarray]
    ) -> Callable[[Array | np.ndarray], dict[str, Array | np.ndarray]]:
        """From positions (N, 2) near those of the first configuration to inputs, so that a score has a slope."""
        first, spec = self.inputs(encoded, np.arange(1), scaling), self.environment
        neighbours = encoded.graphs.neighbours[:1]

        def inputs(positions: Array | np.ndarray) -> dict[str, Array | np.ndarray]:
            moved = jnp.asarray(positions)[None]
            return first | {
                "positions": moved,
                "numbers": numbers_of(moved, first["species"], first["box"], neighbours, spec),
            }

        return inputs

    def network(self, classes: int, rngs: nnx.Rngs) -> nnx.Module:
        """The network."""
        return MessagePassing(self, classes, rngs)

    def _numbers(self, graphs: Graphs, rows: np.ndarray) -> np.ndarray:
        shown = (graphs.positions[rows], graphs.species[rows], graphs.box[rows], graphs.neighbours[rows])
        return np.asarray(numbers_of(*shown, self.environment))

    def _moments(self, encoded: Encoded, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Of each configuration and species how many particles are counted, and the sums of numbers and squares."""
        inputs = self.inputs(encoded, rows, {})
        numbers = inputs["numbers"].astype(np.float64)
        share = (inputs["species"][..., None] == np.arange(self.species)) & inputs["counted"][..., None]
        sums = [np.einsum("bns,bnf->bsf", share, power, optimize=True) for power in (numbers, numbers**2)]
        return share.sum(axis=1), *sums


@partial(jax.jit, static_argnames="spec")
def numbers_of(positions: Array, species: Array, box: Array, neighbours: Array, spec: EnvironmentSpec) -> Array:
    """(B, N, F): the numbers of every particle of a batch; see :func:`vitrify.learn.models.environments.edges_of`."""
    return environments(edges_of(positions, species, box, neighbours, spec.cutoff), spec)


class MessagePassing(nnx.Module):
    """See :class:`Mpnn`."""

    def __init__(self, options: Mpnn, classes: int, rngs: nnx.Rngs):
        size, width = options.environment.size, options.width
        self.species, self.cutoff = options.species, options.cutoff
        self.embed = nnx.Linear(size + options.species, width, rngs=rngs)
        self.rounds = nnx.List([Round(options, rngs) for _ in range(options.rounds)])
        self.look = nnx.Linear(width, 1, rngs=rngs)
        self.dropout = nnx.Dropout(options.dropout, rngs=rngs)
        self.read = nnx.Linear(2 * width, classes, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, inputs: Mapping[str, Array]) -> Array:
        """(B, classes)."""
        return self.explained(inputs)["logits"]

    def explained(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Logits (B, classes), and where the attention went: over particles (B, N), over bonds (B, N, nearest)."""
        species, counted = jnp.asarray(inputs["species"], jnp.int32), jnp.asarray(inputs["counted"])
        neighbours = jnp.asarray(inputs["neighbours"], jnp.int32)
        edges = edges_of(inputs["positions"], species, inputs["box"], neighbours, self.cutoff)
        kinds = jax.nn.one_hot(species, self.species)
        numbers = standardised(inputs["numbers"], kinds, inputs)
        h = nnx.gelu(self.embed(jnp.concatenate([jnp.clip(numbers, -MOST, MOST), kinds], axis=-1)))
        bonds = jnp.zeros(neighbours.shape)
        for one in self.rounds:
            h, bonds = one(h, edges, neighbours)
        mean = counted / jnp.maximum(counted.sum(axis=1, keepdims=True), 1)
        looked = nnx.softmax(jnp.where(counted, self.look(h)[..., 0], -1e9), axis=1)
        read = jnp.concatenate([jnp.einsum("bn,bnf->bf", by, h) for by in (mean, looked)], axis=-1)
        return {
            "logits": self.read(self.dropout(GAIN * read)),
            "particles": looked,
            "bonds": bonds,
            "shares": self._shares(h, mean, looked),
        }

    def particle_numbers(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """What each particle has to do with the score, (B, N) each.

        ``contribution``: its share in the logit of the last class less that of the first, times the number of particles
        that are counted, so that its mean is their difference less a constant. ``attention``: of the read-out, 1 for an
        equal share. ``heard``: the attention its neighbours pay to it, 1 where each particle is paid as much.
        """
        found = self.explained(inputs)
        counted, neighbours = jnp.asarray(inputs["counted"]), jnp.asarray(inputs["neighbours"], jnp.int32)
        number = counted.sum(axis=1, keepdims=True)
        batch = jnp.arange(len(counted))[:, None, None]
        heard = jnp.zeros(counted.shape).at[batch, neighbours].add(found["bonds"])
        return {
            "contribution": found["shares"] * number,
            "attention": found["particles"] * number,
            "heard": heard,
        }

    def _shares(self, h: Array, mean: Array, looked: Array) -> Array:
        """(B, N): the share of each particle in the difference of the last and the first logit."""
        kernel = self.read.kernel[...]
        in_mean, in_look = jnp.split(kernel[:, -1] - kernel[:, 0], 2)
        return GAIN * ((h @ in_mean) * mean + (h @ in_look) * looked)


class Round(nnx.Module):
    """One round of messages: what the nearest neighbours say, by attention."""

    def __init__(self, options: Mpnn, rngs: nnx.Rngs):
        width, self.nearest = options.width, options.nearest
        self.bumps = tuple(np.arange(0.6, options.cutoff, 0.15).tolist())
        self.says = nnx.Linear(width, width, rngs=rngs)
        self.query = nnx.Linear(width, width, rngs=rngs)
        self.key = nnx.Linear(width, width, rngs=rngs)
        self.near = nnx.Linear(len(self.bumps), width + 1, rngs=rngs)
        self.takes = nnx.Linear(2 * width, width, rngs=rngs)

    def __call__(self, h: Array, edges: Edges, neighbours: Array) -> tuple[Array, Array]:
        """New numbers (B, N, width), and the attention (B, N, nearest)."""
        batch = jnp.arange(len(h))[:, None, None]
        distance, fade = edges.distance, edges.fade
        by_distance = self.near(jnp.exp(-0.5 * ((distance[..., None] - jnp.asarray(self.bumps)) / 0.15) ** 2))
        said = jnp.concatenate([self.says(h), self.key(h)], axis=-1)[batch, neighbours]
        says, key = jnp.split(said, 2, axis=-1)
        match = (key * self.query(h)[:, :, None]).sum(axis=-1) / np.sqrt(h.shape[-1])
        weight = match + by_distance[..., -1] + jnp.log(jnp.maximum(fade, 1e-9))
        attention = jax.nn.softmax(weight, axis=-1) * (fade > 0)
        taken = (attention[..., None] * says * by_distance[..., :-1]).sum(axis=-2)
        return h + nnx.gelu(self.takes(jnp.concatenate([h, taken], axis=-1))), attention


def standardised(numbers: Array, kinds: Array, scaling: Mapping[str, Array]) -> Array:
    """Numbers (B, N, F) less the mean of their species, in units of its spread; 0 in empty slots."""
    mean = jnp.einsum("bns,bsf->bnf", kinds, scaling["mean"])
    slope = jnp.einsum("bns,bsf->bnf", kinds, 1 / scaling["spread"])
    return (numbers - mean) * slope
