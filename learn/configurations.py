"""Configurations side by side: what a classifier may look at, without its label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vitrify.learn.gathered import Gathered
from vitrify.md.model import EMPTY, A
from vitrify.md.store.frames import Configuration


@dataclass(frozen=True, kw_only=True)
class Configurations:
    """C configurations side by side: what a network may look at, without its label.

    A window cut out of a larger system is open on both axes, and so is no period of anything; a film is open in y.
    Positions and species that lie on the disk are :class:`~vitrify.learn.gathered.Gathered`: index them, a batch at a
    time.

    Attributes:
        positions: (C, N, 2) float64 [sigma_AA], in the convention of :class:`vitrify.md.ensemble.Ensemble`.
        species: (C, N) int8, EMPTY (-1) for an empty slot.
        box: (C, 2) edge lengths [sigma_AA].
        periodic: (C, 2) bool.
        inherent_energy: (C,) E_IS per particle, truncated and not shifted [eps_AA]; NaN where not computed.
    """

    positions: np.ndarray
    species: np.ndarray
    box: np.ndarray
    periodic: np.ndarray
    inherent_energy: np.ndarray

    def __post_init__(self):
        count, slots = self.species.shape
        shapes = {
            "positions": (count, slots, 2),
            "box": (count, 2),
            "periodic": (count, 2),
            "inherent_energy": (count,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: got shape {getattr(self, name).shape}, expected {shape}")

    @classmethod
    def of(cls, configurations: Iterable[Configuration], inherent_energy: Sequence[float] | np.ndarray):
        """Stored configurations with their energies."""
        stored = list(configurations)
        positions, species = stack([one.positions for one in stored], [one.species for one in stored])
        return cls(
            positions=positions,
            species=species,
            box=np.array([one.box for one in stored], dtype=np.float64),
            periodic=np.array([one.periodic for one in stored], dtype=bool),
            inherent_energy=np.asarray(inherent_energy, dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.box)

    def one(self, row: int) -> Configuration:
        """A configuration by itself, empty slots left out; nobody knows its clock and temperature here."""
        filled = self.species[row] != EMPTY
        along_x, along_y = self.periodic[row]
        return Configuration(
            positions=np.asarray(self.positions[row][filled]),
            species=np.asarray(self.species[row][filled]),
            box=self.box[row],
            periodic=(bool(along_x), bool(along_y)),
            step=0,
            kt_set=np.nan,
        )

    def select(self, rows: np.ndarray) -> Configurations:
        """The configurations at ``rows`` (indices or a mask), in that order."""
        return Configurations(**{name: np.asarray(getattr(self, name)[rows]) for name in self.__dataclass_fields__})

    def view(self, rows: np.ndarray) -> Configurations:
        """The configurations at ``rows`` (indices or a mask), in that order; positions are not read."""
        rows = np.arange(len(self))[rows]

        def chosen(array: Any) -> Any:
            return array.view(rows) if isinstance(array, Gathered) else array[rows]

        return Configurations(**{name: chosen(getattr(self, name)) for name in self.__dataclass_fields__})

    def mixture(self, rows: np.ndarray | None = None) -> tuple[float, float]:
        """Number density [sigma_AA^-2], and fraction of A: means over configurations (of a film, over its box)."""
        rows = np.arange(len(self)) if rows is None else rows
        species = self.species[rows]
        count = (species != EMPTY).sum(axis=1)
        area = self.box[rows].prod(axis=1)
        return float(np.mean(count / area)), float(np.mean((species == A).sum(axis=1) / np.maximum(count, 1)))


def stack(positions: Sequence[np.ndarray], species: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Configurations of different size in one array each: (C, N, 2) positions and (C, N) species, EMPTY at the end."""
    slots = max(map(len, species))
    all_positions = np.zeros((len(positions), slots, 2))
    all_species = np.full((len(species), slots), EMPTY, dtype=np.int8)
    for row, (r, s) in enumerate(zip(positions, species, strict=True)):
        all_positions[row, : len(s)] = r
        all_species[row, : len(s)] = s
    return all_positions, all_species
