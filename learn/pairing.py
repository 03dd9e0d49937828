"""Two classes paired by energy, before the split: what is told apart afterwards is not the energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vitrify.analysis.matching import match
from vitrify.learn.splits import PARTS


def pair_classes(
    energy: np.ndarray, label: np.ndarray, origin: np.ndarray, tolerance: float, classes: Sequence[str]
) -> tuple[np.ndarray, dict, list[tuple[str, str]]]:
    """Pair the configurations of two classes by E_IS.

    Args:
        energy: (C,) E_IS per particle [eps_AA].
        label: (C,).
        origin: (C,).
        tolerance: largest difference within a pair [eps_AA].
        classes: their names.

    Returns:
        the rows that found a partner, in order; what is said of the pairing; and the origins of each pair.

    Raises:
        ValueError: for more than two classes, missing energies, or fewer pairs than a split has parts.
    """
    if len(classes) != 2:
        raise ValueError(f"match: got {len(classes)} classes, expected two to pair by energy")
    own = [np.flatnonzero(label == number) for number in (0, 1)]
    for rows, name in zip(own, classes, strict=True):
        if missing := int(np.isnan(energy[rows]).sum()):
            raise ValueError(
                f"match: {missing} of {len(rows)} configurations of {name} have no E_IS, expected one of each"
            )
    first, second = match(energy[own[0]], energy[own[1]], tolerance)
    rows = own[0][first], own[1][second]
    before = [float(energy[one].mean()) for one in own]
    if len(first) < len(PARTS):
        raise ValueError(
            f"match: {len(first)} pairs of {classes[0]} and {classes[1]} have E_IS within {tolerance:g}, expected at "
            f"least {len(PARTS)}; their means are {before[0]:.4f} and {before[1]:.4f}"
        )
    matching = {
        "tolerance": tolerance,
        "pairs": len(first),
        "of": {name: len(one) for name, one in zip(classes, own, strict=True)},
        "mean_before": dict(zip(classes, before, strict=True)),
        "mean_difference": float((energy[rows[1]] - energy[rows[0]]).mean()),
    }
    pairs = list(zip(origin[rows[0]].tolist(), origin[rows[1]].tolist(), strict=True))
    return np.sort(np.concatenate(rows)), matching, pairs


def pairing_notes(matching: Mapping) -> list[str]:
    """Lines for a person."""
    of = " and ".join(f"{count} of {name}" for name, count in matching["of"].items())
    notes = [
        f"matched by E_IS within {matching['tolerance']:g}: {matching['pairs']} pairs from {of}; their mean difference "
        f"is {matching['mean_difference']:+.2g}"
    ]
    if matching["divided"]:
        notes.append(
            f"{matching['divided']} pairs are divided between the parts of the split, since pairs chain replicas "
            "together: parts are matched on average"
        )
    return notes
