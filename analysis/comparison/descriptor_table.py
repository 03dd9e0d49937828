"""Every descriptor of a side: numbers, and curves point by point, an array over its configurations each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.comparison.sides import Side
from vitrify.analysis.structure.descriptors import CURVES, descriptors
from vitrify.analysis.structure.measurement import measure
from vitrify.analysis.structure.stored import Stored


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
    """Measure a side: configurations of the bulk mixture in parallel and once a run, films one after the other.

    Args:
        side: the configurations.
        progress: told of each that is done.

    Returns:
        (n,) of each descriptor, in the register's order; NaN where it is not defined.
    """
    stored = [member.stored for member in side.members if member.stored is not None]
    if len(stored) == len(side.members):
        return _of_mixture(stored, progress)
    rows: list[dict[Key, float]] = []
    for member in side.members:
        around = member.load()
        row = {Key(name): value for name, value in descriptors(around).items()}
        for family, kind in CURVES.items():
            abscissa, lines = kind.measure(around)
            for name, line in zip(kind.lines, lines, strict=True):
                row |= {_point(name, family, x): float(y) for x, y in zip(abscissa, line, strict=True)}
        rows.append(row)
        if progress is not None:
            progress()
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: np.array([row.get(key, np.nan) for row in rows]) for key in keys}


def _of_mixture(stored: Sequence[Stored], progress: Callable[[], None] | None) -> dict[Key, np.ndarray]:
    told = 0

    def tell(done: float, total: float) -> None:
        nonlocal told
        while progress is not None and told < done:
            progress()
            told += 1

    found = measure(stored, progress=tell)
    tell(len(stored), len(stored))
    values = {Key(name): numbers for name, numbers in found.numbers.items()}
    for family, (abscissa, lines) in found.curves.items():
        for row, name in enumerate(CURVES[family].lines):
            values |= {_point(name, family, x): lines[:, row, place] for place, x in enumerate(abscissa)}
    return values


def _point(name: str, family: str, x: float) -> Key:
    return Key(name, family, round(float(x), 9))
