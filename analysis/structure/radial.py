"""How densities around a particle depend on distance and direction: partial g(r), shells, angles between bonds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import freud
import numpy as np

from vitrify.analysis.structure.neighbours import HAIR, freud_system, half_of_the_box
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.md.model import A, B

if TYPE_CHECKING:
    from vitrify.md.store.frames import Configuration

PAIRS = (("AA", A, A), ("AB", A, B), ("BB", B, B))
SPECIES = (("A", A), ("B", B))

RADIUS_RANGE = (0.6, 5.0)
"""Where g(r) is resolved [sigma_AA]: from inside the closest contact at kT 2 to the fourth shell."""
RADIUS_STEP = 0.05

ANGLE_STEP = 5.0
"""Width of a bin of angles [degrees]."""


@dataclass(frozen=True, kw_only=True)
class RadialDistribution:
    """Partial radial distribution functions.

    Attributes:
        radius: (K,) middle of each bin [sigma_AA].
        g: (3, K) g_AA, g_AB and g_BB; 1 for an ideal gas; NaN for a pair of species that is not there, or farther than
            the configuration reaches.
    """

    radius: np.ndarray
    g: np.ndarray


def radial_distribution(
    configuration: Configuration,
    *,
    radius_range: tuple[float, float] = RADIUS_RANGE,
    step: float = RADIUS_STEP,
) -> RadialDistribution:
    """Partial g(r) of a bulk configuration, ``rho_b g_ab(r)`` being the density of b at distance r from an a.

    Args:
        configuration: periodic along both axes; for a film take :func:`radial_distribution_around` its bulk.
        radius_range: first and last edge of the bins [sigma_AA]; NaN beyond half of the box.
        step: width of a bin [sigma_AA].

    Raises:
        ValueError: for an open axis, along which no density is defined, or no bin.
    """
    if not all(configuration.periodic):
        raise ValueError(f"g(r): got axes periodic {configuration.periodic}, expected a bulk configuration")
    return radial_distribution_around(Surroundings(configuration), radius_range=radius_range, step=step)


def radial_distribution_around(
    around: Surroundings, *, radius_range: tuple[float, float] = RADIUS_RANGE, step: float = RADIUS_STEP
) -> RadialDistribution:
    """Partial g(r) around the members: centres are members, partners are all A and B.

    ``g_ab(r) = n_ab(r) / (N_a rho_b 2 pi r dr)``. In a whole bulk configuration ``rho_b`` counts the partners that a
    centre has, ``(N_b - delta_ab) / area``; in a slab it is the members' own density. Bins that reach beyond half of
    the box, or beyond the material around the members, are NaN. freud counts the pairs (``freud.density.RDF``); its own
    normalisation knows neither slabs nor open axes.

    Args:
        around: the configuration and its members.
        radius_range: first and last edge of the bins [sigma_AA].
        step: width of a bin [sigma_AA].
    """
    low, high = radius_range
    if not (0 <= low < high and step > 0 and round((high - low) / step) >= 1):
        raise ValueError(f"g(r): got radii {low} to {high} in steps of {step}, expected at least one bin")
    bins = round((high - low) / step)
    edges = low + step * np.arange(bins + 1)
    where = around.configuration
    farthest = min(half_of_the_box(where.box, where.periodic) - HAIR, around.interior * (1 + 1e-6))
    known = edges[: 1 + int((edges[1:] <= farthest).sum())]
    g = np.full((len(PAIRS), bins), np.nan)
    if len(known) > 1:
        members, shells = around.members.sum(), np.pi * np.diff(known**2)
        for row, found in enumerate(_pair_counts(around, known)):
            a, b = PAIRS[row][1:]
            centres, others = int(around.of(a).sum()), int(around.of(b).sum()) - (a == b) * around.whole
            if centres > 0 and others > 0:
                g[row, : len(shells)] = found / (centres * others / members * around.density * shells)
    return RadialDistribution(radius=(edges[1:] + edges[:-1]) / 2, g=g)


def _pair_counts(around: Surroundings, edges: np.ndarray) -> Iterator[np.ndarray]:
    """For each of PAIRS, how many b there are around all members of a, in every bin of the distance."""
    where = around.configuration
    # Members first: the same particle then has the same number as a centre and as a partner, and is passed over.
    rows = np.concatenate([np.flatnonzero(around.members), np.flatnonzero(around.matter & ~around.members)])
    species, member = around.species[rows], around.members[rows]
    system, points = freud_system(where.positions[rows], where.box, where.periodic, room=3 * float(edges[-1]) + 1)
    for _, a, b in PAIRS:
        counts = freud.density.RDF(bins=len(edges) - 1, r_max=edges[-1], r_min=edges[0])
        partners, centres = points[species == b], points[member & (species == a)]
        if len(partners) and len(centres):
            asked = {"mode": "ball", "r_max": edges[-1], "exclude_ii": a == b}
            counts.compute((system, partners), query_points=centres, neighbors=asked)
            yield counts.bin_counts.astype(np.float64)
        else:
            yield np.zeros(len(edges) - 1)


@dataclass(frozen=True, kw_only=True)
class Shells:
    """Smooth shells around a particle: Gaussians side by side, as wide as they are apart.

    Attributes:
        reach: radius of the last one [sigma_AA].
        spacing: from each to the next, and the standard deviation of each [sigma_AA].
    """

    reach: float
    spacing: float

    def __post_init__(self):
        if not 0 < self.spacing < self.reach - RADIUS_RANGE[0]:
            raise ValueError(
                f"shells: got a spacing of {self.spacing:g} and a reach of {self.reach:g} sigma_AA, expected a "
                f"positive spacing and a reach of more than {RADIUS_RANGE[0]:g} and one spacing"
            )

    @property
    def radii(self) -> np.ndarray:
        """(K,) their radii, from inside the closest contact on [sigma_AA]."""
        return RADIUS_RANGE[0] + self.spacing * np.arange(self.count)

    @property
    def count(self) -> int:
        """How many."""
        return 1 + int((self.reach - RADIUS_RANGE[0]) / self.spacing + 1e-9)

    @property
    def farthest(self) -> float:
        """Distance up to which neighbours count: four standard deviations beyond the last shell [sigma_AA]."""
        return self.reach + 4 * self.spacing


def shell_counts(around: Surroundings, shells: Shells) -> np.ndarray:
    """How many neighbours a particle has in smooth shells: a partial g(r) that is smooth in the positions.

    ``n_ab(R) = <sum_j exp(-(r_ij - R)^2 / 2 w^2) / (w sqrt(2 pi))>``, j of species b around i of species a, the mean
    over members: neighbours per sigma_AA, ``2 pi R rho_b g_ab(R)`` where that changes little within w.

    Source: J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007), for Gaussian shells.

    Args:
        around: the configuration and its members, whose neighbours need be there as far as ``shells.farthest``.
        shells: the shells.

    Returns:
        (3, K) n_AA, n_AB, n_BB [1/sigma_AA]; 0 for a species that is not there.

    Raises:
        ValueError: for shells that reach beyond the pairs that are looked for, or beyond half of the box.
    """
    if shells.farthest > around.reach:
        raise ValueError(
            f"shells: got neighbours up to {shells.farthest:g} sigma_AA, expected at most {around.reach:.4g}, as far "
            "as pairs are looked for in a box of this size"
        )
    near = around.near_matter
    near = near.select(around.members[near.i] & (near.distance < shells.farthest))
    centre, other, radii = around.species[near.i], around.species[near.j], shells.radii
    counts = np.zeros((len(PAIRS), len(radii)))
    for row, (_, a, b) in enumerate(PAIRS):
        distance = near.distance[(centre == a) & (other == b)]
        bells = np.exp(-0.5 * ((distance[:, None] - radii) / shells.spacing) ** 2).sum(axis=0)
        counts[row] = bells / (shells.spacing * np.sqrt(2 * np.pi) * max(int(around.of(a).sum()), 1))
    return counts


def bond_angles(around: Surroundings) -> tuple[np.ndarray, np.ndarray]:
    """Distribution of the angle between two bonds of one particle, for A and for B at its centre.

    All pairs of bonds of a member are counted; 60 degrees are a triangle, 108 a regular pentagon's own corner, 72 two
    neighbours of five around a centre.

    Returns:
        angle: (K,) middle of each bin [degrees], 0 to 180.
        density: (2, K) for A and B [1/degree], its integral 1; NaN for a species without pairs of bonds.
    """
    bins = round(180 / ANGLE_STEP)
    near, species = around.bonds, around.species
    degree = np.bincount(near.i, minlength=around.count)
    direction = np.arctan2(near.separation[:, 1], near.separation[:, 0])
    found = np.zeros((2, bins))
    # The bond s places further in the list of the same particle, for every s.
    for shift in range(1, int(degree.max(initial=0))):
        one = np.flatnonzero(near.i[shift:] == near.i[:-shift])
        centre = near.i[one]
        one = one[around.members[centre]]
        angle = np.abs(direction[one + shift] - direction[one])
        angle = np.degrees(np.minimum(angle, 2 * np.pi - angle))
        place = np.minimum((angle / ANGLE_STEP).astype(np.int64), bins - 1)
        found += np.bincount(species[near.i[one]] * bins + place, minlength=2 * bins).reshape(2, bins)
    total = found.sum(axis=1, keepdims=True)
    density = np.divide(found, total * ANGLE_STEP, out=np.full(found.shape, np.nan), where=total > 0)
    return ANGLE_STEP * (np.arange(bins) + 0.5), density
