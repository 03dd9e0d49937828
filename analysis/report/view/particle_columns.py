"""What is known of every particle of a configuration: the columns that a page colours particles by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.structure.descriptors import bond_order, bonds
from vitrify.analysis.structure.energies import particle_energies
from vitrify.analysis.structure.neighbours import voronoi_neighbours
from vitrify.md.model import SUBSTRATE, B, PairTable
from vitrify.md.store.frames import Configuration


@dataclass(frozen=True, kw_only=True)
class ParticleColumn:
    """A number for every particle.

    Attributes:
        label: what it is, with its unit.
        short: the same in a word or two.
        whole: whether its values are whole numbers.
        ends: first and last colour; None for what the data span.
    """

    label: str
    short: str
    whole: bool = False
    ends: tuple[float, float] | None = None


COLUMNS = {
    "energy": ParticleColumn(short="energy", label="energy, half of each pair, not shifted [ε]"),
    "psi6": ParticleColumn(short="|ψ₆|", label="six-fold bond order |ψ₆|", ends=(0.0, 1.0)),
    "psi5": ParticleColumn(short="|ψ₅|", label="five-fold bond order |ψ₅|", ends=(0.0, 1.0)),
    "psi4": ParticleColumn(short="|ψ₄|", label="four-fold bond order |ψ₄|", ends=(0.0, 1.0)),
    "sides": ParticleColumn(short="sides", label="sides of the Voronoi cell", whole=True),
    "bonds": ParticleColumn(short="bonds", label="bonded neighbours", whole=True),
    "bonds_b": ParticleColumn(short="bonds to B", label="bonded B neighbours", whole=True),
}

Compute = Callable[[Configuration, PairTable], dict[str, np.ndarray]]
"""Gives (N,) values by the names of the columns, NaN where a particle has none."""


def particle_columns(configuration: Configuration, pairs: PairTable) -> dict[str, np.ndarray]:
    """Every column of COLUMNS; NaN for particles of the substrate.

    Args:
        configuration: one configuration.
        pairs: its pair table.

    Returns:
        (N,) float64 by name.
    """
    positions, species, box, periodic = (
        configuration.positions, configuration.species, configuration.box, configuration.periodic,
    )  # fmt: skip
    count = len(positions)
    voronoi, bonded = voronoi_neighbours(positions, box, periodic), bonds(configuration)
    columns = {
        "energy": particle_energies(pairs, positions, species, box, periodic),
        **{f"psi{k}": bond_order(voronoi, count, k) for k in (6, 5, 4)},
        "sides": np.bincount(voronoi.i, minlength=count),
        "bonds": np.bincount(bonded.i, minlength=count),
        "bonds_b": np.bincount(bonded.i, weights=species[bonded.j] == B, minlength=count),
    }
    return {name: np.where(species == SUBSTRATE, np.nan, values) for name, values in columns.items()}
