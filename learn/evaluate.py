"""How well models do on configurations they have never seen, with intervals, as tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vitrify.analysis.figures import Roc, roc_figure, save, score_figure
from vitrify.analysis.report.tables import write_contents, write_table
from vitrify.analysis.statistics import RESAMPLES
from vitrify.learn.checkpoint import Model
from vitrify.learn.datasets import Dataset
from vitrify.learn.scores import INTERVALS, Score, accuracy, area_under_curve, auc, permutation_p_value
from vitrify.md.randomness import Purpose, stream
from vitrify.md.store.product import whole_directory
from vitrify.md.store.provenance import provenance, to_toml

PARTS = ("test", "all")

CAPTIONS = {
    "auc.png": "Area under the receiver operating characteristic, with 95 % intervals over replicas: 1 where all "
    "of one class score above all of the other, 0.5 for a coin.",
    "accuracy.png": "Accuracy at the model's own threshold, with 95 % intervals over replicas. Where it is low and the "
    "area is not, the model ranks well and only its threshold is off.",
    "roc.png": "Receiver operating characteristics: the fraction of the second class found against the fraction of the "
    "first class mistaken for it, at every threshold.",
    "scores.csv": "Scores on configurations of replicas that no training saw, beside those on the model's own training "
    "part, with 95 % intervals over replicas. p is how often shuffled labels score as well.",
    "predictions.csv": "Probabilities of every configuration tested.",
}
"""Of what an evaluation leaves, in the order it is told."""

_NULL = 1  # takes the place of the replica in the address of the null test's random numbers


class TrainingScore(NamedTuple):
    """Accuracy and AUC of a model on its own training part, without intervals: these configurations it has seen."""

    accuracy: float
    auc: float


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
        part: ``test`` or ``all``.
        left_out: configurations left out because the model was trained or chosen on their origin.
        rows: (C,) the configurations tested.
        origin: (C,) their origins.
        label: (C,) their labels.
        classes: names of the classes.
        probability: (C, classes).
        accuracy: with its interval.
        auc: of the second class against the first, with its interval.
        p_value: of the null test; NaN where it was not made.
        training: what the model scores on the configurations it was trained on; None where they are not at hand.
    """

    model: str
    architecture: str
    trained_on: str
    trained_positions: str
    dataset: str
    positions: str
    part: str
    left_out: int
    rows: np.ndarray = field(repr=False)
    origin: np.ndarray = field(repr=False)
    label: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    probability: np.ndarray = field(repr=False)
    accuracy: Score
    auc: Score
    p_value: float
    training: TrainingScore | None = None

    @property
    def title(self) -> str:
        """One line that says what was tested on what, positions included."""
        return f"{self.model} on {self.dataset} ({self.positions})"

    @property
    def majority(self) -> float:
        """Accuracy of always naming the larger class."""
        return float(np.bincount(self.label).max() / len(self.label))


