"""A model explained on a dataset: tables, figures, and what a reader must know about them."""

from __future__ import annotations

from vitrify.analysis.results import Results
from vitrify.learn.checkpoint import Model
from vitrify.learn.datasets import Dataset
from vitrify.learn.explanation.correlates import accuracy_at_one_energy, correlate
from vitrify.learn.explanation.maps import show_filters, show_groups, show_particles
from vitrify.learn.explanation.probes import Progress, ask_artificial, taste
from vitrify.learn.explanation.scored import Question, score
from vitrify.md.engines.base import Engine


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
    show_groups(model, scored, found)
    if question.artificial:
        ask_artificial(model, scored, engine, found, question)
    if question.steps:
        taste(model, dataset, scored, engine, found, question, progress)
    return found
