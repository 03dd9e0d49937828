"""The whole story at laptop size: cool at two rates, grow films, measure both, train and test classifiers, report.

A chapter is a function of the directory it works in, and leaves there what the command line would leave. Runs and
models that are finished are found again, so that an interrupted demo goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vitrify.analysis.analyze import analyze
from vitrify.analysis.report.view.page import write_view
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.protocols.films.growth import deposit
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.demo_explanation import explain_one
from vitrify.pipelines.demo_learning import Bar, classify, lesson_named
from vitrify.pipelines.demo_plan import EXPLAINED, FAST, FILMS, SLOW
from vitrify.pipelines.demo_report import tell


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
    with bar("analysis") as progress:
        lines = analyze([*runs, films], out / "analysis", progress=progress)
    for line in lines:
        say(line)
    look = out / "view.html"
    if not look.exists():
        with bar("view") as progress:
            write_view([*runs, films], look, replicas=(0, 1), title="Glasses in two dimensions", progress=progress)
    taught = classify(out, bar)
    for one in (asked for positions in taught for asked in positions.evaluations):
        say(f"{one.title}: AUC {one.auc.value:.3f}" + ("" if one.learnt else ", its training part not learnt"))
    model, data, asked = lesson_named(taught, EXPLAINED, out)
    with bar("explain"):
        explanation = explain_one(model, data, out / "explanation")
    report = out / "report.html"
    tell(report, out / "analysis", runs, films, taught, explained=(explanation, asked), view=look.name)
    return report


def follow(protocol: Callable[..., RunDirectory], spec: CoolingSpec | DepositionSpec, path: Path, bar: Bar):
    """Run a protocol under a progress bar, going on with what is there."""
    with bar(path.name) as progress:
        return protocol(spec, path, resume=True, progress=progress)
