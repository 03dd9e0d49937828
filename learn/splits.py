"""Training, validation and test sets that share no replica.

Frames of one replica resemble each other, and so do those of runs that began with one another's configurations. What is
split is therefore the *origin* of a configuration, the (seed, replica) it began with
(:func:`vitrify.learn.sources.origins_of`), and all configurations of one origin fall on one side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from vitrify.md.randomness import Purpose, stream

PARTS = ("train", "validation", "test")
FRACTIONS = (0.70, 0.15, 0.15)

LARGEST_CHAIN = 0.05
"""Largest share of all origins that pairs may hold together."""

_NULL = 1  # takes the place of the replica in the address of the random numbers that deal out halves


def split_origins(
    classes_of: Mapping[str, frozenset[str]],
    seed: int,
    fractions: Sequence[float] = FRACTIONS,
    *,
    pairs: Iterable[tuple[str, str]] = (),
) -> dict[str, str]:
    """Deal origins out to the parts, at random and each combination of classes in proportion.

    Args:
        classes_of: for each origin, the classes it has configurations of.
        seed: what the deal derives from; the order of ``classes_of`` does not matter.
        fractions: of training, validation and test; positive, adding up to 1.
        pairs: origins that stay together, as those that were matched, where that can be: pairs may chain so many
            origins together (more than LARGEST_CHAIN of all) that they cannot be dealt out in proportion. Then each
            origin is dealt out by itself.

    Returns:
        The part of each origin.

    Raises:
        ValueError: for impossible fractions, or a class with too few origins to be in every part.

    >>> dealt = split_origins({f"1:{replica}": frozenset({"glass", "liquid"}) for replica in range(20)}, seed=1)
    >>> [list(dealt.values()).count(part) for part in PARTS]
    [14, 3, 3]
    """
    if len(fractions) != len(PARTS) or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"fractions: got {tuple(fractions)}, expected three positive numbers that add up to 1")
    strata: dict[tuple[str, ...], list[list[str]]] = {}
    for chain in _chains(sorted(classes_of), pairs):
        classes = frozenset().union(*(classes_of[origin] for origin in chain))
        strata.setdefault(tuple(sorted(classes)), []).append(chain)
    part_of = {}
    for number, stratum in enumerate(sorted(strata)):
        chains = strata[stratum]
        shuffled = stream(seed, Purpose.SPLIT, step=number).permutation(len(chains))
        parts = np.repeat(PARTS, shares(len(chains), fractions))
        for place, part in zip(shuffled, parts, strict=True):
            part_of.update(dict.fromkeys(chains[place], str(part)))
    _require_every_class_in_every_part(classes_of, part_of)
    return part_of


def shares(count: int, fractions: Sequence[float] = FRACTIONS) -> list[int]:
    """``count`` dealt out by largest remainder; from 3 on no share is empty, at the cost of the largest.

    >>> shares(20), shares(4), shares(1)
    ([14, 3, 3], [2, 1, 1], [1, 0, 0])
    """
    exact = count * np.asarray(fractions)
    share = np.floor(exact + 1e-9).astype(int)
    largest_remainder = np.argsort(share - exact, kind="stable")
    share[largest_remainder[: count - share.sum()]] += 1
    if count >= len(share):
        for empty in np.flatnonzero(share == 0):
            share[share.argmax()] -= 1
            share[empty] = 1
    return share.tolist()


def halves(origins: Iterable[str], seed: int) -> dict[str, int]:
    """Origins dealt out to two halves at random: the labels of a null test, 0 and 1.

    >>> sorted(halves(["1:0", "1:1", "1:2", "1:3"], seed=1).values())
    [0, 0, 1, 1]
    """
    known = sorted(set(origins))
    order = stream(seed, Purpose.SPLIT, replica=_NULL).permutation(len(known))
    return {known[place]: int(position >= len(known) / 2) for position, place in enumerate(order)}


def _chains(origins: Sequence[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Origins that pairs hold together, each chain in order."""
    place = {origin: number for number, origin in enumerate(origins)}
    links = np.array([(place[one], place[other]) for one, other in pairs], dtype=np.int64).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(links)), links.T), shape=(len(origins), len(origins)))
    chain = connected_components(graph, directed=False)[1]
    if np.bincount(chain).max(initial=1) > max(2, LARGEST_CHAIN * len(origins)):
        chain = np.arange(len(origins))
    found: dict[int, list[str]] = {}
    for origin, number in zip(origins, chain.tolist(), strict=True):
        found.setdefault(number, []).append(origin)
    return list(found.values())


def _require_every_class_in_every_part(classes_of: Mapping[str, frozenset[str]], part_of: Mapping[str, str]) -> None:
    for name in sorted(set().union(*classes_of.values())):
        origins = [origin for origin, classes in classes_of.items() if name in classes]
        missing = [part for part in PARTS if part not in {part_of[origin] for origin in origins}]
        if missing:
            raise ValueError(
                f"class {name}: got {len(origins)} independent replicas, none left for {' and '.join(missing)}; "
                "expected at least 3, one for each part of the split"
            )
