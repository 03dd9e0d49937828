"""The one style of all figures, and how a figure becomes a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vitrify.md.store.checkpoint import write_atomically

INK, MUTED = "#1f2430", "#6b7280"
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
ENERGY_LABEL = r"$E_{\mathrm{IS}}$ per particle  $[\epsilon_{AA}]$"
KT_LABEL = r"$k_{\mathrm{B}}T$  $[\epsilon_{AA}]$"
DPI = 200


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw in this style, whatever the caller's own settings are."""

    @wraps(draw)
    def drawn(*args, **kwargs) -> Figure:
        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE, "backend": "agg"}):
            return draw(*args, **kwargs)

    return drawn


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG at ``path`` and as SVG beside it, each whole or not at all.

    Raises:
        ValueError: for a suffix other than .png.
    """
    if path.suffix != ".png":
        raise ValueError(f"{path}: got suffix {path.suffix!r}, expected .png; the SVG goes beside it")
    write_atomically(path, as_png_bytes(figure))
    write_atomically(path.with_suffix(".svg"), as_svg(figure))


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
