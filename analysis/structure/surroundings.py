"""What every descriptor of one configuration starts from: who is where, who is next to whom, found once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import freud
import numpy as np

from vitrify.analysis.structure.energies import energies_of_pairs, particle_energies
from vitrify.analysis.structure.neighbours import (
    Neighbours,
    freud_system,
    joined,
    nearest_in_order,
    neighbours_within,
    widest_radius,
)
from vitrify.analysis.structure.voronoi import ROOM, VoronoiCells, voronoi_cells
from vitrify.md.model import A, B, PairTable, kob_andersen_pairs

if TYPE_CHECKING:
    from vitrify.md.store.frames import Configuration

BOND_LENGTH = np.array([[1.50, 1.25], [1.25, 1.10]])
"""Longest bond of each pair of species [sigma_AA]: the first minimum of the partial g(r) of an inherent structure at
rho = 1.2 (tests/reference/lammps/inherent_N1080.npz)."""

REACH = 4.0
"""How far pairs are looked for at once [sigma_AA], as the pair entropy needs it; less in a box narrower than twice
that."""

NEAREST = 5
"""Nearest neighbours that are looked for at once."""


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
        self._nearest: np.ndarray | None = None
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
    def voronoi_bonds(self) -> tuple[tuple[freud.box.Box, np.ndarray], freud.locality.NeighborList]:
        """The same, as freud takes them: a system, and its pairs weighted by side."""
        where, near = self.configuration, self.cells.near
        system = freud_system(where.positions, where.box, where.periodic, ROOM)
        vectors = np.pad(near.separation, ((0, 0), (0, 1)))
        return system, freud.locality.NeighborList.from_arrays(
            self.count, self.count, near.i, near.j, vectors, self.cells.side
        )

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
        return float(min(REACH, widest_radius(where.box, where.periodic)))

    @cached_property
    def bonds(self) -> Neighbours:
        """Pairs of A and B no longer than BOND_LENGTH."""
        near, species = self.near_matter, self.species
        near = near.select(near.distance < BOND_LENGTH.max())
        return near.select(near.distance < BOND_LENGTH[species[near.i], species[near.j]])

    def nearest(self, k: int) -> Neighbours:
        """Pairs of A and B of which one is among the ``k`` nearest of the other."""
        where, rows = self.configuration, np.flatnonzero(self.matter)
        inside = where.positions[rows], where.box, where.periodic
        if self._nearest is None or self._nearest.shape[1] < k:
            self._nearest = nearest_in_order(max(k, min(NEAREST, len(rows) - 1)), *inside)
        near = joined(self._nearest[:, :k], *inside)
        return Neighbours(i=rows[near.i], j=rows[near.j], separation=near.separation, distance=near.distance)

    @cached_property
    def energies(self) -> np.ndarray:
        """(N,) pair energy of each particle, truncated, not shifted [eps_AA]."""
        where = self.configuration
        if self.reach < self.pairs.longest_cutoff:
            return particle_energies(self.pairs, where.positions, where.species, where.box, where.periodic)
        close = self.near.select(self.near.distance < self.pairs.longest_cutoff)
        return energies_of_pairs(self.pairs, close, self.species)

    @cached_property
    def density(self) -> float:
        """Number density of the members: one over the mean area of their closed cells [sigma_AA^-2]."""
        if self.whole:
            return self.count / float(np.prod(self.configuration.box))
        area = self.cells.area[self.members]
        known = area[np.isfinite(area)]
        return len(known) / float(known.sum()) if len(known) else float("nan")
