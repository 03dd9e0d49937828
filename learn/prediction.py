"""Probabilities for anybody's configurations: stored frames of runs, and GSD files that others wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vitrify.analysis.comparison.sides import Side
from vitrify.learn.checkpoint import Model
from vitrify.learn.configurations import Configurations
from vitrify.learn.evaluate import COMPOSITION_TOLERANCE
from vitrify.learn.sources import Source, origins_of
from vitrify.learn.taking import take
from vitrify.md.store.foreign import ForeignFile
from vitrify.md.store.rundir import RunDirectory


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Probabilities of the configurations of one file, or of one run at one temperature.

    Attributes:
        source: what was given.
        replica: (C,) replica, or frame of the file.
        frame: (C,) frame of the run, or of the file.
        kt_set: (C,) [eps_AA]; NaN where nobody knows it.
        probability: (C, classes).
        notes: what must be known, a line each.
    """

    source: str
    replica: np.ndarray
    frame: np.ndarray
    kt_set: np.ndarray
    probability: np.ndarray = field(repr=False)
    notes: tuple[str, ...] = ()


def predict(model: Model, source: str) -> Prediction:
    """Probabilities for ``FILE.gsd`` or ``RUN@kT``.

    Of a run those positions are taken that the model was trained on, instantaneous or inherent; a file is taken as it
    is.

    Raises:
        FileNotFoundError: when there is no such file or run.
        ValueError: for another density than that of the training, or a file that does not hold the mixture.
    """
    positions = model.training.dataset["positions"]
    notes = []
    if source.endswith(".gsd"):
        file = ForeignFile(Path(source))
        stored = [file.configuration(place) for place in range(len(file))]
        file.close()
        seen = Configurations.of(stored, np.full(len(stored), np.nan))
        replica = frame = np.arange(len(stored))
        kt = np.array([one.kt_set for one in stored])
        notes.append(f"{source}: positions are taken as they are; {model.name} was trained on {positions} ones")
    else:
        given = Source.parse(source)
        run = RunDirectory.open(given.path)
        taken = take(run, given.kt, inherent=positions == "inherent", frames_per_replica=None, window=None)
        seen = Configurations(
            positions=taken.positions,
            species=taken.species,
            box=taken.box,
            periodic=taken.periodic,
            inherent_energy=taken.energy,
        )
        replica, frame, kt = taken.replica, taken.frame, taken.kt_set
    fraction, trained = seen.mixture()[1], model.training.dataset.get("fraction_a", np.nan)
    if abs(fraction - trained) > COMPOSITION_TOLERANCE:
        notes.append(f"{source}: has {fraction:.3f} of A, {model.name} was trained at {trained:.3f}")
    if not model.learnt:
        notes.append(f"{model.name}: did not learn its own training part ({model.verdict.reason})")
    try:
        probability = model.classifier.probabilities(seen)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    return Prediction(
        source=source, replica=replica, frame=frame, kt_set=kt, probability=probability, notes=tuple(notes)
    )


def unseen_logits(model: Model, side: Side) -> np.ndarray:
    """Logit of the last class less that of the first, for every configuration of one side of a comparison.

    Args:
        model: of any network.
        side: configurations of the bulk mixture, on the positions that the model was trained on.

    Returns:
        (n,); NaN for replicas (seed:replica) that the model was trained or chosen on.

    Raises:
        ValueError: for the bulk of films, another density than that of the training, or a side without unseen ones.
    """
    seen = {origin for part in model.training.origins.values() for origin in part}
    places = [member.stored for member in side.members if member.stored is not None]
    if len(places) < len(side.members):
        raise ValueError(f"{side.name}: got the bulk of films, expected configurations of the bulk mixture for a model")
    rows = [row for row, at in enumerate(places) if origins_of(at.run, [at.replica])[0] not in seen]
    if not rows:
        raise ValueError(f"{side.name}: {model.name} was trained or chosen on every replica, expected some it was not")
    unseen = Configurations.of((places[row].load() for row in rows), side.energies[rows])
    logits, found = model.classifier.judged(unseen), np.full(len(places), np.nan)
    found[rows] = logits[:, -1] - logits[:, 0]
    return found


def prediction_columns(found: Sequence[Prediction], classes: Sequence[str]) -> dict[str, list]:
    """The columns of a table, a row for each configuration."""
    table: dict[str, list] = {}
    for one in found:
        columns = {
            "source": [one.source] * len(one.replica),
            "replica": one.replica,
            "frame": one.frame,
            "kt_set": one.kt_set,
            "predicted": np.array(classes)[one.probability.argmax(axis=1)],
        }
        columns |= {f"p_{name}": one.probability[:, label] for label, name in enumerate(classes)}
        for name, column in columns.items():
            table.setdefault(name, []).extend(np.asarray(column).tolist())
    return table
