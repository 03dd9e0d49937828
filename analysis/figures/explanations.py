"""What a network looks for: its filters, the descriptors its score follows, its walk to higher scores."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vitrify.analysis.figures.style import MARKERS, MUTED, PALETTE, as_png_bytes, styled


@styled
def filter_figure(filters: np.ndarray, titles: Sequence[str], species: Sequence[str], reach: float) -> Figure:
    """Filters of a picture's first layer, a row a species; red adds, blue takes away.

    Args:
        filters: (F, S, K, K).
        titles: of the filters.
        species: names of the species.
        reach: half the edge of a filter [sigma_AA].
    """
    count, kinds = filters.shape[:2]
    figure = Figure(figsize=(0.82 * count + 0.8, 0.92 * kinds + 0.7), layout="constrained")
    panels = figure.subplots(kinds, count, squeeze=False)
    for number in range(count):
        highest = np.abs(filters[number]).max() or 1.0
        for kind in range(kinds):
            axes = panels[kind, number]
            axes.imshow(
                filters[number, kind], origin="lower", extent=(-reach, reach, -reach, reach), cmap="RdBu_r",
                vmin=-highest, vmax=highest,
            )  # fmt: skip
            axes.set(xticks=[], yticks=[])
            axes.minorticks_off()
            if kind == 0:
                axes.set_title(titles[number], fontsize=10)
        panels[0, 0].set_ylabel(species[0])
    for kind, name in enumerate(species):
        panels[kind, 0].set_ylabel(name)
    return figure


@styled
def attribution_figure(maps: Mapping[str, np.ndarray], edges: Mapping[str, tuple[float, float]]) -> Figure:
    """What each pixel adds to a score, one picture a panel, on one scale: red adds, blue takes away.

    Args:
        maps: (P, Q) by title, rows from the bottom.
        edges: of each picture along x and y [sigma_AA].
    """
    figure = Figure(figsize=(3.6 * len(maps) + 0.9, 3.7), layout="constrained")
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    highest = max(float(np.percentile(np.abs(one), 99.7)) for one in maps.values()) or 1.0
    for axes, (title, one) in zip(panels, maps.items(), strict=True):
        x, y = edges[title]
        axes.imshow(
            one, origin="lower", extent=(0, x, 0, y), cmap="RdBu_r", vmin=-highest, vmax=highest, interpolation="none"
        )
        axes.set(title=title, xlabel=r"$x$  $[\sigma_{AA}]$")
    panels[0].set_ylabel(r"$y$  $[\sigma_{AA}]$")
    figure.colorbar(
        panels[0].images[0], ax=panels, label="added to the logit by a pixel", extend="both", shrink=0.9, pad=0.02
    )
    return figure


@styled
def groups_figure(groups: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]) -> Figure:
    """Mean contributions of groups of particles, a panel a column of whole numbers.

    Args:
        groups: by column and species: value (K,), contribution (K,) and its standard error (K,).
    """
    figure = Figure(figsize=(3.1 * len(groups) + 0.4, 3.1), layout="constrained")
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for axes, (title, by_species) in zip(panels, groups.items(), strict=True):
        for number, (name, points) in enumerate(by_species.items()):
            gaps = np.flatnonzero(np.diff(points[0]) > 1) + 1  # no line between values that are not neighbours
            value, mean, error = (np.insert(one.astype(np.float64), gaps, np.nan) for one in points)
            axes.errorbar(
                value, mean, yerr=error, fmt=MARKERS[number] + "-", ms=5, lw=0.9, color=PALETTE[number], label=name
            )
        axes.axhline(0, color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(title)
        axes.tick_params(axis="x", which="minor", bottom=False)
    panels[0].set_ylabel("contribution to the logit\nless the species' mean")
    panels[0].legend()
    return figure


@styled
def correlation_figure(names: Sequence[str], values: np.ndarray, low: np.ndarray, high: np.ndarray) -> Figure:
    """Rank correlations with their intervals, one row each."""
    figure = Figure(figsize=(6.4, 0.9 + 0.28 * len(names)), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(names))
    axes.errorbar(values, rows, xerr=[values - low, high - values], fmt="o", ms=4.5, color=PALETTE[0], elinewidth=1.4)
    axes.axvline(0, color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=0)
    axes.set_yticks(rows, list(names), fontsize=10)
    axes.tick_params(axis="y", which="both", length=0)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(-1.02, 1.02), xlabel="rank correlation with the logit")
    return figure


@styled
def accuracy_figure(
    middle: np.ndarray, accuracy: np.ndarray, low: np.ndarray, high: np.ndarray, majority: np.ndarray, label: str
) -> Figure:
    """Accuracy in bins of a number, with intervals, beside that of naming the more frequent class."""
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.errorbar(middle, accuracy, yerr=[accuracy - low, high - accuracy], fmt="o", color=PALETTE[0], label="network")
    axes.plot(middle, majority, "_", ms=12, color=MUTED, label="the more frequent class")
    axes.set(xlabel=label, ylabel="accuracy", ylim=(0, 1.03))
    axes.legend()
    return figure


@styled
def score_walk_figure(walks: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Logit and energy along walks: by name step (K,), logit (K,), energy (K,)."""
    figure = Figure(figsize=(6.0, 4.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    for number, (name, (step, logit, energy)) in enumerate(walks.items()):
        colour = PALETTE[number % len(PALETTE)]
        above.step(step, logit, where="post", color=colour, label=name)
        below.step(step, energy, where="post", color=colour)
    above.set_ylabel("logit")
    above.legend()
    below.set(xlabel="step", ylabel=r"$E_{\mathrm{IS}}$  $[\epsilon_{AA}]$")
    return figure


def animation(figures: Sequence[Figure], *, seconds: float = 0.25, dpi: int = 80) -> bytes:
    """Figures of one size, one after the other, as a GIF that begins anew."""
    from PIL import Image

    images = [Image.open(io.BytesIO(as_png_bytes(figure, dpi=dpi))).convert("RGB") for figure in figures]
    size = images[0].size
    images = [image if image.size == size else image.resize(size) for image in images]
    buffer = io.BytesIO()
    images[0].save(buffer, format="GIF", save_all=True, append_images=images[1:], duration=int(1000 * seconds), loop=0)
    return buffer.getvalue()
