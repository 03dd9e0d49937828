"""Verbs that learn: dataset, evaluate."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from vitrify.learn.datasets import Dataset
    from vitrify.learn.evaluate import Evaluation
    from vitrify.learn.scores import Score

Force = Annotated[bool, typer.Option("--force", help="Replace the directory that is there.")]


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
    app.command()(dataset)
    app.command()(evaluate)


def dataset(
    out: Annotated[Path, typer.Option(help="The dataset directory.")],
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            help="NAME=RUN@kT[,RUN@kT]: a class and the stored frames of runs nearest to a temperature [eps_AA]; of "
            "films their bulk at the end. Labels follow the order in which classes are given.",
        ),
    ] = None,
    liquid: Annotated[list[str] | None, typer.Option(help="RUN@kT: short for --class liquid=RUN@kT, label 0.")] = None,
    glass: Annotated[list[str] | None, typer.Option(help="RUN@kT: short for --class glass=RUN@kT, label 1.")] = None,
    positions: Annotated[
        str,
        typer.Option(help="instant (as the dynamics left them, thermal broadening included) or inherent (minimised)."),
    ] = "instant",
    match: Annotated[
        str | None, typer.Option(help="energy: pair the configurations of two classes by E_IS; others are left out.")
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Largest difference within a pair [eps_AA per particle].")] = 0.0005,
    window: Annotated[
        int | None, typer.Option(help="Cut square windows that hold so many particles on average, not periodic.")
    ] = None,
    window_edge: Annotated[float | None, typer.Option(help="The same by the edge of the window [sigma_AA].")] = None,
    null: Annotated[
        bool, typer.Option("--null", help="One class, split in two by origin: a set in which nothing can be learnt.")
    ] = False,
    frames_per_replica: Annotated[
        int | None, typer.Option(help="At most so many frames a replica, the last ones; all by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What the split derives from.")] = 1,
    force: Force = False,
) -> None:
    """Gather stored configurations of any classes; split them 70/15/15 by replica, never by frame.

    Options may be given several times. Datasets side by side that share a run hold its configurations once.
    """
    from vitrify.learn.datasets import save_dataset
    from vitrify.learn.sources import build_dataset, parse_classes
    from vitrify.md.store.product import require_free

    if match not in (None, "energy"):
        raise ValueError(f"match: got {match!r}, expected energy")
    if window is not None and window_edge is not None:
        raise ValueError(f"window: got {window} particles and an edge of {window_edge:g}, expected one of the two")
    require_free(out, "dataset.toml", force=force)
    short = [f"liquid={text}" for text in liquid or ()] + [f"glass={text}" for text in glass or ()]
    built = build_dataset(
        parse_classes([*short, *(classes or ())]),
        positions=positions,
        seed=seed,
        frames_per_replica=frames_per_replica,
        window=window_edge,
        window_particles=window,
        tolerance=tolerance if match else None,
        null=null,
    )
    saved = save_dataset(built, out, force=force)
    _show_balance(saved)
    for note in saved.notes:
        Console(soft_wrap=True, highlight=False).print(note, markup=False)


def evaluate(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help="Model directories.")],
    on: Annotated[list[Path], typer.Option(help="Dataset directories; give --on once for each.")],
    out: Annotated[Path, typer.Option(help="Where the matrix, scores, differences, predictions and figures go.")],
    part: Annotated[str, typer.Option(help="test, or all for a dataset no model was trained on.")] = "test",
    null_permutations: Annotated[
        int, typer.Option(help="Shuffles of the labels for the p-value of the null test; 0 for none.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="What bootstrap and null test derive from.")] = 1,
    force: Force = False,
) -> None:
    """Test models on configurations of replicas they have never seen: the train x test matrix with 95 % intervals.

    Give linear models along with networks: the difference of each to each of these yardsticks has an interval, too.
    """
    from vitrify.learn.checkpoint import open_model
    from vitrify.learn.datasets import open_dataset
    from vitrify.learn.evaluations import differences, evaluate_all
    from vitrify.md.store.product import require_free
    from vitrify.pipelines.progress import progress_bar

    require_free(out, "evaluation.toml", force=force)
    trained, data_sets = [open_model(path) for path in models], [open_dataset(path) for path in on]
    total = len(trained) * len(data_sets)
    with progress_bar("testing") as bar:
        bar(0, total)
        tested = itertools.count(1)
        evaluations = evaluate_all(
            trained,
            data_sets,
            out,
            part=part,
            seed=seed,
            null_permutations=null_permutations,
            force=force,
            report=lambda evaluation: bar(next(tested), total),
        )
    show_scores(evaluations, differences(evaluations, seed=seed))


def _show_balance(built: Dataset) -> None:
    table = Table(title=f"{built.name}: {built.positions_taken} positions, configurations (independent replicas)")
    table.add_column("part")
    for name in built.classes:
        table.add_column(name, justify="right")
    for part, classes in built.balance().items():
        table.add_row(part, *(f"{count['configurations']} ({count['replicas']})" for count in classes.values()))
    Console(soft_wrap=True).print(table)


def show_scores(evaluations: Sequence[Evaluation], found: Sequence[Mapping]) -> None:
    """Scores and differences, a line each; a model that did not learn its training part in red."""
    console = Console(soft_wrap=True, highlight=False)
    for one in evaluations:
        null = "" if np.isnan(one.p_value) else f", p {one.p_value:.2g} (null test)"
        line = (
            f"{one.model} ({one.architecture}, trained on {one.trained_on}, {one.trained_positions} positions) on "
            f"{one.dataset}, {one.positions} positions: AUC {_in_words(one.auc)}{null}, accuracy "
            f"{_in_words(one.accuracy)}; {len(one.rows)} configurations of {len(set(one.origin.tolist()))} replicas; "
            f"AUC on its training part {one.verdict.train.auc:.3f}"
        )
        left_out = f"; {one.left_out} seen in training left out" if one.left_out else ""
        console.print(line + left_out, markup=False, style=None if one.learnt else "red")
    for row in found:
        console.print(
            f"{row['model']} less {row['yardstick']} ({row['of']}) on {row['dataset']}: AUC {row['difference']:+.3f} "
            f"[{row['low']:+.3f}, {row['high']:+.3f}]",
            markup=False,
            style=None if row["learnt"] else "red",
        )
    for note in dict.fromkeys(note for one in evaluations for note in one.notes):
        console.print(note, markup=False, style="red" if "did not learn" in note else None)


def _in_words(score: Score) -> str:
    return f"{score.value:.3f} [{score.interval.low:.3f}, {score.interval.high:.3f}]"
