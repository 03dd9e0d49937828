"""What a network makes of configurations that nobody cooled: artificial ones, and such as were made to please it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vitrify.analysis.figures import Colouring, animation, configuration_figure, score_walk_figure
from vitrify.analysis.results import Results, rows_to_columns
from vitrify.analysis.statistics import standard_error
from vitrify.analysis.structure.descriptors import descriptors
from vitrify.analysis.structure.titles import title_of
from vitrify.learn.artificial import MOTIFS, ArtificialSpec, artificial, quenched
from vitrify.learn.checkpoint import Model
from vitrify.learn.configurations import Configurations
from vitrify.learn.datasets import Dataset
from vitrify.learn.explanation.descriptors import descriptor_table
from vitrify.learn.explanation.scored import Question, Scored
from vitrify.learn.explanation.taste import KINDS, Walk, WalkSpec, walk
from vitrify.md.engines.base import Engine

FRAMES = 24
"""Pictures of an animation, at most."""

Progress = Callable[[float, float], None]


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
            table = descriptor_table(shown)
            asked = _asked(logit, shown.inherent_energy, table, np.arange(len(shown)), scored)
            rows.append({"motif": motif, "state": state} | asked)
    for number, name in enumerate(scored.classes):
        own = scored.label == number
        table = {column: values[own] for column, values in scored.descriptors.items()}
        energy = scored.configurations.inherent_energy[own]
        asked = _asked(scored.logit[own], energy, table, scored.unit[own], scored)
        rows.append({"motif": f"({name})", "state": "of the dataset"} | asked)
    found.add_table(
        "artificial.csv",
        rows_to_columns(rows),
        f"Artificial configurations, and the logit of {scored.classes[-1]} the model gives them (mean and standard "
        "error over replicas), beside those of the dataset: pentagons and triangles of A around B, and particles at "
        "random, as built (with overlaps that no liquid has) and quenched. b_in_rings_of_five is the fraction of B in "
        "a closed ring of five, b_around_b the mean number of bonded B around a B. Energies per particle, "
        "truncated and not shifted [eps_AA]. Logits of configurations whose energies are far from the dataset's are "
        "extrapolations.",
    )


def _asked(
    logit: np.ndarray, energy: np.ndarray, table: dict[str, np.ndarray], unit: np.ndarray, scored: Scored
) -> dict[str, float]:
    independent = np.array([logit[unit == one].mean() for one in np.unique(unit)])
    return {
        "configurations": len(logit),
        "logit": float(logit.mean()),
        "logit_error": float(standard_error(independent)),
        f"called_{scored.classes[-1]}": float((logit > 0).mean()),
        "energy": float(np.mean(energy)),
        "b_in_rings_of_five": float(np.mean(table["ring5_B"])),
        "b_around_b": float(np.mean(table["coordination_BB"])),
    }


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
    if not hasattr(model.classifier.architecture, "scored"):
        found.notes.append(f"no walks to higher scores: {model.classifier.architecture.name} has no slope in positions")
        return
    start = scored.configurations.select(np.array([typical(scored)]))
    walks: dict[str, Walk] = {}
    for number, kind in enumerate(KINDS):

        def told(done: float, total: float, before: int = number) -> None:
            if progress is not None:
                progress(before * total + done, len(KINDS) * total)

        spec = WalkSpec(kind=kind, steps=question.steps, seed=question.seed)
        walks[kind] = walk(model.classifier, start, engine, spec, told)
    before = descriptors(start.one(0))
    spreads = scored.descriptors
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
        {"descriptor": names, "meaning": [title_of(name) for name in names]}
        | {"before": [before[name] for name in names]}
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
        f"Walks of a {scored.classes[0]} of ordinary E_IS to higher logits of {scored.classes[-1]}: "
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


def typical(scored: Scored) -> int:
    """The configuration of the first class, called by its name, whose E_IS is nearest to the mean of that class."""
    energy = np.asarray(scored.configurations.inherent_energy)
    away = np.abs(energy - energy[scored.label == 0].mean())
    known = (scored.label == 0) & (scored.logit < 0)
    return int(np.where(known if known.any() else scored.label == 0, away, np.inf).argmin())


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
