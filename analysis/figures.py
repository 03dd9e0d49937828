"""Every figure, in one style: plain arrays and analysis results in, a matplotlib Figure out.

The only file that imports matplotlib. No pyplot and no global state: each figure is drawn within its own style context
and belongs to its caller. Colours stay apart for colour-blind readers; one cooling rate, species or model keeps one
colour and one marker within a figure.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from vitrify.analysis.descriptors import PAIRS, RadialDistribution
from vitrify.analysis.statistics import Estimate
from vitrify.md.checkpoint import write_atomically
from vitrify.md.model import SUBSTRATE, A, B

if TYPE_CHECKING:
    from vitrify.analysis.cooling_curve import CoolingCurve
    from vitrify.analysis.glass_transition import GlassTransition
    from vitrify.md.trajectory import Configuration

INK, MUTED, GRID = "#1f2430", "#6b7280", "#e3e6eb"
STYLE: dict[Any, Any] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 12,
    "axes.labelsize": 13,
    "axes.titlesize": 12.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "legend.frameon": False,
    "legend.fontsize": 11,
    "lines.linewidth": 1.6,
    "errorbar.capsize": 2.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "vitrify",
}
PALETTE = ("#1b4f8f", "#d55e00", "#009e73", "#b0519a", "#56b4e9", "#8a6d1b", "#333333")
"""Unordered things, after Okabe and Ito."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SLOW_TO_FAST = LinearSegmentedColormap.from_list(
    "slow_to_fast", ["#16365f", "#2f83b7", "#c4a035", "#dd7a26", "#a52a17"]
)
SPECIES_COLOURS = {A: "#8fb3d4", B: "#d5692a", SUBSTRATE: "#8b8f97"}
SPECIES_DIAMETERS = {A: 1.0, B: 0.7, SUBSTRATE: 0.6}
"""Drawn diameters [sigma_AA]: A at its own sigma, B small enough that an A-B pair touches near its own."""
ENERGY_LABEL = r"$E_{\mathrm{IS}}$ per particle  $[\epsilon_{AA}]$"
KT_LABEL = r"$k_{\mathrm{B}}T$  $[\epsilon_{AA}]$"
DPI = 200


class Series(NamedTuple):
    """Points with error bars: x and y (K,), and error, (K,) symmetric or (2, K) below and above."""

    x: np.ndarray
    y: np.ndarray
    error: np.ndarray


class Roc(NamedTuple):
    """A receiver operating characteristic: rates (K,), the area below it and the interval of that area."""

    false_positive: np.ndarray
    true_positive: np.ndarray
    auc: float
    low: float
    high: float


def _styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw in the style of this file, whatever the caller's own settings are."""

    @wraps(draw)
    def styled(*args, **kwargs) -> Figure:
        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}):
            return draw(*args, **kwargs)

    return styled


