"""How Tg and the fictive temperature move with what was chosen to read them: windows, limits, the range of the line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vitrify.analysis.curves.cooling_curve import CoolingCurve
from vitrify.analysis.curves.equilibrium_line import EquilibriumLine
from vitrify.analysis.curves.fictive import memory
from vitrify.analysis.curves.glass_transition import Windows, glass_transition
from vitrify.analysis.curves.hyperbola import UPPER_LIMIT, WIDTH, smooth_transition
from vitrify.analysis.statistics import Quantity

SHIFTS = (-0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2)
LIMITS = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.2)
WIDTHS = (0.05, 0.075, 0.1, 0.125, 0.15, 0.2)
TOPS = (0.65, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One number read with one choice.

    Attributes:
        quantity: what was read: "Tg, two lines", "Tg, smooth" or "fictive kT".
        choice: what was chosen, with its unit.
        at: the value chosen.
        curve: the ramp.
        found: the number with its interval.
    """

    quantity: str
    choice: str
    at: float
    curve: CoolingCurve
    found: Quantity


def choices(
    curves: Sequence[CoolingCurve], windows: Windows, line_to: Callable[[float], EquilibriumLine]
) -> list[Choice]:
    """Read every ramp again with other choices; those that give nothing are left out.

    Args:
        curves: the ramps.
        windows: the two windows, of which the liquid's is shifted.
        line_to: the equilibrium line fitted up to a kT; ValueError where there is none.
    """
    found: list[Choice] = []

    def tried(quantity: str, choice: str, at: float, curve: CoolingCurve, read: Callable[[], Quantity]) -> None:
        try:
            one = read()
        except ValueError:
            return
        if one.value == one.value:
            found.append(Choice(quantity=quantity, choice=choice, at=at, curve=curve, found=one))

    low, high = windows.liquid
    for curve in curves:
        for shift in SHIFTS:
            tried(
                "Tg, two lines", "lower end of the liquid window, its width kept", low + shift, curve,
                lambda c=curve, s=shift: glass_transition(
                    c, Windows(glass=windows.glass, liquid=(low + s, high + s))
                ).tg,
            )  # fmt: skip
        for limit in LIMITS:
            tried(
                "Tg, smooth", f"upper limit of the fit, width {WIDTH:g}", limit, curve,
                lambda c=curve, x=limit: smooth_transition(c, x).tg,
            )  # fmt: skip
        for width in WIDTHS:
            tried(
                "Tg, smooth", f"width of the bend, limit {UPPER_LIMIT:g}", width, curve,
                lambda c=curve, x=width: smooth_transition(c, width=x).tg,
            )  # fmt: skip
        for top in TOPS:
            tried(
                "fictive kT", "upper end of the equilibrium line", top, curve,
                lambda c=curve, x=top: memory(c, line_to(x)).fictive,
            )  # fmt: skip
    return found


def choice_columns(found: Sequence[Choice]) -> dict[str, list]:
    """The columns of tg_choices.csv: a row for each number read."""
    return {
        "quantity": [one.quantity for one in found],
        "choice": [one.choice for one in found],
        "at": [one.at for one in found],
        "ramp_steps": [one.curve.ramp_steps for one in found],
        "rate": [one.curve.rate for one in found],
        "kt": [one.found.value for one in found],
        "kt_low": [one.found.low for one in found],
        "kt_high": [one.found.high for one in found],
    }
