"""The demo's lessons: classifiers taught and asked, and what the report says of them: what their numbers carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vitrify.analysis.figures import Figure, Level, Series, as_png_bytes, error_bar_figure
from vitrify.analysis.report.page import Picture, Prose, Section, Table, with_interval
from vitrify.learn.checkpoint import Model
from vitrify.learn.datasets import Dataset, open_dataset, save_dataset
from vitrify.learn.evaluate import Evaluation
from vitrify.learn.evaluations import CAPTIONS, evaluate_all
from vitrify.learn.fit import fit
from vitrify.learn.models import get_architecture
from vitrify.learn.sources import Source, build_dataset
from vitrify.pipelines.demo_plan import GLASS_KT, LESSONS, Lesson

Bar = Callable[[str], AbstractContextManager[Callable[[float, float], None]]]
"""A progress bar by its title, as :func:`vitrify.pipelines.progress.progress_bar` makes it."""

CHANCE_LOSS = float(np.log(2))
"""Cross entropy of a coin."""


@dataclass(frozen=True, kw_only=True)
class Class:
    """Everything that was taught and asked with one kind of positions.

    Attributes:
        positions: ``instant`` or ``inherent``.
        models: in the order of the lessons.
        evaluations: of every model on every set.
        directory: with the tables and figures.
    """

    positions: str
    models: tuple[Model, ...]
    evaluations: tuple[Evaluation, ...]
    directory: Path


def classify(out: Path, bar: Bar) -> list[Class]:
    """Train the classifiers of all lessons and test every one on every set of its positions."""
    found = []
    for positions in dict.fromkeys(lesson.taught[1] for lesson in LESSONS):
        lessons = [lesson for lesson in LESSONS if lesson.taught[1] == positions]
        models = [teach(lesson, out, bar) for lesson in lessons]
        exams = [dataset(out, kt, positions) for kt in dict.fromkeys(kt for lesson in lessons for kt in lesson.asked)]
        directory = out / "evaluations" / positions
        asked = evaluate_all(models, exams, directory, seed=1, null_permutations=1000, force=True)
        found.append(Class(positions=positions, models=tuple(models), evaluations=tuple(asked), directory=directory))
    return found


def lesson_named(taught: Sequence[Class], name: str, out: Path) -> tuple[Model, Dataset, Evaluation]:
    """The model of a lesson, the set it was taught on, and how it does on the part of that set it has not seen."""
    lesson = next(lesson for lesson in LESSONS if lesson.name == name)
    own = next(one for one in taught if one.positions == lesson.taught[1])
    model = next(model for model in own.models if model.name == name)
    data = dataset(out, *lesson.taught)
    asked = next(one for one in own.evaluations if (one.model, one.dataset) == (name, data.name))
    return model, data, asked


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
    architecture = get_architecture(lesson.architecture)
    recipe = replace(architecture.recipe, epochs=lesson.epochs) if architecture.recipe else None
    with bar(lesson.name) as progress:
        return fit(
            dataset(out, *lesson.taught),
            architecture,
            out / "models" / lesson.name,
            seed=1,
            recipe=recipe,
            resume=True,
            report=lambda now: progress(now.epochs, lesson.epochs),
        )


def classifier_section(found: Sequence[Class]) -> Section:
    """Who can tell a glass from a liquid, and what of it is no statement."""
    parts: list = [
        Prose(
            "Classifiers see glasses at kT 0.05 and the liquids they came from, and are asked about replicas they have "
            "never seen. Instantaneous positions carry thermal motion, which alone tells the two apart; inherent "
            "structures do not. A linear model on the inherent-structure energy is the yardstick: what it reaches, "
            "energy explains. With so few replicas intervals are wide, and a difference whose interval holds 0 is none."
        ),
        Picture(
            as_png_bytes(training_figure([model for one in found for model in one.models])),
            "Cross entropy on the validation part while each network trains; a coin has 0.69. The weights of the "
            "lowest one are kept.",
        ),
    ]
    for one in found:
        parts.append(Prose(f"On {_WORDS[one.positions]}. {learnt_in_words(one.models)}"))
        parts.append(Picture((one.directory / "matrix.png").read_bytes(), CAPTIONS["matrix.png"]))
    parts.append(
        Table(
            ("model", "asked about", "AUC", "on its training part", "accuracy", "null p"),
            [
                (
                    asked.model,
                    asked.dataset,
                    with_interval(asked.auc.value, asked.auc.interval.low, asked.auc.interval.high),
                    f"{asked.verdict.train.auc:.3f}" + ("" if asked.learnt else " (not learnt)"),
                    with_interval(asked.accuracy.value, asked.accuracy.interval.low, asked.accuracy.interval.high),
                    f"{asked.p_value:.3f}",
                )
                for one in found
                for asked in one.evaluations
            ],
            "95 % intervals over replicas. The null test shuffles the labels a thousand times: p is how often chance "
            "does as well. Where the AUC is good and the accuracy is not, only the threshold is off.",
        )
    )
    return Section("Can a network tell glass from liquid?", parts)


_WORDS = {"instant": "instantaneous positions", "inherent": "inherent structures"}


def learnt_in_words(models: Sequence[Model]) -> str:
    """Which networks learnt their own training part, and which did not; a linear model knows all its features hold."""
    networks = [model for model in models if model.training.recipe is not None]
    failed = [model for model in networks if not model.learnt]
    if not failed:
        return "Every network learnt its own training part." if networks else ""
    said = "; ".join(f"{model.name} ({model.verdict.reason})" for model in failed)
    return f"Did not learn their own training part, so that their scores say nothing about physics: {said}."


def training_figure(models: Sequence[Model]) -> Figure:
    """Validation loss against epochs of every model that was trained step by step."""
    series = {}
    for model in models:
        if history := model.history():
            epoch, loss = (np.array([row[name] for row in history]) for name in ("epoch", "validation_loss"))
            series[model.name] = Series(epoch, loss, np.zeros(len(epoch)))
    return error_bar_figure(series, x_label="epoch", y_label="validation loss", levels={"coin": Level(CHANCE_LOSS)})
