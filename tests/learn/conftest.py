"""Small configurations with a known answer: a "glass" is a jittered lattice, a "liquid" has no order at all."""

import numpy as np
import pytest

from vitrify.learn.datasets import Configurations, Dataset

EDGE = 10
BOX = 11.0


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
