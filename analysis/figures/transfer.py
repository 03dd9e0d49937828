"""A classifier along cooling curves, beside the energy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from vitrify.analysis.figures.style import ENERGY_LABEL, INK, KT_LABEL, MUTED, styled

RED, GREEN = "#c1121f", "#009e73"
"""Trained once, and trained at each temperature: the colours of the log."""


class TransferPoints(NamedTuple):
    """Scores of one ramp: (K,) arrays, ``auc`` and ``accuracy`` (3, K) with their lower and upper ends.

    ``tg`` is a temperature with its lower and upper end, NaN where there is none; so is ``fictive``.
    """

    kt: np.ndarray
    auc: np.ndarray
    accuracy: np.ndarray
    energy: np.ndarray
    energy_error: np.ndarray
    learnt: np.ndarray
    tg: tuple[float, float, float]
    fictive: float


@styled
def transfer_figure(ramps: Mapping[str, TransferPoints], *, once: bool) -> Figure:
    """AUC and calibrated accuracy against temperature above E_IS, a column for each ramp.

    Args:
        ramps: by name.
        once: whether one classifier was trained once (red) or one at each temperature (green).
    """
    figure = Figure(figsize=(0.8 + 4.8 * len(ramps), 5.6), layout="constrained")
    axes = figure.subplots(2, len(ramps), sharex="col", sharey="row", squeeze=False, height_ratios=(3, 2))
    for (upper, lower), (name, points) in zip(axes.T, ramps.items(), strict=True):
        beside = 0.012 * np.ptp(points.kt)  # or the one would hide the other
        for scores, marker, face, shift in ((points.auc, "o", None, 0.0), (points.accuracy, "s", "white", beside)):
            for some, colour in ((points.learnt, RED if once else GREEN), (~points.learnt, MUTED)):
                value, low, high = scores[:, some]
                error = np.maximum([value - low, high - value], 0)
                place = points.kt[some] + shift
                upper.errorbar(
                    place, value, yerr=error, fmt=marker, ms=5, color=colour, mfc=face or colour, elinewidth=1
                )
        upper.axhline(0.5, color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=0)
        lower.errorbar(points.kt, points.energy, yerr=points.energy_error, fmt="o", ms=3.5, color=INK, elinewidth=1)
        tg, low, high = points.tg
        for panel in (upper, lower):
            if np.isfinite(tg):
                panel.axvline(tg, color=INK, lw=1.1, zorder=0)
            if np.isfinite(low) and np.isfinite(high):
                panel.axvspan(low, high, color=INK, alpha=0.12, lw=0)
            if np.isfinite(points.fictive):
                panel.axvline(points.fictive, color=MUTED, lw=1.1, ls="--", zorder=0)
        upper.set_title(name)
        lower.set_xlabel(KT_LABEL)
    axes[0, 0].set_ylabel("AUC (full), accuracy (open)")
    axes[1, 0].set_ylabel(ENERGY_LABEL)
    return figure
