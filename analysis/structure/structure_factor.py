"""Partial static structure factors, summed directly over wave vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.structure.radial import PAIRS
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.md.model import A, B

K_RANGE = (0.0, 15.0)
"""Where S(k) is resolved [1/sigma_AA]: to beyond its second peak."""
K_STEP = 0.25


@dataclass(frozen=True, kw_only=True)
class StructureFactor:
    """Partial structure factors after Ashcroft and Langreth.

    Attributes:
        k: (K,) middle of each bin of wave numbers [1/sigma_AA].
        s: (3, K) S_AA, S_AB and S_BB; NaN for a bin that holds no wave vector of the box, or a missing species.
    """

    k: np.ndarray
    s: np.ndarray


def structure_factor(
    around: Surroundings, *, k_range: tuple[float, float] = K_RANGE, step: float = K_STEP
) -> StructureFactor:
    """Partial S(k) of the members: ``S_ab(k) = <Re rho_a(k) rho_b(-k)> / sqrt(N_a N_b)``, ``rho(k) = sum exp(i k r)``.

    The mean is over every wave vector of the box in a bin. S_AA and S_BB go to 1 at large k and S_AB to 0; the whole is
    ``S(k) = sum_ab sqrt(x_a x_b) S_ab(k)``. Faber and Ziman's are ``1 + (S_ab - delta_ab) / sqrt(x_a x_b)``.
    freud's (``StaticStructureFactorDirect``) are ``sqrt(x_a x_b)`` times these, since it divides by the number of all
    particles (its issue 1313). It takes no two-dimensional box, and in a thin one a quarter of the wave vectors, in 5.7
    CPU seconds where this sum takes 0.035 for all of them (N = 4320, k to 15): hence this one of our own.

    Along an open axis a film has no wave vectors: those along the periodic axis alone are taken, (2 pi n / Lx, 0).

    Source: Ashcroft and Langreth, Phys. Rev. 156, 685 (1967).

    Args:
        around: the configuration and its members.
        k_range: first and last edge of the bins [1/sigma_AA]; k = 0 is left out.
        step: width of a bin [1/sigma_AA].
    """
    low, high = k_range
    if not (0 <= low < high and step > 0 and round((high - low) / step) >= 1):
        raise ValueError(f"S(k): got k {low} to {high} in steps of {step}, expected at least one bin")
    where = around.configuration
    if not any(where.periodic):
        raise ValueError("S(k): got no periodic axis, expected at least one")
    bins = round((high - low) / step)
    unit = 2 * np.pi / where.box
    most = [int(high / one) if wraps else 0 for one, wraps in zip(unit, where.periodic, strict=True)]
    density = [_density_modes(where.positions[around.of(kind)], unit, most) for kind in (A, B)]
    n_x, n_y = np.meshgrid(np.arange(most[0] + 1), np.arange(-most[1], most[1] + 1), indexing="ij")
    number = np.hypot(unit[0] * n_x, unit[1] * n_y)
    place = np.floor((number - low) / step).astype(np.int64)
    counted = (place >= 0) & (place < bins) & ((n_x > 0) | (n_y > 0))
    vectors = np.bincount(place[counted], minlength=bins)
    s = np.full((len(PAIRS), bins), np.nan)
    for row, (_, a, b) in enumerate(PAIRS):
        product = np.real(density[a] * density[b].conj())
        size = np.sqrt(float(around.of(a).sum()) * float(around.of(b).sum()))
        total = np.bincount(place[counted], weights=product[counted], minlength=bins)
        if size > 0:
            s[row] = np.divide(total, size * vectors, out=np.full(bins, np.nan), where=vectors > 0)
    return StructureFactor(k=low + step * (np.arange(bins) + 0.5), s=s)


def _density_modes(positions: np.ndarray, unit: np.ndarray, most: Sequence[int]) -> np.ndarray:
    """``rho(k)`` at k = (n_x, n_y) times ``unit``, for n_x from 0 and n_y from -most to most, complex128.

    Half of all wave vectors: the others are their complex conjugates. With n_y and -n_y come cosines and sines of both
    axes apart, so that four products of real matrices give all of them.
    """
    x, y = (_powers(unit[axis] * positions[:, axis], most[axis]) for axis in range(2))
    cos_x, sin_x, cos_y, sin_y = np.real(x), np.imag(x), np.real(y), np.imag(y)
    cos_cos, sin_sin = cos_x @ cos_y.T, sin_x @ sin_y.T
    sin_cos, cos_sin = sin_x @ cos_y.T, cos_x @ sin_y.T
    above = cos_cos - sin_sin + 1j * (sin_cos + cos_sin)
    below = cos_cos + sin_sin + 1j * (sin_cos - cos_sin)
    return np.concatenate([below[:, :0:-1], above], axis=1)


def _powers(angle: np.ndarray, most: int) -> np.ndarray:
    """``exp(i n angle)`` for n from 0 to ``most``, (most + 1, particles) complex128."""
    powers = np.ones((most + 1, len(angle)), dtype=np.complex128)
    powers[1:] = np.exp(1j * angle)
    return np.multiply.accumulate(powers, axis=0)
