"""Making glasses: ``cool``, ``anneal``, ``engines``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrify.md.protocols.bulk import BulkSpec
    from vitrify.md.store.rundir import RunDirectory


def count(text: str | int) -> int:
    """A whole number, as 200000 or as the field writes it, 2e5.

    >>> count("2e5"), count("17")
    (200000, 17)
    """
    with suppress(ValueError):
        return int(text)
    with suppress(ValueError):
        if float(text).is_integer():
            return int(float(text))
    raise typer.BadParameter(f"got {text!r}, expected a whole number such as 20000 or 2e4")


def number(text: str | float) -> float:
    """A number.

    >>> number("0.05")
    0.05
    """
    try:
        return float(text)
    except ValueError as error:
        raise typer.BadParameter(f"got {text!r}, expected a number such as 1.2") from error


def frames_to_store(text: str) -> str | tuple[int, ...]:
    """What ``--store`` says: all, none, last, or frame numbers.

    >>> frames_to_store("155,200"), frames_to_store("last")
    ((155, 200), 'last')
    """
    if text in ("all", "none", "last"):
        return text
    try:
        return tuple(sorted({int(number) for number in text.split(",")}))
    except ValueError as error:
        raise ValueError(f"store: got {text!r}, expected all, none, last or frame numbers such as 155,200") from error


Out = Annotated[Path, typer.Option(help="Run directory to write.", metavar="DIR")]
Replicas = Annotated[int, typer.Option(help="Independent systems R, run side by side.", parser=count, metavar="R")]
Particles = Annotated[int, typer.Option(help="Particles N of each system.", parser=count, metavar="N")]
Density = Annotated[float, typer.Option(help="Number density rho [sigma_AA^-2].", parser=number, metavar="RHO")]
FractionA = Annotated[float, typer.Option(help="Fraction of A particles.", parser=number, metavar="X")]
Frames = Annotated[int, typer.Option(help="How many times each system is looked at.", parser=count, metavar="K")]
Store = Annotated[
    str, typer.Option(help="Frames whose configurations are kept: all, none, last, or numbers K,K.", metavar="WHICH")
]
Inherent = Annotated[bool, typer.Option(help="Quench every frame to its inherent structure (max|F| < 1e-6).")]
Seed = Annotated[int, typer.Option(help="What every random number of the run derives from.", parser=count, metavar="S")]
TimeStep = Annotated[float, typer.Option(help="Time step dt [tau].", parser=number, metavar="DT")]
EngineName = Annotated[
    str, typer.Option("--engine", help="auto, replica or hoomd; see vitrify engines.", metavar="ENGINE")
]
Device = Annotated[str, typer.Option(help="auto, cpu, gpu or gpu:0,1.", metavar="DEVICE")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from the checkpoint; a finished run is left alone, none there begins.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the run that is there.")]
CheckpointEvery = Annotated[float, typer.Option(help="Seconds between checkpoints.", parser=number, metavar="SECONDS")]

UNITS = """Reduced Lennard-Jones units: energy eps_AA, length sigma_AA, time tau = sigma_AA (m / eps_AA)^1/2, k_B = 1.
Energies are per particle, each pair truncated at 2.5 sigma_ab and NOT shifted (shifted ones lie 0.171 higher)."""


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
    app.command(epilog=UNITS)(cool)
    app.command(epilog=UNITS)(anneal)
    app.command()(engines)


def cool(
    ramp_steps: Annotated[
        int, typer.Option(help="Length M of the ramp [time steps], such as 2e5.", parser=count, metavar="M")
    ],
    out: Out,
    replicas: Replicas = 1,
    particles: Particles = 4320,
    density: Density = 1.2,
    fraction_a: FractionA = 0.65,
    frames: Frames = 200,
    kt_start: Annotated[
        float, typer.Option(help="kT of the liquid the ramp starts from [eps_AA].", parser=number, metavar="KT")
    ] = 2.0,
    kt_end: Annotated[
        float, typer.Option(help="kT at the end of the ramp [eps_AA].", parser=number, metavar="KT")
    ] = 0.05,
    equilibration_steps: Annotated[
        int, typer.Option(help="Time steps at the first kT before the ramp.", parser=count, metavar="N")
    ] = 5_000,
    store: Store = "last",
    inherent: Inherent = True,
    seed: Seed = 1,
    time_step: TimeStep = 0.005,
    engine: EngineName = "auto",
    device: Device = "auto",
    resume: Resume = False,
    force: Force = False,
    checkpoint_every: CheckpointEvery = 60.0,
) -> None:
    """Cool liquids into glasses: kT 2.0 to 0.05 on a linear ramp of M steps, 200 frames on the way.

    The cooling rate is 1.95 / (M dt). Frame k stands at kT = 2.0 - 0.00975 k. The run directory gets table.csv (a row
    per system and frame) and the stored configurations as GSD files that OVITO opens.
    """
    from vitrify.md.protocols.cooling import CoolingSpec

    spec = CoolingSpec(
        ramp_steps=ramp_steps,
        particles=particles,
        density=density,
        fraction_a=fraction_a,
        replicas=replicas,
        frames=frames,
        kt_start=kt_start,
        kt_end=kt_end,
        equilibration_steps=equilibration_steps,
        store=frames_to_store(store),
        inherent=inherent,
        seed=seed,
        time_step=time_step,
        engine=engine,
        device=device,
    )
    run_and_tell(spec, out, resume, force, checkpoint_every)


def anneal(
    kt: Annotated[float, typer.Option(help="Temperature kT [eps_AA].", parser=number, metavar="KT")],
    steps: Annotated[int, typer.Option(help="Time steps to follow, such as 2e5.", parser=count, metavar="M")],
    out: Out,
    replicas: Replicas = 1,
    particles: Particles = 4320,
    density: Density = 1.2,
    fraction_a: FractionA = 0.65,
    frames: Frames = 200,
    equilibration_steps: Annotated[
        int,
        typer.Option(
            help="Time steps before that: half of them a ramp down from kT 2.0, half at kT.", parser=count, metavar="N"
        ),
    ] = 50_000,
    store: Store = "last",
    inherent: Inherent = True,
    seed: Seed = 1,
    time_step: TimeStep = 0.005,
    engine: EngineName = "auto",
    device: Device = "auto",
    resume: Resume = False,
    force: Force = False,
    checkpoint_every: CheckpointEvery = 60.0,
) -> None:
    """Follow equilibrium liquids at one temperature, frames equally spaced in time.

    Below kT 0.5 the liquid takes longer than any affordable run to equilibrate: look at whether the inherent-structure
    energy still drifts.
    """
    from vitrify.md.protocols.annealing import AnnealingSpec

    spec = AnnealingSpec(
        kt=kt,
        steps=steps,
        particles=particles,
        density=density,
        fraction_a=fraction_a,
        replicas=replicas,
        frames=frames,
        equilibration_steps=equilibration_steps,
        store=frames_to_store(store),
        inherent=inherent,
        seed=seed,
        time_step=time_step,
        engine=engine,
        device=device,
    )
    run_and_tell(spec, out, resume, force, checkpoint_every)


def engines() -> None:
    """What is installed here, on which device, why on no GPU, and how to get the rest."""
    from vitrify.md.engines.registry import available_engines

    for engine in available_engines():
        if not engine.installed:
            typer.echo(f"{engine.name:8} not installed   ({engine.how_to_get})")
            continue
        typer.echo(f"{engine.name:8} {engine.version} on {', '.join(engine.devices)}")
        if engine.why_no_gpu:
            typer.echo(f"{'':8} no GPU: {engine.why_no_gpu}")


def run_and_tell(spec: BulkSpec, out: Path, resume: bool, force: bool, checkpoint_every: float) -> None:
    """Run a bulk spec under a progress bar and sum it up."""
    from vitrify.md.protocols.bulk_run import run_bulk
    from vitrify.pipelines.progress import progress_bar

    with progress_bar(f"{spec.protocol} {out}") as progress:
        run = run_bulk(
            spec,
            out,
            resume=resume,
            force=force,
            progress=progress,
            announce=typer.echo,
            checkpoint_interval=checkpoint_every,
        )
    summarise(run)


def summarise(run: RunDirectory, say: Callable[[str], None] = typer.echo) -> None:
    """Say in a few lines what a bulk run came to."""
    import numpy as np

    table, failures = run.table, run.provenance["failures"]
    last = table["frame"] == run.spec["frames"]
    well = int(last.sum())
    seconds = run.provenance["wall_time_s"]
    say(f"{run.path}: {well} of {run.spec['replicas']} systems, {run.spec['frames']} frames, {seconds:.0f} s")
    energies = table["inherent_energy"][last]
    if run.spec["inherent"] and np.isfinite(energies).any():
        error = f" +- {np.std(energies, ddof=1) / np.sqrt(well):.4f}" if well > 1 else ""
        kt = table["kt_set"][last][0]
        say(f"E_IS(kT {kt:g}) = {np.nanmean(energies):.4f}{error} per particle, truncated and not shifted")
        stuck = int((~table["converged"]).sum())
        if stuck:
            say(f"{stuck} of {len(table['frame'])} quenches stopped above max|F| = 1e-6; see converged in table.csv")
    for failure in failures:
        say(f"replica {failure['replica']} failed at step {failure['step']}: {failure['reason']}")
