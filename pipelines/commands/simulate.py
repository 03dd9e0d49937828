"""Making glasses: ``cool``, ``anneal``, ``engines``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitrify.pipelines.options import (
    HowOptions,
    LaunchOptions,
    ThermostatTau,
    count,
    grouped,
    number,
)
from vitrify.pipelines.stopping import Stop, stoppable

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrify.md.protocols.mixture import MixtureSpec
    from vitrify.md.protocols.sources import Source
    from vitrify.md.protocols.stages import Protocol
    from vitrify.md.store.rundir import RunDirectory

UNITS = """Reduced Lennard-Jones units: energy eps_AA, length sigma_AA, time tau = sigma_AA (m / eps_AA)^1/2, k_B = 1.
Energies are per particle, each pair truncated at 2.5 sigma_ab and NOT shifted (shifted ones lie 0.171 higher)."""


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


@dataclass(frozen=True, kw_only=True)
class MixtureOptions:
    """What runs of the liquid mixture have in common."""

    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Begin with stored configurations, replica by replica: RUN@frame such as run@200, RUN@kT such as "
            "run@0.5, or RUN for its last; or FILE.gsd, its last frame. Particles, density and composition are theirs.",
            metavar="RUN[@WHICH]|FILE.gsd",
        ),
    ] = None
    replicas: Annotated[
        int | None,
        typer.Option(help="Independent systems R, run side by side: 1, or all of --from.", parser=count, metavar="R"),
    ] = None
    first_replica: Annotated[
        int | None,
        typer.Option(
            help="Number of the first: 0, or that of --from; batches of one ensemble differ in it.",
            parser=count,
            metavar="K",
        ),
    ] = None
    particles: Annotated[int, typer.Option(help="Particles N of each system.", parser=count, metavar="N")] = 4320
    density: Annotated[float, typer.Option(help="Number density rho [sigma_AA^-2].", parser=number, metavar="RHO")] = (
        1.2
    )
    fraction_a: Annotated[float, typer.Option(help="Fraction of A particles.", parser=number, metavar="X")] = 0.65
    frames: Annotated[int, typer.Option(help="How many times each system is looked at.", parser=count, metavar="K")] = (
        200
    )
    kt_start: Annotated[
        float | None,
        typer.Option(help="kT of the first velocities [eps_AA]: 2.0, or that of --from.", parser=number, metavar="KT"),
    ] = None
    store: Annotated[
        str,
        typer.Option(help="Frames whose configurations are kept: all, none, last, or numbers K,K.", metavar="WHICH"),
    ] = "last"
    inherent: Annotated[bool, typer.Option(help="Quench every frame to its inherent structure.")] = True
    time_step: Annotated[
        float | None, typer.Option(help="Time step dt [tau]: 0.005, or that of --from.", parser=number, metavar="DT")
    ] = None
    thermostat_tau: ThermostatTau = 0.5

    def fields(self) -> tuple[dict[str, Any], Source | None]:
        """As fields of a spec, and the source; what is not given follows from it."""
        given = {name: value for name, value in asdict(self).items() if name != "source" and value is not None}
        given["store"] = frames_to_store(self.store)
        if self.source is None:
            return given, None
        from vitrify.md.protocols.sources import Source

        source = Source.parse(self.source)
        return source.fields(given), source


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
    app.command(epilog=UNITS)(cool)
    app.command(epilog=UNITS)(anneal)
    app.command()(engines)


@grouped
def cool(
    ramp_steps: Annotated[
        int, typer.Option(help="Length M of the ramp [time steps], such as 2e5.", parser=count, metavar="M")
    ],
    launch: LaunchOptions,
    mixture: MixtureOptions,
    how: HowOptions,
    kt_end: Annotated[
        float, typer.Option(help="kT at the end of the ramp [eps_AA].", parser=number, metavar="KT")
    ] = 0.05,
    equilibration_steps: Annotated[
        int | None,
        typer.Option(
            help="Time steps at the first kT before the ramp: 5000, or 0 with --from.", parser=count, metavar="N"
        ),
    ] = None,
) -> None:
    """Cool liquids into glasses: kT 2.0 to 0.05 on a linear ramp of M steps, 200 frames on the way.

    The cooling rate is 1.95 / (M dt). Frame k stands at kT = 2.0 - 0.00975 k. The run directory gets table.csv (a row
    per system and frame) and the stored configurations as GSD files that OVITO opens. The particles' own kT runs behind
    the set one: at M = 2e4 by 0.019, at 2e5 by a tenth of that; the table holds both.
    """
    from vitrify.md.protocols.cooling import CoolingSpec

    fields, source = mixture.fields()
    fields["equilibration_steps"] = settle_time(equilibration_steps, 5_000, source)
    follow(CoolingSpec(ramp_steps=ramp_steps, kt_end=kt_end, **fields, **how.fields()), source, launch)


@grouped
def anneal(
    kt: Annotated[float, typer.Option(help="Temperature kT [eps_AA].", parser=number, metavar="KT")],
    steps: Annotated[int, typer.Option(help="Time steps to follow, such as 2e5.", parser=count, metavar="M")],
    launch: LaunchOptions,
    mixture: MixtureOptions,
    how: HowOptions,
    spacing: Annotated[
        str, typer.Option(help="Frames in time: linear, or log after each origin.", metavar="linear|log")
    ] = "linear",
    first_step: Annotated[
        int, typer.Option(help="Of log spacing, the shortest time after an origin [steps].", parser=count, metavar="N")
    ] = 1,
    origins: Annotated[
        int, typer.Option(help="Of log spacing, the number of origins of time.", parser=count, metavar="K")
    ] = 1,
    equilibration_steps: Annotated[
        int | None,
        typer.Option(
            help="Time steps before that, half of them a ramp from the first kT, half at kT: 50000, or 0 with --from.",
            parser=count,
            metavar="N",
        ),
    ] = None,
) -> None:
    """Follow equilibrium liquids at one temperature, frames equally or logarithmically spaced in time.

    Below kT 0.5 the liquid takes longer than any affordable run to equilibrate: look at whether the inherent-structure
    energy still drifts. Stored frames hold unwrapped displacements.
    """
    from vitrify.md.protocols.annealing import AnnealingSpec

    fields, source = mixture.fields()
    fields["equilibration_steps"] = settle_time(equilibration_steps, 50_000, source)
    spaced: dict[str, Any] = {"spacing": spacing, "first_step": first_step, "origins": origins}
    follow(AnnealingSpec(kt=kt, steps=steps, **spaced, **fields, **how.fields()), source, launch)


def settle_time(given: int | None, otherwise: int, source: Source | None) -> int:
    """Time steps of an equilibration: what was given, none where a run begins with configurations that are there."""
    if given is not None:
        return given
    return 0 if source else otherwise


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


def follow(spec: MixtureSpec, source: Source | None, launch: LaunchOptions) -> None:
    """Run a spec under a progress bar, until it is done or told to leave, and sum it up."""
    from vitrify.md.protocols.mixture import MixtureProtocol

    with stoppable(launch.time_limit) as stop:
        summarise(carry_out(MixtureProtocol(spec, source), launch.out, launch, typer.echo, stop))


def carry_out(
    protocol: Protocol, out: Path, launch: LaunchOptions, announce: Callable[[str], None], stop: Stop
) -> RunDirectory:
    """Carry out any protocol under a progress bar, until it is done or told to leave."""
    from vitrify.md.protocols.loop import run
    from vitrify.pipelines.progress import progress_bar

    with progress_bar(f"{protocol.spec.protocol} {out}") as progress:
        return run(
            protocol,
            out,
            resume=launch.resume,
            force=launch.force,
            progress=progress,
            announce=announce,
            checkpoint_every=launch.checkpoint_every,
            stop=stop,
        )


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
        where = f"E_IS(kT {kt:g})" if np.isfinite(kt) else "E_IS"
        say(f"{where} = {np.nanmean(energies):.4f}{error} per particle, truncated and not shifted")
        stuck = int((~table["converged"]).sum())
        if stuck:
            fmax = run.spec["fmax"]
            say(
                f"{stuck} of {len(table['frame'])} quenches stopped above max|F| = {fmax:g}; see converged in table.csv"
            )
    for failure in failures:
        say(f"replica {failure['replica']} failed at step {failure['step']}: {failure['reason']}")
