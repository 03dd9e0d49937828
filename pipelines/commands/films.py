"""Growing films: ``deposit``, ``cool-film``, ``impact``."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitrify.pipelines.commands.simulate import carry_out
from vitrify.pipelines.options import FirstReplica, HowOptions, LaunchOptions, Replicas, ThermostatTau, count, grouped
from vitrify.pipelines.stopping import stoppable

if TYPE_CHECKING:
    from vitrify.md.store.rundir import RunDirectory

UNITS = """Reduced Lennard-Jones units: energy eps_AA, length sigma_AA, time tau = sigma_AA (m / eps_AA)^1/2, k_B = 1.
Energies are per film particle, each pair truncated at its cut-off and NOT shifted. Films sit at zero pressure: compare
them with cooled films, not with the liquid mixture at rho = 1.2."""

SourceRun = Annotated[Path, typer.Argument(help="Run directory of a finished deposition.", metavar="RUN")]


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
    app.command(epilog=UNITS)(deposit)
    app.command("cool-film", epilog=UNITS)(cool_film)
    app.command(epilog=UNITS)(impact)


def temperatures(text: str) -> tuple[float, ...]:
    """One temperature, or several with commas between.

    >>> temperatures("0.14"), temperatures("0.08,0.14")
    ((0.14,), (0.08, 0.14))
    """
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError as error:
        raise ValueError(
            f"substrate-kt: got {text!r}, expected a temperature or several such as 0.08,0.14,0.20"
        ) from error


def changes(settings: list[str]) -> dict[str, Any]:
    """What ``--set FIELD=VALUE`` says; values are written as in TOML.

    >>> changes(["box_length=15", "substrate.kt=0.2", "substrate.slab=3.0", "bulk_slab=[10.0, 25.0]"])
    {'box_length': 15, 'substrate': {'kt': 0.2, 'slab': 3.0}, 'bulk_slab': [10.0, 25.0]}
    """
    fields: dict[str, Any] = {}
    for setting in settings:
        try:
            read = tomllib.loads(setting)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"set: got {setting!r}, expected FIELD=VALUE such as box_length=15.0") from error
        for name, value in read.items():
            fields[name] = fields.get(name, {}) | value if isinstance(value, dict) else value
    return fields


@grouped
def deposit(
    launch: LaunchOptions,
    how: HowOptions,
    preset: Annotated[str, typer.Option(help="reid (30 wide, 1,200 particles) or log (66 wide, 5,500).")] = "reid",
    substrate_kt: Annotated[
        str | None,
        typer.Option(
            help="kT of the substrate [eps_AA]; several with commas make one run each, DIR/kt-T.", metavar="T[,T...]"
        ),
    ] = None,
    injections: Annotated[
        int | None, typer.Option(help="Number of batches: 10 particles each in reid, 100 in log.", parser=count)
    ] = None,
    steps_per_injection: Annotated[
        int | None, typer.Option(help="Time steps between injections, such as 2e4.", parser=count, metavar="M")
    ] = None,
    replicas: Replicas = 1,
    first_replica: FirstReplica = 0,
    store_every: Annotated[
        int, typer.Option(help="Keep configurations after every K injections; 0: the last only.", metavar="K")
    ] = 0,
    thermostat_tau: ThermostatTau = 0.5,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change any other field of the recipe, as often as needed: box_length=15.0, substrate.slab=3.0.",
            metavar="FIELD=VALUE",
        ),
    ] = None,
) -> None:
    """Grow films from the vapour on a substrate, at 65:35 to the particle.

    The substrate's thermostat is the only one: the film is NVE and cools through it. A run directory holds a row of
    table.csv per film and injection (frame 0 is the bare substrate) and the stored films as GSD files that OVITO opens.
    """
    from vitrify.md.protocols.films.growth import DepositionProtocol
    from vitrify.md.protocols.films.recipe import DepositionSpec

    asked = {"injections": injections, "steps_per_injection": steps_per_injection}
    fields: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    fields |= {"replicas": replicas, "first_replica": first_replica, "store_every": store_every}
    fields |= {"thermostat_tau": thermostat_tau, **how.fields(), **changes(set_ or [])}
    first = DepositionSpec.preset(preset, **fields)
    kts = temperatures(substrate_kt) if substrate_kt else (first.substrate.kt,)
    specs = [replace(first, substrate=replace(first.substrate, kt=kt)) for kt in kts]
    with stoppable(launch.time_limit) as stop:
        for spec in specs:
            place = launch.out if len(specs) == 1 else launch.out / f"kt-{spec.substrate.kt:g}"
            summarise(carry_out(DepositionProtocol(spec), place, launch, announce, stop))


@grouped
def cool_film(
    source: SourceRun,
    ramp_steps: Annotated[
        int, typer.Option(help="Length M of the ramp [time steps], such as 1e6.", parser=count, metavar="M")
    ],
    launch: LaunchOptions,
    how: HowOptions,
    melt_kt: Annotated[float, typer.Option(help="kT of the melt [eps_AA].")] = 1.0,
    melt_steps: Annotated[int, typer.Option(help="Time steps at it.", parser=count)] = 20_000,
    kt_final: Annotated[float, typer.Option(help="kT at the end of the ramp [eps_AA].")] = 0.05,
    frames: Annotated[int, typer.Option(help="Frames along the ramp, each quenched and stored.", parser=count)] = 100,
    headspace: Annotated[
        float, typer.Option(help="Room between the compact film and the wall that keeps the melt [sigma_AA].")
    ] = 4.0,
    thermostat_tau: ThermostatTau = 0.5,
) -> None:
    """Melt deposited films and cool them on their own substrate: the fair partners of the deposited ones."""
    from vitrify.md.protocols.films.cooled import FilmCoolingProtocol, FilmCoolingSpec
    from vitrify.md.protocols.films.grown import grown_recipe
    from vitrify.md.store.rundir import RunDirectory

    run = RunDirectory.open(source)
    spec = FilmCoolingSpec(
        source=run.identity,
        deposition=grown_recipe(run),
        melt_kt=melt_kt,
        melt_steps=melt_steps,
        kt_final=kt_final,
        ramp_steps=ramp_steps,
        frames=frames,
        headspace=headspace,
        thermostat_tau=thermostat_tau,
        **how.fields(),
    )
    with stoppable(launch.time_limit) as stop:
        summarise(carry_out(FilmCoolingProtocol(spec, run), launch.out, launch, announce, stop))


@grouped
def impact(
    source: SourceRun,
    launch: LaunchOptions,
    how: HowOptions,
    impacts: Annotated[int, typer.Option(help="Particles that hit, each a copy of a film.", parser=count)] = 200,
    samples: Annotated[int, typer.Option(help="How often the films are looked at.", parser=count)] = 200,
    steps_per_sample: Annotated[int, typer.Option(help="Time steps between.", parser=count)] = 20,
    half_width: Annotated[
        float, typer.Option(help="Half the width of the column that is looked at below the spot [sigma_AA].")
    ] = 3.0,
    depth: Annotated[float, typer.Option(help="How far down it reaches [sigma_AA].")] = 15.0,
) -> None:
    """Let single vapour particles hit grown films: kinetic temperature against depth and time after the impact.

    DIR gets cascade.csv and a figure, and in DIR/run the run directory with a row per impact and sample.
    """
    from vitrify.analysis.films.cascade import cascade, require_no_cascade, write_cascade
    from vitrify.md.protocols.films.grown import grown_recipe
    from vitrify.md.protocols.films.impact import ImpactProtocol, ImpactSpec
    from vitrify.md.store.rundir import RunDirectory

    run = RunDirectory.open(source)
    spec = ImpactSpec(
        source=run.identity,
        deposition=grown_recipe(run),
        replicas=impacts,
        frames=samples,
        steps_per_frame=steps_per_sample,
        half_width=half_width,
        depth=depth,
        **how.fields(),
    )
    again = launch.force or launch.resume
    if not again:
        require_no_cascade(launch.out)
    with stoppable(launch.time_limit) as stop:
        struck = carry_out(ImpactProtocol(spec, run), launch.out / "run", launch, announce, stop)
    found = cascade(struck)
    write_cascade(found, launch.out, struck, force=again)
    typer.echo(f"{launch.out}: {found.impacts} of {impacts} particles arrived on films at kT {found.film_kt:.3f}")


def announce(line: str) -> None:
    """Say on stderr which engine was taken."""
    typer.echo(line, err=True)


def summarise(run: RunDirectory) -> None:
    """Say in a few lines what the films came to."""
    import numpy as np

    table, failures = run.table, run.provenance["failures"]
    last = table["frame"] == table["frame"].max()
    seconds = run.provenance["wall_time_s"]
    films, particles = int(last.sum()), int(table["particles"][last].max())
    kt, kt_substrate = table["kt"][last].mean(), table["kt_substrate"][last].mean()
    typer.echo(f"{run.path}: {films} films of {particles} particles, {seconds:.0f} s")
    typer.echo(f"kT of the films {kt:.3f}, of their substrates {kt_substrate:.3f}")
    if strays := int(np.nansum(table["strays"])):
        typer.echo(f"{strays} strays were injected again")
    for failure in failures:
        typer.echo(f"film {failure['replica']} failed at step {failure['step']}: {failure['reason']}")
