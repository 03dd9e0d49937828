"""What the Voronoi cells say: area, sides, bond order, spread of angles, local density and composition.

Every function takes :class:`~vitrify.analysis.structure.surroundings.Surroundings` and returns (N,) float64. Cells that
are not closed, as at the surface of a film, have no shape: NaN, as have particles of a substrate.
"""

from __future__ import annotations

from collections.abc import Callable

import freud
import numpy as np

from vitrify.analysis.structure.neighbours import Neighbours
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.md.model import A


def cell_area(around: Surroundings) -> np.ndarray:
    """Area of the Voronoi cell [sigma_AA^2]; the areas of a periodic configuration add up to the box."""
    return _known(around, around.cells.area)


def cell_sides(around: Surroundings) -> np.ndarray:
    """Number of sides of the Voronoi cell; their mean over a periodic configuration is 6, exactly (Euler)."""
    return _known(around, np.bincount(around.cells.near.i, minlength=around.count))


def bond_order(around: Surroundings, k: int, *, weighted: bool = True) -> np.ndarray:
    """Magnitude of the k-fold bond-orientational order, ``|sum_j w_ij exp(i k theta_ij)| / sum_j w_ij``.

    The sum is over Voronoi neighbours j in the directions theta_ij; freud takes it (``freud.order.Hexatic``), in single
    precision.

    Args:
        around: the configuration.
        k: the fold, 6 for hexatic order.
        weighted: whether each neighbour weighs as much as the Voronoi side between the two is long: one that is hardly
            a neighbour then hardly counts, and the order is a continuous function of the positions.

    Returns:
        (N,) between 0 and 1.

    Sources: Halperin and Nelson, Phys. Rev. Lett. 41, 121 (1978); the weights: Mickel, Kapfer, Schroeder-Turk and
    Mecke, J. Chem. Phys. 138, 044501 (2013).
    """
    system, bonds = around.voronoi_bonds
    order = freud.order.Hexatic(k=k, weighted=weighted).compute(system, bonds).particle_order
    return _known(around, np.abs(order).astype(np.float64))


def weighted_bond_order(k: int) -> Callable[[Surroundings], np.ndarray]:
    """The measure of :func:`bond_order` over Voronoi neighbours, weighted by side."""
    return lambda around: bond_order(around, k)


def angle_spread(around: Surroundings) -> np.ndarray:
    """Root mean square deviation of the angles between successive Voronoi neighbours from ``2 pi / n`` [rad].

    Neighbours are taken in the order of their directions; n is their number. 0 for a regular polygon.
    """
    gap, i = successive_angles(around.cells.near, around.count)
    sides = np.bincount(i, minlength=around.count)
    with np.errstate(divide="ignore", invalid="ignore"):
        ideal = 2 * np.pi / sides
        squares = np.bincount(i, weights=(gap - ideal[i]) ** 2, minlength=around.count)
        return _known(around, np.sqrt(squares / sides))


def local_density(around: Surroundings) -> np.ndarray:
    """Number density of the particle and its Voronoi neighbours, ``(1 + n) / (a_i + sum_j a_j)`` [sigma_AA^-2]."""
    near, area = around.cells.near, around.cells.area
    count = 1 + np.bincount(near.i, minlength=around.count)
    return _known(around, count / (area + np.bincount(near.i, weights=area[near.j], minlength=around.count)))


def local_composition(around: Surroundings) -> np.ndarray:
    """Fraction of A among the particle and its Voronoi neighbours of A and B."""
    near = around.cells.near
    near = near.select(around.matter[near.j])
    is_a = (around.species == A).astype(np.float64)
    count_a = is_a + np.bincount(near.i, weights=is_a[near.j], minlength=around.count)
    return _known(around, count_a / (1 + np.bincount(near.i, minlength=around.count)))


def successive_angles(near: Neighbours, particles: int) -> tuple[np.ndarray, np.ndarray]:
    """Angle from each neighbour to the next one counter-clockwise [rad], and the particle each belongs to.

    Returns:
        angle: (P,) in (0, 2 pi]; those of one particle add up to 2 pi.
        i: (P,) the particle, sorted.
    """
    angle = np.arctan2(near.separation[:, 1], near.separation[:, 0])
    order = np.lexsort((angle, near.i))
    i, angle = near.i[order], angle[order]
    first = np.searchsorted(i, i)
    last = first + np.bincount(i, minlength=particles)[i] - 1
    place = np.arange(len(i))
    following = np.where(place == last, first, place + 1)
    gap = angle[following % max(1, len(i))] - angle
    return np.where(place == last, gap + 2 * np.pi, gap), i


def _known(around: Surroundings, values: np.ndarray) -> np.ndarray:
    """Values of A and B in closed cells, NaN elsewhere."""
    return np.where(around.matter & around.cells.closed, values, np.nan)
