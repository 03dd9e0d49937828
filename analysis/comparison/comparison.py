"""Which descriptors differ at one energy: two sets paired by E_IS, every descriptor's effect size, corrected p values.

What a network is held against. Beside the comparison of pairs stands that of the whole sets, so that one sees how much
of a difference was the energy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control

from vitrify.analysis.comparison.descriptor_table import Key, measured
from vitrify.analysis.comparison.effect import Effect, paired_effect, unpaired_effect
from vitrify.analysis.comparison.pairing import Pairs, pair_by_energy
from vitrify.analysis.comparison.sides import Side
from vitrify.analysis.results import Progress


@dataclass(frozen=True, kw_only=True)
class Tested:
    """One descriptor in both sets.

    Attributes:
        key: which one.
        matched: in pairs of one energy.
        p_matched: its p value corrected for all that were tested.
        whole: in the whole sets.
        p_whole: likewise.
    """

    key: Key
    matched: Effect
    p_matched: float
    whole: Effect
    p_whole: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sets held against each other.

    Attributes:
        first: one side.
        second: the other.
        pairs: how they were paired by energy.
        energy: of the whole sets, the effect of E_IS itself.
        tested: every descriptor that both sides know, in the register's order.
    """

    first: Side
    second: Side
    pairs: Pairs
    energy: Effect
    tested: Sequence[Tested]

    @property
    def numbers(self) -> list[Tested]:
        """Those that are numbers, the largest effect at one energy first; constants last."""
        numbers = [one for one in self.tested if not one.key.curve]
        return sorted(numbers, key=lambda one: -np.nan_to_num(abs(one.matched.size.value), nan=-1.0))

    def points(self, family: str) -> list[Tested]:
        """Points of a family of curves, line by line."""
        return [one for one in self.tested if one.key.curve == family]


def compare_sides(
    first: Side, second: Side, *, tolerance: float | None = None, progress: Progress | None = None
) -> Comparison:
    """Hold two sets against each other.

    Args:
        first: one side.
        second: the other, of the same system.
        tolerance: largest difference of E_IS within a pair [eps_AA per particle]; None for a fifth of its standard
            deviation.
        progress: told how many configurations are measured, and of how many.

    Returns:
        every descriptor's effect; p values are corrected together for all numbers and all points of curves, after
        Benjamini and Hochberg: of those below 0.05 one in twenty is expected to be nothing.

    Raises:
        ValueError: when fewer than four pairs are found.

    Source: Y. Benjamini, Y. Hochberg, J. R. Stat. Soc. B 57, 289 (1995).
    """
    pairs = pair_by_energy(first, second, tolerance)
    values, others = measured([first, second], progress)
    keys = [key for key in values if key in others]
    matched = [paired_effect(values[key][pairs.first], others[key][pairs.second]) for key in keys]
    whole = [unpaired_effect(values[key], others[key], first.origins, second.origins) for key in keys]
    corrected = [_corrected([one.p for one in effects]) for effects in (matched, whole)]
    return Comparison(
        first=first,
        second=second,
        pairs=pairs,
        energy=unpaired_effect(first.energies, second.energies, first.origins, second.origins),
        tested=[
            Tested(key=key, matched=one, p_matched=p_one, whole=other, p_whole=p_other)
            for key, one, p_one, other, p_other in zip(keys, matched, corrected[0], whole, corrected[1], strict=True)
        ],
    )


def _corrected(p: Sequence[float]) -> np.ndarray:
    """P values corrected after Benjamini and Hochberg; NaN stays."""
    values = np.array(p)
    known = np.isfinite(values)
    if known.any():
        values[known] = false_discovery_control(values[known], method="bh")
    return values
