"""The whole story at laptop size: cool at two rates, find Tg, grow films, train and test classifiers, write a report.

A chapter is a function of the directory it works in, and leaves there what the command line would leave. Runs and
models that are finished are found again, so that an interrupted demo goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from vitrify.analysis.analyze import analyze
from vitrify.analysis.results import Options
from vitrify.learn.checkpoint import Model
from vitrify.learn.datasets import Dataset, open_dataset, save_dataset
from vitrify.learn.evaluate import Evaluation
from vitrify.learn.evaluations import evaluate_all
from vitrify.learn.fit import fit
from vitrify.learn.models import get_architecture
from vitrify.learn.sources import Source, build_dataset
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.protocols.films.growth import deposit
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.demo_plan import FAST, FILMS, GLASS_KT, LESSONS, SLOW, Lesson
from vitrify.pipelines.demo_report import tell

Bar = Callable[[str], AbstractContextManager[Callable[[float, float], None]]]
"""A progress bar by its title, as :func:`vitrify.pipelines.progress.progress_bar` makes it."""


def demo(out: Path, *, bar: Bar, say: Callable[[str], None]) -> Path:
    """Tell the whole story into the directory ``out``.

    Args:
        out: the directory; what is finished there is kept.
        bar: makes a progress bar.
        say: told each chapter's result in a line.

    Returns:
        The report.
    """
    out.mkdir(parents=True, exist_ok=True)
    runs = [follow(cool, spec, out / name, bar) for name, spec in (("cool-fast", FAST), ("cool-slow", SLOW))]
    films = follow(deposit, FILMS, out / "films", bar)
    for line in analyze(runs, out / "analysis", Options(structure=False)):
        say(line)
    evaluations = classify(out, bar)
    for one in evaluations:
        say(f"{one.title}: accuracy {one.accuracy.value:.3f}")
    report = out / "report.html"
    tell(report, out / "analysis", runs, films, evaluations)
    return report


def follow(protocol: Callable[..., RunDirectory], spec: CoolingSpec | DepositionSpec, path: Path, bar: Bar):
    """Run a protocol under a progress bar, going on with what is there."""
    with bar(path.name) as progress:
        return protocol(spec, path, resume=True, progress=progress)


def classify(out: Path, bar: Bar) -> list[Evaluation]:
    """Train each lesson's classifier and ask it what it is asked."""
    evaluations = []
    for lesson in LESSONS:
        model = teach(lesson, out, bar)
        exams = [dataset(out, kt, lesson.taught[1]) for kt in lesson.asked]
        evaluations += evaluate_all(
            [model], exams, out / "evaluations" / lesson.name, seed=1, null_permutations=1000, force=True
        )
    return evaluations


def dataset(out: Path, kt: float, positions: str) -> Dataset:
    """Liquids at ``kt`` and the glasses they became, of the fast ramp; split by replica."""
    path = out / "datasets" / f"kT{kt}-{positions}"
    if not path.exists():
        run = out / "cool-fast"
        classes = {"liquid": [Source(path=run, kt=kt)], "glass": [Source(path=run, kt=GLASS_KT)]}
        save_dataset(build_dataset(classes, positions=positions, seed=1), path)
    return open_dataset(path)


def teach(lesson: Lesson, out: Path, bar: Bar) -> Model:
    """Train the classifier of one lesson."""
    architecture = get_architecture(lesson.architecture, **lesson.options)
    with bar(lesson.name) as progress:
        return fit(
            dataset(out, *lesson.taught),
            architecture,
            out / "models" / lesson.name,
            seed=1,
            resume=True,
            report=lambda now: progress(now.epochs, architecture.recipe.epochs if architecture.recipe else 1.0),
        )
