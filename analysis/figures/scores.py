"""How well something tells classes apart: scores with intervals, receiver operating characteristics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from vitrify.analysis.figures.style import MUTED, PALETTE, styled


class Roc(NamedTuple):
    """A receiver operating characteristic: rates (K,), the area below it and the interval of that area."""

    false_positive: np.ndarray
    true_positive: np.ndarray
    auc: float
    low: float
    high: float


LONGEST_NAME = 44
"""Letters of a name beyond which it goes on in the next line."""


@styled
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
    axes.set_yticks(rows, [fill(name, LONGEST_NAME) for name in names])
    axes.tick_params(axis="y", which="both", length=0)
    axes.set_ylim(len(names) - 0.4, -0.75)
    axes.set_xlim(right=min(1.03, axes.get_xlim()[1] + 0.02))
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(quantity)
    return figure


@styled
def roc_figure(curves: Mapping[str, Roc]) -> Figure:
    """Receiver operating characteristics with the area below each and its interval in the legend."""
    figure = Figure(figsize=(4.7, 4.3 + 0.27 * len(curves)), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.9, ls=(0, (4, 3)))
    for number, (name, roc) in enumerate(curves.items()):
        width = 1.4 + 2.4 * (1 - number / len(curves))  # so that curves that coincide are all seen
        colour, line = PALETTE[number % len(PALETTE)], ("-", "--", ":")[number // len(PALETTE) % 3]
        label = f"{fill(name, LONGEST_NAME)}: AUC {roc.auc:.3f} ({roc.low:.3f} to {roc.high:.3f})"
        axes.step(roc.false_positive, roc.true_positive, where="post", color=colour, ls=line, lw=width, label=label)
    axes.set(xlim=(-0.01, 1), ylim=(0, 1.01), aspect="equal", xlabel="false positive rate", ylabel="true positive rate")
    figure.legend(loc="outside lower center")
    return figure
