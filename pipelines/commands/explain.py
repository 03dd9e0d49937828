"""The verb that asks a network what it has learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PRODUCT = "explanation"


def register(app: typer.Typer) -> None:
    """Add this chapter's verb to the command line."""
    app.command()(explain)


def explain(
    model: Annotated[Path, typer.Argument(help="A model directory.", metavar="MODEL")],
    data: Annotated[Path, typer.Argument(help="A dataset of the model's classes.", metavar="DATASET")],
    out: Annotated[Path, typer.Option(help="Directory for tables, figures and animations.")],
    bin_width: Annotated[float, typer.Option(help="Width of the bins of E_IS [eps_AA].", metavar="E")] = 0.005,
    artificial: Annotated[int, typer.Option(help="Artificial configurations of each motif; 0 for none.")] = 8,
    steps: Annotated[int, typer.Option(help="Steps of each walk to higher scores; 0 for none.")] = 60,
    seed: Annotated[int, typer.Option(help="What artificial configurations and walks derive from.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace the explanation that is there.")] = False,
) -> None:
    """Ask MODEL what it has learnt, on configurations of DATASET that it has not seen.

    Descriptors against the logit, accuracy at one energy, filters, contributions and attention of particles, scores of
    artificial configurations, and what a configuration becomes when it is changed to please the network.
    """
    from vitrify.analysis.writing import is_written, write_results
    from vitrify.learn.checkpoint import open_model
    from vitrify.learn.datasets import open_dataset
    from vitrify.learn.explanation.explain import explain as explained
    from vitrify.learn.explanation.scored import Question
    from vitrify.md.engines.registry import get_engine
    from vitrify.md.model import kob_andersen_pairs
    from vitrify.pipelines.progress import progress_bar

    opened, dataset = open_model(model), open_dataset(data)
    question = Question(bin_width=bin_width, artificial=artificial, steps=steps, seed=seed)
    request = {"model": opened.digest, "dataset": dataset.digest, "question": vars(question)}
    if is_written(out, PRODUCT, request, force=force):
        typer.echo(f"{out}: there already, of the same model, dataset and question")
        return
    particles = dataset.configurations.species.shape[1]
    engine = get_engine("auto", pairs=kob_andersen_pairs(), particles=particles)
    with progress_bar("explain") as progress:
        found = explained(opened, dataset, engine, question, progress)
    write_results([found], out, PRODUCT, request)
    for note in (*found.numbers, *found.notes):
        typer.echo(note)
    typer.echo(f"{out}: {len(found.tables)} tables, {len(found.figures)} figures, {len(found.files)} animations")
