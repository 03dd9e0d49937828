"""Where ramps fall out of equilibrium by their relaxation time, beside what their energies say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vitrify.analysis.curves.fictive import Memory
from vitrify.analysis.dynamics.laws import Law
from vitrify.analysis.statistics import Quantity

RAMPS = {20_000: 0.0195, 200_000: 0.00195, 2_000_000: 0.000195}
"""Rates of ramps from kT 2.0 to 0.05 by their steps [eps_AA / tau], taken where an analysis has no ramp of its own."""

UNKNOWN = Quantity(value=float("nan"))


@dataclass(frozen=True, kw_only=True)
class Ramp:
    """A cooling ramp.

    Attributes:
        steps: its length M [time steps].
        rate: cooling rate [eps_AA / tau].
        memory: fictive temperature and departure where it was run, else None.
    """

    steps: int
    rate: float
    memory: Memory | None = None


def falling_out_rows(ramps: Sequence[Ramp], laws: Mapping[str, Sequence[Law]]) -> list[dict]:
    """A row for each ramp, kind of displacement and law: kT of falling out, T_f and departure with their intervals.

    Args:
        ramps: slowest first.
        laws: by kind of displacement.
    """
    rows = []
    for ramp in ramps:
        kept = ramp.memory
        for kind, fitted in laws.items():
            for law in fitted:
                out = law.falls_out(ramp.rate)
                row: dict = {"ramp_steps": ramp.steps, "rate": ramp.rate, "displacement": kind, "law": law.form.name}
                quantities = {
                    "kt_falls_out": out,
                    "kt_fictive": kept.fictive if kept else UNKNOWN,
                    "kt_departure": kept.departure if kept else UNKNOWN,
                }
                for name, one in quantities.items():
                    row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
                row |= {"tau_there": float(law(out.value)), "extrapolated": str(law.extrapolates(out.value)).lower()}
                rows.append(row)
    return rows
