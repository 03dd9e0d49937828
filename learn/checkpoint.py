"""A model directory: what was trained on what, its weights, and all that is needed to go on.

- ``model.toml``: architecture with its options, classes in the order of their labels, recipe, seed, the dataset with
  its digest and positions, what made it;
- ``origins.json``: the origins (seed:replica) it was trained on and chosen on, so that no test ever uses them;
- ``weights.npz``: the weights of the lowest validation loss as ``variables/params/<layer>/<kernel or bias>``, and what
  the inputs are scaled with as ``scaling/<name>``;
- ``training.npz``: where training stands: weights, best weights, moments of Adam, history;
- ``history.csv``; and ``DONE``, check sums of all of these, written last and only when training has finished.
"""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from flax.traverse_util import flatten_dict, unflatten_dict

from vitrify.analysis.report.tables import write_table
from vitrify.learn.classifier import Classifier
from vitrify.learn.datasets import Dataset
from vitrify.learn.models import get_architecture
from vitrify.learn.models.base import Architecture, Recipe
from vitrify.learn.train import COLUMNS, Progress
from vitrify.md.store.checkpoint import write_atomically
from vitrify.md.store.product import DONE, check_sums, require_free, seal
from vitrify.md.store.provenance import provenance, to_toml

HEAD, ORIGINS, WEIGHTS, TRAINING, HISTORY = "model.toml", "origins.json", "weights.npz", "training.npz", "history.csv"
PACKAGES = ("numpy", "jax", "flax", "optax")


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a model directory is made from; the same again must give the same model.

    Attributes:
        architecture: the kind of network and its options.
        classes: names of the classes, in the order of their labels.
        recipe: how it is trained.
        seed: what weights, batches, symmetries and dropout derive from.
        dataset: name, digest, positions, density and composition of the dataset.
        origins: of the training and of the validation part.
    """

    architecture: Architecture
    classes: tuple[str, ...]
    recipe: Recipe
    seed: int
    dataset: Mapping[str, Any]
    origins: Mapping[str, list[str]] = field(repr=False)

    @classmethod
    def of(cls, dataset: Dataset, architecture: Architecture, recipe: Recipe, seed: int) -> Training:
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
        """As TOML; without the number of iterations and the patience, which may be raised later."""
        return {
            "architecture": self.architecture.name,
            "classes": list(self.classes),
            "seed": self.seed,
            "options": asdict(self.architecture),  # type: ignore[call-overload]
            "recipe": asdict(self.recipe),
            "dataset": dict(self.dataset),
        }

    def continues(self, other: Training) -> bool:
        """Whether it is the same training as another one, length apart."""
        tables = [training.table() for training in (self, other)]
        for table in tables:
            table["recipe"] = {k: v for k, v in table["recipe"].items() if k not in ("iterations", "patience")}
            table["dataset"].pop("name")
        return tables[0] == tables[1]


@dataclass(frozen=True, kw_only=True)
class Model:
    """A finished model directory.

    Attributes:
        path: the directory.
        name: its name.
        classifier: the trained network.
        training: what it was made from.
        digest: SHA-256 of its weights.
    """

    path: Path
    name: str
    classifier: Classifier
    training: Training
    digest: str

    def history(self) -> list[dict[str, float]]:
        """How training went, a row an iteration, by the columns of history.csv."""
        with open(self.path / HISTORY, newline="") as file:
            return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


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
    arrays = _flat("variables", progress.variables) | _flat("best", progress.best)
    arrays |= _flat("mu", progress.moments.mu) | _flat("nu", progress.moments.nu)
    arrays["count"] = np.asarray(progress.moments.count)
    arrays["history"] = np.array(progress.history, dtype=np.float64).reshape(-1, len(COLUMNS))
    write_atomically(path / TRAINING, lambda file: np.savez(file, **arrays))


def load_progress(path: Path) -> Progress:
    """Read where training stands.

    Raises:
        FileNotFoundError: when nothing was saved yet.
        ValueError: when the file is damaged.
    """
    arrays = _read(path / TRAINING)
    try:
        count, history = arrays["count"], arrays["history"].tolist()
        return Progress(
            variables=_nested("variables", arrays),
            moments=optax.ScaleByAdamState(
                count=jnp.asarray(count),
                mu=_nested("mu", arrays),
                nu=_nested("nu", arrays),  # type: ignore[arg-type]
            ),
            best=_nested("best", arrays),
            history=tuple(tuple([int(row[0]), *row[1:]]) for row in history),
        )
    except (KeyError, IndexError) as error:
        raise ValueError(f"{path / TRAINING}: damaged (no {error})") from error


def finish(path: Path, classifier: Classifier, progress: Progress) -> Model:
    """Write the chosen weights, the history and DONE."""
    save_progress(path, progress)
    arrays = _flat("variables", classifier.variables) | _flat("scaling", classifier.scaling)
    write_atomically(path / WEIGHTS, lambda file: np.savez(file, **arrays))
    write_table(path / HISTORY, dict(zip(COLUMNS, zip(*progress.history, strict=True), strict=True)))
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
    if missing := [name for name in (HEAD, ORIGINS, WEIGHTS) if name not in sums]:
        raise ValueError(f"{path}: not a model directory (it has no {', '.join(missing)})")
    training = read_training(path)
    arrays = _read(path / WEIGHTS)
    classifier = Classifier(
        architecture=training.architecture,
        classes=training.classes,
        scaling={name.removeprefix("scaling/"): array for name, array in arrays.items() if name.startswith("scaling/")},
        variables=_nested("variables", arrays),
    )
    digest = sha256("".join((sums[HEAD], sums[WEIGHTS])).encode()).hexdigest()
    return Model(path=path, name=path.resolve().name, classifier=classifier, training=training, digest=digest)


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
            recipe=Recipe(**head["recipe"]),
            seed=head["seed"],
            dataset=head["dataset"],
            origins=json.loads((path / ORIGINS).read_text()),
        )
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: damaged model directory ({error})") from error


def _flat(prefix: str, tree: Any) -> dict[str, Any]:
    return {f"{prefix}/{name}": np.asarray(array) for name, array in flatten_dict(tree, sep="/").items()}


def _nested(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    chosen = {name: jnp.asarray(array) for name, array in arrays.items() if name.startswith(prefix + "/")}
    return unflatten_dict(chosen, sep="/")[prefix]


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise ValueError(f"{path}: damaged ({error})") from error
