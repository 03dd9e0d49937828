"""Every model on every dataset: the matrix of AUCs with its null, differences to the yardsticks, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from vitrify.analysis.figures import Roc, matrix_figure, roc_figure, save, score_figure
from vitrify.analysis.report.tables import write_contents, write_table
from vitrify.analysis.results import rows_to_columns
from vitrify.learn.checkpoint import Model
from vitrify.learn.datasets import Dataset
from vitrify.learn.evaluate import Evaluation, evaluate
from vitrify.learn.scores import INTERVALS, Score, auc_difference
from vitrify.md.store.product import whole_directory
from vitrify.md.store.provenance import provenance, to_toml

YARDSTICK = "linear"
"""Architecture of the yardsticks: a network that does no better has learnt what they know."""

CAPTIONS = {
    "matrix.png": "Area under the receiver operating characteristic of every model (rows) on every test set (columns), "
    "with 95 % intervals over replicas; last the null, one class split in two by replica, which nothing tells apart. "
    "Models in red did not learn their own training part: their scores are no statement about physics.",
    "matrix.csv": "The same numbers, with the AUC on the model's own training and validation part.",
    "differences.png": "AUC of each model less that of each linear yardstick on the same configurations, with 95 % "
    "intervals of a bootstrap over replicas that resamples both together.",
    "differences.csv": "The same numbers. Where an interval holds 0 the yardstick may know all that the model knows.",
    "auc.png": "AUC with 95 % intervals over replicas: 1 where all of one class score above all of the other, 0.5 for "
    "a coin. Open circles: on the model's own training part. Red: it did not learn that.",
    "accuracy.png": "Accuracy at the model's own threshold, with 95 % intervals over replicas. Where it is low and the "
    "area is not, the model ranks well and only its threshold is off. Open circles: on the training part.",
    "roc.png": "Receiver operating characteristics: the fraction of the second class found against the fraction of the "
    "first class mistaken for it, at every threshold.",
    "scores.csv": "Scores on configurations of replicas that no training saw, beside those on the model's own training "
    "and validation part, with 95 % intervals over replicas. p is how often shuffled labels score as well.",
    "predictions.csv": "Probabilities of every configuration tested.",
}
"""Of what an evaluation leaves, in the order it is told."""


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

    ``matrix.csv`` and ``matrix.png`` are train x test AUCs with their null, ``scores.csv`` has a row a pair with all
    scores, ``differences.csv`` a row for every model, linear yardstick and dataset, ``predictions.csv`` a row a
    configuration. ``contents.json`` has their captions.

    Raises:
        ValueError: for two models or two datasets of one name, and as :func:`~vitrify.learn.evaluate.evaluate`.
        FileExistsError: when there is something at ``out`` and no ``force``.
    """
    out = Path(out)
    for kind, names in (("model", [one.name for one in models]), ("dataset", [one.name for one in datasets])):
        if len(set(names)) < len(names):
            raise ValueError(f"{kind}s: got {', '.join(names)}, expected names that differ: tables go by them")
    with whole_directory(out, "evaluation.toml", force=force) as directory:
        evaluations = []
        for model in models:
            for dataset in datasets:
                evaluations.append(evaluate(model, dataset, part=part, seed=seed, null_permutations=null_permutations))
                report(evaluations[-1])
        found = differences(evaluations, seed=seed)
        write_table(directory / "scores.csv", score_columns(evaluations))
        write_table(directory / "matrix.csv", _matrix_columns(evaluations))
        write_table(directory / "predictions.csv", _prediction_columns(evaluations, list(datasets) * len(models)))
        if found:
            write_table(directory / "differences.csv", rows_to_columns(found))
        _draw(evaluations, found, directory)
        write_contents(directory, {name: text for name, text in CAPTIONS.items() if (directory / name).exists()})
        head = {
            "part": part,
            "seed": seed,
            "intervals": INTERVALS,
            "null_permutations": null_permutations,
            "notes": list(dict.fromkeys(note for one in evaluations for note in one.notes)),
            "provenance": {key: provenance(("numpy",))[key] for key in ("version", "git_commit", "started")},
        }
        head["model"] = {str(row): {"path": str(m.path), "digest": m.digest} for row, m in enumerate(models)}
        head["dataset"] = {str(row): {"name": d.name, "digest": d.digest} for row, d in enumerate(datasets)}
        (directory / "evaluation.toml").write_text(to_toml(head))
    return evaluations


def differences(evaluations: Sequence[Evaluation], *, seed: int) -> list[dict]:
    """AUC of each model less that of each linear one on the same dataset, over configurations both were tested on."""
    rows = []
    for one in evaluations:
        for yardstick in evaluations:
            both_linear = _is_yardstick(one) and evaluations.index(one) <= evaluations.index(yardstick)
            if one.dataset != yardstick.dataset or not _is_yardstick(yardstick) or one is yardstick or both_linear:
                continue
            _, mine, its = np.intersect1d(one.rows, yardstick.rows, return_indices=True)
            positive = one.label[mine] == 1
            if not 0 < positive.sum() < len(positive):
                continue
            found = auc_difference(one.score[mine], yardstick.score[its], positive, one.origin[mine], seed=seed)
            rows.append(
                {
                    "model": one.model,
                    "yardstick": yardstick.model,
                    "of": yardstick.architecture,
                    "dataset": one.dataset,
                    "positions": one.positions,
                    "configurations": len(mine),
                    "replicas": len(set(one.origin[mine].tolist())),
                    "difference": found.value,
                    "low": found.interval.low,
                    "high": found.interval.high,
                    "learnt": one.learnt,
                }
            )
    return rows


