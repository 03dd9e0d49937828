"""The GPU beside the CPU: the same first steps, the same inherent structures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vitrify.md.model import kob_andersen_pairs
from vitrify.pipelines.check.motion import FIRST_STEPS, apart
from vitrify.pipelines.check.quench import PUSH
from vitrify.pipelines.check.systems import Machine, rattled_lattice
from vitrify.pipelines.check.verdict import Verdict, at_most, mean_and_error, within_errors

DEVICE_ROUNDING = 1e-6
"""How far the order of sums takes single-precision trajectories apart in the first steps [sigma_AA]."""


def against_the_cpu(machine: Machine) -> Iterator[Verdict]:
    """Asked where the device is a GPU: dynamics, quenches of one basin, and the mean over basins."""
    pairs, start = kob_andersen_pairs(), rattled_lattice(256, 32, kt=0.3, rattle=0.03, seed=machine.seed)
    there, here = machine.mover(pairs, start.slots), replace(machine, device="cpu").mover(pairs, start.slots)
    moved = [engine.integrate(start, FIRST_STEPS) for engine in (there, here)]
    yield at_most("GPU beside CPU, first steps", apart(*moved), DEVICE_ROUNDING, f"sigma_AA off after {FIRST_STEPS}")
    hot = rattled_lattice(256, 32, kt=0.3, rattle=0.1, seed=machine.seed)
    quenched = [engine.minimize(hot) for engine in (there, here)]
    means = [found.energies.mean(axis=1) for found in quenched]
    difference, error = mean_and_error(means[0] - means[1])
    yield within_errors("GPU less CPU, mean inherent energy", difference, error + 1e-9, 0.0, resolution=0.02)
    rest = quenched[1].ensemble
    push = PUSH * np.random.default_rng(machine.seed).standard_normal(rest.positions.shape)
    both = [engine.minimize(replace(rest, positions=rest.positions + push)) for engine in (there, here)]
    off = float(np.median(abs(both[0].energies.mean(axis=1) - both[1].energies.mean(axis=1))))
    yield at_most("GPU beside CPU, one basin", off, 1e-7, "eps_AA a particle apart (median)")
