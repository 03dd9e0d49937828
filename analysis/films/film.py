"""What a film is: profiles against height, its surface, its bulk.

Two-dimensional films roughen, a groove can be 20 sigma deep, and cold films enclose pores: nothing here takes the mean
height for the surface. Whatever borders a void is surface, and how deep a place lies is its distance from the nearest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import KDTree

from vitrify.md.model import SUBSTRATE, A
from vitrify.md.protocols.films.surface import attached

COLUMN = 1.5
"""Width of the columns the surface is read from [sigma_AA]: the reach of a bond, so that no column of a film is empty
for want of particles."""

VOID_RADIUS = 1.25
"""A void holds a circle of this radius without a particle's centre, which a missing particle alone, of 1.1 to its
neighbours, does not [sigma_AA]."""

PIXEL = 0.2
"""Spacing of the points at which voids are looked for [sigma_AA]."""


@dataclass(frozen=True, kw_only=True)
class Film:
    """One film at one moment, without the vapour.

    Attributes:
        positions: (N, 2) of the A and B that are attached to the substrate [sigma_AA].
        species: (N,) int8.
        slots: (N,) where each of them stands in the configuration the film was taken from.
        floor: height of the highest substrate particle [sigma_AA].
        box_length: Lx [sigma_AA].
    """

    positions: np.ndarray
    species: np.ndarray
    slots: np.ndarray
    floor: float
    box_length: float

    @classmethod
    def of(cls, positions: np.ndarray, species: np.ndarray, box_length: float) -> Film:
        """The film of a configuration with its substrate.

        Raises:
            ValueError: without a substrate, or without a film on it.
        """
        substrate = species == SUBSTRATE
        if not substrate.any():
            raise ValueError("film: got no substrate particle, expected a film on its substrate")
        slots = np.flatnonzero(attached(positions, species, box_length) & ~substrate)
        if not len(slots):
            raise ValueError("film: got a bare substrate, expected at least one A or B on it")
        return cls(
            positions=np.asarray(positions, dtype=np.float64)[slots],
            species=np.asarray(species)[slots],
            slots=slots,
            floor=float(positions[substrate, 1].max()),
            box_length=float(box_length),
        )

    @property
    def columns(self) -> int:
        """Number of columns the surface is read from."""
        return max(1, round(self.box_length / COLUMN))

    def column_of(self, x: np.ndarray) -> np.ndarray:
        """Column of each position along x."""
        return np.floor(x / self.box_length * self.columns).astype(np.int64) % self.columns

    def surface(self) -> np.ndarray:
        """Local surface: height of the highest film particle of each column, the floor where there is none, (columns,).

        >>> film = Film.of(np.array([[0.1, 0.0], [0.1, 1.0], [0.1, 2.0]]), np.array([SUBSTRATE, A, A]), 3.0)
        >>> film.surface().tolist()
        [2.0, 0.0]
        """
        heights = np.full(self.columns, self.floor)
        np.maximum.at(heights, self.column_of(self.positions[:, 0]), self.positions[:, 1])
        return heights

    def thickness(self) -> float:
        """Mean of the local surface above the substrate [sigma_AA]."""
        return float(self.surface().mean() - self.floor)

    def roughness(self) -> float:
        """Root mean square of the local surface about its mean [sigma_AA]."""
        return float(self.surface().std())

    @cached_property
    def pixels(self) -> Pixels:
        """The film as a picture: how deep below the nearest surface every point of it lies."""
        columns = round(self.box_length / PIXEL)
        rows = int((self.surface().max() - self.floor + 2 * VOID_RADIUS) / PIXEL)
        x = self.box_length / columns * (np.arange(columns) + 0.5)
        edges = self.floor + PIXEL * np.arange(rows + 1)
        points = np.stack(np.meshgrid(x, edges[1:] - PIXEL / 2), axis=-1).reshape(-1, 2)
        # What is near the floor is filled by the substrate, if not by the film.
        void = (self._tree(self.positions).query(points)[0] > VOID_RADIUS) & (points[:, 1] > self.floor + VOID_RADIUS)
        depth = self._tree(points[void]).query(points)[0] - VOID_RADIUS
        return Pixels(
            edges=edges, width=self.box_length / columns, depth=depth.reshape(rows, columns), voids=points[void]
        )

    @cached_property
    def depth(self) -> np.ndarray:
        """(N,) how far each particle lies below the nearest surface, of a pore too: 0 at it [sigma_AA]."""
        inside = np.column_stack([self.positions[:, 0] % self.box_length, self.positions[:, 1]])
        return np.maximum(self._tree(self.pixels.voids).query(inside)[0] - VOID_RADIUS, 0.0)

    def _tree(self, points: np.ndarray) -> KDTree:
        """For nearest neighbours, periodic in x."""
        inside = np.column_stack([points[:, 0] % self.box_length, points[:, 1]])
        return KDTree(inside, boxsize=[self.box_length, 0.0])


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """Points all over a film and above it, in rows.

    Attributes:
        edges: (K + 1,) heights between the rows [sigma_AA].
        width: of a column [sigma_AA].
        depth: (K, columns) how far below the nearest surface each lies; negative outside the film [sigma_AA].
        voids: (V, 2) those that lie in a void [sigma_AA].
    """

    edges: np.ndarray
    width: float
    depth: np.ndarray
    voids: np.ndarray

    def areas(self, heights: np.ndarray, depth: float) -> np.ndarray:
        """Area between each two of ``heights`` (J,) that lies at least ``depth`` deep, (J - 1,) [sigma_AA^2]."""
        rows = (self.depth >= depth).sum(axis=1) * self.width * np.diff(self.edges)
        below = np.concatenate([[0.0], np.cumsum(rows)])
        return np.diff(np.interp(heights, self.edges, below))


@dataclass(frozen=True, kw_only=True)
class HeightProfile:
    """Density, composition and temperature of a film against height, each bin over the part of it that is interior.

    Attributes:
        edges: (K + 1,) heights of the bins [sigma_AA].
        area: (K,) interior area of each bin [sigma_AA^2].
        particles: (K,) particles in it.
        density: (K,) number density; NaN without area.
        fraction_a: (K,) fraction of A; NaN without particles.
        kt: (K,) kinetic temperature; NaN without particles or velocities.
    """

    edges: np.ndarray
    area: np.ndarray
    particles: np.ndarray
    density: np.ndarray
    fraction_a: np.ndarray
    kt: np.ndarray

    @property
    def heights(self) -> np.ndarray:
        """(K,) middles of the bins [sigma_AA]."""
        return (self.edges[1:] + self.edges[:-1]) / 2


def height_profile(
    film: Film, *, velocities: np.ndarray | None = None, width: float = 1.0, depth: float = 0.0
) -> HeightProfile:
    """Profile of a film from its floor to its top.

    Args:
        film: the film.
        velocities: (M, 2) of the configuration the film was taken from, for the temperature [sigma_AA / tau].
        width: height of a bin [sigma_AA].
        depth: only what lies this far below the nearest surface is counted [sigma_AA]; 0 counts all up to the surface.
    """
    bins = max(1, int(np.ceil((film.surface().max() - film.floor) / width)))
    edges = film.floor + width * np.arange(bins + 1)
    area = film.pixels.areas(edges, depth)
    y = film.positions[:, 1]
    counted = (y >= film.floor) & (film.depth >= depth)
    place = np.clip(((y[counted] - film.floor) / width).astype(np.int64), 0, bins - 1)
    particles = np.bincount(place, minlength=bins)
    count_a = np.bincount(place[film.species[counted] == A], minlength=bins)
    if velocities is None:
        kt = np.full(bins, np.nan)
    else:
        energy = (velocities[film.slots[counted]] ** 2).sum(axis=1) / 2
        kt = _ratio(np.bincount(place, weights=energy, minlength=bins), particles)
    return HeightProfile(
        edges=edges,
        area=area,
        particles=particles,
        density=_ratio(particles, area),
        fraction_a=_ratio(count_a, particles),
        kt=kt,
    )


@dataclass(frozen=True, kw_only=True)
class Bulk:
    """The bulk of a film: a slab of heights, and in it what lies deep enough below the local surface.

    Attributes:
        low: lower face [sigma_AA].
        high: upper face [sigma_AA].
        depth: least distance to the nearest surface [sigma_AA].
    """

    low: float
    high: float
    depth: float

    def members(self, film: Film) -> np.ndarray:
        """Which of the film's particles are bulk, (N,) bool."""
        y = film.positions[:, 1]
        return (y >= self.low) & (y <= self.high) & (film.depth >= self.depth)

    def area(self, film: Film) -> float:
        """Area of the bulk [sigma_AA^2]."""
        return float(film.pixels.areas(np.array([self.low, self.high]), self.depth)[0])


