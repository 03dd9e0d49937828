"""Temperatures at which a liquid becomes a glass: against the rate, and against what was chosen to read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from vitrify.analysis.figures.curves import ordered_colours
from vitrify.analysis.figures.style import MARKERS, PALETTE, styled

if TYPE_CHECKING:
    from vitrify.analysis.curves.choices import Choice
    from vitrify.analysis.curves.rate_law import RateLaw
    from vitrify.analysis.statistics import Quantity

TEMPERATURE_LABEL = r"$k_{\mathrm{B}}T$  $[\epsilon_{AA}]$"


class Readings(NamedTuple):
    """One kind of temperature for several ramps, and the law through them where there is one."""

    rates: Sequence[float]
    found: Sequence[Quantity]
    law: RateLaw | None = None


@styled
def temperatures_against_rate_figure(readings: Mapping[str, Readings]) -> Figure:
    """Tg, fictive temperature and the like against cooling rate; bars are intervals over replicas.

    The line is the law in log(rate), solid between the rates that were simulated, dotted where it is an extrapolation;
    laws of two rates, or that do not fall with slower cooling beyond their interval, are not extrapolated.
    """
    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axes = figure.subplots()
    every = np.array([rate for one in readings.values() for rate in one.rates])
    first, last = np.log10(every.min()), np.log10(every.max())
    shown = first - 1.0, last + 0.3
    for place, (name, (rates, found, law)) in enumerate(readings.items()):
        colour, marker = PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)]
        aside = 10 ** (0.025 * (place - (len(readings) - 1) / 2))
        for number, (rate, one) in enumerate(zip(rates, found, strict=True)):
            error = [[one.value - one.low], [one.high - one.value]] if one.interval else None
            label = name if number == 0 else None
            axes.errorbar(rate * aside, one.value, error, fmt=marker, color=colour, ms=6, label=label)
        if law is not None:
            inside, outside = np.array([first, last]), np.array([shown[0], first])
            axes.plot(10**inside, law(10**inside), color=colour, lw=1.1)
            if not law.no_further:
                axes.plot(10**outside, law(10**outside), color=colour, lw=1.1, ls=":")
    axes.set_xscale("log")
    axes.set_xlim(10 ** shown[0], 10 ** shown[1])
    axes.xaxis.set_minor_formatter(NullFormatter())
    values = np.array([one.value for reading in readings.values() for one in reading.found])
    ends = np.array([[one.low, one.high] for reading in readings.values() for one in reading.found])
    ends = np.append(ends[np.isfinite(ends)], values[np.isfinite(values)])
    axes.set_ylim(max(0.0, ends.min() - 0.05), min(ends.max(), 1.1) + 0.05)
    axes.set(xlabel=r"cooling rate  $[\epsilon_{AA}/\tau]$", ylabel=TEMPERATURE_LABEL)
    axes.legend(loc="upper left", fontsize=10)
    return figure


@styled
def choices_figure(found: Sequence[Choice]) -> Figure:
    """Each quantity against each choice, a panel for each, a colour for each rate; bars are intervals over replicas."""
    panels = list(dict.fromkeys((one.quantity, one.choice) for one in found))
    curves = list(dict.fromkeys(one.curve.ramp_steps for one in found))
    colours = dict(zip(curves, ordered_colours(len(curves)), strict=True))
    ends = np.array([end for one in found for end in (one.found.value, one.found.low, one.found.high)])
    ends = ends[np.isfinite(ends)]
    heights = max(0.0, ends.min() - 0.05), min(1.0, ends.max() + 0.05)
    rows = (len(panels) + 1) // 2
    figure = Figure(figsize=(9.0, 0.6 + 3.0 * rows), layout="constrained")
    grid = figure.subplots(rows, 2, squeeze=False).ravel()
    for axes, (quantity, choice) in zip(grid, panels, strict=False):
        here = [one for one in found if (one.quantity, one.choice) == (quantity, choice)]
        spacing = np.ptp([one.at for one in here]) / 40
        for number, steps in enumerate(curves):
            own = [one for one in here if one.curve.ramp_steps == steps]
            at = np.array([one.at for one in own]) + spacing * (number - (len(curves) - 1) / 2) / max(1, len(curves))
            value = np.array([one.found.value for one in own])
            low, high = (
                np.array([getattr(one.found, end) if one.found.interval else one.found.value for one in own])
                for end in ("low", "high")
            )
            axes.errorbar(
                at, value, np.array([value - low, high - value]), fmt="o-", ms=4, lw=1.0, color=colours[steps],
                label=f"$M$ = {steps:,}",
            )  # fmt: skip
        axes.set_ylim(*heights)
        axes.set_title(quantity.replace("Tg", "$T_g$").replace("kT", "$k_BT$"))
        axes.set_xlabel(rf"{choice}  $[\epsilon_{{AA}}]$", fontsize=11)
        axes.set_ylabel(TEMPERATURE_LABEL)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", fontsize=10, ncols=len(curves))
    return figure
