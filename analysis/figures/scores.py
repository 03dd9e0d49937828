"""How well something tells classes apart: scores with intervals, receiver operating characteristics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from vitrify.analysis.figures.style import INK, MUTED, PALETTE, styled


class Roc(NamedTuple):
    """A receiver operating characteristic: rates (K,), the area below it and the interval of that area."""

    false_positive: np.ndarray
    true_positive: np.ndarray
    auc: float
    low: float
    high: float


ALARM = "#c1121f"
"""Of scores that are no statement: their model did not learn its own training part."""

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
    level: str = "chance",
    training: np.ndarray | None = None,
    red: np.ndarray | None = None,
) -> Figure:
    """Scores side by side with their intervals, one row each: AUC or accuracy of several models or test sets.

    Args:
        names: of the rows, from the top.
        values: (K,) scores.
        low: (K,) lower ends of their intervals.
        high: (K,) upper ends.
        quantity: what the scores are, with the coverage of the interval.
        chance: score of a coin, drawn as a line; None for none.
        level: what that line is.
        training: (K,) scores on the configurations a model was trained on, as open circles; None for none.
        red: (K,) rows that are no statement, drawn in red; None for none.
    """
    figure = Figure(figsize=(6.4, 1.0 + 0.42 * len(names)), layout="constrained")
    axes = figure.subplots()
    values, low, high = (np.asarray(numbers, dtype=np.float64) for numbers in (values, low, high))
    rows = np.arange(len(names))
    failed = np.zeros(len(names), dtype=bool) if red is None else np.asarray(red)
    for some, colour in ((~failed, PALETTE[0]), (failed, ALARM)):
        error = np.maximum([values - low, high - values], 0)[:, some]
        axes.errorbar(values[some], rows[some], xerr=error, fmt="o", ms=6, color=colour, elinewidth=1.8)
    if training is not None:
        axes.plot(training, rows, "o", ms=8, mfc="none", mec=MUTED, mew=1.1, zorder=1)
    for row, value in zip(rows, values, strict=True):
        axes.annotate(
            f"{value:.3f}", (value, row), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=10.5
        )
    if chance is not None:
        axes.axvline(chance, color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=0)
        axes.annotate(
            level, (chance, 1), xycoords=("data", "axes fraction"), xytext=(4, -2), textcoords="offset points",
            va="top", fontsize=10.5, color=MUTED,
        )  # fmt: skip
    axes.set_yticks(rows, [fill(name, LONGEST_NAME) for name in names])
    for label, alarm in zip(axes.get_yticklabels(), failed, strict=True):
        label.set_color(ALARM if alarm else INK)
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


@styled
def matrix_figure(
    rows: Sequence[str],
    columns: Sequence[str],
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    training: np.ndarray,
    red: np.ndarray,
) -> Figure:
    """AUCs of models on test sets, each with its interval, the null apart in the last column.

    Args:
        rows: names of the models, from the top.
        columns: names of the test sets, the last one the null.
        values: (R, C) AUC; NaN for none.
        low: (R, C) lower ends of their intervals.
        high: (R, C) upper ends.
        training: (R,) AUC on the training part, beside the name.
        red: (R,) models that did not learn it.
    """
    figure = Figure(figsize=(2.6 + 1.15 * len(columns), 1.5 + 0.62 * len(rows)), layout="constrained")
    axes = figure.subplots()
    colours = matplotlib.colormaps["Blues"](np.clip((np.nan_to_num(values, nan=0.5) - 0.5) / 0.5, 0, 1) * 0.75)
    colours[red] = (1.0, 0.95, 0.95, 1.0)
    colours[:, -1] = (0.95, 0.95, 0.95, 1.0)
    axes.imshow(colours, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        dark = column < len(columns) - 1 and value > 0.88
        ink = ALARM if red[row] else "white" if dark else INK
        axes.annotate(f"{value:.3f}", (column, row - 0.14), ha="center", va="center", color=ink, fontsize=12)
        ends = f"{low[row, column]:.2f} to {high[row, column]:.2f}"
        axes.annotate(ends, (column, row + 0.22), ha="center", va="center", color=ink, fontsize=9)
    axes.axvline(len(columns) - 1.5, color="white", lw=6)
    axes.set_xticks(range(len(columns)), [fill(name, 14) for name in columns])
    names = [
        f"{fill(name, 24)}\ntraining {value:.3f}" + (", not learnt" if alarm else "")
        for name, value, alarm in zip(rows, training, red, strict=True)
    ]
    axes.set_yticks(range(len(rows)), names)
    for label, alarm in zip(axes.get_yticklabels(), red, strict=True):
        label.set_color(ALARM if alarm else INK)
    axes.xaxis.tick_top()
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    return figure
