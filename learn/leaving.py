"""Where a score leaves its plateau: a glass transition read from a classifier alone.

A hot liquid is told from the glass it becomes without fail: the AUC is level. On cooling the ramp's configurations come
ever nearer to those of the glass, and at some temperature the AUC begins to fall, to a half where nothing changes any
more. That temperature is that of a broken line, straight and then level, fitted from the hottest temperature down to
the one at which the score has fallen half way to its lowest. It hangs on how well the classifier tells: the better, the
lower.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.statistics import Quantity, jackknife

GRID = 0.001
"""Spacing of the temperatures that are tried [eps_AA]."""

FALL = 0.1
"""Least fall of a score from its plateau for which a temperature is given."""

FEWEST = 2
"""Fewest temperatures on the plateau, and below it."""


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A straight line and a level that meet.

    Attributes:
        kt: where [eps_AA]; NaN where the score has no plateau or does not leave it.
        level: of the plateau.
        slope: below it.
        note: why there is no temperature.
    """

    kt: float
    level: float = float("nan")
    slope: float = float("nan")
    note: str = ""


def leaving_point(kt: np.ndarray, score: np.ndarray) -> Broken:
    """The temperature at which a score, level at high temperature, begins to fall.

    Args:
        kt: (K,) rising.
        score: (K,).

    >>> kt = np.arange(0.1, 1.05, 0.1)
    >>> found = leaving_point(kt, 1.0 - np.clip(0.65 - kt, 0, 0.5))
    >>> round(found.kt, 3), round(found.level, 3), round(found.slope, 3)
    (0.65, 1.0, 1.0)
    """
    if len(kt) < 2 * FEWEST:
        return Broken(kt=np.nan, note=f"got {len(kt)} temperatures, expected at least {2 * FEWEST}")
    level, lowest = float(score[-FEWEST:].mean()), float(score.min())
    if level < 0.5:
        note = f"the hottest liquids score {level:.2f}, below one half: they pass for more of a glass than the glass"
        return Broken(kt=np.nan, note=note)
    if not level - lowest > FALL:
        return Broken(kt=np.nan, note=f"it falls by {max(level - lowest, 0):.2f} only, expected more than {FALL}")
    half_way = int(np.flatnonzero(score < (level + lowest) / 2).max(initial=0))
    first = min(half_way, len(kt) - 2 * FEWEST)
    x, y = kt[first:], score[first:]
    best, least = Broken(kt=np.nan), np.inf
    tried = np.arange(x[FEWEST - 1], x[-FEWEST], GRID)
    for corner in tried:
        design = np.column_stack([np.ones(len(x)), np.minimum(x - corner, 0)])
        (height, slope), *_ = np.linalg.lstsq(design, y)
        miss = float(((design @ [height, slope] - y) ** 2).sum())
        if miss < least - 1e-15 and slope > 0:
            best, least = Broken(kt=float(corner), level=float(height), slope=float(slope)), miss
    if not np.isfinite(best.kt) or best.kt >= tried[-1] - GRID / 2:
        return Broken(kt=np.nan, note="it falls from the hottest temperatures on: there is no plateau")
    return best


def leaving_with_interval(
    kt: np.ndarray, replicas: int, curve: Callable[[np.ndarray], np.ndarray]
) -> tuple[Broken, Quantity]:
    """The same with its interval: the jackknife over replicas.

    Args:
        kt: (K,) rising.
        replicas: how many there are.
        curve: the scores (K,) of the replicas with these numbers.
    """
    everybody = np.arange(replicas)
    found = leaving_point(kt, curve(everybody))
    if not np.isfinite(found.kt):
        return found, Quantity(value=found.kt, note=found.note)
    without = np.array([leaving_point(kt, curve(np.delete(everybody, one))).kt for one in everybody])
    return found, jackknife(found.kt, [without])
