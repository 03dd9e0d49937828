"""Verbs of many runs: ``campaign``, and ``task``, which is what a scheduler runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitrify.pipelines.options import CheckpointEvery, TimeLimit
from vitrify.pipelines.stopping import stoppable


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
    app.command()(task)


def task(
    stage: Annotated[str, typer.Argument(help="The stage the task belongs to.", metavar="STAGE")],
    directory: Annotated[Path, typer.Argument(help="The task's directory, in workspace/.", metavar="DIR")],
    checkpoint_every: CheckpointEvery = 60.0,
    time_limit: TimeLimit = None,
    leave_with: Annotated[int, typer.Option(hidden=True, help="Leave when this process is gone.")] = 0,
) -> None:
    """Carry out one task of a campaign: what a scheduler runs.

    Exit status 0: its product is DIR/STAGE. 85: checkpointed and unfinished; the same command goes on. 75: it may not
    begin yet, an input is missing or another process is at it. Anything else: an error, its one line kept in DIR/error.
    """
    from vitrify.pipelines.campaign.perform import NotYet, perform
    from vitrify.pipelines.campaign.tasks import WAITS
    from vitrify.pipelines.cli import line
    from vitrify.pipelines.stopping import orphaned

    with stoppable(time_limit) as stop:
        leave = orphaned(stop, leave_with) if leave_with else stop
        try:
            there = perform(stage, directory, stop=leave, checkpoint_every=checkpoint_every, describe=line)
        except NotYet as reason:
            typer.echo(f"vitrify: {reason}", err=True)
            raise typer.Exit(WAITS) from None
    typer.echo(f"{there}: done")
