"""The logit of configurations that a model was not trained on."""

from types import SimpleNamespace

import numpy as np
import pytest

from vitrify.analysis.comparison.sides import Member, Side
from vitrify.learn.prediction import unseen_logits


def side_of(toy, rows, *, seed=7, stored=True):
    """One side with the configurations at ``rows`` of a dataset, as replicas 0, 1, ... of a run."""
    run = SimpleNamespace(spec={"seed": seed} if seed is not None else {}, identity="0123456789abcdef")

    def member(place, row):
        at = SimpleNamespace(run=run, replica=place, load=lambda: toy.configurations.one(row))
        energy = float(toy.configurations.inherent_energy[row])
        where, origin = ("run", 1, place), f"run:{place}"
        return Member(where=where, energy=energy, origin=origin, load=lambda: None, stored=at if stored else None)

    members = [member(place, row) for place, row in enumerate(rows)]
    return Side(name="glass", members=members, system=None, left_out=0)


def judge(origins):
    """A model whose logits are the energy, and its negative."""
    classifier = SimpleNamespace(judged=lambda seen: np.stack([-seen.inherent_energy, seen.inherent_energy], axis=1))
    return SimpleNamespace(name="judge", classifier=classifier, training=SimpleNamespace(origins={"train": origins}))


def test_replicas_of_the_training_have_none(toy):
    found = unseen_logits(judge(["7:1", "8:2"]), side_of(toy, [4, 5, 6]))
    energy = toy.configurations.inherent_energy[[4, 5, 6]]
    np.testing.assert_allclose(found, [2 * energy[0], np.nan, 2 * energy[2]])


def test_an_imported_run_has_no_seed_and_its_replicas_are_known_by_its_identity(toy):
    found = unseen_logits(judge(["0123456789ab:0"]), side_of(toy, [4, 5], seed=None))
    np.testing.assert_array_equal(np.isnan(found), [True, False])


def test_what_cannot_be_scored_is_refused(toy):
    with pytest.raises(ValueError, match="glass: judge was trained or chosen on every replica"):
        unseen_logits(judge(["7:0", "7:1"]), side_of(toy, [4, 5]))
    with pytest.raises(ValueError, match="glass: got the bulk of films, expected configurations of the bulk mixture"):
        unseen_logits(judge([]), side_of(toy, [4, 5], stored=False))
