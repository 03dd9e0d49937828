"""A model explained on a dataset: tables, figures, and what a reader must know about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vitrify.analysis.figures import (
    Colouring,
    accuracy_figure,
    animation,
    configuration_figure,
    correlation_figure,
    filter_figure,
    score_walk_figure,
)
from vitrify.analysis.results import Results, rows_to_columns
from vitrify.analysis.structure.descriptors import descriptors
from vitrify.learn.artificial import MOTIFS, ArtificialSpec, artificial, quenched
from vitrify.learn.checkpoint import Model
from vitrify.learn.configurations import Configurations
from vitrify.learn.datasets import Dataset
from vitrify.learn.explanation.descriptors import correlations, descriptor_table, energy_bins
from vitrify.learn.explanation.particles import LABELS, knows_particles, particle_numbers
from vitrify.learn.explanation.taste import KINDS, Walk, WalkSpec, walk
from vitrify.md.engines.base import Engine
from vitrify.md.model import SPECIES_NAMES

METRICS = ("b_clusters_k2", "bb_edges_k2", "a_outside_k2")
"""The three structural metrics of Swanson et al., arXiv 1909.04648, on the graph they took."""

STRONGEST = 20
"""Descriptors that the figure shows, beside METRICS and E_IS."""

FRAMES = 24
"""Pictures of an animation, at most."""

Progress = Callable[[float, float], None]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a model.

    Attributes:
        bin_width: of E_IS [eps_AA].
        artificial: configurations of each motif; 0 for none.
        steps: of each walk to higher scores; 0 for none.
        seed: what artificial configurations and walks derive from.
    """

    bin_width: float = 0.005
    artificial: int = 8
    steps: int = 60
    seed: int


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The test configurations of a dataset, and what a model says of them."""

    configurations: Configurations
    label: np.ndarray
    classes: tuple[str, ...]
    logits: np.ndarray

    @property
    def logit(self) -> np.ndarray:
        """(C,) of the last class less the first."""
        return self.logits[:, -1] - self.logits[:, 0]


def score(model: Model, dataset: Dataset) -> Scored:
    """Score the configurations of origins that the model was neither trained nor chosen on.

    Raises:
        ValueError: for other classes than the model's, or when nothing is left.
    """
    if dataset.classes != model.classifier.classes:
        raise ValueError(
            f"classes: got {', '.join(dataset.classes)}, expected {', '.join(model.classifier.classes)} as in training"
        )
    seen = {origin for part in model.training.origins.values() for origin in part}
    rows = np.flatnonzero([origin not in seen for origin in dataset.origin])
    if not len(rows):
        raise ValueError(f"{dataset.name}: the model has seen every configuration of it, expected some it has not")
    configurations = dataset.configurations.select(rows)
    logits = model.classifier.logits(model.classifier.architecture.encode(configurations), np.arange(len(rows)))
    return Scored(configurations=configurations, label=dataset.label[rows], classes=dataset.classes, logits=logits)


def explain(
    model: Model, dataset: Dataset, engine: Engine, question: Question, progress: Progress | None = None
) -> Results:
    """Everything that is known of what a model has learnt; see the captions.

    Args:
        model: of two classes.
        dataset: with the same classes; configurations the model has not seen are taken.
        engine: that quenches artificial configurations and walks.
        question: what is asked.
        progress: told how many steps of walks are done, and of how many.

    Returns:
        Tables, figures, animations and notes.
    """
    scored, found = score(model, dataset), Results()
    if not model.learnt:
        found.notes.append("the model has not learnt its own training set: nothing here says anything about physics")
    correlate(scored, found)
    accuracy_at_one_energy(scored, found, question.bin_width)
    show_filters(model, found)
    show_particles(model, scored, found)
    if question.artificial:
        ask_artificial(model, scored, engine, found, question)
    if question.steps:
        taste(model, dataset, scored, engine, found, question, progress)
    return found


def correlate(scored: Scored, found: Results) -> None:
    """Every descriptor per class and against the logit."""
    columns = descriptor_table(scored.configurations)
    table = correlations(columns, scored.logit, scored.label, scored.classes)
    if not table:
        found.notes.append("no descriptor is known for every configuration")
        return
    found.add_table(
        "descriptors.csv",
        table,
        f"Descriptors of {len(scored.logit)} configurations the model has not seen: mean in each class, the difference "
        "of the means in standard deviations within a class, and Spearman's rank correlation with the logit, of all "
        "configurations and of ranks taken within each class, with 95 % intervals (Bonett and Wright 2000).",
    )
    names = list(table["descriptor"])
    shown = [n for n, name in enumerate(names) if n < STRONGEST or name in (*METRICS, "inherent_energy")]
    values, low, high = (
        np.array([table[column][n] for n in shown]) for column in ("correlation", "correlation_low", "correlation_high")
    )
    found.add_figure(
        "correlations.png",
        correlation_figure([names[n] for n in shown], values, low, high),
        f"Rank correlation of descriptors with the logit of {scored.classes[-1]}: the {STRONGEST} strongest, the three "
        "structural metrics of the published network (k2) and the inherent-structure energy; 95 % intervals.",
    )
    metrics = [n for n, name in enumerate(names) if name in METRICS]
    found.add_table(
        "metrics.csv",
        {name: [column[n] for n in metrics] for name, column in table.items()},
        "The three structural metrics of the published network on the graph of two nearest neighbours, per particle: "
        "clusters of edges that touch a B, B-B edges, A that no such edge touches. Columns as in descriptors.csv.",
    )


def accuracy_at_one_energy(scored: Scored, found: Results, width: float) -> None:
    """Accuracy in narrow bins of E_IS."""
    energy = np.asarray(scored.configurations.inherent_energy)
    if not np.isfinite(energy).all():
        found.notes.append("no accuracy by energy: some configurations have no inherent-structure energy")
        return
    correct = scored.logits.argmax(axis=1) == scored.label
    table = energy_bins(energy, correct, scored.label, width=width)
    if not table:
        found.notes.append(f"no accuracy by energy: no bin of {width} in E_IS holds five configurations of each class")
        return
    found.add_table(
        "accuracy_by_energy.csv",
        table,
        f"Accuracy at the model's own threshold in bins of E_IS {width} wide, with 95 % intervals after Wilson; "
        "majority is the accuracy of always naming the more frequent class.",
    )
    columns = {name: np.array(column, dtype=np.float64) for name, column in table.items()}
    found.add_figure(
        "accuracy_by_energy.png",
        accuracy_figure(
            (columns["energy_from"] + columns["energy_to"]) / 2,
            columns["accuracy"],
            columns["accuracy_low"],
            columns["accuracy_high"],
            columns["majority"],
            r"$E_{\mathrm{IS}}$ per particle  $[\epsilon_{AA}]$",
        ),
        "Accuracy where the energy tells next to nothing: in narrow bins of E_IS; 95 % intervals after Wilson.",
    )


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
    """Contributions of particles in the configuration of each class that the model is surest of."""
    if not knows_particles(model.classifier):
        found.notes.append(f"{model.classifier.architecture.name}: does not say what single particles contribute")
        return
    surest = [
        int(np.flatnonzero(scored.label == label)[np.argmax(sign * scored.logit[scored.label == label])])
        for label, sign in ((0, -1), (len(scored.classes) - 1, 1))
    ]
    chosen = scored.configurations.select(np.array(surest))
    numbers = particle_numbers(model.classifier, chosen)
    titles = [scored.classes[0], scored.classes[-1]]
    shown = {title: chosen.one(row) for row, title in enumerate(titles)}
    there = np.asarray(chosen.species) >= 0
    table: dict[str, list] = {
        "class": [title for row, title in enumerate(titles) for _ in range(there[row].sum())],
        "x": chosen.positions[there][:, 0].tolist(),
        "y": chosen.positions[there][:, 1].tolist(),
        "species": [SPECIES_NAMES[kind] for kind in chosen.species[there]],
    }
    for name, values in numbers.items():
        table[name] = values[there].tolist()
        colouring = Colouring(
            label=LABELS[name], values={title: values[row][there[row]] for row, title in enumerate(titles)}
        )
        found.add_figure(
            f"particles_{name}.png",
            configuration_figure(shown, colouring=colouring),
            f"{LABELS[name].capitalize()}, in the configuration of each class that the model is surest of; a high "
            f"contribution speaks for {scored.classes[-1]}.",
        )
    found.add_table(
        "particles.csv",
        table,
        "What each particle of these configurations has to do with the score. The mean of contribution is the logit of "
        f"{scored.classes[-1]} less a constant.",
    )


def ask_artificial(model: Model, scored: Scored, engine: Engine, found: Results, question: Question) -> None:
    """Scores of artificial configurations."""
    species = np.asarray(scored.configurations.species)
    particles = int((species >= 0).sum(axis=1)[0])
    if not scored.configurations.periodic.all():
        found.notes.append("no artificial configurations: the dataset holds windows or films, expected periodic ones")
        return
    density, fraction_a = scored.configurations.mixture()
    rows = []
    for motif in MOTIFS:
        spec = ArtificialSpec(
            motif=motif, count=question.artificial, particles=particles, density=density, fraction_a=fraction_a,
            seed=question.seed,
        )  # fmt: skip
        built = artificial(spec)
        for state, shown in (("as built", built), ("quenched", quenched(built, engine))):
            logits = model.classifier.logits(model.classifier.architecture.encode(shown), np.arange(len(shown)))
            logit = logits[:, -1] - logits[:, 0]
            rings = [descriptors(shown.one(row))["ring5_B"] for row in range(len(shown))]
            rows.append(
                {
                    "motif": motif,
                    "state": state,
                    "configurations": len(shown),
                    "logit": float(logit.mean()),
                    "logit_error": float(logit.std(ddof=1) / np.sqrt(len(logit))) if len(logit) > 1 else np.nan,
                    f"called_{scored.classes[-1]}": float((logit > 0).mean()),
                    "energy": float(np.mean(shown.inherent_energy)),
                    "b_in_rings_of_five": float(np.mean(rings)),
                }
            )
    for number, name in enumerate(scored.classes):
        own = scored.logit[scored.label == number]
        rows.append(
            {
                "motif": f"({name})",
                "state": "of the dataset",
                "configurations": len(own),
                "logit": float(own.mean()),
                "logit_error": float(own.std(ddof=1) / np.sqrt(len(own))) if len(own) > 1 else np.nan,
                f"called_{scored.classes[-1]}": float((own > 0).mean()),
                "energy": float(np.mean(scored.configurations.inherent_energy[scored.label == number])),
                "b_in_rings_of_five": float("nan"),
            }
        )
    found.add_table(
        "artificial.csv",
        rows_to_columns(rows),
        f"Artificial configurations, and the logit of {scored.classes[-1]} the model gives them (mean and standard "
        "error), beside those of the dataset: pentagons and triangles of A around B, and particles at random, as built "
        "(with overlaps that no liquid has) and quenched. b_in_rings_of_five is the fraction of B in a closed ring of "
        "five. Energies per particle, truncated and not shifted [eps_AA].",
    )


def taste(
    model: Model,
    dataset: Dataset,
    scored: Scored,
    engine: Engine,
    found: Results,
    question: Question,
    progress: Progress | None,
) -> None:
    """Walks of one configuration to higher scores at its energy, and what changed."""
    if dataset.positions_taken != "inherent" or not scored.configurations.periodic.all():
        found.notes.append("no walks to higher scores: expected a dataset of whole inherent structures")
        return
    if not knows_particles(model.classifier):
        found.notes.append(f"no walks to higher scores: {model.classifier.architecture.name} has no slope in positions")
        return
    lowest = int(np.flatnonzero(scored.label == 0)[np.argsort(scored.logit[scored.label == 0])[0]])
    start = scored.configurations.select(np.array([lowest]))
    walks: dict[str, Walk] = {}
    for number, kind in enumerate(KINDS):

        def told(done: float, total: float, before: int = number) -> None:
            if progress is not None:
                progress(before * total + done, len(KINDS) * total)

        spec = WalkSpec(kind=kind, steps=question.steps, seed=question.seed)
        walks[kind] = walk(model.classifier, start, engine, spec, told)
    before = descriptors(start.one(0))
    spreads = descriptor_table(scored.configurations)
    changed: dict[str, dict[str, float]] = {}
    for kind, one in walks.items():
        after = descriptors(replace(start, positions=one.positions[-1:]).one(0))
        changed[kind] = {
            name: (after[name] - before[name]) / spreads[name].std()
            for name in before
            if np.isfinite([after[name], before[name]]).all() and spreads[name].std() > 0
        }
    names = sorted(
        set.intersection(*(set(one) for one in changed.values())),
        key=lambda name: -float(np.mean([abs(one[name]) for one in changed.values()])),
    )
    found.add_table(
        "taste.csv",
        {"descriptor": names, "before": [before[name] for name in names]}
        | {f"change_{kind}": [one[name] for name in names] for kind, one in changed.items()},
        f"What changed when a {scored.classes[0]} was walked to a higher logit of {scored.classes[-1]} at one E_IS: "
        "descriptors in standard deviations over the dataset's configurations, the largest changes first.",
    )
    summary = [
        {
            "kicks": kind,
            "taken": len(one.step) - 1,
            "of_steps": question.steps,
            "logit_before": float(one.logit[0]),
            "logit_after": float(one.logit[-1]),
            "energy_before": float(one.energy[0]),
            "energy_after": float(one.energy[-1]),
        }
        for kind, one in walks.items()
    ]
    found.add_table(
        "walks.csv",
        rows_to_columns(summary),
        f"Walks of the {scored.classes[0]} that the model is surest of to higher logits of {scored.classes[-1]}: "
        "regions kicked at random or along the slope of the logit, quenched, and taken by the Metropolis rule on the "
        f"logit while E_IS stays within {WalkSpec(seed=0).tolerance} of where it began. Beside it lies an animation.",
    )
    found.add_figure(
        "walks.png",
        score_walk_figure({kind: (one.step, one.logit, one.energy) for kind, one in walks.items()}),
        "Logit and inherent-structure energy along the walks.",
    )
    for kind, one in walks.items():
        found.files[f"taste-{kind}.gif"] = walk_animation(start, one)


def walk_animation(start: Configurations, one: Walk) -> bytes:
    """A walk as a GIF of at most FRAMES pictures: particles coloured by how far they have gone since it began."""
    frames = np.unique(np.linspace(0, len(one.step) - 1, FRAMES).astype(int))
    gone = np.hypot(*np.moveaxis(one.positions - one.positions[0], -1, 0))
    furthest = max(0.1, float(np.percentile(gone[-1], 99)))
    figures = []
    for frame in frames:
        title = f"step {one.step[frame]}, logit {one.logit[frame]:+.2f}"
        shown = replace(start, positions=one.positions[frame : frame + 1]).one(0)
        colouring = Colouring(label="displacement [sigma_AA]", values={title: gone[frame]}, ends=(0.0, furthest))
        figures.append(configuration_figure({title: shown}, colouring=colouring))
    return animation(figures)
