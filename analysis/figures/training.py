"""How trainings went: accuracy on the training and on the validation part, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from vitrify.analysis.figures.style import MUTED, PALETTE, styled

SMOOTHED = 10
"""Validations over which the accuracy of training batches is averaged: each is of a few configurations only."""


@styled
def training_figure(groups: Mapping[str, Sequence[Sequence[Mapping[str, float]]]]) -> Figure:
    """Accuracies of trainings against epochs, a panel a group: trainings that differ in nothing but their seed.

    Args:
        groups: by what they share, the histories of the trainings: a row a validation with ``epoch``, ``accuracy`` (of
            the training batches since the last) and ``validation_accuracy``.
    """
    figure = Figure(figsize=(1.2 + 3.4 * len(groups), 3.2), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(groups), sharex=True, sharey=True))
    for axes, (name, histories) in zip(panels, groups.items(), strict=True):
        axes.axhline(0.5, color=MUTED, linewidth=0.8, linestyle=":")
        for number, history in enumerate(histories):
            epoch = np.array([row["epoch"] for row in history])
            colour = PALETTE[number % len(PALETTE)]
            axes.plot(epoch, [row["validation_accuracy"] for row in history], color=colour, linewidth=1.2)
            trained = np.array([row["accuracy"] for row in history])
            width = min(SMOOTHED, len(trained))
            smooth = np.convolve(trained, np.ones(width) / width, mode="valid")
            axes.plot(epoch[width - 1 :], smooth, color=colour, linewidth=0.8, linestyle="--")
        axes.set_title(name)
        axes.set_xlabel("epoch")
    panels[0].set_ylabel("accuracy")
    panels[0].set_ylim(0.35, 1.03)
    panels[-1].plot([], [], color=MUTED, label="validation")
    panels[-1].plot([], [], color=MUTED, linestyle="--", linewidth=0.8, label="training batches")
    panels[-1].legend(loc="lower right")
    return figure