SURFACE_DEPTH = 4.0
"""Distance from the surface and from the substrate within which density, composition and mobility are not the bulk's
[sigma_AA]."""


def find_bulk(films: list[Film], *, depth: float = SURFACE_DEPTH, width: float = 2.0) -> Bulk:
    """The slab in which density and composition are flat, from the profiles of equivalent films taken together.

    From each bin a slab grows up and down as long as the next bin agrees with it: density within 5 % and fraction of A
    within 0.05 of the slab's own, or within three standard errors of counting. The largest of these slabs is the bulk.

    Args:
        films: films of one recipe.
        depth: distance kept from the local surface and from the substrate [sigma_AA].
        width: height of a bin [sigma_AA].

    Raises:
        ValueError: when no bin has an interior: the films are too thin.
    """
    floor = float(np.mean([film.floor for film in films]))
    profiles = [height_profile(film, width=width, depth=depth) for film in films]
    bins = max(len(profile.area) for profile in profiles)
    sums = np.zeros((3, bins))
    for profile in profiles:
        own = profile.area, profile.particles, np.nan_to_num(profile.fraction_a) * profile.particles
        sums[:, : len(profile.area)] += own
    area = sums[0]
    usable = (area >= 0.25 * width * sum(film.box_length for film in films)) & (sums[1] > 0)
    usable[: int(np.ceil(depth / width))] = False
    if not usable.any():
        raise ValueError(
            f"bulk: got films {max(film.thickness() for film in films):.1f} thick, expected an interior more than "
            f"{depth} from substrate and surface; grow them thicker or give the slab"
        )
    slabs = [_grown(int(start), sums, usable) for start in np.flatnonzero(usable)]
    low, high = max(slabs, key=lambda slab: area[slab[0] : slab[1] + 1].sum())
    return Bulk(low=floor + low * width, high=floor + (high + 1) * width, depth=depth)


