"""What every descriptor of one configuration starts from: who is where, who is next to whom, found once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vitrify.analysis.structure.energies import particle_energies
from vitrify.analysis.structure.neighbours import (
    Neighbours,
    VoronoiCells,
    nearest_neighbours,
    neighbours_within,
    voronoi_cells,
)
from vitrify.md.model import A, B, PairTable, kob_andersen_pairs

if TYPE_CHECKING:
    from vitrify.md.store.frames import Configuration

BOND_LENGTH = np.array([[1.50, 1.25], [1.25, 1.10]])
"""Longest bond of each pair of species [sigma_AA]: the first minimum of the partial g(r) of an inherent structure at
rho = 1.2 (tests/reference/lammps/inherent_N1080.npz)."""

REACH = 5.0
"""How far pairs are looked for at once [sigma_AA]: the fourth shell; less in a box narrower than twice that."""


class Surroundings:
    """One configuration with its neighbours, each kind found when first asked for.

    Particles of a substrate are neighbours in Voronoi cells and in the energy, nowhere else; they are never members.

    Attributes:
        configuration: positions in double precision.
        species: (N,) its species.
        matter: (N,) bool, A and B.
        members: (N,) bool, the A and B that are averaged over: all of them, or those of a slab. Their neighbours
            outside of the slab still count as neighbours.
        pairs: the pair table of the energy.
        interior: how far around every member there is matter of the members' kind [sigma_AA]: without end in a bulk
            configuration, the depth of the slab below the surface in a film. Curves in r end there.

    Raises:
        ValueError: for a mask of another length or without particles.
    """

    def __init__(
        self,
        configuration: Configuration,
        members: np.ndarray | None = None,
        *,
        pairs: PairTable | None = None,
        interior: float = np.inf,
    ):
        self.configuration, self.species = configuration, np.asarray(configuration.species)
        self.interior = interior
        self.pairs = pairs or kob_andersen_pairs()
        self.matter = np.isin(self.species, (A, B))
        self.members = self.matter
        if members is not None:
            if np.shape(members) != np.shape(self.species):
                raise ValueError(f"members: got shape {np.shape(members)}, expected {np.shape(self.species)}")
            self.members = self.matter & np.asarray(members, dtype=bool)
        if not self.members.any():
            raise ValueError("members: got no A or B particle, expected at least one")

    @property
    def count(self) -> int:
        """Number of particles N, substrate included."""
        return len(self.species)

    @property
    def whole(self) -> bool:
        """Whether this is all of a bulk configuration: periodic along both axes, every particle a member."""
        return all(self.configuration.periodic) and bool(self.members.all())

    def of(self, kind: int) -> np.ndarray:
        """(N,) bool, the members of a species."""
        return self.members & (self.species == kind)

    @cached_property
    def cells(self) -> VoronoiCells:
        """The Voronoi cells of all particles, the substrate's too."""
        return voronoi_cells(self.configuration.positions, self.configuration.box, self.configuration.periodic)

    @cached_property
    def near(self) -> Neighbours:
        """Pairs within :attr:`reach`, those with the substrate too."""
        where = self.configuration
        return neighbours_within(self.reach, where.positions, where.box, where.periodic)

    @cached_property
    def near_matter(self) -> Neighbours:
        """Pairs of A and B within :attr:`reach`."""
        near = self.near
        return near if self.matter.all() else near.select(self.matter[near.i] & self.matter[near.j])

    @property
    def reach(self) -> float:
        """REACH, or just below half of a narrower box [sigma_AA]."""
        where = self.configuration
        narrowest = min((e for e, wraps in zip(where.box, where.periodic, strict=True) if wraps), default=np.inf)
        return float(min(REACH, narrowest / 2 * (1 - 1e-9)))

    @cached_property
    def bonds(self) -> Neighbours:
        """Pairs of A and B no longer than BOND_LENGTH."""
        near, species = self.near_matter, self.species
        near = near.select(near.distance < BOND_LENGTH.max())
        return near.select(near.distance < BOND_LENGTH[species[near.i], species[near.j]])

    def nearest(self, k: int) -> Neighbours:
        """Pairs of A and B of which one is among the ``k`` nearest of the other."""
        where, rows = self.configuration, np.flatnonzero(self.matter)
        near = nearest_neighbours(k, where.positions[rows], where.box, where.periodic)
        return Neighbours(i=rows[near.i], j=rows[near.j], separation=near.separation, distance=near.distance)

    @cached_property
    def energies(self) -> np.ndarray:
        """(N,) pair energy of each particle, truncated, not shifted [eps_AA]."""
        where = self.configuration
        return particle_energies(self.pairs, where.positions, where.species, where.box, where.periodic)

    @cached_property
    def density(self) -> float:
        """Number density of the members: one over the mean area of their closed cells [sigma_AA^-2]."""
        if self.whole:
            return self.count / float(np.prod(self.configuration.box))
        area = self.cells.area[self.members]
        known = area[np.isfinite(area)]
        return len(known) / float(known.sum()) if len(known) else float("nan")
