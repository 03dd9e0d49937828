"""Films made in different preparations held against each other: at one composition, each difference with its interval.

Runs of one preparation, that differ in nothing but their random numbers, are pooled. Every error is over films; a film
melted and cooled stands on the substrate of the one it was melted from, and the two are taken as a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from vitrify.analysis.curves.cooling_curve import CoolingCurve, pooled
from vitrify.analysis.figures import Level, Series
from vitrify.analysis.films.ancova import AdjustedMeans, adjusted_means
from vitrify.analysis.films.film_run import FilmRun
from vitrify.analysis.origins import origins
from vitrify.analysis.statistics import mean_and_error
from vitrify.md.protocols.films.cooled import FilmCoolingSpec, film_cooling_spec
from vitrify.md.protocols.films.observables import deposition_spec
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.store.rundir import RunDirectory

BOOKKEEPING: dict[str, Any] = {"seed": 0, "replicas": 1, "first_replica": 0, "engine": "auto", "device": "auto"}
"""Fields that say which films were made, and with what, not how."""


@dataclass(frozen=True)
class Preparation:
    """How films were made.

    Attributes:
        recipe: of the deposition, random numbers and bookkeeping left out; of cooled films what is left after melting.
        cooling: of cooled films, likewise; None for deposited ones.
    """

    recipe: DepositionSpec
    cooling: FilmCoolingSpec | None = None

    @classmethod
    def of(cls, run: RunDirectory) -> Preparation:
        """The preparation of a run of films."""
        spec = deposition_spec(run)
        recipe = replace(spec, **BOOKKEEPING, store_every=0, bulk_slab=())
        if run.spec["protocol"] == "deposit":
            return cls(recipe)
        molten = replace(recipe, substrate=replace(recipe.substrate, kt=1.0), steps_per_injection=1)
        cooling = replace(film_cooling_spec(run), **BOOKKEEPING, source="", deposition=molten, frames=1)
        return cls(molten, cooling)

    @property
    def steps(self) -> int:
        """Time steps from the first to the last; of a cooled film those of its ramp."""
        return self.cooling.ramp_steps if self.cooling else self.recipe.injections * self.recipe.steps_per_injection

    @property
    def system(self) -> DepositionSpec:
        """What films must have in common to be compared: all but temperature, time and size."""
        substrate = replace(self.recipe.substrate, kt=1.0)
        return replace(self.recipe, substrate=substrate, steps_per_injection=1, injections=1)

    def __str__(self) -> str:
        if self.cooling:
            return f"cooled in {self.steps:,} steps"
        return f"deposited at {self.recipe.substrate.kt:g} in {self.rate}"

    @property
    def rate(self) -> str:
        """Batches and time for each, in words."""
        return f"{self.recipe.injections} x {self.recipe.steps_per_injection:,} steps"


@dataclass(frozen=True, kw_only=True)
class FilmComparison:
    """Bulk energies of films made in several ways.

    Attributes:
        preparations: deposited ones first, fast before slow, cold before warm.
        energy: bulk E_IS of the films of each preparation, as they are [eps_AA per bulk particle].
        fraction_a: fraction of A in the bulk of each film.
        at_recipe: mean energies at the recipe's fraction of A; None where the films do not allow it.
        note: in words, how those were come by or why there are none.
    """

    preparations: list[Preparation]
    energy: list[np.ndarray]
    fraction_a: list[np.ndarray]
    at_recipe: AdjustedMeans | None
    note: str

    def columns(self) -> dict[str, list]:
        """Columns of film_energies.csv: a row a preparation."""
        raw, composition = map(mean_and_error, self.energy), map(mean_and_error, self.fraction_a)
        columns = {
            "preparation": [str(preparation) for preparation in self.preparations],
            "films": [len(values) for values in self.energy],
        }
        for name, estimates in (("energy", list(raw)), ("fraction_a", list(composition))):
            columns[name] = [float(estimate.mean) for estimate in estimates]
            columns[f"{name}_error"] = [float(estimate.error) for estimate in estimates]
        if self.at_recipe:
            columns["energy_at_recipe"] = self.at_recipe.mean.tolist()
            columns["energy_at_recipe_error"] = self.at_recipe.error.tolist()
        return columns

    def differences(self) -> dict[str, list]:
        """Columns of film_differences.csv: a row a pair of preparations, the first less the second.

        Energies are those at the recipe's composition [eps_AA per bulk particle].
        Each interval is that of one pair: of twenty pairs that do not differ, one is expected to leave out zero.

        Raises:
            ValueError: where the films do not allow a comparison.
        """
        if self.at_recipe is None:
            raise ValueError(self.note)
        pairs = list(combinations(range(len(self.preparations)), 2))
        found = [self.at_recipe.difference(*pair) for pair in pairs]
        return {
            "first": [str(self.preparations[first]) for first, _ in pairs],
            "second": [str(self.preparations[second]) for _, second in pairs],
            "on_one_substrate": [self.at_recipe.pairs(*pair) for pair in pairs],
            "difference": [one.value for one in found],
            "difference_low": [one.low for one in found],
            "difference_high": [one.high for one in found],
        }

    def sweep(self) -> tuple[dict[str, Series], dict[str, Level]]:
        """For the figure: energy against substrate temperature, a series a number of steps, and levels of cooled films.

        At the recipe's composition where that is known, else as they are.
        """
        means = [self.at_recipe] if self.at_recipe else [mean_and_error(values) for values in self.energy]
        mean, error = (np.hstack([getattr(one, name) for one in means]) for name in ("mean", "error"))
        deposited: dict[str, list[int]] = {}
        levels = {}
        for place, preparation in enumerate(self.preparations):
            if preparation.cooling:
                levels[str(preparation)] = Level(mean[place], error[place])
            else:
                deposited.setdefault(f"deposited in {preparation.rate}", []).append(place)
        series = {
            name: Series(
                np.array([self.preparations[place].recipe.substrate.kt for place in own]), mean[own], error[own]
            )
            for name, own in deposited.items()
        }
        return series, levels


def by_preparation(runs: Sequence[FilmRun]) -> dict[Preparation, list[FilmRun]]:
    """Runs of films by how those were made, in the order they came.

    Raises:
        ValueError: when a run is given twice.
    """
    runs_of: dict[Preparation, list[FilmRun]] = {}
    seen: dict[str, FilmRun] = {}
    for one in runs:
        if (other := seen.setdefault(one.run.identity, one)) is not one:
            raise ValueError(f"{one.run.path}: holds the films of {other.run.path}, expected every run once")
        runs_of.setdefault(Preparation.of(one.run), []).append(one)
    return runs_of


def pooled_curves(runs: Sequence[FilmRun]) -> list[CoolingCurve]:
    """Cooling curves of the bulk of cooled films, those of one preparation and the same frames as one, slowest first.

    Args:
        runs: cooled films of which every inherent structure was stored.
    """
    curves = []
    for group in by_preparation(runs).values():
        by_frames: dict[tuple, list[CoolingCurve]] = {}
        for one in group:
            by_frames.setdefault(tuple(one.cooling_curve.kt_set.tolist()), []).append(one.cooling_curve)
        curves += [pooled(alike) for alike in by_frames.values()]
    return sorted(curves, key=lambda curve: curve.rate)


def compare_films(runs: Sequence[FilmRun]) -> FilmComparison:
    """Hold runs of films against each other, those of one preparation pooled.

    Args:
        runs: depositions and cooled films of one system.
    """
    runs_of = by_preparation(runs)
    preparations = sorted(runs_of, key=lambda one: (one.cooling is not None, one.steps, one.recipe.substrate.kt))
    groups = [runs_of[preparation] for preparation in preparations]
    energy = [np.concatenate([one.state.energy for one in group]) for group in groups]
    fraction_a = [np.concatenate([one.state.fraction_a for one in group]) for group in groups]
    substrates = [np.concatenate([origins(one.run, one.state.replicas) for one in group]) for group in groups]
    at_recipe = None
    try:
        if len({preparation.system for preparation in preparations}) > 1:
            raise ValueError("their recipes differ in more than temperature, time and size")
        at_recipe = adjusted_means(energy, fraction_a, preparations[0].recipe.vapour.fraction_a, substrates)
        note = (
            f"bulk energies of films brought to {100 * at_recipe.at:g} % A by dE/dx_A = {at_recipe.slope:.2f} +- "
            f"{at_recipe.slope_error:.2f}, one slope for all"
        )
    except ValueError as error:
        note = f"bulk energies of films are not brought to one composition: {error}"
    return FilmComparison(
        preparations=preparations, energy=energy, fraction_a=fraction_a, at_recipe=at_recipe, note=note
    )
