"""Lines and error bars: cooling curves, Tg, g(r), one quantity against another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from vitrify.analysis.figures.style import ENERGY_LABEL, INK, KT_LABEL, MARKERS, MUTED, PALETTE, styled
from vitrify.analysis.statistics import Estimate

if TYPE_CHECKING:
    from vitrify.analysis.curves.cooling_curve import CoolingCurve
    from vitrify.analysis.curves.equilibrium_line import EquilibriumLine
    from vitrify.analysis.curves.glass_transition import GlassTransition
    from vitrify.analysis.films.structure import MeanProfile

SLOW_TO_FAST = LinearSegmentedColormap.from_list(
    "slow_to_fast", ["#16365f", "#2f83b7", "#c4a035", "#dd7a26", "#a52a17"]
)


FEW_ENTRIES = 3
"""Lines of a legend that find room anywhere; a longer one stands above the glasses, in a higher figure."""


class Series(NamedTuple):
    """Points with error bars: x and y (K,), and error, (K,) symmetric or (2, K) below and above."""

    x: np.ndarray
    y: np.ndarray
    error: np.ndarray


class Level(NamedTuple):
    """A horizontal line: its height, and its standard error where it has one."""

    y: float
    error: float = 0.0


@styled
def cooling_curve_figure(
    curves: Sequence[CoolingCurve],
    transitions: Sequence[GlassTransition] = (),
    *,
    liquids: Series | None = None,
    line: EquilibriumLine | None = None,
    kt_range: tuple[float, float] | None = None,
) -> Figure:
    """Mean E_IS against kT for each cooling rate; below it each Tg with its interval.

    Bands are one standard error over replicas. Thin lines are the two fitted lines of each Tg, solid within their
    windows.

    Args:
        curves: from slow to fast.
        transitions: Tg of these curves; none for a figure without.
        liquids: E_IS of equilibrium liquids, drawn as points.
        line: that of equilibrium, dashed; dotted beyond the temperatures it was fitted to.
        kt_range: temperatures shown; None for all from zero.
    """
    heights = [1] if not transitions else [6, 0.4 + 0.24 * len(transitions)]
    figure = Figure(figsize=(6.6, 3.9 + 0.5 * sum(heights[1:])), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    colours = ordered_colours(len(curves))
    top = max(float(curve.kt_set.max()) for curve in curves)
    kt_range = kt_range or (0.0, 1.01 * top)
    for curve, colour in zip(curves, colours, strict=True):
        own = [transition for transition in transitions if transition.curve is curve]
        shown = (curve.kt_set >= kt_range[0]) & (curve.kt_set <= kt_range[1])
        _band(axes[0], curve.kt_set[shown], curve.inherent, shown, colour, _curve_label(curve, own))
        for transition in own:
            _two_lines(axes[0], transition, colour)
            _tg_row(axes[1], transitions.index(transition), transition, colour, kt_range)
    if liquids is not None:
        axes[0].errorbar(*liquids, fmt="o", ms=5, mfc="white", color=INK, lw=1, label="equilibrium liquid", zorder=5)
    if line is not None:
        low, high = axes[0].get_ylim()
        kt = np.linspace(max(0.35, kt_range[0]), kt_range[1], 300)
        fitted = (kt >= line.kt.min()) & (kt <= line.kt.max())
        axes[0].plot(kt, line(kt), color=INK, lw=0.9, ls=":", zorder=3)
        axes[0].plot(
            kt[fitted], line(kt[fitted]), color=INK, lw=1.3, ls="--", zorder=3, label="equilibrium, $a + b / k_BT$"
        )
        axes[0].set_ylim(low, high)
    axes[0].set_ylabel(ENERGY_LABEL)
    entries = len(axes[0].get_legend_handles_labels()[0])
    axes[0].legend(loc="best" if entries <= FEW_ENTRIES else "upper left")
    figure.set_figheight(figure.get_figheight() + 0.25 * max(0, entries - FEW_ENTRIES))
    axes[-1].set_xlabel(KT_LABEL)
    axes[-1].set_xlim(*kt_range)
    if transitions:
        axes[1].set_yticks([])
        axes[1].set_ylabel(r"$T_{\mathrm{g}}$", rotation=0, ha="right", va="center")
        axes[1].set_ylim(len(transitions) - 0.3, -0.7)
        axes[1].spines["left"].set_visible(False)
    return figure


@styled
def curve_family_figure(
    curves: Mapping[str, tuple[np.ndarray, Estimate]],
    *,
    lines: Sequence[str],
    x_label: str,
    y_label: str,
    level: float | None = None,
) -> Figure:
    """A family of curves, g(r) or S(k): a panel for each line, a colour for each name, bands of one standard error.

    Args:
        curves: abscissa (K,), and mean and error (len(lines), K), by legend entry.
        lines: names of the panels, ``g_AA``.
        x_label: label of the abscissa with its unit.
        y_label: of the ordinate: ``g(r)``.
        level: drawn as a dashed line.
    """
    figure = Figure(figsize=(7.2, 0.9 + 1.55 * len(lines) + 0.25 * len(curves)), layout="constrained")
    axes = figure.subplots(len(lines), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (axis, name) in enumerate(zip(axes, lines, strict=True)):
        if level is not None:
            axis.axhline(level, color=MUTED, lw=0.7, ls=(0, (4, 3)))
        for (label, (x, estimate)), colour in zip(curves.items(), PALETTE, strict=False):
            mean, error = estimate.mean[panel], np.nan_to_num(estimate.error[panel])
            axis.fill_between(x, mean - error, mean + error, color=colour, alpha=0.25, lw=0)
            axis.plot(x, mean, color=colour, lw=1.3, label=label)
        axis.set_title(name.rpartition("_")[2], fontsize=11.5)
        axis.margins(x=0.01)
    figure.supylabel(y_label, fontsize=13)
    axes[-1].set_xlabel(x_label)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center")
    return figure


@styled
def profile_figure(profiles: Mapping[str, MeanProfile]) -> Figure:
    """Density and composition of films against height, bands one standard error; the bulk between the dashed lines."""
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    for (name, profile), colour in zip(profiles.items(), PALETTE, strict=False):
        everywhere = np.ones(len(profile.height), dtype=bool)
        _band(upper, profile.height, profile.density, everywhere, colour, name)
        _band(lower, profile.height, profile.fraction_a, everywhere, colour, name)
        for axes in (upper, lower):
            for face in profile.bulk:
                axes.axvline(face, color=colour, lw=0.9, ls=(0, (5, 3)), zorder=0)
    upper.set(ylabel=r"density  $[\sigma_{AA}^{-2}]$", ylim=(0, None))
    lower.set(ylabel="fraction of A", ylim=(0, 1), xlabel=r"height above the substrate  $[\sigma_{AA}]$")
    upper.legend(loc="lower left")
    return figure


@styled
def error_bar_figure(
    series: Mapping[str, Series],
    *,
    x_label: str,
    y_label: str,
    levels: Mapping[str, Level] | None = None,
    x_log: bool = False,
    y_log: bool = False,
) -> Figure:
    """Quantities against another with error bars: accuracy against kT, film energy against substrate temperature.

    Args:
        series: points by legend entry.
        x_label: label of the abscissa with its unit.
        y_label: label of the ordinate with its unit.
        levels: horizontal lines by name, such as the level of chance; the band is one standard error.
        x_log: whether the abscissa is logarithmic.
        y_log: whether the ordinate is, as for a relaxation time.
    """
    figure = Figure(figsize=(6.0, 3.9), layout="constrained")
    axes = figure.subplots()
    for index, (name, points) in enumerate(series.items()):
        colour, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
        axes.errorbar(*points, fmt=f"{marker}-", color=colour, ms=5, lw=1.2, elinewidth=1.2, label=name)
    for name, level in (levels or {}).items():
        axes.axhline(level.y, color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=0)
        axes.axhspan(level.y - level.error, level.y + level.error, color=MUTED, alpha=0.15, lw=0, zorder=0)
        axes.annotate(
            name, (1, level.y), xycoords=("axes fraction", "data"), xytext=(-4, 3), textcoords="offset points",
            ha="right", fontsize=10.5, color=MUTED,
        )  # fmt: skip
    if x_log:
        axes.set_xscale("log")
    if y_log:
        axes.set_yscale("log")
    axes.set(xlabel=x_label, ylabel=y_label)
    if len(series) > 1 or levels:
        axes.legend()
    return figure


def ordered_colours(count: int) -> list:
    """Colours from slow to fast."""
    return [SLOW_TO_FAST(value) for value in (np.linspace(0, 1, count) if count > 1 else [0.15])]


def _curve_label(curve: CoolingCurve, transitions: Sequence[GlassTransition]) -> str:
    mantissa, exponent = f"{curve.ramp_steps:.2e}".split("e")
    label = rf"$M = {float(mantissa):g}\times 10^{{{int(exponent)}}}$, {curve.replicas} replicas"
    for transition in transitions:
        label += rf":  $T_{{\mathrm{{g}}}}$ = {transition.tg.value:.3f}"
        if transition.tg.interval is not None:
            label += f" ({transition.tg.low:.3f} to {transition.tg.high:.3f})".replace("-", "\N{MINUS SIGN}")
    return label


def _band(axes: Axes, kt: np.ndarray, estimate: Estimate, shown, colour, label: str) -> None:
    mean, error = estimate.mean[shown], np.nan_to_num(estimate.error[shown])
    axes.fill_between(kt, mean - error, mean + error, color=colour, alpha=0.25, lw=0)
    axes.plot(kt, mean, color=colour, label=label)


def _two_lines(axes: Axes, transition: GlassTransition, colour) -> None:
    """Both lines as far as the crossing, solid within their windows, and the crossing as a point."""
    crossing, windows = transition.crossing, transition.windows
    for line, window in ((crossing.glass, windows.glass), (crossing.liquid, windows.liquid)):
        for ends, style in ((np.array(window), "-"), (np.array([*window, crossing.tg]), (0, (3, 2)))):
            reach = np.array([ends.min(), ends.max()])
            axes.plot(reach, line.intercept + line.slope * reach, color=INK, lw=0.9, ls=style, zorder=4)
    axes.plot(crossing.tg, crossing.energy, "o", color=colour, mec="white", mew=0.8, ms=7, zorder=6)


def _tg_row(axes: Axes, row: int, transition: GlassTransition, colour, kt_range: tuple[float, float]) -> None:
    """Tg and its interval; an end that lies outside of the axes becomes an arrow at their edge."""
    if transition.tg.interval is not None:
        ends = np.array([transition.tg.low, transition.tg.high])
        seen = ends.clip(*kt_range)
        axes.plot(seen, [row, row], color=colour, lw=2.2, solid_capstyle="butt")
        for end, edge, arrow in zip(ends, seen, ("<", ">"), strict=True):
            if end != edge:
                axes.plot(edge, row, arrow, color=colour, ms=7, clip_on=False)
    axes.plot(transition.tg.value, row, "o", color=colour, mec="white", mew=0.6, ms=5)