def _grown(start: int, sums: np.ndarray, usable: np.ndarray) -> tuple[int, int]:
    """First and last bin of the slab that grows from ``start`` up and down as long as the next bin agrees with it."""
    low = high = start
    grew = True
    while grew:
        grew = False
        for candidate in (high + 1, low - 1):
            inside = 0 <= candidate < len(usable) and usable[candidate]
            if inside and _agrees(sums[:, low : high + 1].sum(axis=1), sums[:, candidate]):
                low, high, grew = min(low, candidate), max(high, candidate), True
    return low, high


def _agrees(slab: np.ndarray, one_bin: np.ndarray) -> bool:
    """Whether a bin has the density and composition of the slab, but for its noise of counting: (area, count, A)."""
    bin_area, bin_count, bin_a = one_bin
    fraction, expected = slab[2] / slab[1], bin_area * slab[1] / slab[0]
    # Particles of a dense film are no Poisson process: their counts scatter less than the square root taken here.
    dense = abs(bin_count - expected) <= max(0.05 * expected, 3 * np.sqrt(expected) / 2)
    mixed = abs(bin_a / bin_count - fraction) <= max(0.05, 3 * np.sqrt(fraction * (1 - fraction) / bin_count))
    return bool(dense and mixed)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    shape = np.shape(numerator)
    return np.divide(numerator, denominator, out=np.full(shape, np.nan), where=np.asarray(denominator) > 0)
