"""Training into a model directory: begun, gone on with after a kill, skipped when finished."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path

from vitrify.learn import checkpoint
from vitrify.learn.checkpoint import Model, Training
from vitrify.learn.datasets import Dataset
from vitrify.learn.models.base import Architecture
from vitrify.learn.recipe import Recipe
from vitrify.learn.train import Material, Progress, Steps, carry_out, solve, training
from vitrify.learn.update import alone
from vitrify.learn.verdict import Verdict
from vitrify.md.protocols.unfinished import Unfinished
from vitrify.md.store.product import DONE

CHECKPOINT_SECONDS = 60.0
"""A killed training loses at most this much, and one update."""


def fit(
    dataset: Dataset,
    architecture: Architecture,
    path: Path,
    *,
    seed: int,
    recipe: Recipe | None = None,
    resume: bool = False,
    force: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> Model:
    """Train a network and leave a model directory.

    Args:
        dataset: a saved dataset.
        architecture: the kind of network.
        path: the model directory.
        seed: what weights, batches, symmetries and dropout derive from.
        recipe: how it is trained; None for what the architecture recommends.
        resume: go on with what is there; where nothing is there, begin. A longer recipe goes on with a finished model.
        force: replace the model that is there.
        report: called after every validation.
        stop: asked after every update whether to save and leave.

    Returns:
        The finished model.

    Raises:
        FileExistsError: when there is something at ``path`` and neither ``resume`` nor ``force``.
        ValueError: when what is there is the training of something else; as :func:`vitrify.learn.train.train`.
        Unfinished: when stopped.
    """
    path = Path(path)
    recipe = recipe or architecture.recipe
    wanted = Training.of(dataset, architecture, recipe, seed)
    if finished := prepare(path, wanted, resume=resume, force=force):
        return finished
    material = Material.of(dataset, architecture)
    if recipe is None:  # an optimum is all its features hold, however little: it has always learnt
        classifier = solve(material)
        train, validation = (material.score(classifier.weights, part) for part in ("train", "validation"))
        verdict = Verdict(train=train, validation=validation)
        checkpoint.begin(path, wanted)
        return checkpoint.finish(path, classifier, verdict, None)
    steps = fitting(material, path, wanted, report=report, stop=stop)
    return carry_out(steps, alone(architecture, len(dataset.classes), recipe.optimiser, recipe.weight_decay))


def prepare(path: Path, wanted: Training, *, resume: bool, force: bool) -> Model | None:
    """Make way for a training at ``path``; the model where it is there and finished.

    Raises:
        FileExistsError, ValueError: as :func:`fit`.
    """
    if path.exists() and force and not resume:
        checkpoint.clear(path)
    if not path.exists():
        return None
    if not resume:
        raise FileExistsError(
            errno.EEXIST,
            "exists already; expected a new directory, --resume to go on or --force to replace it",
            str(path),
        )
    if not (path / checkpoint.HEAD).exists() and not any(path.iterdir()):
        return None
    if not wanted.continues(checkpoint.read_training(path)):
        raise ValueError(
            f"{path}: was trained with another architecture, recipe, seed or dataset; expected the same to resume"
        )
    if not (path / DONE).exists():
        return None
    if wanted.recipe and not checkpoint.load_progress(path, wanted).finished(wanted.recipe):
        return None
    return checkpoint.open_model(path)


def fitting(
    material: Material,
    path: Path,
    wanted: Training,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> Steps[Model]:
    """The steps of :func:`fit`, one at a time, once the way is clear."""
    if wanted.recipe is None:
        raise ValueError(f"{wanted.architecture.name}: its weights are solved for, there are no steps")
    progress = checkpoint.load_progress(path, wanted) if (path / checkpoint.TRAINING).exists() else None
    saved = time.monotonic()

    def save(progress: Progress) -> None:
        nonlocal saved
        if not (path / checkpoint.HEAD).exists():
            checkpoint.begin(path, wanted)
        checkpoint.save_progress(path, progress)
        saved = time.monotonic()
        if stop():
            raise Unfinished(path)

    def show(progress: Progress) -> None:
        if not (path / checkpoint.HEAD).exists():  # only now is it known that it can be trained
            save(progress)
        report(progress)

    if progress is not None:
        checkpoint.begin(path, wanted)
    progress = yield from training(
        material,
        wanted.recipe,
        seed=wanted.seed,
        progress=progress,
        show=show,
        due=lambda: stop() or time.monotonic() - saved > CHECKPOINT_SECONDS,
        save=save,
    )
    verdict = Verdict.of(material.score(progress.best, "train"), material.score(progress.best, "validation"))
    return checkpoint.finish(path, material.classifier(progress.best), verdict, progress)
