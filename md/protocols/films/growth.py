"""A film grows: inject, let it fall and stick, take out what flies off, write down what was reached, and again.

Run directory: frame = injection; frame 0 is the bare substrate on its sites. The row of a frame is taken at the end of
its injection, strays already out; :mod:`vitrify.md.protocols.films.observables` says what its columns mean.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vitrify.md.engines.base import Engine
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External, Wall
from vitrify.md.model import SUBSTRATE
from vitrify.md.protocols.films.grown import read_films
from vitrify.md.protocols.films.injection import inject, strays, take_out, wall_heights
from vitrify.md.protocols.films.observables import FilmProtocol
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.films.substrate import drawing_spring, drawing_stages, placed_substrates, tether, thermostat
from vitrify.md.protocols.loop import run
from vitrify.md.protocols.stages import Advance, Frame, Stage, Wave
from vitrify.md.store.rundir import RunDirectory


class DepositionProtocol(FilmProtocol):
    """Substrates drawn together, then injection after injection.

    Of each film is remembered, beside its sites: ``returning`` (R, 2), the numbers of A and B taken out as strays that
    return with the next batch; ``entered`` (R,), how many particles came with this one; ``idle`` (R,), the injections
    in a row that added nothing.
    """

    def __init__(self, spec: DepositionSpec):
        self.spec = self.recipe = spec
        self.drawing = drawing_stages(spec)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """Those that draw the substrate together, then one an injection."""
        steps, bath = self.spec.steps_per_injection, thermostat(self.spec)
        falling = (
            Advance(start=(n - 1) * steps, until=n * steps, thermostat=bath, frame=n)
            for n in range(1, self.spec.injections + 1)
        )
        return (*self.drawing, *falling)

    def injection(self, number: int) -> int:
        """The injection of stage ``number``; zero or less while the substrate is made."""
        return number - len(self.drawing) + 1

    def begin(self, replicas: np.ndarray) -> Wave:
        """Substrates as they were placed."""
        count = len(replicas)
        memory = {
            "sites": np.zeros((count, self.spec.substrate.particles, 2)),
            "returning": np.zeros((count, 2), dtype=np.int64),
            "entered": np.zeros(count, dtype=np.int64),
            "idle": np.zeros(count, dtype=np.int64),
        }
        return Wave(ensemble=placed_substrates(self.spec, replicas), memory=memory)

    def take_up(self, replicas: np.ndarray, run: RunDirectory, frame: int) -> Wave:
        """Films as they stood after injection ``frame``, with the strays of that injection taken out after all."""
        films, sites = read_films(run, replicas, slots=self.slots, seed=self.spec.noise_seed)
        wave = self.begin(replicas[:0])
        memory = {name: np.zeros((len(replicas), *array.shape[1:]), array.dtype) for name, array in wave.memory.items()}
        memory["sites"] = sites
        batch, table = self.spec.vapour.batch, run.table
        for row, replica in enumerate(replicas.tolist()):
            own = (table["replica"] == replica) & (table["frame"] > 0) & (table["frame"] < frame)
            idle, before = 0, 0
            for taken in table["strays"][own].astype(np.int64).tolist():
                idle, before = (idle + 1 if taken >= batch + before else 0), taken
            memory["idle"][row], memory["entered"][row] = idle, batch + before
        step = np.full(len(replicas), frame * self.spec.steps_per_injection)
        return self.end(len(self.drawing) + frame - 1, Wave(ensemble=replace(films, step=step), memory=memory))

    def enter(self, number: int, wave: Wave) -> Wave:
        """A batch is injected."""
        injection = self.injection(number)
        if injection < 1:
            return wave
        ensemble = inject(wave.ensemble, self.spec, injection, wave.memory["returning"])
        entered = ensemble.particles - wave.ensemble.particles
        return Wave(ensemble=ensemble, memory={**wave.memory, "entered": entered})

    def externals(self, number: int, wave: Wave) -> tuple[External, ...]:
        """The spring that draws the substrate together, then tethers and wall."""
        if self.injection(number) < 1:
            return (drawing_spring(self.spec, number, wave.ensemble.replicas),)
        return self.resting(wave)

    def resting(self, wave: Wave) -> tuple[External, ...]:
        """The substrate's tethers and the wall above the injection slab."""
        return externals(wave.ensemble, self.spec, wave.memory["sites"])

    def end(self, number: int, wave: Wave) -> Wave:
        """Sites are where the substrate came to rest; after an injection strays are taken out.

        After the last injection nothing is taken out, so that the film keeps its composition to the particle.
        """
        injection = self.injection(number)
        if injection < 0:
            return wave
        if injection == 0:
            ensemble = replace(wave.ensemble, step=np.zeros_like(wave.ensemble.step), origin=None)
            sites = ensemble.positions[:, : self.spec.substrate.particles].copy()
            return Wave(ensemble=ensemble, memory={**wave.memory, "sites": sites})
        wave = wave.mark(crossed(wave.ensemble, wave.memory["sites"]), "a particle crossed the substrate")
        leaving = np.zeros(wave.ensemble.species.shape, dtype=bool)
        if self.spec.vapour.recover_strays and injection < self.spec.injections:
            leaving = strays(wave.ensemble, self.spec)
        ensemble, returning = take_out(wave.ensemble, leaving)
        memory = {**wave.memory, "returning": returning}
        memory["idle"] = np.where(returning.sum(axis=1) >= memory["entered"], memory["idle"] + 1, 0)
        patience = self.spec.vapour.stray_patience
        reason = f"the film only recycles: {patience} injections in a row came back as strays"
        return Wave(ensemble=ensemble, memory=memory).mark(memory["idle"] >= patience, reason)

    def frame(self, number: int) -> Frame:
        """The substrate, every so many injections, the last."""
        every = self.spec.store_every
        store = number in (0, self.spec.injections) or bool(every and number % every == 0)
        return Frame(kt_set=self.spec.substrate.kt, store=store, inherent=store and number > 0, velocities=True)

    def describe(self, wave: Wave, engine: Engine) -> dict[str, np.ndarray]:
        """What the films are, and how many strays were taken out."""
        return {**super().describe(wave, engine), "strays": wave.memory["returning"].sum(axis=1)}


def deposit(spec: DepositionSpec, out: str | Path, **options: Any) -> RunDirectory:
    """Grow the films of ``spec`` into a run directory.

    Args:
        spec: the recipe.
        out: the directory.
        options: those of :func:`vitrify.md.protocols.loop.run`.
    """
    return run(DepositionProtocol(spec), out, **options)


def externals(ensemble: Ensemble, spec: DepositionSpec, sites: np.ndarray) -> tuple[External, ...]:
    """What acts on a film from outside: the substrate's tethers and the wall above the injection slab."""
    return tether(spec, sites), Wall(stiffness=spec.wall.stiffness, start=wall_heights(ensemble, spec))


def crossed(ensemble: Ensemble, sites: np.ndarray) -> np.ndarray:
    """Replicas in which an A or B lies below the lowest site of the substrate, (R,) bool."""
    film = ensemble.filled & (ensemble.species != SUBSTRATE)
    lowest = np.where(film, ensemble.positions[..., 1], np.inf).min(axis=1)
    return lowest < sites[..., 1].min(axis=1)
