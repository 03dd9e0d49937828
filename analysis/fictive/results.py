"""What fictive temperatures show: tables, a figure, and lines for a person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitrify.analysis.comparison.sides import Side
from vitrify.analysis.fictive.temperatures import FictiveTemperature
from vitrify.analysis.figures import Bars, fictive_figure
from vitrify.analysis.results import Results, rows_to_columns
from vitrify.analysis.structure.titles import title_of

UNSURE = 0.01
"""P value of the misfit below which a line is said not to go through its liquids."""


def results(found: Sequence[FictiveTemperature], glass: Side, positions: str, reference: str) -> Results:
    """Tables and figure; ``positions`` is what was measured, ``reference`` the number that others are seen beside."""
    part = Results()
    on = {"inherent": "inherent structures", "instant": "instantaneous positions"}[positions]
    known = sorted((one for one in found if np.isfinite(one.fictive.value)), key=lambda one: one.fictive.value)
    none = [one for one in found if not np.isfinite(one.fictive.value)]
    by_reference = next((one for one in found if one.name == reference), None)
    kt = found[0].kt
    liquids = f"liquids at {len(kt)} temperatures from kT {kt[0]:g} to {kt[-1]:g}"
    if known:
        part.add_figure(
            "fictive.png",
            fictive_figure(
                [title_of(one.name) for one in known],
                Bars(*(np.array([getattr(one.fictive, end) for one in known]) for end in ("value", "low", "high"))),
                reference=by_reference.fictive.value if by_reference else float("nan"),
                doubtful=np.array([one.misfit < UNSURE for one in known]),
            ),
            f"Fictive temperature of the glass by each number of its {on}: the kT at which a line a + b / kT through "
            f"{liquids} has the glass's mean, with its 95 % interval over replicas of both, each for itself. Open: no "
            f"such line goes through the liquids (p < {UNSURE:g}). The vertical line is that by the energy.",
        )
    part.add_table(
        "fictive.csv",
        rows_to_columns([_row(one) for one in [*known, *none]]),
        f"Fictive temperature [eps_AA] of the glass by each number of its {on}, the lowest first, with its 95 % "
        "interval by the jackknife over replicas of the glass and of the liquids. Line: a + b / kT; moves: its slope "
        "in standard errors; misfit_p: p value of lack of fit (F test), small where no such line goes through the "
        "liquids. Where there is no fictive temperature, why.",
        shown=("descriptor", "fictive", "fictive_low", "fictive_high", "glass", "moves", "misfit_p", "reason"),
    )
    part.add_table(
        "lines.csv",
        rows_to_columns([row for one in found for row in _points(one)]),
        f"Mean of each number of {on} in the {liquids}, with its standard error over replicas, and what the line has.",
    )
    _say(part, found, known, by_reference, glass)
    return part


def _say(
    part: Results,
    found: Sequence[FictiveTemperature],
    known: Sequence[FictiveTemperature],
    energy: FictiveTemperature | None,
    glass: Side,
) -> None:
    part.numbers.append(f"{len(known)} of {len(found)} numbers have a fictive temperature of {glass.name}")
    if energy is not None:
        part.numbers.append(_said("by the energy", energy))
        other = [one for one in known if one is not energy]
        apart = [one for one in other if _apart(one, energy)]
        part.numbers.append(
            f"{len(apart)} of {len(other)} others have 95 % intervals that do not touch that by the energy; intervals "
            "are not corrected for how many there are"
        )
    part.numbers += [_said(one.name, one) for one in known if one is not energy]
    still = sum("does not move" in one.fictive.note for one in found)
    part.notes.append(
        f"{still} of {len(found)} numbers do not move with kT beyond their errors: no temperature by them"
    )
    if doubtful := [one.name for one in known if one.misfit < UNSURE]:
        part.notes.append(f"no line a + b / kT goes through the liquids (p < {UNSURE:g}) for {', '.join(doubtful)}")


def _said(name: str, one: FictiveTemperature) -> str:
    if not np.isfinite(one.fictive.value):
        return f"{name}: none, {one.fictive.note}"
    if one.fictive.interval is None:
        return f"{name}: kT {one.fictive.value:.3f}, {one.fictive.note}"
    return f"{name}: kT {one.fictive.value:.3f} ({one.fictive.low:.3f} to {one.fictive.high:.3f})"


def _apart(one: FictiveTemperature, other: FictiveTemperature) -> bool:
    """Whether two have intervals that do not touch."""
    return bool(one.fictive.low > other.fictive.high or one.fictive.high < other.fictive.low)


def _row(one: FictiveTemperature) -> dict:
    return {
        "descriptor": one.name,
        "fictive": one.fictive.value,
        "fictive_low": one.fictive.low,
        "fictive_high": one.fictive.high,
        "glass": float(one.glass.mean),
        "glass_error": float(one.glass.error),
        "a": float(one.line[0]),
        "b": one.slope.value,
        "b_low": one.slope.low,
        "b_high": one.slope.high,
        "moves": one.moves,
        "misfit_p": one.misfit,
        "replicas": int(one.glass.replicas),
        "reason": one.fictive.note,
    }


def _points(one: FictiveTemperature) -> list[dict]:
    return [
        {
            "descriptor": one.name,
            "kt": float(kt),
            "mean": float(one.liquids.mean[place]),
            "error": float(one.liquids.error[place]),
            "line": float(one.line[0] + one.line[1] / kt),
            "replicas": int(one.liquids.replicas[place]),
        }
        for place, kt in enumerate(one.kt)
    ]
