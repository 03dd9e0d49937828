"""Pictures of configurations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize, to_hex, to_rgba
from matplotlib.figure import Figure

from vitrify.analysis.figures.style import INK, styled
from vitrify.md.model import SUBSTRATE, A, B

if TYPE_CHECKING:
    from vitrify.md.store.frames import Configuration

SPECIES_COLOURS = {A: "#8fb3d4", B: "#d5692a", SUBSTRATE: "#8b8f97"}
SPECIES_DIAMETERS = {A: 1.0, B: 0.7, SUBSTRATE: 0.6}
"""Drawn diameters [sigma_AA]: A at its own sigma, B small enough that an A-B pair touches near its own."""


WHOLE_COLOURS = (
    "#2b1a4d", "#3a2a86", "#4a3fb0", "#3b66c4", "#2f8fd0", "#4db6ac",
    "#e8e4d8", "#f0a04b", "#d5572a", "#9e2a2b", "#5c1a1b",
)  # fmt: skip
"""Of whole numbers from 0 to 10: five, six and seven, which matter most, far apart; others darker away from them."""
NO_VALUE = "#b9bec6"
COLOUR_MAP, SIGNED_MAP = "viridis", "RdBu_r"


def colour_map(points: int = 33) -> list[str]:
    """Equally spaced colours of COLOUR_MAP, as a page takes them."""
    return [to_hex(colour) for colour in matplotlib.colormaps[COLOUR_MAP](np.linspace(0, 1, points))]


@dataclass(frozen=True, kw_only=True)
class Colouring:
    """A number for each particle that its colour tells.

    Attributes:
        label: of the colour bar, with its unit.
        values: (N,) of each configuration, by its title; NaN where a particle has none.
        whole: whether they are whole numbers, a colour each.
        ends: first and last number of the colour bar; None for what all particles but one in two hundred span.
        signed: whether the sign is what counts: red above 0, blue below, ends alike.
    """

    label: str
    values: Mapping[str, np.ndarray]
    whole: bool = False
    ends: tuple[float, float] | None = None
    signed: bool = False

    def scale(self) -> ScalarMappable:
        """From numbers to colours."""
        known = np.concatenate([np.ravel(values) for values in self.values.values()])
        known = known[np.isfinite(known)]
        if not len(known):
            raise ValueError(f"{self.label}: got no number for any particle, expected some")
        if self.whole:
            low, high = int(max(known.min(), 0)), int(min(known.max(), len(WHOLE_COLOURS) - 1))
            colours = ListedColormap(list(WHOLE_COLOURS[low : high + 1]))
            return ScalarMappable(BoundaryNorm(np.arange(low, high + 2) - 0.5, colours.N), colours)
        low, high = self.ends or np.percentile(known, [0.5, 99.5])
        if self.signed:
            high = max(abs(low), abs(high))
            low = -high
        return ScalarMappable(Normalize(low, high), matplotlib.colormaps[SIGNED_MAP if self.signed else COLOUR_MAP])


@styled
def configuration_figure(
    configurations: Mapping[str, Configuration],
    *,
    bulk: tuple[float, float] | None = None,
    colouring: Colouring | None = None,
) -> Figure:
    """Pictures of configurations side by side: particles as circles to scale, in their box.

    Args:
        configurations: by title. A periodic axis shows the whole box, with particles cut at its edge and continued on
            the other side; an open one shows the extent of the particles.
        bulk: lower and upper end of a film's bulk slab, drawn as a band [sigma_AA].
        colouring: what the colour of an A or a B tells, with a colour bar; None for its species.
    """
    frames = [_visible(configuration) for configuration in configurations.values()]
    aspects = [np.diff(x)[0] / np.diff(y)[0] for x, y in frames]
    beside = 0.9 if colouring else 0.0
    height = min(4.6, (7.4 - beside) / sum(aspects))
    figure = Figure(figsize=(height * sum(aspects) + 0.1 + beside, height + 0.3), layout="constrained")
    panels = figure.subplots(1, len(frames), squeeze=False, width_ratios=aspects)[0]
    scale = colouring.scale() if colouring else None
    for axes, (title, configuration), (x, y) in zip(panels, configurations.items(), frames, strict=True):
        for species, colour in SPECIES_COLOURS.items():
            chosen = np.flatnonzero(configuration.species == species)
            centres, own = _with_images(configuration, chosen)
            if len(centres) and colouring and scale and species != SUBSTRATE:
                values = np.asarray(colouring.values[title], dtype=np.float64)[own]
                colours = np.where(np.isfinite(values)[:, None], scale.to_rgba(values), to_rgba(NO_VALUE))
                _circles(axes, centres, SPECIES_DIAMETERS[species], colours)
            elif len(centres):
                _circles(axes, centres, SPECIES_DIAMETERS[species], colour)
        if bulk is not None:
            axes.axhspan(*bulk, color="#009e73", alpha=0.13, lw=0, zorder=0)
            for edge in bulk:
                axes.axhline(edge, color="#00745a", lw=1, ls=(0, (5, 3)), zorder=3)
        axes.set(xlim=x, ylim=y, xticks=[], yticks=[], aspect="equal", title=title)
        axes.minorticks_off()
        axes.spines[:].set(visible=True, linewidth=0.8)
    if colouring and scale:
        extend = "neither" if colouring.whole else "both"
        bar = figure.colorbar(scale, ax=panels, label=colouring.label, extend=extend, shrink=0.9, pad=0.02, aspect=28)
        if colouring.whole:
            low, high = scale.get_clim()
            bar.set_ticks(np.arange(float(low or 0) + 0.5, float(high or 0), 1.0).tolist())
        bar.ax.minorticks_off()
    return figure


def _visible(configuration: Configuration) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ranges of x and y that are shown."""
    ranges = []
    for axis in range(2):
        along, edge = configuration.positions[:, axis], float(configuration.box[axis])
        low = -edge / 2 if configuration.periodic[axis] else float(along.min()) - 1
        ranges.append((low, low + edge if configuration.periodic[axis] else float(along.max()) + 1))
    return ranges[0], ranges[1]


def _with_images(configuration: Configuration, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the chosen particles and of their periodic images that reach into the box, and whose each is."""
    own = chosen
    centres = configuration.positions[chosen].astype(np.float64)
    for axis in range(2):
        if configuration.periodic[axis]:
            edge = configuration.box[axis]
            centres[:, axis] -= edge * np.rint(centres[:, axis] / edge)
            near = np.abs(centres[:, axis]) > edge / 2 - 1
            images = centres[near].copy()
            images[:, axis] -= np.copysign(edge, images[:, axis])
            centres, own = np.concatenate([centres, images]), np.concatenate([own, own[near]])
    return centres, own


def _circles(axes: Axes, centres: np.ndarray, diameter: float, colour: str | np.ndarray) -> None:
    size = np.full(len(centres), diameter)
    circles = EllipseCollection(
        size, size, np.zeros(len(centres)), units="xy", offsets=centres, offset_transform=axes.transData,
        facecolors=colour, edgecolors=INK, linewidths=0.25, zorder=2,
    )  # fmt: skip
    axes.add_collection(circles)