def _is_yardstick(evaluation: Evaluation) -> bool:
    return evaluation.architecture.split()[0] == YARDSTICK


def score_columns(evaluations: Sequence[Evaluation]) -> dict[str, list]:
    """The columns of scores.csv, a row for each model and dataset."""
    rows = []
    for one in evaluations:
        row: dict[str, object] = {
            name: getattr(one, name)
            for name in ("model", "architecture", "trained_on", "trained_positions", "dataset", "positions", "part")
        }
        row |= {"paired": "energy" if one.paired else ""}
        row |= {"configurations": len(one.rows), "replicas": len(set(one.origin.tolist())), "left_out": one.left_out}
        for name in ("accuracy", "auc"):
            row |= {f"{part}_{name}": getattr(getattr(one.verdict, part), name) for part in ("train", "validation")}
            row |= _with_ends(name, getattr(one, name))
        row |= {"majority": one.majority, "p_value": one.p_value, **_with_ends("null_auc", one.null)}
        rows.append(row | {"learnt": one.learnt})
    return rows_to_columns(rows)


def _matrix_columns(evaluations: Sequence[Evaluation]) -> dict[str, list]:
    rows = []
    for model in dict.fromkeys(one.model for one in evaluations):
        own = [one for one in evaluations if one.model == model]
        row: dict[str, object] = {"model": model, "trained_on": own[0].trained_on, "learnt": own[0].learnt}
        row |= {"train": own[0].verdict.train.auc, "validation": own[0].verdict.validation.auc}
        for one in own:
            row |= _with_ends(one.dataset, one.auc)
        rows.append(row | _with_ends("null", own[0].null))
    return rows_to_columns(rows)


def _with_ends(name: str, score: Score | None) -> dict[str, float]:
    if score is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"), np.nan)
    return {name: score.value, f"{name}_low": score.interval.low, f"{name}_high": score.interval.high}


def _prediction_columns(evaluations: Sequence[Evaluation], datasets: Sequence[Dataset]) -> dict[str, list]:
    table: dict[str, list] = {}
    for evaluation, dataset in zip(evaluations, datasets, strict=True):
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
            "probability": evaluation.probability[:, 1],
        }
        for name, column in columns.items():
            table.setdefault(name, []).extend(np.asarray(column).tolist())
    return table


def _draw(evaluations: Sequence[Evaluation], found: Sequence[Mapping], directory: Path) -> None:
    curves = {}
    for one in evaluations:
        false, true = roc_curve(one.score, one.label == 1)
        curves[one.title] = Roc(false, true, one.auc.value, one.auc.interval.low, one.auc.interval.high)
    save(roc_figure(curves), directory / "roc.png")
    save(matrix_figure(**_matrix(evaluations)), directory / "matrix.png")
    red = np.array([not one.learnt for one in evaluations])
    for name, quantity in (("accuracy", "accuracy, 95 % interval"), ("auc", "AUC, 95 % interval")):
        scores: list[Score] = [getattr(one, name) for one in evaluations]
        figure = score_figure(
            [one.title for one in evaluations],
            np.array([score.value for score in scores]),
            np.array([score.interval.low for score in scores]),
            np.array([score.interval.high for score in scores]),
            quantity=quantity,
            training=np.array([getattr(one.verdict.train, name) for one in evaluations]),
            red=red,
        )
        save(figure, directory / f"{name}.png")
    if found:
        figure = score_figure(
            [f"{row['model']} less {row['yardstick']} on {row['dataset']}" for row in found],
            np.array([row["difference"] for row in found]),
            np.array([row["low"] for row in found]),
            np.array([row["high"] for row in found]),
            quantity="difference of AUC, 95 % interval",
            chance=0.0,
            level="none",
            red=np.array([not row["learnt"] for row in found]),
        )
        save(figure, directory / "differences.png")


def _matrix(evaluations: Sequence[Evaluation]) -> dict:
    """The arguments of the figure: rows of models, columns of datasets and the null."""
    models = list(dict.fromkeys(one.model for one in evaluations))
    columns = list(dict.fromkeys(one.dataset for one in evaluations))
    values = np.full((len(models), len(columns) + 1, 3), np.nan)
    for one in evaluations:
        row = models.index(one.model)
        for column, score in ((columns.index(one.dataset), one.auc), (len(columns), one.null)):
            if score is not None and np.isnan(values[row, column, 0]):
                values[row, column] = score.value, score.interval.low, score.interval.high
    learnt = {one.model: one.learnt for one in evaluations}
    training = {one.model: one.verdict.train.auc for one in evaluations}
    return {
        "rows": models,
        "columns": [*columns, "null"],
        "values": values[..., 0],
        "low": values[..., 1],
        "high": values[..., 2],
        "training": np.array([training[model] for model in models]),
        "red": np.array([not learnt[model] for model in models]),
    }


def roc_curve(score: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates at every threshold, from (0, 0) to (1, 1), in O(n log n).

    >>> [rate.tolist() for rate in roc_curve(np.array([0.9, 0.1]), np.array([True, False]))]
    [[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
    """
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # of each level of equal scores
    found = [np.cumsum(members[order])[last] / members.sum() for members in (~positive, positive)]
    false, true = (np.concatenate([[0.0], rate]) for rate in found)
    return false, true
