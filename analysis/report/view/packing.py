"""Numbers as 16-bit integers in base64: small enough for a page, exact enough to look at.

A packed array is ``value = low + step * integer``. In a column the integer MISSING stands for no value.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

MISSING = 65535
"""The integer that stands for NaN in a column."""

PLACES = 65536
"""Places along an axis: a coordinate is off by at most half of ``extent / PLACES``, 0.0005 sigma_AA in a box of 60."""


@dataclass(frozen=True)
class Scale:
    """What an integer of a packed array means, ``low + step * integer``."""

    low: float
    step: float

    def values(self, integers: np.ndarray) -> np.ndarray:
        """The numbers again, NaN where there was none."""
        return np.where(integers == MISSING, np.nan, self.low + self.step * integers)


def column_scale(low: float, high: float, whole: bool) -> Scale:
    """The scale of a column between two ends.

    Args:
        low: smallest value.
        high: largest value.
        whole: whether all values are whole numbers, which are then kept exactly.

    Raises:
        ValueError: for whole numbers too far apart.

    >>> column_scale(3, 9, whole=True)
    Scale(low=3.0, step=1.0)
    """
    if whole and high - low >= MISSING:
        raise ValueError(f"column: got whole numbers from {low} to {high}, expected fewer than {MISSING}")
    return Scale(float(low), 1.0 if whole else float(high - low) / (MISSING - 1) or 1.0)


def pack_column(values: np.ndarray, scale: Scale) -> str:
    """A column (N,) as base64; values beyond the scale's ends take the end."""
    integers = np.rint((values - scale.low) / scale.step).clip(0, MISSING - 1)
    return pack(np.where(np.isnan(values), MISSING, integers).astype(np.uint16))


def pack_positions(
    positions: np.ndarray, box: np.ndarray, periodic: tuple[bool, bool]
) -> tuple[str, list[float], list[float]]:
    """Positions (N, 2) as base64, with low and step of both axes.

    A periodic axis is packed around the circle: a particle at its upper edge is the one at its lower edge.
    """
    low = np.where(periodic, -np.asarray(box) / 2, positions.min(axis=0))
    step = np.where(periodic, np.asarray(box) / PLACES, np.ptp(positions, axis=0) / (PLACES - 1))
    step = np.where(step > 0, step, 1.0)
    integers = np.rint((positions - low) / step)
    integers = np.where(periodic, integers % PLACES, integers)
    return pack(integers.astype(np.uint16)), low.tolist(), step.tolist()


def pack(array: np.ndarray) -> str:
    """The bytes of an array, least significant first, as base64."""
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode("ascii")
