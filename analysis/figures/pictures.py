"""Pictures of configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure

from vitrify.analysis.figures.style import INK, styled
from vitrify.md.model import SUBSTRATE, A, B

if TYPE_CHECKING:
    from vitrify.md.store.frames import Configuration

SPECIES_COLOURS = {A: "#8fb3d4", B: "#d5692a", SUBSTRATE: "#8b8f97"}
SPECIES_DIAMETERS = {A: 1.0, B: 0.7, SUBSTRATE: 0.6}
"""Drawn diameters [sigma_AA]: A at its own sigma, B small enough that an A-B pair touches near its own."""


@styled
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
