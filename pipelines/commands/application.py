"""Verbs that apply what was learnt: transfer, predict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
    app.command()(transfer)
    app.command()(predict)


def transfer(
    model: Annotated[str, typer.Argument(help="A model directory (red dots), or an architecture to train at each kT.")],
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Ramps of vitrify cool --store all; batches of one are one.")
    ],
    out: Annotated[Path, typer.Option(help="Where tables and the figure go; models of each kT to DIR-models.")],
    positions: Annotated[
        str, typer.Option(help="instant or inherent, of an architecture; a model has those it was trained on.")
    ] = "inherent",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Of an architecture: KEY=VALUE, as for train.")
    ] = None,
    liquid: Annotated[
        list[Path] | None,
        typer.Option(
            help="Runs of vitrify anneal, three temperatures or more: the line T_f is read from.", metavar="RUN"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="What splits and trainings derive from.")] = 1,
    force: Force = False,
) -> None:
    """Scores along the cooling curve, of the glass against the liquid at each kT, and the T_g they give."""
    from vitrify.analysis.curves.equilibrium import equilibrium
    from vitrify.learn.checkpoint import open_model
    from vitrify.learn.datasets import POSITIONS
    from vitrify.learn.models import ARCHITECTURES
    from vitrify.learn.settings import read_settings, settled
    from vitrify.learn.transfer import ramps, transfer_each, transfer_once
    from vitrify.learn.transfers import write_transfers
    from vitrify.md.store.product import require_free
    from vitrify.md.store.rundir import RunDirectory

    if positions not in POSITIONS:
        raise ValueError(f"positions: got {positions!r}, expected one of {', '.join(POSITIONS)}")
    if model in ARCHITECTURES and Path(model).is_dir():
        raise ValueError(f"{model}: is an architecture and a directory here, expected ./{model} for the model in it")
    require_free(out, "transfer.toml", force=force)
    given = ramps([RunDirectory.open(path) for path in runs])
    liquids = [equilibrium(RunDirectory.open(path)) for path in liquid or ()]
    if model in ARCHITECTURES:
        architecture, recipe = settled(model, read_settings(None, settings or []))
        workplace = out.with_name(f"{out.name}-models")
        found = [
            transfer_each(architecture, ramp, workplace, positions=positions, seed=seed, recipe=recipe, liquids=liquids)
            for ramp in given
        ]
    else:
        trained = open_model(Path(model))
        found = [transfer_once(trained, ramp, liquids=liquids) for ramp in given]
    tg = write_transfers(found, out, {"model": model, "runs": [str(path) for path in runs]}, force=force)
    console = Console(soft_wrap=True, highlight=False)
    for row, one in enumerate(found):
        places = ", ".join(f"{kt:.3g}: {one.auc(column).value:.3f}" for column, kt in enumerate(one.kt))
        console.print(f"{one.run}, {one.dots}, {len(one.liquid)} replicas: AUC at kT {places}", markup=False)
        tried = f"{tg['tg'][row]:.3f} [{tg['tg_low'][row]:.3f}, {tg['tg_high'][row]:.3f}]"
        said = f"none ({tg['note'][row]})" if np.isnan(tg["tg"][row]) else tried
        fictive = "not known (give equilibrium runs with --liquid)"
        if np.isfinite(one.fictive.value):
            fictive = f"{one.fictive.value:.3f} [{one.fictive.low:.3f}, {one.fictive.high:.3f}]"
        console.print(f"{one.run}: T_g from the classifier {said}; T_f {fictive}", markup=False)


def predict(
    model: Annotated[Path, typer.Argument(help="A model directory.")],
    sources: Annotated[list[str], typer.Argument(metavar="FILE.gsd|RUN@kT...", help="Whose configurations.")],
    table: Annotated[Path | None, typer.Option(help="CSV with a row for each configuration.")] = None,
    force: Force = False,
) -> None:
    """Probabilities for anybody's configurations; another density than the training's is refused."""
    from vitrify.analysis.report.tables import write_table
    from vitrify.learn.checkpoint import open_model
    from vitrify.learn.prediction import predict as predicted
    from vitrify.learn.prediction import prediction_columns

    if table is not None and table.exists() and not force:
        raise FileExistsError(f"{table}: exists already; expected a new file, or --force to replace it")
    trained = open_model(model)
    classes = trained.classifier.classes
    found = [predicted(trained, source) for source in sources]
    console = Console(soft_wrap=True, highlight=False)
    for one in found:
        named = np.bincount(one.probability.argmax(axis=1), minlength=len(classes))
        parts = ", ".join(
            f"{name} {count} (mean probability {one.probability[:, label].mean():.3f})"
            for label, (name, count) in enumerate(zip(classes, named, strict=True))
        )
        console.print(f"{one.source}: {len(one.replica)} configurations: {parts}", markup=False)
        for note in one.notes:
            console.print(note, markup=False, style="red" if "did not learn" in note else None)
    if table is not None:
        write_table(table, prediction_columns(found, classes))