@_styled
def cooling_curve_figure(
    curves: Sequence[CoolingCurve],
    transitions: Sequence[GlassTransition] = (),
    *,
    liquids: Series | None = None,
    kt_range: tuple[float, float] | None = None,
) -> Figure:
    """Mean E_IS against kT for each cooling rate; below it each Tg with its interval.

    Bands are one standard error over replicas. Thin lines are the two fitted lines of each Tg, solid within their
    windows.

    Args:
        curves: from slow to fast.
        transitions: Tg of these curves; none for a figure without.
        liquids: E_IS of equilibrium liquids, drawn as points.
        kt_range: temperatures shown; None for all from zero.
    """
    heights = [1] if not transitions else [6, 0.4 + 0.24 * len(transitions)]
    figure = Figure(figsize=(6.6, 3.9 + 0.5 * sum(heights[1:])), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    colours = _ordered_colours(len(curves))
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
    axes[0].set_ylabel(ENERGY_LABEL)
    axes[0].legend(loc="best")
    axes[-1].set_xlabel(KT_LABEL)
    axes[-1].set_xlim(*kt_range)
    if transitions:
        axes[1].set_yticks([])
        axes[1].set_ylabel(r"$T_{\mathrm{g}}$", rotation=0, ha="right", va="center")
        axes[1].set_ylim(len(transitions) - 0.3, -0.7)
        axes[1].spines["left"].set_visible(False)
    return figure


@_styled
def tg_against_rate_figure(transitions: Sequence[GlassTransition]) -> Figure:
    """Tg against cooling rate, its bootstrap interval as error bar."""
    figure = Figure(figsize=(4.6, 3.4), layout="constrained")
    axes = figure.subplots()
    for transition, colour in zip(transitions, _ordered_colours(len(transitions)), strict=True):
        interval = transition.interval
        error = [[transition.tg - interval.low], [interval.high - transition.tg]] if interval else None
        axes.errorbar(transition.curve.rate, transition.tg, error, fmt="o", color=colour, ms=6)
    rates = [transition.curve.rate for transition in transitions]
    axes.set_xscale("log")
    axes.set_xlim(10 ** np.floor(np.log10(min(rates) / 1.2)), 10 ** np.ceil(np.log10(max(rates) * 1.2)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, low), min(high, max(float(transition.curve.kt_set.max()) for transition in transitions)))
    axes.set_xlabel(r"cooling rate  $[\epsilon_{AA}/\tau]$")
    axes.set_ylabel(r"$k_{\mathrm{B}}T_{\mathrm{g}}$  $[\epsilon_{AA}]$")
    return figure


@_styled
def radial_distribution_figure(distributions: Mapping[str, RadialDistribution]) -> Figure:
    """Partial g(r), a panel for each pair of species and a line for each name."""
    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    axes = figure.subplots(len(PAIRS), 1, sharex=True)
    for panel, axis in enumerate(axes):
        axis.axhline(1, color=MUTED, lw=0.7, ls=(0, (4, 3)))
        for (name, distribution), colour in zip(distributions.items(), PALETTE, strict=False):
            axis.plot(distribution.radius, distribution.g[panel], color=colour, lw=1.3, label=name)
        axis.set_ylabel(rf"$g_{{{PAIRS[panel][0]}}}(r)$")
        axis.set_ylim(bottom=0)
    axes[0].legend(loc="upper right")
    axes[-1].set_xlabel(r"$r$  $[\sigma_{AA}]$")
    return figure


@_styled
def configuration_figure(
    configurations: Mapping[str, Configuration], *, bulk: tuple[float, float] | None = None
) -> Figure:
    """Pictures of configurations side by side: particles as circles to scale, in their box.

    Args:
        configurations: by title. A periodic axis shows the whole box, with particles cut at its edge and continued on
            the other side; an open one shows the extent of the particles.
        bulk: lower and upper end of a film's bulk slab, drawn as a band [sigma_AA].
    """
    frames = [_visible(configuration) for configuration in configurations.values()]
    aspects = [np.diff(x)[0] / np.diff(y)[0] for x, y in frames]
    height = min(4.6, 7.4 / sum(aspects))
    figure = Figure(figsize=(height * sum(aspects) + 0.1, height + 0.3), layout="constrained")
    panels = figure.subplots(1, len(frames), squeeze=False, width_ratios=aspects)[0]
    for axes, (title, configuration), (x, y) in zip(panels, configurations.items(), frames, strict=True):
        for species, colour in SPECIES_COLOURS.items():
            centres = _with_images(configuration, configuration.species == species)
            if len(centres):
                _circles(axes, centres, SPECIES_DIAMETERS[species], colour)
        if bulk is not None:
            axes.axhspan(*bulk, color="#009e73", alpha=0.13, lw=0, zorder=0)
            for edge in bulk:
                axes.axhline(edge, color="#00745a", lw=1, ls=(0, (5, 3)), zorder=3)
        axes.set(xlim=x, ylim=y, xticks=[], yticks=[], aspect="equal", title=title)
        axes.minorticks_off()
        axes.spines[:].set(visible=True, linewidth=0.8)
    return figure


@_styled
def error_bar_figure(
    series: Mapping[str, Series],
    *,
    x_label: str,
    y_label: str,
    levels: Mapping[str, float] | None = None,
    x_log: bool = False,
) -> Figure:
    """Quantities against another with error bars: accuracy against kT, film energy against substrate temperature.

    Args:
        series: points by legend entry.
        x_label: label of the abscissa with its unit.
        y_label: label of the ordinate with its unit.
        levels: horizontal lines by name, such as the level of chance.
        x_log: whether the abscissa is logarithmic.
    """
    figure = Figure(figsize=(6.0, 3.9), layout="constrained")
    axes = figure.subplots()
    for index, (name, points) in enumerate(series.items()):
        colour, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
        axes.errorbar(*points, fmt=f"{marker}-", color=colour, ms=5, lw=1.2, elinewidth=1.2, label=name)
    for name, level in (levels or {}).items():
        axes.axhline(level, color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=0)
        axes.annotate(
            name, (1, level), xycoords=("axes fraction", "data"), xytext=(-4, 3), textcoords="offset points",
            ha="right", fontsize=10.5, color=MUTED,
        )  # fmt: skip
    if x_log:
        axes.set_xscale("log")
    axes.set(xlabel=x_label, ylabel=y_label)
    if len(series) > 1:
        axes.legend()
    return figure


@_styled
def score_figure(
    names: Sequence[str],
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    quantity: str,
    chance: float | None = 0.5,
) -> Figure:
    """Scores side by side with their intervals, one row each: AUC or accuracy of several models or test sets.

    Args:
        names: of the rows, from the top.
        values: (K,) scores.
        low: (K,) lower ends of their intervals.
        high: (K,) upper ends.
        quantity: what the scores are, with the coverage of the interval.
        chance: score of a coin, drawn as a line; None for none.
    """
    figure = Figure(figsize=(6.4, 1.0 + 0.42 * len(names)), layout="constrained")
    axes = figure.subplots()
    values, low, high = (np.asarray(numbers, dtype=np.float64) for numbers in (values, low, high))
    rows = np.arange(len(names))
    axes.errorbar(values, rows, xerr=[values - low, high - values], fmt="o", ms=6, color=PALETTE[0], elinewidth=1.8)
    for row, value in zip(rows, values, strict=True):
        axes.annotate(
            f"{value:.3f}", (value, row), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=10.5
        )
    if chance is not None:
        axes.axvline(chance, color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=0)
        axes.annotate(
            "chance", (chance, 1), xycoords=("data", "axes fraction"), xytext=(4, -2), textcoords="offset points",
            va="top", fontsize=10.5, color=MUTED,
        )  # fmt: skip
    axes.set_yticks(rows, names)
    axes.tick_params(axis="y", which="both", length=0)
    axes.set_ylim(len(names) - 0.4, -0.75)
    axes.set_xlim(right=min(1.03, axes.get_xlim()[1] + 0.02))
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(quantity)
    return figure


@_styled
def roc_figure(curves: Mapping[str, Roc]) -> Figure:
    """Receiver operating characteristics with the area below each and its interval in the legend."""
    figure = Figure(figsize=(4.7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.9, ls=(0, (4, 3)))
    for (name, roc), colour in zip(curves.items(), PALETTE, strict=False):
        label = f"{name}: AUC {roc.auc:.3f} ({roc.low:.3f} to {roc.high:.3f})"
        axes.step(roc.false_positive, roc.true_positive, where="post", color=colour, label=label)
    axes.set(xlim=(-0.01, 1), ylim=(0, 1.01), aspect="equal", xlabel="false positive rate", ylabel="true positive rate")
    axes.legend(loc="lower right")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or SVG, by the suffix of ``path``, whole or not at all.

    Raises:
        ValueError: for another suffix.
    """
    formats = {".png": as_png_bytes, ".svg": as_svg}
    if path.suffix not in formats:
        raise ValueError(f"{path}: got suffix {path.suffix!r}, expected .png or .svg")
    write_atomically(path, formats[path.suffix](figure))


def as_png_bytes(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": "vitrify"})
    return buffer.getvalue()


def as_svg(figure: Figure) -> str:
    """The figure as SVG text, letters as outlines, so that it looks the same everywhere."""
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _ordered_colours(count: int) -> list:
    """Colours from slow to fast."""
    return [SLOW_TO_FAST(value) for value in (np.linspace(0, 1, count) if count > 1 else [0.15])]


def _curve_label(curve: CoolingCurve, transitions: Sequence[GlassTransition]) -> str:
    mantissa, exponent = f"{curve.ramp_steps:.2e}".split("e")
    label = rf"$M = {float(mantissa):g}\times 10^{{{int(exponent)}}}$, {curve.replicas} replicas"
    for transition in transitions:
        label += rf":  $T_{{\mathrm{{g}}}}$ = {transition.tg:.3f}"
        if transition.interval is not None:
            label += f" ({transition.interval.low:.3f} to {transition.interval.high:.3f})".replace(
                "-", "\N{MINUS SIGN}"
            )
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
    if transition.interval is not None:
        ends = np.array([transition.interval.low, transition.interval.high])
        seen = ends.clip(*kt_range)
        axes.plot(seen, [row, row], color=colour, lw=2.2, solid_capstyle="butt")
        for end, edge, arrow in zip(ends, seen, ("<", ">"), strict=True):
            if end != edge:
                axes.plot(edge, row, arrow, color=colour, ms=7, clip_on=False)
    axes.plot(transition.tg, row, "o", color=colour, mec="white", mew=0.8, ms=7)


def _visible(configuration: Configuration) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ranges of x and y that are shown."""
    ranges = []
    for axis in range(2):
        along, edge = configuration.positions[:, axis], float(configuration.box[axis])
        low = -edge / 2 if configuration.periodic[axis] else float(along.min()) - 1
        ranges.append((low, low + edge if configuration.periodic[axis] else float(along.max()) + 1))
    return ranges[0], ranges[1]


def _with_images(configuration: Configuration, chosen: np.ndarray) -> np.ndarray:
    """Centres of the chosen particles, and of their periodic images that reach into the box."""
    centres = configuration.positions[chosen].astype(np.float64)
    for axis in range(2):
        if configuration.periodic[axis]:
            edge = configuration.box[axis]
            centres[:, axis] -= edge * np.rint(centres[:, axis] / edge)
            near = np.abs(centres[:, axis]) > edge / 2 - 1
            images = centres[near].copy()
            images[:, axis] -= np.copysign(edge, images[:, axis])
            centres = np.concatenate([centres, images])
    return centres


def _circles(axes: Axes, centres: np.ndarray, diameter: float, colour: str) -> None:
    size = np.full(len(centres), diameter)
    circles = EllipseCollection(
        size, size, np.zeros(len(centres)), units="xy", offsets=centres, offset_transform=axes.transData,
        facecolors=colour, edgecolors=INK, linewidths=0.25, zorder=2,
    )  # fmt: skip
    axes.add_collection(circles)
