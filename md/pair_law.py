"""The pair law: Lennard-Jones, ``u(r) = 4 eps [(sigma/r)^12 - (sigma/r)^6]``. Another law is a change to this file.

The oracle and the analysis call these functions with NumPy arrays; the replica engine compiles them for its CPU and GPU
programs, in single and in double precision, and for vectors. Only HOOMD-blue has the law under a name of its own, in
md/engines/hoomd/forces.py. A law with fewer coefficients leaves the second at 0. Cut-offs are whoever calls' business.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

real = np.float64
"""The type of what is computed with, bound anew by compilers."""


class Coefficients(NamedTuple):
    """What of the law depends on the pair alone.

    Attributes:
        repulsion: 48 eps sigma^12.
        attraction: 24 eps sigma^6.
    """

    repulsion: np.ndarray
    attraction: np.ndarray


def coefficients(epsilon: np.ndarray, sigma: np.ndarray) -> Coefficients:
    """The coefficients of pairs with well depths ``epsilon`` [eps_AA] and diameters ``sigma`` [sigma_AA]."""
    return Coefficients(repulsion=48 * epsilon * sigma**12, attraction=24 * epsilon * sigma**6)


def force_over_distance(inverse2, repulsion, attraction):
    """``|F| / r`` of a pair from 1 / r^2, which every caller has in other units before.

    >>> float(force_over_distance(1.0, *coefficients(1.0, 1.0)))
    24.0
    """
    inverse6 = inverse2 * inverse2 * inverse2
    return (repulsion * inverse6 - attraction) * inverse6 * inverse2


def half_energy(inverse2, repulsion, attraction):
    """Half of a pair's energy, each partner's share, not shifted, from 1 / r^2.

    >>> round(float(half_energy(2 ** (-1 / 3), *coefficients(1.0, 1.0))), 12)  # at its minimum
    -0.5
    """
    inverse6 = inverse2 * inverse2 * inverse2
    return (repulsion * inverse6 - real(2) * attraction) * inverse6 * real(1 / 24)
