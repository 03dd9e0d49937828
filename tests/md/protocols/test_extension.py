"""A finished run that is asked for more: it equals one that was asked for all of it at once."""

from dataclasses import replace

import numpy as np
import pytest

from vitrify.md.protocols import pace
from vitrify.md.protocols.annealing import AnnealingSpec, anneal
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.protocols.films.growth import deposit
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.store.naming import CHECKPOINT
from vitrify.md.store.product import DONE
from vitrify.md.store.rundir import RunDirectory

LIQUID = AnnealingSpec(
    kt=0.9, steps=600, frames=3, equilibration_steps=200, particles=100, replicas=3, store="all", inherent=False, seed=4
)
LONGER = replace(LIQUID, steps=1200, frames=6)
FILM = DepositionSpec.preset(
    "reid", seed=7, replicas=2, box_length=10.0, substrate_particles=70, relax_steps=1000, batch=5, injections=3,
    steps_per_injection=1500, slab_gap=3.0, store_every=1,
)  # fmt: skip


def assert_same(one, other, frames):
    for name, column in one.table.items():
        rows = np.isin(one.table["frame"], frames)
        np.testing.assert_array_equal(column[rows], other.table[name][rows], err_msg=name)
    for frame in set(frames) & set(one.stored_frames()):
        for replica in one.replicas:
            first, second = one.configuration(replica, frame), other.configuration(replica, frame)
            np.testing.assert_array_equal(first.positions, second.positions)
            np.testing.assert_array_equal(first.images, second.images)


@pytest.fixture(scope="module")
def at_once(tmp_path_factory):
    return anneal(LONGER, tmp_path_factory.mktemp("extension") / "run")


@pytest.mark.parametrize("at_a_time", [2048, 2])
def test_more_frames_of_a_liquid(at_once, tmp_path, monkeypatch, at_a_time):
    monkeypatch.setattr(pace, "REPLICAS_AT_ONCE", at_a_time)
    short = anneal(LIQUID, tmp_path / "run")
    run = anneal(LONGER, tmp_path / "run", resume=True)
    assert run.finished
    assert run.spec["frames"] == 6
    assert (run.identity, short.identity == run.identity) == (at_once.identity, False)
    assert_same(at_once, run, range(1, 7))
    assert len(run.provenance["launches"]) == 2


def test_an_extension_that_is_killed_goes_on(at_once, tmp_path):
    anneal(LIQUID, tmp_path / "run")

    class Killed(Exception):
        pass

    def kill(done, total):
        if done > 0.7 * total:
            raise Killed

    with pytest.raises(Killed):
        anneal(LONGER, tmp_path / "run", resume=True, progress=kill, checkpoint_every=0)
    assert (tmp_path / "run" / CHECKPOINT).exists()
    assert not (tmp_path / "run" / DONE).exists()
    assert_same(at_once, anneal(LONGER, tmp_path / "run", resume=True), range(1, 7))


def test_more_injections(tmp_path):
    """All but the row of the injection that was the last, after which no stray was taken out."""
    longer = replace(FILM, injections=6)
    whole = deposit(longer, tmp_path / "whole")
    deposit(FILM, tmp_path / "run")
    run = deposit(longer, tmp_path / "run", resume=True)
    assert_same(whole, run, [0, 1, 2, 4, 5, 6])
    assert run.table["particles"][run.table["frame"] == 6].tolist() == [30, 30]


def test_what_cannot_be_extended(tmp_path):
    run = anneal(replace(LIQUID, store="none"), tmp_path / "none").path
    with pytest.raises(ValueError, match="expected it to have stored its last frame"):
        anneal(replace(LONGER, store="none"), run, resume=True)
    run = anneal(LIQUID, tmp_path / "run").path
    with pytest.raises(ValueError, match="expected its frames to be the first of these"):
        anneal(replace(LIQUID, steps=1300, frames=6), run, resume=True)
    with pytest.raises(ValueError, match=r"its run has kt = 0\.9, this one 0\.8"):
        anneal(replace(LIQUID, kt=0.8), run, resume=True)
    ramp = CoolingSpec(ramp_steps=100, frames=2, particles=100, equilibration_steps=10, seed=1)
    run = cool(ramp, tmp_path / "ramp").path
    with pytest.raises(ValueError, match="its run has ramp_steps = 100, this one 200"):
        cool(replace(ramp, ramp_steps=200), run, resume=True)
    assert RunDirectory.open(run).finished
