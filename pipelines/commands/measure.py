"""Measuring glasses: ``analyze``, ``compare``, ``fictive``, ``view``, ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vitrify.analysis.fictive.fictive import Scores
    from vitrify.analysis.structure.descriptors import Column

Out = Annotated[Path, typer.Option(help="Directory to write.", metavar="DIR")]
Positions = Annotated[str, typer.Option(help="inherent, or instant: as the dynamics left them.", metavar="WHICH")]


def window(text: str) -> tuple[float, float]:
    """A range of kT as two numbers.

    >>> window("0.05,0.20")
    (0.05, 0.2)
    """
    try:
        low, high = (float(number) for number in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"got {text!r}, expected two temperatures such as 0.05,0.20") from error
    return low, high


def chosen(text: str | None, what: str, words: tuple[str, ...]) -> str | tuple[int, ...] | None:
    """Numbers, or one of a few words.

    >>> chosen("0,5", "replicas", ("all",)), chosen("all", "replicas", ("all",)), chosen(None, "replicas", ("all",))
    ((0, 5), 'all', None)
    """
    if text is None or text in words:
        return text
    try:
        return tuple(sorted({int(number) for number in text.split(",")}))
    except ValueError as error:
        expected = " or ".join([*words, "numbers such as 0,5"])
        raise ValueError(f"{what}: got {text!r}, expected {expected}") from error


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
    app.command()(analyze)
    app.command()(compare)
    app.command()(fictive)
    app.command()(view)
    app.command()(report)


def analyze(
    runs: Annotated[list[Path], typer.Argument(help="Run directories of one system.", metavar="RUN...")],
    out: Out,
    glass_window: Annotated[
        str, typer.Option(help="Range of kT of the glass line of Tg, of the mixture.", metavar="KT,KT")
    ] = "0.05,0.20",
    liquid_window: Annotated[
        str, typer.Option(help="Range of kT of the liquid line of Tg, of the mixture.", metavar="KT,KT")
    ] = "0.50,0.80",
    film_glass_window: Annotated[
        str, typer.Option(help="Range of kT of the glass line of Tg, of cooled films.", metavar="KT,KT")
    ] = "0.05,0.15",
    film_liquid_window: Annotated[
        str, typer.Option(help="Range of kT of the liquid line of Tg, of cooled films.", metavar="KT,KT")
    ] = "0.24,0.36",
    smooth_limit: Annotated[
        float, typer.Option(help="Highest kT of the hyperbola of the smooth Tg.", metavar="KT")
    ] = 0.9,
    equilibrium_range: Annotated[
        str, typer.Option(help="Range of kT of the equilibrium line a + b / kT.", metavar="KT,KT")
    ] = "0.45,1.0",
    structure: Annotated[bool, typer.Option(help="Measure the stored configurations: descriptors.csv, g(r).")] = True,
    wave_number: Annotated[
        float | None,
        typer.Option(help="k of F_s(k, t) [1/sigma_AA]: the first peak of S_AA(k).", metavar="K"),
    ] = None,
    overlap_radius: Annotated[
        float, typer.Option(help="How far a particle may go and still overlap with where it was.", metavar="A")
    ] = 0.3,
    force: Annotated[bool, typer.Option("--force", help="Replace another analysis that is there.")] = False,
) -> None:
    """Cooling curves, Tg with its interval, equilibrium, dynamics, structure and films of RUN...: tables and figures.

    Energies are per particle [eps_AA], truncated and not shifted; errors are standard errors over replicas. Runs of one
    cooling rate are pooled. Dynamics are those of runs of vitrify anneal --spacing log --store all.
    """
    from vitrify.analysis.analyze import analyze as analyze_runs
    from vitrify.analysis.curves.glass_transition import Windows
    from vitrify.analysis.results import Options
    from vitrify.md.store.rundir import RunDirectory
    from vitrify.pipelines.progress import progress_bar

    options = Options(
        windows=Windows(glass=window(glass_window), liquid=window(liquid_window)),
        film_windows=Windows(glass=window(film_glass_window), liquid=window(film_liquid_window)),
        smooth_limit=smooth_limit,
        equilibrium_range=window(equilibrium_range),
        structure=structure,
        wave_number=wave_number,
        overlap_radius=overlap_radius,
    )
    with progress_bar("analyze") as progress:
        lines = analyze_runs([RunDirectory.open(run) for run in runs], out, options, force=force, progress=progress)
    for line in lines:
        typer.echo(line)
    typer.echo(f"{out}: tables and figures")


def compare(
    first: Annotated[str, typer.Argument(help="RUN@kT, or RUN for its last frame; several with commas.", metavar="A")],
    second: Annotated[str, typer.Argument(help="The other side.", metavar="B")],
    out: Out,
    match: Annotated[str, typer.Option(help="What configurations are paired by: energy.", metavar="WHAT")] = "energy",
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="Largest difference of E_IS in a pair, per particle [a fifth of its deviation].", metavar="E"
        ),
    ] = None,
    positions: Positions = "inherent",
    name: Annotated[str, typer.Option(help="What to call the sides: glass,liquid [their runs].", metavar="A,B")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace another comparison that is there.")] = False,
) -> None:
    """Which descriptors differ between two sets of configurations of one inherent-structure energy, and by how much.

    Bulk mixtures, or the bulk of films. One configuration of each replica is taken, the last one at the temperature,
    and paired with one of the other side. Effect sizes are in standard deviations, with 95 % intervals over replicas.
    """
    from vitrify.analysis.comparison.compare import compare as compare_runs
    from vitrify.analysis.comparison.sides import Source
    from vitrify.pipelines.progress import progress_bar

    if match != "energy":
        raise ValueError(f"match: got {match!r}, expected energy")
    one, _, other = name.partition(",")
    if name and not (one.strip() and other.strip()):
        raise ValueError(f"name: got {name!r}, expected two names such as glass,liquid")
    left, right = ([Source.parse(text) for text in side.split(",")] for side in (first, second))
    with progress_bar("compare") as progress:
        lines = compare_runs(
            left,
            right,
            out,
            positions=positions,
            tolerance=tolerance,
            names=(one.strip(), other.strip()),
            force=force,
            progress=progress,
        )
    for line in lines:
        typer.echo(line)
    typer.echo(f"{out}: tables and figures")


def fictive(
    glass: Annotated[str, typer.Argument(help="RUN@kT of the glass; batches with commas.", metavar="GLASS@kT")],
    liquids: Annotated[
        list[str], typer.Argument(help="Equilibrium runs at three temperatures or more.", metavar="LIQUID@kT...")
    ],
    out: Out,
    model: Annotated[
        Path | None,
        typer.Option(help="A trained network: the temperature by its mean logit, too.", metavar="MODEL"),
    ] = None,
    positions: Positions = "inherent",
    force: Annotated[bool, typer.Option("--force", help="Replace other fictive temperatures that are there.")] = False,
) -> None:
    """At which kT liquids in equilibrium have what the glass has: by E_IS, by every descriptor, by a network's logit.

    Each number x has a line x = a + b / kT through the liquids; 95 % intervals are over replicas of glass and liquids.
    One configuration of each replica is taken, the last one at the temperature; of a network none it was trained on.
    """
    from vitrify.analysis.comparison.sides import Source
    from vitrify.analysis.fictive.fictive import fictive as fictive_of
    from vitrify.pipelines.progress import progress_bar

    one = [Source.parse(text) for text in glass.split(",")]
    others = [Source.parse(text) for group in liquids for text in group.split(",")]
    scores = _logit_of(model, positions) if model else None
    with progress_bar("fictive") as progress:
        lines = fictive_of(one, others, out, positions=positions, scores=scores, force=force, progress=progress)
    for line in lines:
        typer.echo(line)
    typer.echo(f"{out}: tables and a figure")


def _logit_of(path: Path, positions: str) -> Scores:
    """The mean logit of a network as one more number."""
    from vitrify.analysis.fictive.fictive import Scores
    from vitrify.learn.checkpoint import open_model
    from vitrify.learn.prediction import unseen_logits

    model = open_model(path)
    if (trained := model.training.dataset["positions"]) != positions:
        raise ValueError(f"{path}: was trained on {trained} positions, expected {positions} ones as asked for")
    last, first = model.classifier.classes[-1], model.classifier.classes[0]
    name = f"logit of {last}" if len(model.classifier.classes) == 2 else f"logit of {last} less {first}"
    return Scores(
        source=f"{path} {model.digest}", of=lambda side: {f"{model.name}: {name}": unseen_logits(model, side)}
    )


def view(
    runs: Annotated[list[Path], typer.Argument(help="Run directories that stored configurations.", metavar="RUN...")],
    out: Annotated[Path, typer.Option(help="HTML file to write.", metavar="FILE")] = Path("view.html"),
    replicas: Annotated[
        str | None, typer.Option(help="Which of each run: all, or numbers K,K [the first 4].", metavar="WHICH")
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(help="Which of those stored: all, last, or numbers K,K [12 over the run].", metavar="WHICH"),
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the page [the names of the runs].")] = "",
    model: Annotated[
        Path | None,
        typer.Option(help="A network: what each particle contributes to its score, as columns.", metavar="MODEL"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
) -> None:
    """Look into configurations of RUN..., in one self-contained HTML file: zoom, replicas, frames, colours by a number.

    A configuration of N particles, instantaneous and inherent, takes some 80 N bytes of the page: 0.35 MB at N = 4,320.
    """
    from vitrify.analysis.report.view.page import summary, write_view
    from vitrify.md.store.rundir import RunDirectory
    from vitrify.pipelines.progress import progress_bar

    opened = [RunDirectory.open(run) for run in runs]
    with progress_bar("view") as progress:
        shown = write_view(
            opened,
            out,
            replicas=chosen(replicas, "replicas", ("all",)),
            frames=chosen(frames, "frames", ("all", "last")),
            columns=_columns(model),
            title=title,
            force=force,
            progress=progress,
        )
    typer.echo(summary(shown, out))


def _columns(model: Path | None) -> dict[str, Column]:
    """The columns of the page: the register's, and those of a network."""
    from vitrify.analysis.structure.descriptors import COLUMNS

    if model is None:
        return dict(COLUMNS)
    from vitrify.learn.checkpoint import open_model
    from vitrify.learn.explanation.particles import model_columns

    opened = open_model(model)
    return {**COLUMNS, **model_columns(opened.classifier, opened.name, opened.training.dataset["positions"])}


def report(
    directories: Annotated[
        list[Path], typer.Argument(help="Run, analysis, evaluation or benchmark directories.", metavar="DIR...")
    ],
    out: Annotated[Path, typer.Option(help="HTML file to write.", metavar="FILE")] = Path("report.html"),
    title: Annotated[str, typer.Option(help="Title of the report.")] = "Glasses in two dimensions",
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
) -> None:
    """One self-contained HTML file of what the directories hold: figures, tables, provenance."""
    from vitrify.analysis.report.chapters import write_chapters

    write_chapters(directories, out, title=title, force=force)
    typer.echo(f"{out}: report of {len(directories)} directories")
