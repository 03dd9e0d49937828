"""Every descriptor of a side: numbers, and curves point by point, an array over its configurations each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.comparison.sides import Side
from vitrify.analysis.structure.descriptors import CURVES, descriptors


@dataclass(frozen=True)
class Key:
    """One descriptor.

    Attributes:
        name: of the number, or of the line of a family of curves: ``psi6_A``, ``g_AA``.
        curve: the family, ``g_of_r``; "" for a number.
        x: where on the curve, in the family's unit; NaN for a number.
    """

    name: str
    curve: str = ""
    x: float = float("nan")


def measured(side: Side, progress: Callable[[], None] | None = None) -> dict[Key, np.ndarray]:
    """Measure a side.

    Args:
        side: the configurations.
        progress: told of each that is done.

    Returns:
        (n,) of each descriptor, in the register's order; NaN where it is not defined.
    """
    rows: list[dict[Key, float]] = []
    for member in side.members:
        around = member.load()
        row = {Key(name): value for name, value in descriptors(around).items()}
        for family, kind in CURVES.items():
            abscissa, lines = kind.measure(around)
            for name, line in zip(kind.lines, lines, strict=True):
                row |= {Key(name, family, round(float(x), 9)): float(y) for x, y in zip(abscissa, line, strict=True)}
        rows.append(row)
        if progress is not None:
            progress()
    return {
        key: np.array([row.get(key, np.nan) for row in rows]) for key in dict.fromkeys(k for row in rows for k in row)
    }
