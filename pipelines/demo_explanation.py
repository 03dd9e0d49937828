"""What the demo says of what one of its networks looks at: no more than its numbers carry."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vitrify.analysis.report.page import File, Files, Picture, Prose, Section
from vitrify.analysis.report.tables import read_contents, read_table
from vitrify.analysis.writing import is_written, write_results
from vitrify.learn.checkpoint import Model
from vitrify.learn.datasets import Dataset
from vitrify.learn.evaluate import Evaluation
from vitrify.learn.explanation.explain import explain
from vitrify.learn.explanation.scored import Question
from vitrify.md.engines.registry import get_engine
from vitrify.md.model import kob_andersen_pairs

QUESTION = Question(artificial=0, steps=0, seed=1)
"""Walks and artificial configurations take minutes: ``vitrify explain`` has them."""


def explain_one(model: Model, dataset: Dataset, place: Path) -> Path:
    """Explain a model into the directory ``place``, unless that was done."""
    request = {"model": model.digest, "dataset": dataset.digest, "question": vars(QUESTION)}
    if not is_written(place, "explanation", request):
        particles = dataset.configurations.species.shape[1]
        engine = get_engine("auto", pairs=kob_andersen_pairs(), particles=particles)
        write_results([explain(model, dataset, engine, QUESTION)], place, "explanation", request)
    return place


def explanation_section(place: Path, asked: Evaluation) -> Section:
    """What one network looks at.

    Args:
        place: directory of its explanation.
        asked: how it does on the set it is explained on.
    """
    contents = read_contents(place)
    figures = [f"figures/{name}.png" for name in ("correlations", "groups", "particles_contribution")]
    tables = [name for name in ("descriptors.csv", "groups.csv") if name in contents]
    return Section(
        "What does it look at?",
        [
            Prose(in_words(asked, read_table(place / "descriptors.csv"))),
            *(Picture((place / name).read_bytes(), contents[name]["caption"]) for name in figures if name in contents),
            Files([File(name, (place / name).read_bytes(), contents[name]["caption"]) for name in tables]),
        ],
    )


def in_words(asked: Evaluation, table: dict[str, np.ndarray]) -> str:
    """What may be said of a network and of the descriptors its score goes with."""
    name, low, high = asked.model, asked.auc.interval.low, asked.auc.interval.high
    if not asked.learnt:
        return f"{name} did not learn its own training part: what its score follows says nothing about glass."
    energy = int(np.flatnonzero(table["descriptor"] == "inherent_energy")[0])
    others = np.where(np.char.find(table["descriptor"], "energy") >= 0, np.nan, np.abs(table["correlation"]))
    strongest = int(np.nanargmax(others))
    higher = "higher" if table["mean_glass"][strongest] > table["mean_liquid"][strongest] else "lower"
    told = (
        f"On configurations it has not seen, the rank correlation of the score of {name} with the energy of the "
        f"inherent structure is {correlation(table, energy)}. Of all other descriptors it goes most with '"
        f"{table['meaning'][strongest]}', {correlation(table, strongest)}, whose mean is {higher} in these glasses "
        "than in these liquids. Correlation is not cause: descriptors go with each other and with the energy."
    )
    if low <= 0.5 <= high:
        return f"{name} does not tell the two apart beyond chance (its interval holds 0.5). {told}"
    return told


def correlation(table: dict[str, np.ndarray], row: int) -> str:
    """A rank correlation with its interval."""
    value, low, high = (table[f"correlation{end}"][row] for end in ("", "_low", "_high"))
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"
