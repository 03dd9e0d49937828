"""A model directory: what was trained on what, its weights, and all that is needed to go on.

- ``model.toml``: architecture with its options, classes in the order of their labels, recipe, seed, the dataset with
  its digest and positions, what made it;
- ``origins.json``: the origins (seed:replica) it was trained on and chosen on, so that no test ever uses them;
- ``weights.npz``: the best weights, those of the lowest validation loss, as ``weights/<layer>/<kernel or bias>``, and
  what the inputs are scaled with as ``scaling/<name>``;
- ``training.npz``: where training stands: latest weights, best weights, moments of Adam, history;
- ``history.jsonl``: a line a validation, see :data:`vitrify.learn.train.COLUMNS`;
- ``scores.json``: training and validation scores of the weights kept, whether the training part was learnt, and where
  the time went;
- ``DONE``, check sums of all of these, written last and only when training has finished.

Where weights are solved for and not stepped to, there is no history and no ``training.npz``.
"""

from __future__ import annotations

import json
import shutil
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vitrify.learn.classifier import Classifier
from vitrify.learn.datasets import Dataset
from vitrify.learn.models import get_architecture
from vitrify.learn.models.base import Architecture
from vitrify.learn.recipe import Recipe
from vitrify.learn.train import Progress, seed_of_weights
from vitrify.learn.update import first_state
from vitrify.learn.verdict import Verdict
from vitrify.md.store.checkpoint import write_atomically
from vitrify.md.store.product import DONE, check_sums, require_free, seal
from vitrify.md.store.provenance import provenance, to_toml

HEAD, ORIGINS, WEIGHTS, TRAINING = "model.toml", "origins.json", "weights.npz", "training.npz"
HISTORY, SCORES = "history.jsonl", "scores.json"
PACKAGES = ("numpy", "jax", "flax", "optax", "scikit-learn")


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a model directory is made from; the same again must give the same model.

    Attributes:
        architecture: the kind of network and its options.
        classes: names of the classes, in the order of their labels.
        recipe: how it is trained; None where weights are solved for.
        seed: what weights, batches, symmetries and dropout derive from.
        dataset: name, digest, positions, density and composition of the dataset.
        origins: of the training and of the validation part.
    """

    architecture: Architecture
    classes: tuple[str, ...]
    recipe: Recipe | None
    seed: int
    dataset: Mapping[str, Any]
    origins: Mapping[str, list[str]] = field(repr=False)

    @classmethod
    def of(cls, dataset: Dataset, architecture: Architecture, recipe: Recipe | None, seed: int) -> Training:
        """The training of an architecture on a dataset."""
        return cls(
            architecture=architecture,
            classes=dataset.classes,
            recipe=recipe,
            seed=seed,
            dataset=dataset.facts,
            origins={
                part: sorted(set(dataset.origin[dataset.rows(part)].tolist())) for part in ("train", "validation")
            },
        )

    def table(self) -> dict[str, Any]:
        """As TOML."""
        return {
            "architecture": self.architecture.name,
            "classes": list(self.classes),
            "seed": self.seed,
            "options": asdict(self.architecture),  # type: ignore[call-overload]
            "recipe": asdict(self.recipe) if self.recipe else {},
            "dataset": dict(self.dataset),
        }

    def continues(self, other: Training) -> bool:
        """Whether it is the same training as another one, or goes on where that one ends."""
        tables = [training.table() for training in (self, other)]
        for table in tables:
            table.pop("recipe")
            table["dataset"].pop("name")
        if self.recipe is None or other.recipe is None:
            return tables[0] == tables[1]
        return tables[0] == tables[1] and self.recipe.keeps_going(other.recipe)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A finished model directory.

    Attributes:
        path: the directory.
        name: its name.
        classifier: the trained network.
        training: what it was made from.
        digest: SHA-256 of its weights.
        verdict: what it scores on its own training and validation part, and whether it has learnt the former.
        input_share: share of the time of its training in which the device may have waited for inputs.
    """

    path: Path
    name: str
    classifier: Classifier
    training: Training
    digest: str
    verdict: Verdict
    input_share: float = 0.0

    @property
    def learnt(self) -> bool:
        """Whether it has learnt its own training part; if not, its scores say nothing about physics."""
        return self.verdict.learnt

    def history(self) -> list[dict[str, float]]:
        """How training went, a row a validation, by the columns of history.jsonl; none where nothing was stepped."""
        path = self.path / HISTORY
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def latest(self) -> Classifier:
        """The network as training left it, instead of at its best."""
        if self.training.recipe is None:
            return self.classifier
        return replace(self.classifier, weights=load_progress(self.path, self.training).state.chosen())


def begin(path: Path, training: Training) -> None:
    """Make an empty model directory that says what is going to be trained."""
    path.mkdir(parents=True, exist_ok=True)
    (path / DONE).unlink(missing_ok=True)
    made = provenance(packages=PACKAGES)
    packages = {f"{name}_version": number for name, number in made["packages"].items()}
    facts = {key: made[key] for key in ("version", "git_commit", "started", "python")} | packages
    write_atomically(path / ORIGINS, json.dumps(training.origins, indent=1) + "\n")
    write_atomically(path / HEAD, to_toml({**training.table(), "provenance": facts}))


def clear(path: Path) -> None:
    """Remove a model directory, finished or not, and nothing else.

    Raises:
        FileExistsError: when it is none.
    """
    require_free(path, HEAD, force=True)
    shutil.rmtree(path)


