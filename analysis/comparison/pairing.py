"""Two sets matched by inherent-structure energy: pairs within a tolerance, each configuration and origin in one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrify.analysis.comparison.sides import Side
from vitrify.analysis.matching import match
from vitrify.analysis.statistics import FEWEST_REPLICAS, Quantity, jackknife, mean_without_each

CALIPER = 0.2
"""Default tolerance, in standard deviations of the energy: P. C. Austin, Pharm. Stat. 10, 150 (2011)."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Which configurations are held against which.

    Attributes:
        first: (P,) places in the first side.
        second: (P,) places of their partners in the second.
        tolerance: largest difference of energy within a pair [eps_AA per particle].
        residual: mean difference of energy that is left, first less second, with its interval over pairs.
        shared: how many origins stand on both sides; each of those is in one pair at most, with itself or another.
    """

    first: np.ndarray
    second: np.ndarray
    tolerance: float
    residual: Quantity
    shared: int

    def __len__(self) -> int:
        return len(self.first)


def pair_by_energy(first: Side, second: Side, tolerance: float | None = None) -> Pairs:
    """Pair configurations of nearly the same E_IS, the nearest first; pairs are independent of one another.

    Args:
        first: one side.
        second: the other.
        tolerance: largest difference within a pair [eps_AA per particle]; None for CALIPER standard deviations of the
            energy, the root mean square of both sides.

    Raises:
        ValueError: when fewer than four pairs are found: their energies lie too far apart.
    """
    if tolerance is None:
        tolerance = CALIPER * float(np.sqrt(np.mean([side.energies.var(ddof=1) for side in (first, second)])))
        tolerance = max(tolerance, 1e-12)
    shared = set(first.origins.tolist()) & set(second.origins.tolist())
    if shared:
        rows, partners = _match_origins(first, second, tolerance)
    else:
        rows, partners = match(first.energies, second.energies, tolerance)
    if len(rows) < FEWEST_REPLICAS:
        both = f"; {len(shared)} replicas stand on both sides and in one pair at most" if shared else ""
        raise ValueError(
            f"compare: {len(rows)} pairs within {tolerance:.2g} of each other in E_IS, expected at least "
            f"{FEWEST_REPLICAS}: {_range(first)}, {_range(second)}{both}"
        )
    apart = first.energies[rows] - second.energies[partners]
    return Pairs(
        first=rows,
        second=partners,
        tolerance=tolerance,
        residual=jackknife(float(apart.mean()), [mean_without_each(apart)]),
        shared=len(shared),
    )


def _match_origins(first: Side, second: Side, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs, the nearest first, where every origin stands in one pair only, be it on both sides of that one."""
    apart = np.abs(first.energies[:, None] - second.energies)
    used: set[str] = set()
    pairs = []
    for row, partner in zip(*np.divmod(np.argsort(apart, axis=None, kind="stable"), len(second.members)), strict=True):
        own = {first.members[row].origin, second.members[partner].origin}
        if apart[row, partner] <= tolerance and not own & used:
            pairs.append((row, partner))
            used |= own
    found = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _range(side: Side) -> str:
    return f"{side.name} has {len(side.members)} from {side.energies.min():.4f} to {side.energies.max():.4f}"
