"""Every descriptor of a side: numbers, and curves point by point, an array over its configurations each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.comparison.sides import Member, Side
from vitrify.analysis.results import Progress
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


def measured(sides: Sequence[Side], progress: Progress | None = None) -> list[dict[Key, np.ndarray]]:
    """Measure sides: configurations of the bulk mixture in parallel and once a run, films one after the other.

    Args:
        sides: the configurations.
        progress: told how many are measured, and of how many in all.

    Returns:
        of each side, (n,) of each descriptor, in the register's order; NaN where it is not defined.
    """
    total, done, found = sum(len(side.members) for side in sides), 0, []
    for side in sides:

        def tell(own: float, _: float, before: int = done) -> None:
            if progress is not None:
                progress(before + own, total)

        stored = [member.stored for member in side.members if member.stored is not None]
        found.append(_of_mixture(stored, tell) if len(stored) == len(side.members) else _of_films(side.members, tell))
        done += len(side.members)
        tell(0, 0, done)  # all of it was measured before, perhaps, and nothing told
    return found


def _of_films(members: Sequence[Member], tell: Progress) -> dict[Key, np.ndarray]:
    rows: list[dict[Key, float]] = []
    for member in members:
        around = member.load()
        row = {Key(name): value for name, value in descriptors(around).items()}
        for family, kind in CURVES.items():
            abscissa, lines = kind.measure(around)
            for name, line in zip(kind.lines, lines, strict=True):
                row |= {_point(name, family, x): float(y) for x, y in zip(abscissa, line, strict=True)}
        rows.append(row)
        tell(len(rows), len(members))
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: np.array([row.get(key, np.nan) for row in rows]) for key in keys}


def _of_mixture(stored: Sequence[Stored], tell: Progress) -> dict[Key, np.ndarray]:
    found = measure(stored, progress=tell)
    values = {Key(name): numbers for name, numbers in found.numbers.items()}
    for family, (abscissa, lines) in found.curves.items():
        for row, name in enumerate(CURVES[family].lines):
            values |= {_point(name, family, x): lines[:, row, place] for place, x in enumerate(abscissa)}
    return values


def _point(name: str, family: str, x: float) -> Key:
    return Key(name, family, round(float(x), 9))
