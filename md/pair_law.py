"""The pair law: Lennard-Jones, ``u(r) = 4 eps [(sigma/r)^12 - (sigma/r)^6]``. Another law is a change to this file.

With ``lambda^7 = 48 eps / sigma^2`` and the nearness ``q = lambda sigma^2 / r^2`` of a pair it reads::

    |F| / r = q^4 (q^3 - lambda^3 / 2),    u = lambda sigma^2 / 12 q^3 (q^3 - lambda^3).

Both coefficients of the force are where they cost nothing, one in the numerator of the division that nobody is spared
and one in a difference, so that four products make it: the replica engine spends most of its time here.

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
        numerator: lambda sigma^2, which callers divide by r^2 to have the nearness, both in whatever units they have.
        offset: lambda^3 / 2.
    """

    numerator: np.ndarray
    offset: np.ndarray


def coefficients(epsilon: np.ndarray, sigma: np.ndarray) -> Coefficients:
    """The coefficients of pairs with well depths ``epsilon`` [eps_AA] and diameters ``sigma`` [sigma_AA]."""
    factor = (48 * epsilon / sigma**2) ** (1 / 7)
    return Coefficients(numerator=factor * sigma**2, offset=factor**3 / 2)


def force_over_distance(nearness, offset):
    """``|F| / r`` of a pair from its nearness, the numerator over r^2.

    >>> numerator, offset = coefficients(1.0, 1.0)
    >>> round(float(force_over_distance(numerator / 1.0**2, offset)), 12)
    24.0
    """
    squared = nearness * nearness
    return (squared * nearness - offset) * (squared * squared)


def half_energy(nearness, numerator, offset):
    """Half of a pair's energy, each partner's share, not shifted, from its nearness.

    >>> numerator, offset = coefficients(1.0, 1.0)
    >>> round(float(half_energy(numerator / 2 ** (1 / 3), numerator, offset)), 12)  # at its minimum
    -0.5
    """
    cubed = nearness * nearness * nearness
    return (cubed - real(2) * offset) * cubed * (numerator * real(1 / 24))
