"""Energies, forces and virials of one configuration, against the NumPy oracle, and Hooke's law of tethers and walls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vitrify.md.model import kob_andersen_pairs
from vitrify.pipelines.check.systems import (
    Machine,
    external_forces,
    film_pairs,
    oracle,
    rattled_lattice,
    small_film,
)
from vitrify.pipelines.check.verdict import Verdict, at_most

ROUNDING = 1e-8
"""Difference that rounding leaves between two sums in double precision, relative to ``1 + |value|``."""


def single_points(machine: Machine) -> Iterator[Verdict]:
    """Bulk at rho 1.2 and films with empty slots, the larger difference of both."""
    film, externals = small_film(kt=0.1, seed=machine.seed)
    cases = [
        (kob_andersen_pairs(), rattled_lattice(144, 2, kt=0.3, rattle=0.1, seed=machine.seed)),
        (film_pairs(), film),
    ]
    off = np.zeros(3)
    for pairs, ensemble in cases:
        engine, expected = machine.mover(pairs, ensemble.slots), oracle(pairs, ensemble)
        measured = engine.measure(ensemble)
        came = measured.energies, engine.forces(ensemble), measured.virials
        found = [difference(one, other) for one, other in zip(came, expected, strict=True)]
        off = np.maximum(off, found)
    for name, value in zip(("energies", "forces", "virials"), off, strict=True):
        yield at_most(name, value, ROUNDING, "off the oracle")
    engine = machine.mover(film_pairs(), film.slots)
    pulled = engine.forces(film, externals) - engine.forces(film)
    yield at_most("tethers and walls", difference(pulled, external_forces(externals, film)), ROUNDING, "off Hooke")


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of two arrays, relative to ``1 + |other|``; NaN where anything is not a number."""
    return float((abs(one - other) / (1 + abs(other))).max())
