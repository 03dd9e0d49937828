"""What the structure of a configuration is, in numbers: g(r), bond order, Voronoi sides, coordination, clusters.

Averages are over particles; a mask of members restricts them to a slab, as in the bulk of a film, while neighbours
outside of the slab still count as neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vitrify.analysis.structure.neighbours import Neighbours, neighbours_within, voronoi_neighbours
from vitrify.md.model import A, B

if TYPE_CHECKING:
    from vitrify.md.store.frames import Configuration

PAIRS = (("AA", A, A), ("AB", A, B), ("BB", B, B))
SPECIES = (("A", A), ("B", B))

BOND_LENGTH = np.array([[1.50, 1.25], [1.25, 1.10]])
"""Longest bond of each pair of species [sigma_AA]: the first minimum of the partial g(r) of an inherent structure at
rho = 1.2 (tests/reference/lammps/inherent_N1080.npz)."""

BOND_ORDERS = (4, 5, 6)
SIDES = (3, 4, 5, 6, 7, 8, 9)
"""Voronoi side counts that are told apart; fewer and more fall into the first and the last."""

RADIUS_RANGE = (0.6, 5.0)
"""Where g(r) is resolved [sigma_AA]: from inside the closest contact at kT 2 to the fourth shell."""
RADIUS_STEP = 0.05


@dataclass(frozen=True, kw_only=True)
class RadialDistribution:
    """Partial radial distribution functions.

    Attributes:
        radius: (K,) middle of each bin [sigma_AA].
        g: (3, K) g_AA, g_AB and g_BB; 1 for an ideal gas; NaN for a pair of species that is not there.
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
        configuration: periodic along both axes.
        radius_range: first and last edge of the bins [sigma_AA]; the last one below half of the box.
        step: width of a bin [sigma_AA].

    Raises:
        ValueError: for an open axis, along which no density is defined, or a range that does not fit the box.
    """
    if not all(configuration.periodic):
        raise ValueError(f"g(r): got axes periodic {configuration.periodic}, expected a bulk configuration")
    low, high = radius_range
    if not (0 <= low < high and 0 < step <= high - low):
        raise ValueError(f"g(r): got radii {low} to {high} in steps of {step}, expected at least one bin")
    species = configuration.species
    near = neighbours_within(high, configuration.positions, configuration.box, configuration.periodic)
    edges = low + step * np.arange(round((high - low) / step) + 1)
    shell = np.pi * np.diff(edges**2)
    area = float(np.prod(configuration.box))
    g = np.full((len(PAIRS), len(shell)), np.nan)
    for row, (_, a, b) in enumerate(PAIRS):
        found, _ = np.histogram(near.distance[(species[near.i] == a) & (species[near.j] == b)], edges)
        centres, others = int((species == a).sum()), int((species == b).sum()) - (a == b)
        if centres > 0 and others > 0:
            g[row] = found * area / (centres * others * shell)
    return RadialDistribution(radius=(edges[1:] + edges[:-1]) / 2, g=g)


def bond_order(near: Neighbours, particles: int, k: int) -> np.ndarray:
    """Magnitude of the k-fold bond-orientational order of each particle, ``|mean over neighbours of exp(i k theta)|``.

    Args:
        near: the neighbours, Voronoi ones as a rule.
        particles: number of particles N.
        k: the fold, 6 for hexatic order.

    Returns:
        (N,) between 0 and 1; NaN for a particle without neighbours.

    Source: Halperin and Nelson, Phys. Rev. Lett. 41, 121 (1978).
    """
    angle = k * np.arctan2(near.separation[:, 1], near.separation[:, 0])
    count = np.bincount(near.i, minlength=particles)
    total = np.hypot(
        np.bincount(near.i, weights=np.cos(angle), minlength=particles),
        np.bincount(near.i, weights=np.sin(angle), minlength=particles),
    )
    return np.divide(total, count, out=np.full(particles, np.nan), where=count > 0)


def bonds(configuration: Configuration) -> Neighbours:
    """Pairs of A and B no longer than BOND_LENGTH."""
    species = configuration.species
    near = neighbours_within(
        float(BOND_LENGTH.max()), configuration.positions, configuration.box, configuration.periodic
    )
    matter = np.isin(species[near.i], (A, B)) & np.isin(species[near.j], (A, B))
    near = near.select(matter)
    return near.select(near.distance < BOND_LENGTH[species[near.i], species[near.j]])


def cluster_labels(near: Neighbours, particles: int) -> np.ndarray:
    """Connected clusters: (N,) labels, equal for particles that a chain of bonds joins; the smallest index of each.

    >>> pairs = Neighbours(
    ...     i=np.array([0, 1, 3, 4]), j=np.array([1, 0, 4, 3]), separation=np.ones((4, 2)), distance=np.ones(4)
    ... )
    >>> cluster_labels(pairs, 5).tolist()
    [0, 0, 2, 3, 3]
    """
    label = np.arange(particles)
    while True:
        lowest = label.copy()
        np.minimum.at(lowest, near.i, label[near.j])
        lowest = lowest[lowest]
        if np.array_equal(lowest, label):
            return label
        label = lowest


def descriptors(configuration: Configuration, members: np.ndarray | None = None) -> dict[str, float]:
    """Scalar descriptors of one configuration, by name.

    ======================  =========================================================================================
    ``psi4_A`` ...          mean magnitude of 4-, 5-, 6-fold bond order over Voronoi neighbours, by species
    ``sides3_A`` ...        fraction of a species whose Voronoi cell has 3 (or fewer) to 9 (or more) sides
    ``coordination_AB``...  mean number of bonded B neighbours of an A; AA, AB, BA, BB
    ``bb_bonds``            number of B-B bonds per particle
    ``a_without_b``         fraction of A that have no bonded B neighbour
    ``b_clusters``          connected clusters of the bonds that touch a B, per particle; an A without B is in none
    ======================  =========================================================================================

    The last three are the metrics that the attention of the published network led to (Swanson et al., Soft Matter
    2020), counted with the bonds of :func:`bonds` and divided by the number of particles to be comparable over sizes.

    Args:
        configuration: positions in double precision.
        members: (N,) bool, the particles averaged over; None for every A and B. Substrate is never a member.

    Returns:
        values by name, in a fixed order; NaN for the average over a species that is not there.

    Raises:
        ValueError: for a mask of another length or without particles.
    """
    species = configuration.species
    member = np.isin(species, (A, B))
    if members is not None:
        if np.shape(members) != np.shape(species):
            raise ValueError(f"members: got shape {np.shape(members)}, expected {np.shape(species)}")
        member &= np.asarray(members, dtype=bool)
    if not member.any():
        raise ValueError("members: got no A or B particle, expected at least one")
    count = len(species)
    voronoi = voronoi_neighbours(configuration.positions, configuration.box, configuration.periodic)
    sides = np.bincount(voronoi.i, minlength=count).clip(SIDES[0], SIDES[-1])
    bonded = bonds(configuration)
    values: dict[str, float] = {}
    for k in BOND_ORDERS:
        order = bond_order(voronoi, count, k)
        for name, kind in SPECIES:
            values[f"psi{k}_{name}"] = _mean(order[member & (species == kind)])
    for number in SIDES:
        for name, kind in SPECIES:
            values[f"sides{number}_{name}"] = _mean(sides[member & (species == kind)] == number)
    neighbours_of = {
        name: np.bincount(bonded.i, weights=species[bonded.j] == kind, minlength=count) for name, kind in SPECIES
    }
    for name, kind in SPECIES:
        for other, _ in SPECIES:
            values[f"coordination_{name}{other}"] = _mean(neighbours_of[other][member & (species == kind)])
    values["bb_bonds"] = float(neighbours_of["B"][member & (species == B)].sum() / 2 / member.sum())
    values["a_without_b"] = _mean(neighbours_of["B"][member & (species == A)] == 0)
    touching = bonded.select((species[bonded.i] == B) | (species[bonded.j] == B))
    joined = member & ((species == B) | (neighbours_of["B"] > 0))
    values["b_clusters"] = len(np.unique(cluster_labels(touching, count)[joined])) / member.sum()
    return values


def descriptor_vector(configuration: Configuration) -> tuple[tuple[str, ...], np.ndarray]:
    """Everything above as one vector of fixed length: the scalars, then the three partial g(r).

    The yardstick of a network: what a linear model makes of the field's own descriptors. The energy is not in it.

    Args:
        configuration: a bulk configuration, its box at least twice the last radius of g(r).

    Returns:
        names: (K,) ``psi4_A`` ... ``g_AA(1.075)`` ...
        values: (K,) float64; 0 where a species is missing.
    """
    scalars = descriptors(configuration)
    radial = radial_distribution(configuration)
    names = list(scalars)
    for name, _, _ in PAIRS:
        names += [f"g_{name}({radius:.3f})" for radius in radial.radius]
    return tuple(names), np.nan_to_num(np.concatenate([list(scalars.values()), radial.g.ravel()]))


def _mean(values: np.ndarray) -> float:
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else float("nan")
