"""How well one model does on configurations of replicas it has never seen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from vitrify.learn.checkpoint import Model
from vitrify.learn.datasets import Dataset
from vitrify.learn.null_test import permutation_p_value
from vitrify.learn.scores import Score, accuracy, auc
from vitrify.learn.splits import halves
from vitrify.learn.verdict import Verdict
from vitrify.md.randomness import Purpose, stream

PARTS = ("test", "all")

COMPOSITION_TOLERANCE = 0.01
"""Fraction of A that a model's test configurations may differ by from those of its training without a word."""

_NULL = 1  # takes the place of the replica in the address of the null test's random numbers


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One model on one dataset.

    Attributes:
        model: its name.
        architecture: its kind and, where they matter, features.
        trained_on: name of its dataset.
        trained_positions: ``instant`` or ``inherent``, what it was trained on.
        dataset: name of the dataset it is tested on.
        positions: ``instant`` or ``inherent``, what it is tested on.
        paired: whether its classes are paired by E_IS, so that the energy of one alone tells nothing.
        part: ``test`` or ``all``.
        left_out: configurations left out because the model was trained or chosen on their origin.
        rows: (C,) the configurations tested.
        origin: (C,) their origins.
        label: (C,) their labels.
        classes: names of the classes.
        probability: (C, classes).
        accuracy: with its interval.
        auc: of the second class against the first, with its interval.
        null: the same of the first class split in two by origin: 0.5 within its interval, or something is amiss. None
            where it has fewer than two origins.
        p_value: of the null test; NaN where it was not made.
        verdict: what the model scores on its own training and validation part, and whether it learnt the former.
        notes: what must be known, a line each.
    """

    model: str
    architecture: str
    trained_on: str
    trained_positions: str
    dataset: str
    positions: str
    paired: bool
    part: str
    left_out: int
    rows: np.ndarray = field(repr=False)
    origin: np.ndarray = field(repr=False)
    label: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    probability: np.ndarray = field(repr=False)
    accuracy: Score
    auc: Score
    null: Score | None
    p_value: float
    verdict: Verdict
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """One line that says what was tested on what, positions included."""
        return f"{self.model} on {self.dataset} ({self.positions})"

    @property
    def learnt(self) -> bool:
        """Whether the model has learnt its own training part; if not, its scores say nothing about physics."""
        return self.verdict.learnt

    @property
    def score(self) -> np.ndarray:
        """(C,) by which the second class is told from the first."""
        return log_odds(self.probability)

    @property
    def majority(self) -> float:
        """Accuracy of always naming the larger class."""
        return float(np.bincount(self.label).max() / len(self.label))


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Log odds of the second of two classes, which rank as the probability does and do not stop at 1.

    >>> log_odds(np.array([[0.5, 0.5]])).tolist()
    [0.0]
    """
    first, second = np.maximum(probability, 1e-300).T
    return np.log(second) - np.log(first)


def evaluate(
    model: Model, dataset: Dataset, *, part: str = "test", seed: int, null_permutations: int = 0
) -> Evaluation:
    """Test a model on the configurations of a dataset whose origins it has not seen.

    Args:
        model: of two classes.
        dataset: with the same classes, or one that is a null.
        part: ``test``, or ``all`` for a dataset made for testing only.
        seed: what null and null test derive from.
        null_permutations: shuffles of the null test; 0 for none.

    Raises:
        ValueError: for other classes or another density, or when nothing is left to test on.
    """
    if part not in PARTS:
        raise ValueError(f"part: got {part!r}, expected {' or '.join(PARTS)}; training configurations test nothing")
    _require_classes(model, dataset)
    wanted = dataset.rows(part)
    seen = np.isin(dataset.origin[wanted], [name for names in model.training.origins.values() for name in names])
    rows = wanted[~seen]
    if not len(rows) or len(set(dataset.label[rows].tolist())) < 2:
        raise ValueError(
            f"{dataset.name}: {len(rows)} of {len(wanted)} {part} configurations are left once the replicas that "
            f"{model.name} was trained on are taken out; expected some of both classes"
        )
    try:
        probability = model.classifier.probabilities(dataset.configurations.view(rows))
    except ValueError as error:
        raise ValueError(f"{model.name} on {dataset.name}: {error}") from error
    label, origin, score = dataset.label[rows], dataset.origin[rows], log_odds(probability)
    p_value = np.nan
    if null_permutations:
        rng = stream(seed, Purpose.BOOTSTRAP, replica=_NULL)
        p_value = permutation_p_value(score, label == 1, origin, permutations=null_permutations, rng=rng)
    features = getattr(model.training.architecture, "features", None)
    return Evaluation(
        model=model.name,
        architecture=model.training.architecture.name + (f" on {features}" if features else ""),
        trained_on=model.training.dataset["name"],
        trained_positions=model.training.dataset["positions"],
        dataset=dataset.name,
        positions=dataset.positions_taken,
        paired=dataset.matching is not None,
        part=part,
        left_out=int(seen.sum()),
        rows=rows,
        origin=origin,
        label=label,
        classes=dataset.classes,
        probability=probability,
        accuracy=accuracy(probability.argmax(axis=1) == label, label, origin),
        auc=auc(score, label == 1, origin),
        null=null_score(score[label == 0], origin[label == 0], seed),
        p_value=p_value,
        verdict=model.verdict,
        notes=_notes(model, dataset, rows),
    )


def null_score(score: np.ndarray, origin: np.ndarray, seed: int) -> Score | None:
    """AUC of one class split in two by origin, at random; None for fewer than two origins."""
    half = halves(origin.tolist(), seed)
    if len(half) < 2:
        return None
    return auc(score, np.array([half[one] == 1 for one in origin.tolist()]), origin)


def _require_classes(model: Model, dataset: Dataset) -> None:
    known = model.training.classes
    if len(known) != 2:
        raise ValueError(f"{model.path}: knows {len(known)} classes, expected two to have an AUC")
    if len(dataset.classes) != 2 or (dataset.classes != known and not dataset.null):
        raise ValueError(
            f"{model.path}: knows the classes {', '.join(known)}, {dataset.name} has {', '.join(dataset.classes)}; "
            "expected the same two in the same order"
        )


def _notes(model: Model, dataset: Dataset, rows: np.ndarray) -> tuple[str, ...]:
    notes = []
    if not model.learnt:
        reason = model.verdict.reason
        notes.append(f"{model.name}: did not learn its own training part ({reason}): its scores are no physics")
    trained = model.training.dataset.get("fraction_a", np.nan)
    found = dataset.configurations.mixture(rows)[1]
    if abs(found - trained) > COMPOSITION_TOLERANCE:  # never for NaN
        notes.append(f"{dataset.name}: has {found:.3f} of A, {model.name} was trained at {trained:.3f}")
    if model.training.dataset["positions"] != dataset.positions_taken:
        notes.append(
            f"{dataset.name}: has {dataset.positions_taken} positions, {model.name} was trained on "
            f"{model.training.dataset['positions']} ones"
        )
    return tuple(notes)
