import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrify.learn.splits import FRACTIONS, PARTS, shares, split_origins

BOTH = frozenset({"glass", "liquid"})
SEEDS = st.integers(0, 2**32)


def dealt(part_of, part):
    return {origin for origin, where in part_of.items() if where == part}


@given(replicas=st.integers(3, 300), seed=SEEDS)
def test_every_origin_is_in_exactly_one_part(replicas, seed):
    origins = {f"5:{replica}" for replica in range(replicas)}
    part_of = split_origins(dict.fromkeys(origins, BOTH), seed)
    assert part_of.keys() == origins
    assert set(part_of.values()) == set(PARTS)


@given(count=st.integers(0, 5000))
def test_shares_are_proportional_to_less_than_one_replica(count):
    share = shares(count)
    assert sum(share) == count
    if count >= 7:  # below, a part that must not be empty may take more than its fraction
        assert np.abs(np.array(share) - count * np.array(FRACTIONS)).max() < 1


@given(count=st.integers(3, 5000))
def test_no_part_is_empty_from_three_replicas_on(count):
    assert min(shares(count)) >= 1


@given(glasses=st.integers(7, 60), liquids=st.integers(7, 60), seed=SEEDS)
def test_classes_made_by_different_runs_are_each_split_in_proportion(glasses, liquids, seed):
    classes_of = {f"1:{r}": frozenset({"glass"}) for r in range(glasses)}
    classes_of |= {f"2:{r}": frozenset({"liquid"}) for r in range(liquids)}
    part_of = split_origins(classes_of, seed)
    for run, count in (("1:", glasses), ("2:", liquids)):
        found = [sum(origin.startswith(run) for origin in dealt(part_of, part)) for part in PARTS]
        assert found == shares(count)


def test_the_deal_depends_on_the_seed_and_not_on_the_order_of_the_origins():
    origins = [f"1:{replica}" for replica in range(40)]
    forward = split_origins(dict.fromkeys(origins, BOTH), seed=3)
    assert forward == split_origins(dict.fromkeys(reversed(origins), BOTH), seed=3)
    assert forward != split_origins(dict.fromkeys(origins, BOTH), seed=4)


def test_every_origin_is_as_likely_to_be_a_test_origin_as_any_other():
    # 20 origins, 3 of them test: 0.15 each; over 400 seeds the standard error of a frequency is 0.018.
    origins = [f"1:{replica}" for replica in range(20)]
    drawn = np.zeros(20)
    for seed in range(400):
        part_of = split_origins(dict.fromkeys(origins, BOTH), seed)
        drawn += [part_of[origin] == "test" for origin in origins]
    assert np.abs(drawn / 400 - 0.15).max() < 4 * 0.018


def test_a_class_with_two_replicas_cannot_be_split():
    classes_of = {f"1:{r}": frozenset({"glass"}) for r in range(2)} | {
        f"2:{r}": frozenset({"liquid"}) for r in range(9)
    }
    with pytest.raises(ValueError, match=r"class glass: got 2 independent replicas.*expected at least 3"):
        split_origins(classes_of, seed=1)


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.0), (0.7, 0.2, 0.2), (1.0,)])
def test_fractions_must_add_up(fractions):
    with pytest.raises(ValueError, match="expected three positive numbers that add up to 1"):
        split_origins({"1:1": BOTH}, seed=1, fractions=fractions)