def save_progress(path: Path, progress: Progress) -> None:
    """Write where training stands into a model directory; whole or not at all."""
    state = progress.state
    arrays: dict[str, Any] = {f"moments/{place}": leaf for place, leaf in enumerate(jax.tree.leaves(state.moments))}
    for name in ("weights", "statistics", "counts", "averaged"):
        arrays |= _under(name, getattr(state, name))
    arrays |= _under("best", progress.best)
    arrays["history"] = np.array([json.dumps(row) for row in progress.history], dtype=str)
    arrays["scores"] = np.array(progress.scores, dtype=np.float64).reshape(-1, 2)
    arrays["clock"] = np.array([progress.updates, progress.seconds, progress.waited])
    write_atomically(path / TRAINING, lambda file: np.savez(file, **arrays))
    write_atomically(path / HISTORY, "".join(json.dumps(row) + "\n" for row in progress.history))


def load_progress(path: Path, training: Training) -> Progress:
    """Read where training stands.

    Raises:
        FileNotFoundError: when nothing was saved yet.
        ValueError: when the file is damaged, or of another network.
    """
    if training.recipe is None:
        raise ValueError(f"{path}: its weights were solved for; there is nothing to go on with")
    arrays = _read(path / TRAINING)
    seed = seed_of_weights(training.seed)
    start = first_state(training.architecture, len(training.classes), training.recipe, seed)
    try:
        moments, form = jax.tree.flatten(start.moments)
        same = {f"moments/{place}": np.shape(leaf) for place, leaf in enumerate(moments)}
        parts = {}
        for name in ("weights", "statistics", "counts", "averaged"):
            parts[name] = {key: arrays[f"{name}/{key}"] for key in getattr(start, name)}
            same |= {f"{name}/{key}": np.shape(leaf) for key, leaf in getattr(start, name).items()}
        if odd := [name for name, shape in same.items() if arrays[name].shape != shape]:
            raise ValueError(f"{path / TRAINING}: {odd[0]} has shape {arrays[odd[0]].shape}, expected {same[odd[0]]}")
        moments = [arrays[f"moments/{place}"] for place in range(len(moments))]
        updates, seconds, waited = arrays["clock"].tolist()
        return Progress(
            state=start._replace(**parts, moments=jax.tree.unflatten(form, moments)),
            best=_below("best", arrays),
            history=tuple(json.loads(str(row)) for row in arrays["history"]),
            updates=int(updates),
            scores=tuple(map(tuple, arrays["scores"].tolist())),
            seconds=seconds,
            waited=waited,
        )
    except KeyError as error:
        raise ValueError(f"{path / TRAINING}: damaged (no {error})") from error


def finish(path: Path, classifier: Classifier, verdict: Verdict, progress: Progress | None) -> Model:
    """Write the chosen weights, how they score, the history where there is one, and DONE."""
    if progress is not None:
        save_progress(path, progress)
    arrays = _under("weights", classifier.weights) | _under("scaling", classifier.scaling)
    arrays["density"] = np.array(classifier.density)
    write_atomically(path / WEIGHTS, lambda file: np.savez(file, **arrays))
    time = {"seconds": progress.seconds, "input_share": progress.input_share} if progress else {}
    write_atomically(path / SCORES, json.dumps({**verdict.table(), "time": time}, indent=1) + "\n")
    seal(path)
    return open_model(path)


def open_model(path: Path) -> Model:
    """Open a finished model directory.

    Raises:
        FileNotFoundError: when there is no such directory.
        ValueError: when it is unfinished, damaged, or of an architecture that is not known.
    """
    path = Path(path)
    sums = check_sums(path, "model")
    if missing := [name for name in (HEAD, ORIGINS, WEIGHTS, SCORES) if name not in sums]:
        raise ValueError(f"{path}: not a model directory (it has no {', '.join(missing)})")
    training = read_training(path)
    arrays = _read(path / WEIGHTS)
    classifier = Classifier(
        architecture=training.architecture,
        classes=training.classes,
        scaling=_below("scaling", arrays),
        weights=_below("weights", arrays),
        density=float(arrays["density"]),
    )
    scores = json.loads((path / SCORES).read_text())
    return Model(
        path=path,
        name=path.resolve().name,
        classifier=classifier,
        training=training,
        digest=sha256("".join((sums[HEAD], sums[WEIGHTS])).encode()).hexdigest(),
        verdict=Verdict.read(scores),
        input_share=scores["time"].get("input_share", 0.0),
    )


def read_training(path: Path) -> Training:
    """What a model directory, finished or not, is made from.

    Raises:
        FileNotFoundError: when there is none.
        ValueError: when it is damaged.
    """
    try:
        head = tomllib.loads((path / HEAD).read_text())
        return Training(
            architecture=get_architecture(head["architecture"], **head["options"]),
            classes=tuple(head["classes"]),
            recipe=Recipe(**head["recipe"]) if head["recipe"] else None,
            seed=head["seed"],
            dataset=head["dataset"],
            origins=json.loads((path / ORIGINS).read_text()),
        )
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: damaged model directory ({error})") from error


def _under(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}/{name}": np.asarray(array) for name, array in arrays.items()}


def _below(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    start = prefix + "/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with (
            open(path, "rb") as opened,
            np.load(opened, allow_pickle=False) as file,
        ):  # closed, too, where it is damaged
            return {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise ValueError(f"{path}: damaged ({error})") from error
