"""Small configurations with a known answer: a "glass" is a jittered lattice, a "liquid" has no order at all."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vitrify.learn.datasets import Configurations, Dataset
from vitrify.learn.models import ARCHITECTURES
from vitrify.learn.recipe import Recipe

EDGE = 10
BOX = 11.0


@pytest.fixture(scope="module", autouse=True)
def _what_was_compiled_goes():
    """JAX keeps every program that it compiles, up to a gigabyte for a file of tests; the next file has its own."""
    yield
    jax.clear_caches()


def lattice(rng):
    """100 particles, one a cell of a square lattice of 1.1 sigma_AA, moved by 0.1 at most."""
    site = (np.stack(np.meshgrid(*2 * [np.arange(EDGE)]), axis=-1).reshape(-1, 2) + 0.5) * BOX / EDGE - BOX / 2
    return site + rng.uniform(-0.1, 0.1, site.shape)


def gas(rng):
    """100 particles anywhere."""
    return rng.uniform(-BOX / 2, BOX / 2, (EDGE**2, 2))


def configurations(positions, species, inherent_energy):
    count = len(positions)
    return Configurations(
        positions=positions,
        species=species,
        box=np.full((count, 2), BOX),
        periodic=np.ones((count, 2), bool),
        inherent_energy=inherent_energy,
    )


def toy_dataset(replicas=20, seed=0, runs=("slow", "fast")):
    """A glass and a liquid of every replica, their energies 6 standard deviations apart, split 70/15/15."""
    rng = np.random.default_rng(seed)
    label = np.tile([0, 1], replicas)
    replica = np.repeat(np.arange(replicas), 2)
    part = np.repeat(["train", "validation", "test"], [int(replicas * f) for f in (0.7, 0.15, 0.15)])
    return Dataset(
        configurations=configurations(
            np.stack([lattice(rng) if glass else gas(rng) for glass in label]),
            np.tile(np.arange(EDGE**2) % 3 == 0, (2 * replicas, 1)).astype(np.int8),
            -3.8 - 0.06 * label + rng.normal(0, 0.01, 2 * replicas),
        ),
        classes=("liquid", "glass"),
        label=label,
        part=part[replica],
        origin=np.array([f"{seed}:{number}" for number in replica]),
        run=np.array(runs)[label],
        replica=replica,
        frame=np.full(2 * replicas, 200),
        step=np.full(2 * replicas, 20000),
        kt_set=np.where(label, 0.05, 0.55),
        positions_taken="instant",
        seed=seed,
    )


@pytest.fixture(scope="session")
def toy():
    return toy_dataset()


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """A network that compiles at once and has everything that training must carry along: dropout, running averages,
    an input that depends on the symmetry drawn, and inputs that are a dictionary."""

    width: int = 8
    dropout: float = 0.2
    name: ClassVar[str] = "tiny"
    recipe: ClassVar[Recipe] = Recipe(epochs=4, batch=8, learning_rate=1e-2, symmetry=True, patience=20, average=1.0)

    def encode(self, configurations):
        return configurations

    def scaling(self, encoded, rows):
        return {"mean": encoded.inherent_energy[rows].mean(), "spread": encoded.inherent_energy[rows].std()}

    def inputs(self, encoded, rows, scaling, symmetry=None):
        energy = (encoded.inherent_energy[rows] - scaling["mean"]) / scaling["spread"]
        place = np.zeros((len(rows), 2)) if symmetry is None else symmetry.shift
        return {"energy": energy.astype(np.float32)[:, None], "place": place.astype(np.float32)}

    def network(self, classes, rngs):
        return _Tiny(self.width, self.dropout, classes, rngs)


class _Tiny(nnx.Module):
    def __init__(self, width, dropout, classes, rngs):
        # No bias: before a normalisation it does nothing, and Adam would drive it with the rounding of its gradient.
        self.hidden = nnx.Linear(3, width, use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(width, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(dropout, rngs=rngs)
        self.read_out = nnx.Linear(width, classes, rngs=rngs)

    def __call__(self, seen):
        x = self.hidden(jnp.concatenate([seen["energy"], seen["place"]], axis=1))
        return self.read_out(self.dropout(nnx.relu(self.norm(x))))


@pytest.fixture
def tiny(monkeypatch):
    """The tiny network, known by its name for as long as a test takes."""
    monkeypatch.setitem(ARCHITECTURES, "tiny", Tiny)
    return Tiny()
