"""Where in a configuration a network looks: filters, contributions, attention, integrated gradients."""

from __future__ import annotations

import numpy as np

from vitrify.analysis.figures import (
    Colouring,
    attribution_figure,
    configuration_figure,
    filter_figure,
    groups_figure,
)
from vitrify.analysis.results import Results
from vitrify.analysis.structure.descriptors import COLUMNS
from vitrify.learn.checkpoint import Model
from vitrify.learn.configurations import Configurations
from vitrify.learn.explanation.gradients import attributions, sees_pictures
from vitrify.learn.explanation.groups import Particles, followed, grouped
from vitrify.learn.explanation.particles import LABELS, knows_particles, particle_numbers
from vitrify.learn.explanation.scored import Scored
from vitrify.md.model import SPECIES_NAMES
from vitrify.md.store.frames import Configuration

EXAMINED = 16
"""Replicas of each class of which a configuration is looked at particle by particle."""

SIGNED = ("contribution", "attribution")
"""Numbers of a particle whose sign speaks for a class."""

MEANING = {
    "attention": "How much the read-out listens to each particle.",
    "heard": "How much the neighbours of a particle listen to it.",
}


def show_filters(model: Model, found: Results) -> None:
    """First-layer channels of a network that looks at pictures."""
    module = model.classifier.module()
    if not hasattr(module, "filters"):
        return
    filters, titles, reach = module.filters(model.classifier.scaling)  # type: ignore[attr-defined]
    found.add_figure(
        "filters.png",
        filter_figure(filters, titles, SPECIES_NAMES[: filters.shape[1]], reach),
        "Filters of the first layer, a row a species: red adds, blue takes away, each filter in its own units. l is "
        "the number of periods around the centre; a filter with l > 0 acts together with its turned twin.",
    )


def show_particles(model: Model, scored: Scored, found: Results) -> None:
    """What particles have to do with the score, in the configuration of each class that the model is surest of."""
    if not knows_particles(model.classifier):
        found.notes.append(f"{model.classifier.architecture.name}: does not say what single particles contribute")
        return
    chosen, shown = surest(scored)
    there = np.asarray(chosen.species) >= 0
    table: dict[str, list] = {
        "class": [title for row, title in enumerate(shown) for _ in range(there[row].sum())],
        "x": chosen.positions[there][:, 0].tolist(),
        "y": chosen.positions[there][:, 1].tolist(),
        "species": [SPECIES_NAMES[kind] for kind in chosen.species[there]],
    }
    kind, numbers = model.classifier.architecture, {}
    if hasattr(model.classifier.module(), "particle_numbers"):
        numbers |= particle_numbers(model.classifier, chosen)
    if sees_pictures(model.classifier):
        maps, numbers["attribution"] = attributions(model.classifier, chosen)
        pixel = np.broadcast_to(getattr(kind, "pixel", 0.0), 2)  # a window lies on a canvas with a margin around it
        edges = [
            box if along.all() or not pixel.all() else pixel * one.shape[::-1]
            for one, box, along in zip(maps, chosen.box, chosen.periodic, strict=True)
        ]
        show_gradients(scored, dict(zip(shown, maps, strict=True)), dict(zip(shown, edges, strict=True)), found)
    for name, values in numbers.items():
        table[name] = values[there].tolist()
        centred = {title: values[row][there[row]] for row, title in enumerate(shown)}
        if name in SIGNED:
            middle = values[there].mean()
            centred = {title: own - middle for title, own in centred.items()}
        found.add_figure(
            f"particles_{name}.png",
            configuration_figure(shown, colouring=Colouring(label=LABELS[name], values=centred, signed=name in SIGNED)),
            f"{LABELS[name].capitalize()}, in the configuration of each class that the model is surest of. "
            + (f"Less its mean over both; red speaks for {scored.classes[-1]}." if name in SIGNED else MEANING[name]),
        )
    found.add_table(
        "particles.csv",
        table,
        "What each particle of these configurations has to do with the score. The mean of contribution is the logit of "
        f"{scored.classes[-1]} less a constant, that of attribution less the logit of a picture without structure.",
    )


def surest(scored: Scored) -> tuple[Configurations, dict[str, Configuration]]:
    """The configuration of the first and of the last class with the lowest and the highest logit."""
    rows = [
        int(np.flatnonzero(scored.label == label)[np.argmax(sign * scored.logit[scored.label == label])])
        for label, sign in ((0, -1), (len(scored.classes) - 1, 1))
    ]
    chosen = scored.configurations.select(np.array(rows))
    return chosen, {scored.classes[place]: chosen.one(row) for row, place in enumerate((0, -1))}


def show_gradients(scored: Scored, maps: dict[str, np.ndarray], edges: dict[str, np.ndarray], found: Results) -> None:
    """Integrated gradients of pictures, whose edges are given along x and y [sigma_AA]."""
    found.add_figure(
        "gradients.png",
        attribution_figure(maps, {title: (float(x), float(y)) for title, (x, y) in edges.items()}),
        f"Integrated gradients: what each pixel adds to the logit of {scored.classes[-1]}, beginning with a picture of "
        "the same composition without structure, in the configuration of each class that the model is surest of.",
    )


def show_groups(model: Model, scored: Scored, found: Results) -> None:
    """Which particles speak for a class."""
    if not hasattr(model.classifier.module(), "particle_numbers"):
        return
    first = np.sort(np.unique(scored.unit, return_index=True)[1])  # one of each replica: the others are no news
    rows = np.concatenate([first[scored.label[first] == number][:EXAMINED] for number in range(len(scored.classes))])
    particles = Particles.of(model.classifier, scored.configurations.select(rows), scored.label[rows])
    table, first, last = grouped(particles, scored.classes), scored.classes[0], scored.classes[-1]
    if not table:
        return
    found.add_table(
        "groups.csv",
        table,
        f"Particles of {len(rows)} configurations by their bonded neighbours, Voronoi sides and closed rings: the "
        "fraction of their species in each class, and their mean contribution to the logit less that of the species, "
        f"with its standard error over configurations. carries is what the group adds to the mean logit of {last} less "
        f"that of {first} by being more frequent in one of them; groups of one column add up, columns overlap.",
    )
    columns = list(dict.fromkeys(table["column"]))
    drawn = {column: {} for column in columns}
    for column in columns:
        for name in dict.fromkeys(table["species"]):
            own = [n for n in range(len(table["value"])) if (table["column"][n], table["species"][n]) == (column, name)]
            if own:
                drawn[column][name] = tuple(
                    np.array([table[what][n] for n in own], dtype=np.float64)
                    for what in ("value", "contribution", "error")
                )
    found.add_figure(
        "groups.png",
        groups_figure({COLUMNS[column].label: series for column, series in drawn.items()}),
        f"Which particles speak for {last}: mean contribution by bonded neighbours, Voronoi sides and closed rings, "
        "less the mean of their species (ring 0: in none); standard errors over configurations.",
    )
    found.add_table(
        "particle_correlations.csv",
        followed(particles),
        "Rank correlation, over the particles of a configuration, of each number a particle has with what it "
        "contributes to the logit: mean over configurations with a 95 % interval.",
    )
