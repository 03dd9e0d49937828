"""Growing films: ``deposit``, ``cool-film``, ``impact``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitrify.pipelines.commands.simulate import Device, EngineName, Force, Resume, Seed, count

if TYPE_CHECKING:
    from vitrify.md.store.rundir import RunDirectory

UNITS = """Reduced Lennard-Jones units: energy eps_AA, length sigma_AA, time tau = sigma_AA (m / eps_AA)^1/2, k_B = 1.
Energies are per film particle, each pair truncated at its cut-off and NOT shifted. Films sit at zero pressure: compare
them with cooled films, not with the bulk mixture at rho = 1.2."""

Out = Annotated[Path, typer.Option(help="Run directory to write.", metavar="DIR")]


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

    >>> changes(["box_length=15", "bulk_slab=[10.0, 25.0]", "rescale_vapour=true"])
    {'box_length': 15, 'bulk_slab': (10.0, 25.0), 'rescale_vapour': True}
    """
    fields: dict[str, Any] = {}
    for setting in settings:
        try:
            read = tomllib.loads(setting)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"set: got {setting!r}, expected FIELD=VALUE such as box_length=15.0") from error
        fields |= {name: tuple(value) if isinstance(value, list) else value for name, value in read.items()}
    return fields


def deposit(
    out: Out,
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
    replicas: Annotated[int, typer.Option(help="Films R, grown side by side.", parser=count, metavar="R")] = 1,
    store_every: Annotated[
        int, typer.Option(help="Keep configurations after every K injections; 0: the last only.", metavar="K")
    ] = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change any other field of the recipe, as often as needed.", metavar="FIELD=VALUE"),
    ] = None,
    seed: Seed = 1,
    engine: EngineName = "auto",
    device: Device = "auto",
    resume: Resume = False,
    force: Force = False,
) -> None:
    """Grow films from the vapour on a substrate, at 65:35 to the particle.

    The substrate's thermostat is the only one: the film is NVE and cools through it. A run directory holds a row of
    table.csv per film and injection (frame 0 is the bare substrate) and the stored films as GSD files that OVITO opens.
    """
    from vitrify.md.protocols.films.growth import deposit as grow_films
    from vitrify.md.protocols.films.recipe import DepositionSpec
    from vitrify.pipelines.progress import progress_bar

    asked = {"injections": injections, "steps_per_injection": steps_per_injection}
    fields: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    fields |= {"replicas": replicas, "store_every": store_every, "seed": seed, "engine": engine, "device": device}
    fields |= changes(set_ or [])
    kts = temperatures(substrate_kt) if substrate_kt else ()
    specs = [DepositionSpec.preset(preset, **fields, substrate_kt=kt) for kt in kts]
    specs = specs or [DepositionSpec.preset(preset, **fields)]
    for spec in specs:
        place = out if len(specs) == 1 else out / f"kt-{spec.substrate_kt:g}"
        with progress_bar(f"deposit {place}") as progress:
            run = grow_films(
                spec,
                place,
                resume=resume,
                force=force,
                progress=progress,
                announce=lambda line: typer.echo(line, err=True),
            )
        summarise(run)


def cool_film(
    source: Annotated[Path, typer.Argument(help="Run directory of a finished deposition.", metavar="RUN")],
    ramp_steps: Annotated[
        int, typer.Option(help="Length M of the ramp [time steps], such as 1e6.", parser=count, metavar="M")
    ],
    out: Out,
    melt_kt: Annotated[float, typer.Option(help="kT of the melt [eps_AA].")] = 1.0,
    melt_steps: Annotated[int, typer.Option(help="Time steps at it.", parser=count)] = 20_000,
    kt_final: Annotated[float, typer.Option(help="kT at the end of the ramp [eps_AA].")] = 0.05,
    frames: Annotated[int, typer.Option(help="Frames along the ramp, each quenched and stored.", parser=count)] = 100,
    headspace: Annotated[
        float, typer.Option(help="Room between the compact film and the wall that keeps the melt [sigma_AA].")
    ] = 4.0,
    seed: Seed = 1,
    engine: EngineName = "auto",
    device: Device = "auto",
    resume: Resume = False,
    force: Force = False,
) -> None:
    """Melt deposited films and cool them on their own substrate: the fair partners of the deposited ones."""
    from vitrify.md.protocols.films.cooled import FilmCoolingSpec, cool_films
    from vitrify.md.protocols.films.observables import deposition_spec
    from vitrify.md.store.rundir import RunDirectory
    from vitrify.pipelines.progress import progress_bar

    run = RunDirectory.open(source)
    spec = FilmCoolingSpec(
        source=run.name,
        deposition=deposition_spec(run),
        melt_kt=melt_kt,
        melt_steps=melt_steps,
        kt_final=kt_final,
        ramp_steps=ramp_steps,
        frames=frames,
        headspace=headspace,
        seed=seed,
        engine=engine,
        device=device,
    )
    with progress_bar(f"cool-film {out}") as progress:
        cooled = cool_films(
            run,
            spec,
            out,
            resume=resume,
            force=force,
            progress=progress,
            announce=lambda line: typer.echo(line, err=True),
        )
    summarise(cooled)


def impact(
    source: Annotated[Path, typer.Argument(help="Run directory of a finished deposition.", metavar="RUN")],
    out: Annotated[Path, typer.Option(help="Directory to write: cascade.csv and a figure.", metavar="DIR")],
    impacts: Annotated[int, typer.Option(help="Particles that hit, each a copy of a film.", parser=count)] = 200,
    samples: Annotated[int, typer.Option(help="How often the films are looked at.", parser=count)] = 200,
    steps_per_sample: Annotated[int, typer.Option(help="Time steps between.", parser=count)] = 20,
    half_width: Annotated[
        float, typer.Option(help="Half the width of the column that is looked at below the spot [sigma_AA].")
    ] = 3.0,
    depth: Annotated[float, typer.Option(help="How far down it reaches [sigma_AA].")] = 15.0,
    seed: Seed = 1,
    engine: EngineName = "auto",
    device: Device = "auto",
    force: Force = False,
) -> None:
    """Let single vapour particles hit grown films: kinetic temperature against depth and time after the impact."""
    from vitrify.analysis.films.cascade import cascade, write_cascade
    from vitrify.md.engines.registry import get_engine
    from vitrify.md.protocols.films.cooled import read_films
    from vitrify.md.protocols.films.impact import strike
    from vitrify.md.protocols.films.observables import deposition_spec
    from vitrify.md.store.rundir import RunDirectory

    run = RunDirectory.open(source)
    spec = deposition_spec(run)
    films, sites = read_films(run)
    mover = get_engine(engine, pairs=spec.pairs, time_step=spec.time_step, device=device, particles=spec.slots)
    seen = strike(
        films, sites, spec, mover, impacts=impacts, samples=samples, steps_per_sample=steps_per_sample, seed=seed
    )
    found = cascade(seen, half_width=half_width, depth=depth)
    asked = {"source": run.name, "impacts": impacts, "samples": samples, "steps_per_sample": steps_per_sample}
    asked |= {"half_width": half_width, "depth": depth, "seed": seed, "engine": mover.name, "device": mover.device}
    write_cascade(found, out, asked, force=force)
    typer.echo(f"{out}: {found.impacts} of {impacts} particles arrived on films at kT {found.film_kt:.3f}")


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
