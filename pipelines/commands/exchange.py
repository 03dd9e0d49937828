"""From and to other programs: ``import``, ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitrify.pipelines.commands.simulate import UNITS, carry_out, summarise
from vitrify.pipelines.options import (
    Device,
    EngineName,
    FirstReplica,
    Fmax,
    Force,
    LaunchOptions,
    count,
    grouped,
)
from vitrify.pipelines.stopping import stoppable


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
    app.command("import", epilog=UNITS)(import_)
    app.command()(export)


@grouped
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="GSD files, in the order of their replicas.", metavar="FILE.gsd...")
    ],
    launch: LaunchOptions,
    species: Annotated[
        str, typer.Option(help="What the files call A and B, such as A=1,B=2.", metavar="A=NAME,B=NAME")
    ] = "A=A,B=B",
    kt: Annotated[
        str | None,
        typer.Option(
            help="Set temperature kT [eps_AA]; with commas one for each frame. RUN@kT finds frames by it.",
            metavar="KT[,KT...]",
        ),
    ] = None,
    systems: Annotated[
        str,
        typer.Option(
            help="What one independent system is: files (a file is a replica, its frames follow in time), frames (each "
            "frame is a replica), or auto: files, unless vitrify wrote the first one with many replicas.",
            metavar="auto|files|frames",
        ),
    ] = "auto",
    inherent: Annotated[bool, typer.Option("--inherent", help="Quench every frame to its inherent structure.")] = False,
    first_replica: FirstReplica = 0,
    fmax: Fmax = 1e-6,
    engine: EngineName = "auto",
    device: Device = "auto",
) -> None:
    """Make a run directory of configurations that others made: HOOMD-blue's, OVITO's, converted LAMMPS dumps.

    GSD files of the HOOMD schema in two dimensions: a rectangular box, periodic in x and y, into which positions are
    wrapped; the units are taken to be the model's. Energies, pressure and (from velocities) kT enter table.csv;
    analyze, dataset, view, --from and export take the run as any other.
    """
    from vitrify.md.protocols.importing import ImportProtocol, ImportSpec
    from vitrify.md.store.foreign import species_names

    spec = ImportSpec.of(
        files,
        names=species_names(species),
        kt=None if kt is None else temperatures(kt),
        systems=systems,
        inherent=inherent,
        first_replica=first_replica,
        fmax=fmax,
        engine=engine,
        device=device,
    )
    with stoppable(launch.time_limit) as stop:
        summarise(carry_out(ImportProtocol(spec), launch.out, launch, typer.echo, stop))


def export(
    run: Annotated[Path, typer.Argument(help="A run directory.", metavar="RUN")],
    replica: Annotated[int, typer.Option(help="Which of its systems.", parser=count, metavar="K")],
    out: Annotated[Path, typer.Option(help="The file to write.", metavar="FILE.gsd")],
    inherent: Annotated[
        bool, typer.Option("--inherent", help="Inherent structures instead of what the dynamics left.")
    ] = False,
    force: Force = False,
) -> None:
    """Write one system's stored frames as a movie that OVITO and HOOMD-blue open."""
    from vitrify.md.store.exporting import export_gsd
    from vitrify.md.store.rundir import RunDirectory

    frames = export_gsd(RunDirectory.open(run), replica, out, inherent=inherent, force=force)
    typer.echo(f"{out}: {len(frames)} frames of replica {replica}, {frames[0]} to {frames[-1]}")


def temperatures(text: str) -> float | tuple[float, ...]:
    """One temperature, or one for each frame.

    >>> temperatures("0.5"), temperatures("1.0,0.5")
    (0.5, (1.0, 0.5))
    """
    try:
        kts = tuple(float(word) for word in text.split(","))
    except ValueError as error:
        raise ValueError(f"kt: got {text!r}, expected a temperature, or one for each frame such as 1.0,0.5") from error
    return kts[0] if len(kts) == 1 else kts
