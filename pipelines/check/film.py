"""A small film, grown through the same door as every run: engine, protocol and run directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from vitrify.md.engines.base import MINIMUM_FORCE
from vitrify.md.model import SUBSTRATE, A, B, minimum_image
from vitrify.md.protocols.films.growth import deposit
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.pipelines.check.systems import Machine
from vitrify.pipelines.check.verdict import Verdict, at_most


def small_recipe(machine: Machine) -> DepositionSpec:
    """Reid's recipe on 12 sigma_AA: eight batches of ten particles, in four films."""
    return DepositionSpec.preset(
        "reid",
        seed=machine.seed,
        replicas=4,
        box_length=12.0,
        substrate_particles=85,
        relax_steps=4000,
        injections=8,
        steps_per_injection=4000,
        engine=machine.engine,
        device=machine.device,
    )


def film(machine: Machine) -> Iterator[Verdict]:
    """Every particle is there, 65:35 to the particle, none below the substrate, whose atoms stay at their sites."""
    spec = small_recipe(machine)
    with TemporaryDirectory() as folder:
        run = deposit(spec, Path(folder) / "film")
        table = run.table
        ends = [run.configuration(replica, spec.injections) for replica in run.replicas]
        sites = [run.configuration(replica, 0) for replica in run.replicas]
    expected = (*spec.injected(spec.injections), spec.substrate_particles)
    counts = [tuple(int((end.species == species).sum()) for species in (A, B, SUBSTRATE)) for end in ends]
    wrong = spec.replicas - counts.count(expected)
    yield Verdict(
        name="film, particles",
        measured=f"{len(counts)} films of A, B, S {', '.join(map(str, sorted(set(counts))))}",
        expected=f"{spec.replicas} of {expected}",
        passed=wrong == 0,
        numbers={"films": len(counts), "wrong": wrong},
    )
    below = sum(
        int((end.positions[end.species != SUBSTRATE, 1] < bare.positions[:, 1].min()).sum())
        for end, bare in zip(ends, sites, strict=True)
    )
    yield at_most("film, crossings", below, 0, "particles below the substrate")
    moved = [
        minimum_image(end.positions[end.species == SUBSTRATE] - bare.positions, np.array([spec.box_length, np.inf]))
        for end, bare in zip(ends, sites, strict=True)
    ]
    # Thermal motion is 0.012 along each axis, the film pulls by some 0.05.
    yield at_most("film, substrate", float(abs(np.array(moved)).max()), spec.sigma_ss / 4, "sigma_AA from the sites")
    last = table["frame"] == spec.injections
    yield at_most("film, quench max|F|", float(table["max_force"][last].max()), MINIMUM_FORCE, "with its tethers")
