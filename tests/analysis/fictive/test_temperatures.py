"""Fictive temperatures on lines and glasses whose truth is known."""

import numpy as np
import pytest

from vitrify.analysis.fictive.temperatures import fictive_temperature

KT = np.array([0.5, 0.55, 0.6, 0.7, 0.8, 1.0])


def drawn(rng, level, slope, *, at=0.62, replicas=8, glasses=16, scatter=0.05):
    """A glass that is the liquid of kT ``at``, and liquids on a + b / kT; replicas scatter."""
    glass = level + slope / at + rng.normal(0, scatter, glasses)
    return glass, [level + slope / kt + rng.normal(0, scatter, replicas) for kt in KT]


@pytest.mark.parametrize("slope", [0.4, -0.4])
def test_the_crossing_is_found_whichever_way_the_line_goes(slope):
    glass, liquids = drawn(np.random.default_rng(1), 2.0, slope, scatter=1e-6)
    found = fictive_temperature("x", glass, KT, liquids)
    assert found.fictive.value == pytest.approx(0.62, abs=1e-5)
    assert found.line == pytest.approx([2.0, slope], abs=1e-5)
    assert found.moves > 1e4


def test_intervals_hold_the_truth_as_often_as_they_say():
    """600 draws of six temperatures of eight replicas; binomial standard error 0.009."""
    rng = np.random.default_rng(2)
    found = [
        fictive_temperature("x", glass, KT, liquids) for glass, liquids in (drawn(rng, 2.0, 0.4) for _ in range(600))
    ]
    known = [one.fictive for one in found if np.isfinite(one.fictive.value)]
    assert len(known) > 590
    assert np.mean([one.low < 0.62 < one.high for one in known]) == pytest.approx(0.95, abs=0.03)
    assert np.mean([one.value for one in known]) == pytest.approx(0.62, abs=0.01)
    # One true line in twenty is said not to go through its liquids, at p < 0.05.
    assert np.mean([one.misfit < 0.05 for one in found]) == pytest.approx(0.05, abs=0.03)


def test_a_number_that_does_not_move_has_no_temperature_but_one_time_in_twenty():
    rng = np.random.default_rng(3)
    found = [
        fictive_temperature("x", glass, KT, liquids) for glass, liquids in (drawn(rng, 2.0, 0.0) for _ in range(400))
    ]
    still = [one.fictive.note == "it does not move with kT beyond its errors" for one in found]
    assert np.mean(still) == pytest.approx(0.95, abs=0.04)


def test_why_there_is_none():
    rng = np.random.default_rng(4)
    glass, liquids = drawn(rng, 2.0, 0.4, scatter=0.01)
    cold = drawn(rng, 2.0, 0.4, at=0.4, scatter=1e-6)[0]
    found = fictive_temperature("x", cold, KT, liquids)
    assert np.isnan(found.fictive.value)
    assert found.fictive.note.startswith("the glass lies outside of the liquids, kT 0.5 to 1: the line has it at kT 0.")
    assert fictive_temperature("x", glass * 0 - 9, KT, liquids).fictive.note.endswith("the line has it at no kT")
    bent = [group + 0.3 * (kt == 0.7) for group, kt in zip(liquids, KT, strict=True)]
    turned = fictive_temperature("x", glass, KT, bent)
    assert "it turns back between kT 0.6 and 0.7, by" in turned.fictive.note
    assert turned.misfit < 1e-6
    few = fictive_temperature("x", np.where(np.arange(16) < 3, glass, np.nan), KT, liquids)
    assert few.fictive.note == "3 replicas of the glass or of a liquid have it, expected at least 4"


def test_temperatures_count_by_their_replicas():
    """The line of NumPy's polyfit, weighted by the root of the number of replicas."""
    rng = np.random.default_rng(7)
    glass, _ = drawn(rng, 2.0, 0.4)
    liquids = [2 + 0.4 / kt + rng.normal(0, 0.05, count) for kt, count in zip(KT, (4, 256, 8, 16, 5, 40), strict=True)]
    mean, root = [group.mean() for group in liquids], [len(group) ** 0.5 for group in liquids]
    b, a = np.polyfit(1 / KT, mean, 1, w=root)
    found = fictive_temperature("x", glass, KT, liquids)
    assert found.line == pytest.approx([a, b])
    assert found.fictive.value == pytest.approx(b / (glass.mean() - a))


def test_replicas_without_the_number_are_left_out():
    glass, liquids = drawn(np.random.default_rng(5), 2.0, 0.4)
    gappy = [np.append(group, np.nan) for group in liquids]
    found, plain = (
        fictive_temperature("x", np.append(glass, np.nan), KT, gappy),
        fictive_temperature("x", glass, KT, liquids),
    )
    assert found.fictive == plain.fictive
    assert found.glass.replicas == 16


def test_temperatures_that_make_no_line_are_refused():
    glass, liquids = drawn(np.random.default_rng(6), 2.0, 0.4)
    with pytest.raises(ValueError, match=r"kT of the liquids: got \[0.5, 0.55\], expected at least 3 that rise"):
        fictive_temperature("x", glass, KT[:2], liquids[:2])
    with pytest.raises(ValueError, match="expected at least 3 that rise"):
        fictive_temperature("x", glass, KT[::-1], liquids)
