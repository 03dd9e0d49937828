"""What the demo says of a network's explanation: what its numbers carry, and no more."""

from types import SimpleNamespace

import numpy as np
import pytest

from vitrify.analysis.statistics import Interval
from vitrify.pipelines.demo_explanation import in_words

TABLE = {
    "descriptor": np.array(["inherent_energy", "coordination_BB", "bb_edges_k2"]),
    "meaning": np.array(["inherent-structure energy", "bonded B around a B", "B-B edges, 2 nearest"]),
    "mean_liquid": np.array([-3.84, 0.40, 0.0]),
    "mean_glass": np.array([-3.83, 0.36, 0.0]),
    "correlation": np.array([0.31, -0.82, np.nan]),
    "correlation_low": np.array([0.10, -0.9, np.nan]),
    "correlation_high": np.array([0.50, -0.7, np.nan]),
}


def asked(low, high, *, learnt=True):
    interval = Interval(low=low, high=high, level=0.95)
    return SimpleNamespace(model="mpnn-inherent", learnt=learnt, auc=SimpleNamespace(value=0.8, interval=interval))


@pytest.mark.parametrize(
    ("evaluation", "said", "unsaid"),
    [
        (
            asked(0.7, 0.9),
            "'bonded B around a B', -0.82 (-0.90 to -0.70), whose mean is lower",
            "chance",
        ),
        (asked(0.4, 0.9), "does not tell the two apart beyond chance", "did not learn"),
        (asked(0.7, 0.9, learnt=False), "did not learn its own training part", "correlation"),
    ],
)
def test_what_is_said_follows_from_the_numbers(evaluation, said, unsaid):
    words = in_words(evaluation, TABLE)
    assert said in words
    assert unsaid not in words
