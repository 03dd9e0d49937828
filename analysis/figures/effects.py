"""Effect sizes: forest plots, profiles along curves, and the energies that were matched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from vitrify.analysis.figures.style import ENERGY_LABEL, INK, KT_LABEL, MUTED, PALETTE, styled


class Bars(NamedTuple):
    """Values with the ends of their intervals, (K,) each; NaN ends where there is none."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Profile(NamedTuple):
    """Values along an abscissa x with the ends of their intervals, (K,) each."""

    x: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


@styled
def effects_figure(names: Sequence[str], series: Mapping[str, Bars], *, x_label: str) -> Figure:
    """A forest plot: a row a descriptor, a point with its interval for each series; the second and later are open."""
    figure = Figure(figsize=(6.8, 1.3 + 0.29 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color=MUTED, lw=0.8)
    rows = np.arange(len(names))
    for place, (label, bars) in enumerate(series.items()):
        at = rows + 0.28 * (place - (len(series) - 1) / 2)
        error = np.nan_to_num(np.array([bars.value - bars.low, bars.high - bars.value]).clip(min=0))
        colour = PALETTE[0] if place == 0 else MUTED
        axes.errorbar(
            bars.value, at, xerr=error, fmt="o", ms=4.5, color=colour, elinewidth=1.2, label=label,
            mfc=colour if place == 0 else "white",
        )  # fmt: skip
    axes.set_yticks(rows, names, fontsize=10.5)
    axes.tick_params(axis="y", which="minor", left=False)
    axes.tick_params(axis="y", which="major", length=0)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(x_label)
    figure.legend(loc="outside upper center", ncols=len(series), fontsize=10.5)
    return figure


@styled
def fictive_figure(names: Sequence[str], found: Bars, *, reference: float, doubtful: np.ndarray) -> Figure:
    """Temperatures, one a row: a dot with its interval, open where it is doubtful; a line at the reference."""
    figure = Figure(figsize=(6.8, 1.0 + 0.26 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(reference, color=MUTED, lw=0.8)
    for row, (value, low, high) in enumerate(zip(*found, strict=True)):
        error = np.nan_to_num([[value - low], [high - value]]).clip(min=0)
        fill = "white" if doubtful[row] else PALETTE[0]
        axes.errorbar(value, row, xerr=error, fmt="o", ms=4.5, color=PALETTE[0], elinewidth=1.2, mfc=fill)
    axes.set_yticks(range(len(names)), names, fontsize=9.5)
    axes.tick_params(axis="y", which="minor", left=False)
    axes.tick_params(axis="y", which="major", length=0)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(KT_LABEL)
    return figure


@styled
def effects_on_curves_figure(families: Mapping[str, tuple[str, Mapping[str, Profile]]]) -> Figure:
    """Effect sizes along curves: a panel a family, a line for each of its curves, bands their intervals.

    Args:
        families: by name, the label of the abscissa and the profiles by the name of the curve.
    """
    figure = Figure(figsize=(7.0, 0.4 + 2.5 * len(families)), layout="constrained")
    for axes, (label, profiles) in zip(
        figure.subplots(len(families), 1, squeeze=False)[:, 0], families.values(), strict=True
    ):
        axes.axhline(0, color=MUTED, lw=0.8)
        for (name, profile), colour in zip(profiles.items(), PALETTE, strict=False):
            axes.fill_between(profile.x, profile.low, profile.high, color=colour, alpha=0.2, lw=0)
            axes.plot(profile.x, profile.value, color=colour, lw=1.3, label=name)
        axes.set_xlabel(label)
        axes.set_ylabel("standard deviations", fontsize=11)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=10)
    return figure


@styled
def energies_figure(whole: Mapping[str, np.ndarray], matched: Mapping[str, np.ndarray]) -> Figure:
    """Histograms of E_IS of two sets: outlines of all, filled of those in pairs."""
    figure = Figure(figsize=(6.0, 3.6), layout="constrained")
    axes = figure.subplots()
    everything = np.concatenate(list(whole.values()))
    bins = min(40, max(8, int(np.sqrt(len(everything)) * 1.5)))
    edges = np.histogram_bin_edges(everything, bins=bins).tolist()
    for (name, energies), colour in zip(whole.items(), PALETTE, strict=False):
        axes.hist(energies, edges, histtype="step", color=colour, lw=1.5, label=name)
        axes.hist(matched[name], edges, color=colour, alpha=0.3, lw=0)
    axes.set(xlabel=ENERGY_LABEL, ylabel="configurations")
    axes.legend(loc="upper left", fontsize=10, labelcolor=INK)
    top = axes.get_ylim()[1]
    axes.set_ylim(0, 1.25 * top)
    return figure
