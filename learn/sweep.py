"""The same training over and over with other seeds, rates, batch sizes or options: side by side where shapes agree."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vitrify.analysis.figures import save, training_figure
from vitrify.analysis.report.tables import write_table
from vitrify.learn.checkpoint import Model, Training
from vitrify.learn.datasets import Dataset
from vitrify.learn.fit import fit, fitting, prepare
from vitrify.learn.models.base import Architecture
from vitrify.learn.recipe import Recipe
from vitrify.learn.settings import settled, value
from vitrify.learn.train import Material, Steps
from vitrify.learn.update import updater
from vitrify.md.protocols.unfinished import Unfinished

TABLE, FIGURE = "sweep.csv", "training.png"
ABREAST = 8
"""Trainings that go side by side at most: each holds its weights and moments in memory."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One training of a sweep.

    Attributes:
        settings: what it has that others have not, by name.
        architecture: the kind of network.
        recipe: how it is trained.
        seed: what it derives from.
    """

    settings: Mapping[str, Any]
    architecture: Architecture
    recipe: Recipe | None
    seed: int

    @property
    def name(self) -> str:
        """Of its directory: ``learning_rate=0.001,seed=2``."""
        return ",".join(f"{key}={one}" for key, one in self.settings.items())

    def shapes(self, configurations: int) -> tuple | None:
        """What has to agree for trainings to go side by side; None where nothing is stepped."""
        if self.recipe is None:
            return None
        batch = min(self.recipe.batch, configurations)
        return self.architecture, batch, self.recipe.optimiser, self.recipe.weight_decay, self.recipe.average > 0


def members(name: str, given: Mapping[str, Any], grid: Sequence[str], seed: int) -> list[Member]:
    """Every combination of a grid.

    Args:
        name: of the architecture.
        given: options and numbers that all share.
        grid: ``key=value,value,...`` each; ``seed`` is a key as well.
        seed: of all where the grid has none.

    Raises:
        ValueError: for a key without values or given twice, or one that is not known.

    >>> [member.name for member in members("linear", {}, ["features=energy,both", "folds=3"], seed=1)]
    ['features=energy,folds=3', 'features=both,folds=3']
    """
    axes: dict[str, list] = {}
    for axis in grid:
        key, equals, text = axis.partition("=")
        if not equals or not text or key in axes:
            raise ValueError(f"sweep: got {axis!r}, expected key=value,value,... with every key once")
        axes[key] = [value(one.strip()) for one in text.split(",")]
    found = []
    for values in product(*axes.values()):
        settings = dict(zip(axes, values, strict=True))
        own = settings.get("seed", seed)
        if not isinstance(own, int) or own < 0:
            raise ValueError(f"seed: got {own!r}, expected a whole number from 0 on")
        architecture, recipe = settled(name, {**given, **{k: v for k, v in settings.items() if k != "seed"}})
        found.append(Member(settings=settings, architecture=architecture, recipe=recipe, seed=own))
    if len({member.name for member in found}) < len(found):
        raise ValueError("sweep: got a value twice, expected every combination once")
    return found


def sweep(
    dataset: Dataset,
    wanted: Sequence[Member],
    out: Path,
    *,
    resume: bool = False,
    force: bool = False,
    report: Callable[[int], None] = lambda done: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Model | ValueError]:
    """Train all members, each into a model directory of its own in ``out``; write ``sweep.csv`` and ``training.png``.

    Args:
        dataset: a saved dataset.
        wanted: the trainings.
        out: the directory.
        resume: go on with what is there; finished members are left alone.
        force: replace the models that are there.
        report: told how many are finished.
        stop: asked after every update whether to save and leave.

    Returns:
        The models, in the order of ``wanted``; what went wrong where a training diverged.

    Raises:
        FileExistsError: when there is something at ``out`` and neither ``resume`` nor ``force``.
        ValueError: as :func:`vitrify.learn.fit.fit`, for what holds for all members.
        Unfinished: when stopped.
    """
    if out.exists() and not (resume or force):
        raise FileExistsError(
            errno.EEXIST,
            "exists already; expected a new directory, --resume to go on or --force to replace it",
            str(out),
        )
    results: dict[int, Model | ValueError] = {}
    groups: dict[tuple | None, list[int]] = {}
    for number, member in enumerate(wanted):
        groups.setdefault(member.shapes(len(dataset.rows("train"))), []).append(number)
    for shapes, numbers in groups.items():
        material = Material.of(dataset, wanted[numbers[0]].architecture) if shapes else None
        for start in range(0, len(numbers), ABREAST):
            chosen = numbers[start : start + ABREAST]
            own = {number: wanted[number] for number in chosen}
            if material and shapes:
                results |= _abreast(material, shapes, own, out, resume=resume, force=force, stop=stop)
            else:
                for number, one in own.items():
                    path = out / one.name
                    results[number] = fit(dataset, one.architecture, path, seed=one.seed, resume=resume, force=force)
            report(len(results))
    found = [results[number] for number in range(len(wanted))]
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / TABLE, table(wanted, found))
    if groups_of_seeds := histories(wanted, found):
        save(training_figure(groups_of_seeds), out / FIGURE)
    return found


def histories(wanted: Sequence[Member], found: Sequence[Model | ValueError]) -> dict[str, list]:
    """Of those that were stepped and did not diverge, by the settings that they share."""
    groups: dict[str, list] = {}
    for member, model in zip(wanted, found, strict=True):
        if isinstance(model, Model) and (history := model.history()):
            shared = ", ".join(f"{key} {one}" for key, one in member.settings.items() if key != "seed")
            groups.setdefault(shared or model.training.architecture.name, []).append(history)
    return groups


def table(wanted: Sequence[Member], found: Sequence[Model | ValueError]) -> dict[str, list]:
    """Settings and scores, a row a member, by column; of what diverged the settings and the reason."""
    columns: dict[str, list] = {key: [member.settings[key] for member in wanted] for key in wanted[0].settings}
    for part in ("train", "validation"):
        for score in ("loss", "accuracy", "auc"):
            columns[f"{part}_{score}"] = [
                getattr(getattr(one.verdict, part), score) if isinstance(one, Model) else np.nan for one in found
            ]
    columns["best_epoch"] = [
        min(one.history(), key=lambda row: row["validation_loss"])["epoch"]
        if isinstance(one, Model) and one.history()
        else np.nan
        for one in found
    ]
    columns["learnt"] = [isinstance(one, Model) and one.learnt for one in found]
    columns["reason"] = [one.verdict.reason if isinstance(one, Model) else str(one) for one in found]
    return columns


def _abreast(
    material: Material,
    shapes: tuple,
    chosen: Mapping[int, Member],
    out: Path,
    *,
    resume: bool,
    force: bool,
    stop: Callable[[], bool],
) -> dict[int, Model | ValueError]:
    """Train members whose shapes agree, side by side."""
    results: dict[int, Model | ValueError] = {}
    steps: dict[int, Steps[Model]] = {}
    for number, member in chosen.items():
        path = out / member.name
        training = Training.of(material.dataset, member.architecture, member.recipe, member.seed)
        finished = prepare(path, training, resume=resume, force=force)
        if finished:
            results[number] = finished
        else:
            steps[number] = fitting(material, path, training, stop=stop)
    if steps:
        kind, _, optimiser, weight_decay, _ = shapes
        update = together(kind, len(material.dataset.classes), optimiser, weight_decay)
        for number, outcome in zip(steps, carry_out_together(list(steps.values()), update), strict=True):
            if isinstance(outcome, Unfinished):
                raise Unfinished(out)
            results[number] = outcome
    return results


def carry_out_together(steps: Sequence[Steps[Any]], update: Callable) -> list[Any]:
    """Drive trainings of one shape to their ends, an update of all of them at a time.

    Returns:
        What each gives, or the ValueError or Unfinished it ended with.
    """
    outcomes: list[Any] = [None] * len(steps)

    def advance(number: int, answer: Any) -> Any:
        try:
            return steps[number].send(answer)
        except StopIteration as end:
            outcomes[number] = end.value
        except (ValueError, Unfinished) as error:
            outcomes[number] = error
        return None

    requests = [advance(number, None) for number in range(len(steps))]
    while any(request is not None for request in requests):
        anyone = next(request for request in requests if request is not None)
        filled = [anyone if request is None else request for request in requests]  # one shape, compiled once
        states, scores = update(*map(tuple, zip(*filled, strict=True)))
        requests = [
            None if request is None else advance(number, (states[number], scores[number]))
            for number, request in enumerate(requests)
        ]
    return outcomes


@lru_cache(maxsize=16)
def together(architecture: Architecture, classes: int, optimiser: str, weight_decay: float) -> Callable:
    """The update of several networks of a kind side by side, compiled."""
    update = jax.vmap(updater(architecture, classes, optimiser, weight_decay))

    def all_of_them(states: tuple, batches: tuple) -> tuple[list, list]:
        stacked = (jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees) for trees in (states, batches))
        changed, scores = update(*stacked)
        return [jax.tree.map(itemgetter(number), changed) for number in range(len(states))], list(scores)

    return jax.jit(all_of_them)
