"""Training into a model directory: begun, gone on with after a kill, skipped when finished."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path

from vitrify.learn import checkpoint
from vitrify.learn.checkpoint import Model, Training
from vitrify.learn.datasets import Dataset
from vitrify.learn.models.base import Architecture, Recipe
from vitrify.learn.train import Progress, train
from vitrify.md.store.product import DONE

CHECKPOINT_SECONDS = 60.0
"""A killed training loses at most this much, and one iteration."""


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
        report: called after every iteration.

    Returns:
        The finished model.

    Raises:
        FileExistsError: when there is something at ``path`` and neither ``resume`` nor ``force``.
        ValueError: when what is there is the training of something else.
    """
    path = Path(path)
    recipe = recipe or architecture.recipe
    training = Training.of(dataset, architecture, recipe, seed)
    if path.exists() and force and not resume:
        checkpoint.clear(path)
    if path.exists() and not resume:
        raise FileExistsError(
            errno.EEXIST,
            "exists already; expected a new directory, --resume to go on or --force to replace it",
            str(path),
        )
    progress = _progress(path, training) if path.exists() else None
    if (path / DONE).exists() and progress is not None and progress.finished(recipe):
        return checkpoint.open_model(path)
    saved = None

    def after_iteration(progress: Progress) -> None:
        nonlocal saved
        if saved is None:  # only now is it known that it can be trained, and a mistake leaves nothing behind
            checkpoint.begin(path, training)
        if saved is None or time.monotonic() - saved > CHECKPOINT_SECONDS:
            checkpoint.save_progress(path, progress)
            saved = time.monotonic()
        report(progress)

    classifier, progress = train(
        dataset, architecture, recipe, seed=seed, progress=progress, after_iteration=after_iteration
    )
    return checkpoint.finish(path, classifier, progress)


def _progress(path: Path, training: Training) -> Progress | None:
    """Where the training at ``path`` stands; None when nothing of it was saved yet."""
    if not (path / checkpoint.HEAD).exists() and not any(path.iterdir()):
        return None
    if not training.continues(checkpoint.read_training(path)):
        raise ValueError(
            f"{path}: was trained with another architecture, recipe, seed or dataset; expected the same to resume"
        )
    return checkpoint.load_progress(path) if (path / checkpoint.TRAINING).exists() else None
