"""Verbs of many runs: ``campaign``, and ``task``, which is what a scheduler runs."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrify.pipelines.commands import cluster, release
from vitrify.pipelines.options import CheckpointEvery, TimeLimit, number
from vitrify.pipelines.stopping import stoppable

if TYPE_CHECKING:
    from rich.table import Table

Which = Annotated[
    str,
    typer.Argument(help="A TOML file, the name of one that ships (evening, log, smoke), or a campaign's directory."),
]
Out = Annotated[Path | None, typer.Option(help="The campaign's directory [its name].", metavar="DIR")]
Json = Annotated[bool, typer.Option("--json", help="Plain numbers instead of a table.")]


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
    app.command()(task)
    campaign = typer.Typer(
        help="Many runs and all that is made of them, from one file: plan, run, look how far it is.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
    )
    campaign.command()(plan)
    campaign.command()(run)
    campaign.command()(status)
    cluster.add_to(campaign)
    release.add_to(campaign)
    app.add_typer(campaign, name="campaign")


def plan(
    which: Which,
    out: Out = None,
    devices: Annotated[
        int | None, typer.Option(help="Cores or GPUs that work side by side [the cores of this machine].", min=1)
    ] = None,
    particle_steps: Annotated[
        float | None,
        typer.Option(
            help="Of one device, particle-steps a second, instead of a short benchmark.", parser=number, metavar="RATE"
        ),
    ] = None,
    quenched: Annotated[
        float | None,
        typer.Option(help="Of one device, particles a second that are quenched.", parser=number, metavar="RATE"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Stages, batches, steps, files, disk and hours of a campaign. Checks the whole file and writes nothing.

    Hours are those of one core of this machine by a benchmark of some seconds, or of a device whose rates are given:
    both --particle-steps and --quenched. A GPU's are never guessed.
    """
    from vitrify.md.engines.replica.engine import cores
    from vitrify.pipelines.campaign.campaign import check_options
    from vitrify.pipelines.campaign.directory import find
    from vitrify.pipelines.campaign.plan import as_json as plain
    from vitrify.pipelines.campaign.plan import as_table, in_words, make_plan
    from vitrify.pipelines.campaign.rates import Rates, measure, typical_size

    campaign, _ = find(which, out)
    check_options(campaign)
    if (particle_steps is None) != (quenched is None):
        raise ValueError("rates: got one of --particle-steps and --quenched, expected both, or none to measure them")
    if particle_steps is not None and quenched is not None:
        rates = Rates(particle_steps=particle_steps, quenched=quenched, source="given")
    else:
        rates = measure(typical_size(campaign.stages))
    found = make_plan(campaign, rates, devices or cores())
    if as_json:
        typer.echo(json.dumps(plain(found), indent=1))
        return
    show(as_table(found, f"{campaign.name}: {campaign.title}"))
    for line in in_words(found):
        typer.echo(line)


def run(
    which: Which,
    out: Out = None,
    workers: Annotated[
        int | None, typer.Option(help="Cores or GPUs to take, a process each [all there are].", min=1)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or gpu.", metavar="DEVICE")] = "auto",
    retries: Annotated[
        int, typer.Option(help="Launches in a row without progress that a task may have, then it has failed.", min=0)
    ] = 3,
    checkpoint_every: CheckpointEvery = 60.0,
    time_limit: TimeLimit = None,
) -> None:
    """Run a campaign on this machine, from its beginning or from where it stands.

    A task is a process on a core or a GPU; one that is killed begins again from its checkpoint. Ctrl-C, SIGTERM and
    --time-limit leave everything so that the same command goes on (exit status 130, 85, 85). A task that fails stops
    none but those that need it; it is tried again by the next run.
    """
    from vitrify.md.protocols.unfinished import Unfinished
    from vitrify.pipelines.campaign.campaign import check_options
    from vitrify.pipelines.campaign.directory import PAGE, find
    from vitrify.pipelines.campaign.local import devices_of, run_campaign
    from vitrify.pipelines.cli import fail
    from vitrify.pipelines.progress import progress_bar
    from vitrify.pipelines.stopping import INTERRUPTED, UNFINISHED

    campaign, place = find(which, out)
    check_options(campaign)
    devices = devices_of(device, workers)
    with stoppable(time_limit) as stop, progress_bar(f"campaign {campaign.name}") as report:
        try:
            run_campaign(
                campaign,
                place,
                devices,
                stop=stop,
                retries=retries,
                checkpoint_every=checkpoint_every,
                say=said,
                report=report,
            )
        except Unfinished:
            status = INTERRUPTED if stop.interrupted else UNFINISHED
            fail(f"{place}: left with everything kept; vitrify campaign run {place} goes on", status)
    page = place / PAGE
    typer.echo(f"{place}: done" + (f"; {page}: open it in a browser" if page.is_file() else ""))


def said(line: str) -> None:
    """What happened, with the time of day."""
    typer.echo(f"{time.strftime('%H:%M:%S')} {line}")


def status(which: Which, out: Out = None, as_json: Json = False) -> None:
    """How far a campaign is, stage by stage: done, running, waiting, failed and why, the time left.

    Exit status 0 where nothing has failed, 1 where something has.
    """
    from vitrify.pipelines.campaign.directory import find, require_begun
    from vitrify.pipelines.campaign.status import as_json as plain
    from vitrify.pipelines.campaign.status import as_table, in_words, status_of
    from vitrify.pipelines.campaign.submission import queue_in_words

    campaign, place = find(which, out)
    require_begun(campaign, place)
    found = status_of(campaign, place)
    if as_json:
        typer.echo(json.dumps(plain(found), indent=1))
    else:
        show(as_table(found))
        for line in [*in_words(found), *queue_in_words(campaign, place)]:
            typer.echo(line)
    if not found.well:
        raise typer.Exit(1)


def show(table: Table) -> None:
    """A table, as wide as it has to be where nobody looks at a terminal."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table, markup=False)


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
    from vitrify.pipelines.campaign.tasks import CHECKPOINTED, WAITS, read_task
    from vitrify.pipelines.cli import line
    from vitrify.pipelines.stopping import Stop, orphaned

    # What writes no checkpoints leaves at once, as every command does outside of stoppable; it loses its time alone.
    keeps = read_task(directory).action in CHECKPOINTED
    with stoppable(time_limit) if keeps else nullcontext(Stop()) as stop:
        leave = orphaned(stop, leave_with) if leave_with else stop
        try:
            there = perform(stage, directory, stop=leave, checkpoint_every=checkpoint_every, describe=line)
        except NotYet as reason:
            typer.echo(f"vitrify: {reason}", err=True)
            raise typer.Exit(WAITS) from None
    typer.echo(f"{there}: done")
