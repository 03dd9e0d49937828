"""What a trained network scores on the configurations it was trained and chosen on, and whether it has learnt them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from vitrify.learn.auc import area_under_curve

LEARNT_AUC = 0.75
"""Half way between a coin and a perfect memory of the training part."""


@dataclass(frozen=True, kw_only=True)
class PartScore:
    """Scores on one part of a data set, without intervals: these configurations had their say in the training.

    Attributes:
        configurations: how many.
        loss: cross entropy, classes counting equally.
        accuracy: fraction that is named correctly.
        auc: of the second class against the first; with more classes the mean of each against the rest.
        majority: accuracy of always naming the largest class.
    """

    configurations: int
    loss: float
    accuracy: float
    auc: float
    majority: float

    @classmethod
    def of(cls, logits: np.ndarray, label: np.ndarray, weights: np.ndarray) -> PartScore:
        """Score logits (C, classes) of configurations with labels (C,), where classes have ``weights``."""
        finite = bool(np.isfinite(logits).all())
        with np.errstate(invalid="ignore"):  # of a network that diverged
            log_total = np.logaddexp.reduce(logits, axis=1)
            loss = log_total - logits[np.arange(len(label)), label]
        return cls(
            configurations=len(label),
            loss=float((loss * weights[label]).mean()),
            accuracy=float((logits.argmax(axis=1) == label).mean()),
            auc=mean_auc(logits - log_total[:, None], label) if finite else np.nan,
            majority=float(np.bincount(label).max() / len(label)),
        )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Training and validation scores of the weights that were kept, side by side.

    Attributes:
        train: on the training part.
        validation: on the validation part.
        learnt: whether it has learnt its own training part; if not, its other scores say nothing about physics.
        reason: why not.
    """

    train: PartScore
    validation: PartScore
    learnt: bool = True
    reason: str = ""

    @classmethod
    def of(cls, train: PartScore, validation: PartScore) -> Verdict:
        """Judge a network that was trained step by step.

        It has learnt its training part when it ranks pairs of it right by more than half of what lies between a coin
        and a perfect memory, LEARNT_AUC, and names more of it correctly than the largest class has, by two standard
        errors. More is not asked: a network that is stopped before it memorises, and knows all there is to know about
        classes that overlap, has a training AUC of what can be known.
        """
        error = np.sqrt(train.majority * (1 - train.majority) / train.configurations)
        reason = ""
        if train.auc < LEARNT_AUC:
            reason = f"training AUC {train.auc:.2f}, below {LEARNT_AUC}"
        elif train.accuracy < train.majority + 2 * error:
            reason = f"training accuracy {train.accuracy:.2f}, the largest class alone gives {train.majority:.2f}"
        return cls(train=train, validation=validation, learnt=not reason, reason=reason)

    def table(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def read(cls, table: Mapping) -> Verdict:
        """From JSON."""
        parts = {name: PartScore(**table[name]) for name in ("train", "validation")}
        return cls(**parts, learnt=table["learnt"], reason=table["reason"])


def mean_auc(score: np.ndarray, label: np.ndarray) -> float:
    """AUC of the second class against the first; with more classes the mean of each against the rest; NaN for one."""
    classes = score.shape[1]
    if classes == 2:
        score, wanted = score[:, 1:] - score[:, :1], [1]
    else:
        wanted = range(classes)
    areas = [
        area_under_curve(score[:, column], label == number)
        for column, number in enumerate(wanted)
        if 0 < (label == number).sum() < len(label)
    ]
    return float(np.mean(areas)) if areas else np.nan
