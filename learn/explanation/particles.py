"""What each particle has to do with a score, as columns that pages and pictures show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vitrify.analysis.structure.descriptors import Column
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.learn.classifier import Classifier
from vitrify.learn.configurations import Configurations
from vitrify.learn.explanation.gradients import attributions, sees_pictures

LABELS = {
    "contribution": "contribution to the logit",
    "attribution": "integrated gradient of the logit",
    "attention": "attention, 1 for an equal share",
    "heard": "attention of the neighbours",
}
"""What a colour bar says of each column."""


KNOWN = {"mpnn": ("contribution", "attention", "heard"), "cnn": ("contribution",), "cnn2018": ("attribution",)}
"""The columns of each kind of network."""


def particle_numbers(classifier: Classifier, configurations: Configurations) -> dict[str, np.ndarray]:
    """Columns of every configuration, (C, N) float64 each, NaN in empty slots.

    Args:
        classifier: a cnn or an mpnn, see ``particle_numbers`` of its module; of a cnn2018 these are its integrated
            gradients, :func:`vitrify.learn.explanation.gradients.attributions`.
        configurations: what it looks at, one after the other.

    Raises:
        ValueError: for a kind that says nothing of single particles.
    """
    module, kind = classifier.module(), classifier.architecture
    if not knows_particles(classifier):
        raise ValueError(f"{kind.name}: does not say what single particles contribute, expected a network")
    if not hasattr(module, "particle_numbers"):
        return {"attribution": attributions(classifier, configurations)[1]}
    encoded = kind.encode(configurations)
    found: dict[str, list[np.ndarray]] = {}
    for row in range(len(configurations)):
        inputs = kind.inputs(encoded, np.array([row]), classifier.scaling)
        for name, values in module.particle_numbers(inputs).items():  # type: ignore[attr-defined]
            found.setdefault(name, []).append(np.asarray(values, np.float64)[0])
    there = np.asarray(configurations.species) >= 0
    return {name: np.where(there, np.array(values), np.nan) for name, values in found.items()}


def knows_particles(classifier: Classifier) -> bool:
    """Whether a network says what single particles have to do with its score."""
    return hasattr(classifier.module(), "particle_numbers") or sees_pictures(classifier)


def model_columns(classifier: Classifier, name: str, positions: str = "") -> Mapping[str, Column]:
    """The columns of a network as the page of ``vitrify view`` takes them, ``NAME: contribution`` and so on.

    Args:
        classifier: the network.
        name: of the model.
        positions: ``instant`` or ``inherent``, those it was trained on: others have no columns; "" for all.

    Raises:
        ValueError: for a kind that says nothing of single particles.
    """
    if not knows_particles(classifier):
        raise ValueError(
            f"{name}: a {classifier.architecture.name} says nothing of single particles, expected a network"
        )
    last: list[tuple[Surroundings, dict[str, np.ndarray]]] = []

    def column(what: str) -> Column:
        def measure(around: Surroundings) -> np.ndarray:
            if not last or last[0][0] is not around:  # all columns of a configuration are asked for in turn
                seen = Configurations.of([around.configuration], [np.nan])
                last[:] = [(around, particle_numbers(classifier, seen))]
            return last[0][1][what][0]

        return Column(label=f"{name}: {LABELS[what]}", measure=measure, positions=positions)

    return {f"{name}: {what}": column(what) for what in KNOWN[classifier.architecture.name]}