def evaluate(
    model: Model,
    dataset: Dataset,
    *,
    part: str = "test",
    seed: int,
    null_permutations: int = 0,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """Test a model on the configurations of a dataset whose origins it has not seen.

    Args:
        model: of two classes.
        dataset: with the same classes.
        part: ``test``, or ``all`` for a dataset made for testing only.
        seed: what bootstrap and null test derive from.
        null_permutations: shuffles of the null test; 0 for none.
        resamples: of the bootstrap.

    Raises:
        ValueError: for other classes, or when nothing is left to test on.
    """
    if part not in PARTS:
        raise ValueError(f"part: got {part!r}, expected {' or '.join(PARTS)}; training configurations test nothing")
    if dataset.classes != model.training.classes or len(dataset.classes) != 2:
        raise ValueError(
            f"{model.path}: knows the classes {', '.join(model.training.classes)}, {dataset.name} has "
            f"{', '.join(dataset.classes)}; expected the same two in the same order"
        )
    wanted = dataset.rows(part)
    seen = np.isin(dataset.origin[wanted], [name for names in model.training.origins.values() for name in names])
    rows = wanted[~seen]
    if not len(rows) or len(set(dataset.label[rows].tolist())) < 2:
        raise ValueError(
            f"{dataset.name}: {len(rows)} of {len(wanted)} {part} configurations are left once the replicas that "
            f"{model.name} was trained on are taken out; expected some of both classes"
        )
    probability = model.classifier.probabilities(dataset.configurations.select(rows))
    label, origin = dataset.label[rows], dataset.origin[rows]
    p_value = np.nan
    if null_permutations:
        rng = stream(seed, Purpose.BOOTSTRAP, replica=_NULL)
        p_value = permutation_p_value(probability[:, 1], label == 1, origin, permutations=null_permutations, rng=rng)
    features = getattr(model.training.architecture, "features", None)
    return Evaluation(
        model=model.name,
        architecture=model.training.architecture.name + (f" on {features}" if features else ""),
        trained_on=model.training.dataset["name"],
        trained_positions=model.training.dataset["positions"],
        dataset=dataset.name,
        positions=dataset.positions_taken,
        part=part,
        left_out=int(seen.sum()),
        rows=rows,
        origin=origin,
        label=label,
        classes=dataset.classes,
        probability=probability,
        accuracy=accuracy(probability.argmax(axis=1) == label, label, origin, seed=seed, resamples=resamples),
        auc=auc(probability[:, 1], label == 1, origin, seed=seed, resamples=resamples),
        p_value=p_value,
    )


def training_score(model: Model, dataset: Dataset) -> TrainingScore:
    """What a model scores on the training part of its own dataset.

    Raises:
        ValueError: for another dataset.
    """
    if dataset.digest != model.training.dataset["digest"]:
        raise ValueError(f"{model.path}: was trained on {model.training.dataset['name']}, got {dataset.name}")
    rows = dataset.rows("train")
    probability, label = model.classifier.probabilities(dataset.configurations.select(rows)), dataset.label[rows]
    return TrainingScore(
        accuracy=float((probability.argmax(axis=1) == label).mean()),
        auc=area_under_curve(probability[:, 1], label == 1),
    )


def evaluate_all(
    models: Sequence[Model],
    datasets: Sequence[Dataset],
    out: Path,
    *,
    part: str = "test",
    seed: int,
    null_permutations: int = 0,
    force: bool = False,
    report: Callable[[Evaluation], None] = lambda evaluation: None,
) -> list[Evaluation]:
    """Test every model on every dataset and write tables and figures into a directory.

    ``scores.csv`` has a row a pair, with what the model scores on its own training part where that dataset is among
    those given; ``accuracy.csv`` and ``auc.csv`` have more of each. ``predictions.csv`` has a row a configuration;
    ``roc.png``, ``auc.png`` and ``accuracy.png`` show them, each beside its SVG; ``contents.json`` has their captions.

    Raises:
        ValueError: as :func:`evaluate`.
        FileExistsError: when there is something at ``out`` and no ``force``.
    """
    out = Path(out)
    with whole_directory(out, "evaluation.toml", force=force) as directory:
        evaluations = []
        for model in models:
            own = [dataset for dataset in datasets if dataset.digest == model.training.dataset["digest"]]
            training = training_score(model, own[0]) if own else None
            for dataset in datasets:
                found = evaluate(model, dataset, part=part, seed=seed, null_permutations=null_permutations)
                evaluations.append(replace(found, training=training))
                report(evaluations[-1])
        write_table(directory / "scores.csv", _scores(evaluations))
        write_table(directory / "accuracy.csv", _score_table(evaluations, "accuracy"))
        write_table(directory / "auc.csv", _score_table(evaluations, "auc"))
        write_table(directory / "predictions.csv", _prediction_table(evaluations, datasets, len(models)))
        _draw(evaluations, directory)
        write_contents(directory, CAPTIONS)
        head = {
            "part": part,
            "seed": seed,
            "intervals": INTERVALS,
            "null_permutations": null_permutations,
            "provenance": {key: provenance(("numpy",))[key] for key in ("version", "git_commit", "started")},
        }
        head["model"] = {str(row): {"path": str(m.path), "digest": m.digest} for row, m in enumerate(models)}
        head["dataset"] = {str(row): {"name": d.name, "digest": d.digest} for row, d in enumerate(datasets)}
        (directory / "evaluation.toml").write_text(to_toml(head))
    return evaluations


def roc_curve(score: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates at every threshold, from (0, 0) to (1, 1).

    >>> [rate.tolist() for rate in roc_curve(np.array([0.9, 0.1]), np.array([True, False]))]
    [[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
    """
    thresholds = np.unique(score)[::-1]
    rates = [[(score[members] >= t).mean() for t in thresholds] for members in (~positive, positive)]
    false, true = (np.concatenate([[0.0], rate]) for rate in rates)
    return false, true


def _scores(evaluations: Sequence[Evaluation]) -> dict[str, list]:
    """The columns of scores.csv."""
    nowhere = TrainingScore(np.nan, np.nan)
    table = {
        column: [getattr(evaluation, column) for evaluation in evaluations]
        for column in ("model", "architecture", "trained_on", "dataset", "positions", "part")
    }
    table["replicas"] = [len(set(evaluation.origin)) for evaluation in evaluations]
    for name in ("accuracy", "auc"):
        scores: list[Score] = [getattr(evaluation, name) for evaluation in evaluations]
        table[f"training_{name}"] = [getattr(evaluation.training or nowhere, name) for evaluation in evaluations]
        table |= {
            name: [score.value for score in scores],
            f"{name}_low": [score.interval.low for score in scores],
            f"{name}_high": [score.interval.high for score in scores],
        }
    return table | {"p_value": [evaluation.p_value for evaluation in evaluations]}


def _score_table(evaluations: Sequence[Evaluation], name: str) -> dict[str, list]:
    scores: list[Score] = [getattr(evaluation, name) for evaluation in evaluations]
    table = {
        column: [getattr(evaluation, column) for evaluation in evaluations]
        for column in (
            "model", "architecture", "trained_on", "trained_positions", "dataset", "positions", "part", "left_out",
        )
    }  # fmt: skip
    table |= {
        "configurations": [len(evaluation.rows) for evaluation in evaluations],
        "replicas": [len(set(evaluation.origin)) for evaluation in evaluations],
        name: [score.value for score in scores],
        "low": [score.interval.low for score in scores],
        "high": [score.interval.high for score in scores],
    }
    if name == "accuracy":
        return table | {"majority": [evaluation.majority for evaluation in evaluations]}
    return table | {"p_value": [evaluation.p_value for evaluation in evaluations]}


def _prediction_table(evaluations: Sequence[Evaluation], datasets: Sequence[Dataset], models: int) -> dict[str, list]:
    table: dict[str, list] = {}
    for evaluation, dataset in zip(evaluations, list(datasets) * models, strict=True):
        count, classes = len(evaluation.rows), np.array(evaluation.classes)
        columns = {
            "model": [evaluation.model] * count,
            "dataset": [evaluation.dataset] * count,
            "positions": [evaluation.positions] * count,
            "configuration": evaluation.rows,
            "run": dataset.run[evaluation.rows],
            "replica": dataset.replica[evaluation.rows],
            "frame": dataset.frame[evaluation.rows],
            "kt_set": dataset.kt_set[evaluation.rows],
            "inherent_energy": dataset.configurations.inherent_energy[evaluation.rows],
            "class": classes[evaluation.label],
            "predicted": classes[evaluation.probability.argmax(axis=1)],
        }
        columns |= {f"p_{name}": evaluation.probability[:, label] for label, name in enumerate(evaluation.classes)}
        for name, column in columns.items():
            table.setdefault(name, []).extend(np.asarray(column).tolist())
    return table


def _draw(evaluations: Sequence[Evaluation], directory: Path) -> None:
    curves = {}
    for evaluation in evaluations:
        false, true = roc_curve(evaluation.probability[:, 1], evaluation.label == 1)
        score = evaluation.auc
        curves[evaluation.title] = Roc(false, true, score.value, score.interval.low, score.interval.high)
    save(roc_figure(curves), directory / "roc.png")
    for name, quantity in (("accuracy", "accuracy, 95 % interval"), ("auc", "AUC, 95 % interval")):
        scores: list[Score] = [getattr(evaluation, name) for evaluation in evaluations]
        figure = score_figure(
            [evaluation.title for evaluation in evaluations],
            np.array([score.value for score in scores]),
            np.array([score.interval.low for score in scores]),
            np.array([score.interval.high for score in scores]),
            quantity=quantity,
        )
        save(figure, directory / f"{name}.png")
