"""Random numbers as a function of what they are for."""

from itertools import combinations

import pytest

from vitrify.md.randomness import Purpose, short_seed


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_the_replicas_of_a_run_get_different_short_seeds(seed):
    seeds = [short_seed(seed, Purpose.THERMOSTAT, replica) for replica in range(1000)]
    assert len(set(seeds)) == 1000
    assert all(0 <= short < 1 << 16 for short in seeds)


def test_short_seeds_come_again_after_65536_replicas():
    seeds = [short_seed(7, Purpose.THERMOSTAT, replica) for replica in (3, 3 + (1 << 16))]
    assert seeds[0] == seeds[1]


def test_short_seeds_differ_between_runs():
    """Bases are drawn: of 45 pairs of runs of 1,000 replicas some 1.4 are expected to overlap."""
    bases = [short_seed(seed, Purpose.THERMOSTAT, 0) for seed in range(10)]
    assert len(set(bases)) == 10
    assert sum(abs(one - other) < 1000 for one, other in combinations(bases, 2)) < 7
