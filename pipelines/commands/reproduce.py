"""Verbs that reproduce: ``demo``, ``benchmark``, ``check``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vitrify.pipelines.options import count


class Question(StrEnum):
    """What a benchmark measures."""

    MD = "md"
    QUENCH = "quench"
    RUN = "run"
    TUNE = "tune"
    LEARN = "learn"


def benchmark(
    question: Annotated[
        Question,
        typer.Argument(
            help="md: particle-steps per second; quench: cost of a minimum; run: a whole cooling beside the engine "
            "alone; tune: fastest skin and block; learn: configurations a second that networks are trained on."
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Directory for benchmark.json.")] = None,
    particles: Annotated[
        int | None, typer.Option(help="N of one replica, at rho 1.2 (4320; learn: 1080); quench adds N = 1080.")
    ] = None,
    replicas: Annotated[
        int | None,
        typer.Option(help="Replicas at once (md and tune: one a core, run: four, quench: 8; on a GPU 1,024).", min=1),
    ] = None,
    kt: Annotated[
        float | None, typer.Option(help="Temperature of the liquid [eps_AA]; md and tune 0.4, quench 1.0.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="md: time steps a round, 2000; run: length of the ramp, 20000.", parser=count, metavar="N"),
    ] = None,
    updates: Annotated[int, typer.Option(help="learn: updates a round.", min=1)] = 20,
    model: Annotated[list[str] | None, typer.Option(help="learn: a network, as cnn; repeated; all by default.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="learn: options and recipe, as pixels=120, for networks that have them."),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(help="How often each contender has its turn; md and learn 5, run 3.", min=1)
    ] = None,
    settle_steps: Annotated[
        int, typer.Option(help="Steps from kT 2.0 to the liquid's kT, then as many there, before the clock.", min=1)
    ] = 10_000,
    device: Annotated[str, typer.Option(help="Where all replicas run at once: auto, cpu, gpu or gpu:0,1.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the starting liquids.", min=0)] = 1,
) -> None:
    """Measure this project's engines beside the peers that are installed, in turn, in one run: read the ratios.

    tune tries neighbour-list skins, and on a GPU block sizes, of the replica engine for systems of N particles; runs of
    that size that begin afterwards on this machine take the fastest.
    """
    if question is Question.LEARN:
        from vitrify.pipelines.benchmark.learning import benchmark_learn

        benchmark_learn(
            models=model or (),
            settings=settings or (),
            particles=particles or 1080,
            updates=updates,
            rounds=rounds or 5,
            out=out,
        )
        return
    from vitrify.pipelines.benchmark import benchmark_md, benchmark_quench, benchmark_run, tune

    particles = particles or 4320
    if question is Question.MD:
        benchmark_md(
            particles=particles,
            replicas=replicas,
            steps=2000 if steps is None else steps,
            rounds=rounds or 5,
            kt=0.4 if kt is None else kt,
            settle_steps=settle_steps,
            device=device,
            seed=seed,
            out=out,
        )
    elif question is Question.RUN:
        benchmark_run(
            particles=particles,
            replicas=replicas,
            ramp_steps=20_000 if steps is None else steps,
            rounds=rounds or 3,
            device=device,
            seed=seed,
            out=out,
        )
    elif question is Question.TUNE:
        tune(
            particles=particles,
            replicas=replicas,
            kt=0.4 if kt is None else kt,
            settle_steps=settle_steps,
            device=device,
            seed=seed,
        )
    else:
        benchmark_quench(
            sizes=sorted({1080, particles}),
            replicas=replicas,
            kt=1.0 if kt is None else kt,
            settle_steps=settle_steps,
            device=device,
            seed=seed,
            out=out,
        )


def demo(
    out: Annotated[Path, typer.Option(help="Directory to write; a demo that was interrupted goes on there.")] = Path(
        "demo"
    ),
) -> None:
    """The whole story at laptop size, some minutes on two cores: cool, deposit, classify, and a report to read."""
    from vitrify.pipelines.demo import demo as tell_story
    from vitrify.pipelines.progress import progress_bar

    report = tell_story(out, bar=progress_bar, say=typer.echo)
    typer.echo(f"{report}: open it in a browser")


def check(
    engine: Annotated[str, typer.Option(help="replica or hoomd; see vitrify engines.", metavar="ENGINE")] = "replica",
    device: Annotated[str, typer.Option(help="auto, cpu, gpu or gpu:0.", metavar="DEVICE")] = "auto",
    out: Annotated[Path | None, typer.Option(help="File for the record.", metavar="FILE.json")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of every random number.", min=0)] = 1,
) -> None:
    """Does this machine compute what it should, and how fast? Some minutes at most, on a CPU or a GPU.

    Energies, forces and virials against a NumPy oracle; first steps against velocity Verlet by hand; energy drift; the
    canonical distribution of the kinetic energy; restart bit for bit; quenches against another minimiser; a small film;
    a GPU against the CPU. Then the speed for every choice of settings. Exit status 0 where all rows pass, 1 where one
    does not. Send us the file where something looks wrong.
    """
    from vitrify.pipelines.check import check as ask
    from vitrify.pipelines.check.checkup import failed_rows
    from vitrify.pipelines.progress import progress_bar

    with progress_bar("check") as progress:
        record = ask(engine=engine, device=device, seed=seed, out=out, force=force, progress=progress)
    if failed := failed_rows(record):
        typer.echo(f"vitrify: check failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
    app.command()(demo)
    app.command()(benchmark)
    app.command()(check)
