"""``vitrify campaign release``: what a campaign made, for others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def add_to(campaign: typer.Typer) -> None:
    """Add the verb to ``vitrify campaign``."""
    campaign.command()(release)


def release(
    which: Annotated[str, typer.Argument(help="A campaign's directory, or its TOML file.")],
    to: Annotated[Path, typer.Option(help="The release to write.", metavar="DIR")],
    creator: Annotated[list[str], typer.Option(help="Who made the data, again for another.", metavar="NAME")],
    out: Annotated[Path | None, typer.Option(help="The campaign's directory [its name].", metavar="DIR")] = None,
    licence: Annotated[str, typer.Option(help="Under which it is released, as SPDX has it.")] = "CC-BY-4.0",
    identifier: Annotated[str, typer.Option(help="A DOI or an address, where there is one already.")] = "",
    stage: Annotated[
        list[str] | None, typer.Option(help="A stage to release, again for another [all].", metavar="STAGE")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the release that is there.")] = False,
) -> None:
    """Write a release: data, manifest with check sums and provenance, a data sheet; vitrify.load reads it.

    Every product is checked against its own check sums first. Files are hard links where the disk allows it.
    """
    from vitrify.pipelines.campaign.directory import find, require_begun
    from vitrify.pipelines.campaign.release import Terms
    from vitrify.pipelines.campaign.release import release as write

    campaign, place = find(which, out)
    require_begun(campaign, place)
    terms = Terms(licence=licence, creators=tuple(creator), identifier=identifier)
    count = write(campaign, place, to, terms, stages=tuple(stage or ()), force=force)
    typer.echo(f"{to}: {count} files; {to / 'README.md'} says what they are, vitrify.load({str(to)!r}) reads them")
