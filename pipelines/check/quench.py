"""Inherent structures: no force left, the energy that the oracle has, the minimum that another minimiser finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from vitrify.md.engines.base import MINIMUM_FORCE
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import PairTable, kob_andersen_pairs
from vitrify.pipelines.check.single_points import ROUNDING, difference
from vitrify.pipelines.check.systems import Machine, oracle, rattled_lattice, shifted_energies
from vitrify.pipelines.check.verdict import Verdict, at_most

PUSH = 1e-3
"""How far particles are pushed out of a minimum, from which every minimiser finds back to it [sigma_AA]."""


def quench(machine: Machine) -> Iterator[Verdict]:
    """Eight bulk configurations; then one pushed a little, against SciPy's L-BFGS on the oracle's shifted energy."""
    pairs, start = kob_andersen_pairs(), rattled_lattice(100, 8, kt=0.3, rattle=0.1, seed=machine.seed)
    engine = machine.mover(pairs, start.slots)
    found = engine.minimize(start)
    expected = oracle(pairs, found.ensemble)
    left = float(np.linalg.norm(expected.forces, axis=2).max())
    # Forces of 1e2 cancel to 1e-6 in these sums, so that 2e-8 of the criterion is rounding.
    yield at_most("quench, max|F|", left, MINIMUM_FORCE + 2e-8, "by the oracle")
    yield at_most("quench, energies", difference(found.energies, expected.energies), ROUNDING, "off the oracle")
    pushed = found.ensemble.select(np.array([0]))
    rng = np.random.default_rng(machine.seed)
    pushed = replace(pushed, positions=pushed.positions + PUSH * rng.standard_normal(pushed.positions.shape))
    ours = shifted_energies(pairs, engine.minimize(pushed).ensemble)
    theirs = shifted_energies(pairs, minimum_by_scipy(pairs, pushed))
    per_particle = float(abs(ours - theirs)[0] / start.slots)
    yield at_most("quench, beside L-BFGS", per_particle, 1e-7, "eps_AA a particle apart")


def minimum_by_scipy(pairs: PairTable, ensemble: Ensemble) -> Ensemble:
    """The first replica at the minimum that L-BFGS finds on the oracle's energy-shifted potential."""

    def energy_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        here = replace(ensemble, positions=flat.reshape(ensemble.positions.shape))
        return float(shifted_energies(pairs, here)[0]), -oracle(pairs, here).forces.ravel()

    options = {"gtol": MINIMUM_FORCE / 10, "ftol": 0.0, "maxiter": 2000, "maxcor": 30}
    found = minimize(energy_and_gradient, ensemble.positions.ravel(), jac=True, method="L-BFGS-B", options=options)
    return replace(ensemble, positions=found.x.reshape(ensemble.positions.shape))
