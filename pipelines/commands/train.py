"""The verb ``train``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from vitrify.pipelines.options import Resume, TimeLimit

if TYPE_CHECKING:
    from vitrify.learn.checkpoint import Model

KEYS = "any field of the recipe or option of the network"


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
    app.command()(train)


def train(
    model: Annotated[str, typer.Argument(help="cnn2018 (the network of the log), cnn, mpnn or linear.")],
    data: Annotated[Path, typer.Argument(metavar="DATASET", help="A dataset directory.")],
    out: Annotated[Path, typer.Option(help="The model directory.", metavar="DIR")],
    seed: Annotated[int, typer.Option(help="What weights, batches and dropout derive from.")] = 1,
    config: Annotated[
        Path | None, typer.Option(help=f"TOML with {KEYS}; --set goes before it.", metavar="FILE")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help=f"{KEYS}, as epochs=40, learning_rate=1e-3, dropout=0.3; repeated.", metavar="KEY=VALUE"
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            help="Train once for every value, as learning_rate=1e-3,3e-4, seed=1,2,3, batch=16,64; repeated: all "
            "combinations, each in a directory of its own in DIR, with a table and curves.",
            metavar="KEY=VALUE,VALUE",
        ),
    ] = None,
    resume: Resume = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the model that is there.")] = False,
    time_limit: TimeLimit = None,
) -> None:
    """Train a network on a dataset; the weights of the lowest validation loss are kept.

    What is not given takes the value the network recommends. Test configurations are never looked at. --help does not
    list all keys: a key that is not known names those that are.
    """
    from vitrify.learn.datasets import open_dataset
    from vitrify.learn.fit import fit
    from vitrify.learn.settings import read_settings, settled
    from vitrify.learn.sweep import members, table
    from vitrify.learn.sweep import sweep as run_sweep
    from vitrify.pipelines.progress import progress_bar
    from vitrify.pipelines.stopping import stoppable

    given = read_settings(config, settings or [])
    data_set = open_dataset(data)
    if sweep:
        grid = members(model, given, sweep, seed)
        with progress_bar(f"sweep {model}") as bar, stoppable(time_limit) as stop:
            found = run_sweep(
                data_set,
                grid,
                out,
                resume=resume,
                force=force,
                report=lambda done: bar(done, len(grid)),
                stop=stop,
            )
        show_sweep(table(grid, found))
        return
    architecture, recipe = settled(model, given)
    with progress_bar(f"train {model}") as bar, stoppable(time_limit) as stop:
        trained = fit(
            data_set,
            architecture,
            out,
            seed=seed,
            recipe=recipe,
            resume=resume,
            force=force,
            report=lambda progress: bar(progress.epochs, recipe.epochs if recipe else 1),
            stop=stop,
        )
    show_model(trained, f"{out}: {model} on {data_set.name} ({data_set.positions_taken} positions)")


def show_model(trained: Model, title: str) -> None:
    """Training beside validation scores; in red where it did not learn."""
    console = Console(soft_wrap=True, highlight=False)
    console.print(title, markup=False)
    if history := trained.history():
        best = min(history, key=lambda row: row["validation_loss"])
        console.print(
            f"{history[-1]['epoch']:.3g} epochs, best at {best['epoch']:.3g}; the device waited for inputs for at most "
            f"{trained.input_share:.1%} of the time",
            markup=False,
        )
    for part in ("train", "validation"):
        score = getattr(trained.verdict, part)
        console.print(
            f"{part}: loss {score.loss:.3f}, accuracy {score.accuracy:.3f} (largest class {score.majority:.3f}), "
            f"AUC {score.auc:.3f}; {score.configurations} configurations",
            markup=False,
        )
    if not trained.learnt:
        console.print(f"did not learn its own training set: {trained.verdict.reason}", style="bold red", markup=False)


def show_sweep(columns: Mapping[str, Sequence]) -> None:
    """A row a training; in red where it did not learn, bold the lowest validation loss."""
    shown = Table(title="sweep")
    for name in columns:
        shown.add_column(name, justify="left" if name == "reason" else "right")
    losses = [float(loss) for loss in columns["validation_loss"]]
    best = min((loss for loss in losses if loss == loss), default=None)
    for row, loss in zip(zip(*columns.values(), strict=True), losses, strict=True):
        style = "bold" if loss == best else None if row[list(columns).index("learnt")] else "red"
        shown.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row), style=style)
    Console(soft_wrap=True, highlight=False).print(shown)
