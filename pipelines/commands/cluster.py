"""Verbs of campaigns on clusters: ``campaign submit`` and ``campaign export-row``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from vitrify.pipelines.options import grouped

Which = Annotated[
    str,
    typer.Argument(help="A TOML file, the name of one that ships (evening, log, smoke), or a campaign's directory."),
]
Out = Annotated[
    Path | None, typer.Option(help="The campaign's directory [its name], where every node sees it.", metavar="DIR")
]


@dataclass(frozen=True, kw_only=True)
class ResourceOptions:
    """What jobs ask for, where the command line says so; else as the file has it, else the default."""

    resources: Annotated[
        Path | None,
        typer.Option(
            help="What stages ask for, TOML: any of the options below, and tables [STAGE] or [ACTION] of them.",
            metavar="FILE",
        ),
    ] = None
    time: Annotated[
        str | None,
        typer.Option(help="Wall time of a job; a task that takes longer comes back [24:00:00].", metavar="HH:MM:SS"),
    ] = None
    margin: Annotated[
        int | None, typer.Option(help="Seconds before it at which a task is told to leave [180].", metavar="SECONDS")
    ] = None
    partition: Annotated[str | None, typer.Option(help="Where to queue [the cluster's].", metavar="NAME")] = None
    account: Annotated[str | None, typer.Option(help="Whom to charge [the user's].", metavar="NAME")] = None
    cpus: Annotated[int | None, typer.Option(help="Cores of a task [1].", metavar="N")] = None
    gpus: Annotated[
        int | None, typer.Option(help="GPUs of a task that runs on them: runs and trainings [0].", metavar="N")
    ] = None
    memory: Annotated[str | None, typer.Option(help="Of a task, such as 8G [the partition's].", metavar="SIZE")] = None
    option: Annotated[
        list[str] | None, typer.Option(help="Any option of sbatch, again for another: --option=--qos=long.")
    ] = None
    setup: Annotated[
        list[str] | None, typer.Option(help="A shell line before each task, again for another: 'module load cuda'.")
    ] = None

    def given(self) -> dict[str, Any]:
        """What was said, as fields of :class:`~vitrify.pipelines.campaign.resources.Resources`."""
        names = {field.name: {"option": "options"}.get(field.name, field.name) for field in fields(self)}
        found = {names[name]: getattr(self, name) for name in names if name != "resources" and getattr(self, name)}
        if self.gpus is not None:
            found["gpus"] = self.gpus
        return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def add_to(campaign: typer.Typer) -> None:
    """Add these verbs to ``vitrify campaign``."""
    campaign.command()(grouped(submit))
    campaign.command()(grouped(export_row))


def submit(
    which: Which,
    asked: ResourceOptions,
    out: Out = None,
    at_once: Annotated[
        int, typer.Option(help="Tasks of a stage that may run side by side; 0: as many as fit.", min=0, metavar="N")
    ] = 0,
    retries: Annotated[
        int, typer.Option(help="Launches in a row without progress that a task may have, then it has failed.", min=0)
    ] = 3,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the scripts; write and submit nothing.")] = False,
) -> None:
    """Submit a campaign to Slurm: an array of jobs a stage, each stage waiting for those it reads.

    No process stays behind: before its wall time a task writes its checkpoint and its job puts itself back into the
    queue, until it is done. What is done or in the queue is not submitted again, so the same command goes on after a
    failure. vitrify campaign status says how far all is.
    """
    from vitrify.pipelines.campaign.campaign import check_options
    from vitrify.pipelines.campaign.directory import find
    from vitrify.pipelines.campaign.resources import read_requests
    from vitrify.pipelines.campaign.submission import scripts, submit_campaign

    campaign, place = find(which, out)
    check_options(campaign)
    requests = read_requests(asked.resources, asked.given(), campaign.stages)
    if dry_run:
        typer.echo("\n".join(scripts(campaign, place, requests, at_once=at_once, retries=retries)), nl=False)
        return
    found = submit_campaign(campaign, place, requests, at_once=at_once, retries=retries)
    for line in found.lines():
        typer.echo(line)


def export_row(which: Which, asked: ResourceOptions, out: Out = None) -> None:
    """Write workflow.toml into a campaign's directory, for row (glotzerlab/row) to submit its tasks.

    In that directory, row submit --action STAGE submits what a stage has left, stages in the order of row show status.
    """
    from vitrify.pipelines.campaign.campaign import check_options
    from vitrify.pipelines.campaign.directory import begin, find
    from vitrify.pipelines.campaign.resources import read_requests
    from vitrify.pipelines.campaign.row import export

    campaign, place = find(which, out)
    check_options(campaign)
    requests = read_requests(asked.resources, asked.given(), campaign.stages)
    begin(campaign, place)
    typer.echo(f"{export(campaign, place, requests)}: row show status; row submit --action {campaign.stages[0].name}")
