"""Films made in different preparations held against each other: at one composition, each difference with its interval.

Runs of one preparation, that differ in nothing but their random numbers, are pooled. Every error is over films, taken
as independent; films melted and cooled stand on the substrates of those they were melted from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from vitrify.analysis.figures import Level, Series
from vitrify.analysis.films.ancova import AdjustedMeans, adjusted_means
from vitrify.analysis.films.film_run import BulkState, FilmRun
from vitrify.analysis.statistics import mean_and_error
from vitrify.md.protocols.films.cooled import FilmCoolingSpec, film_cooling_spec
from vitrify.md.protocols.films.observables import deposition_spec
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.store.rundir import RunDirectory


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
        recipe = replace(spec, seed=0, replicas=1, store_every=0, bulk_slab=(), engine="auto", device="auto")
        if run.spec["protocol"] == "deposit":
            return cls(recipe)
        molten = replace(recipe, substrate_kt=1.0, steps_per_injection=1)
        cooling = replace(
            film_cooling_spec(run), source="", deposition=molten, frames=1, seed=0, engine="auto", device="auto"
        )
        return cls(molten, cooling)

    @property
    def steps(self) -> int:
        """Time steps from the first to the last; of a cooled film those of its ramp."""
        return self.cooling.ramp_steps if self.cooling else self.recipe.injections * self.recipe.steps_per_injection

    @property
    def system(self) -> DepositionSpec:
        """What films must have in common to be compared: all but temperature, time and size."""
        return replace(self.recipe, substrate_kt=1.0, steps_per_injection=1, injections=1)

    def __str__(self) -> str:
        if self.cooling:
            return f"cooled in {self.steps:,} steps"
        return f"deposited at {self.recipe.substrate_kt:g} in {self.rate}"

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
            "difference": [difference for difference, _ in found],
            "difference_low": [interval.low for _, interval in found],
            "difference_high": [interval.high for _, interval in found],
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
                np.array([self.preparations[place].recipe.substrate_kt for place in own]), mean[own], error[own]
            )
            for name, own in deposited.items()
        }
        return series, levels


def compare_films(runs: Sequence[FilmRun]) -> FilmComparison:
    """Hold runs of films against each other, those of one preparation pooled.

    Args:
        runs: depositions and cooled films of one system.
    """
    pooled: dict[Preparation, list[BulkState]] = {}
    for one in runs:
        pooled.setdefault(Preparation.of(one.run), []).append(one.state)
    preparations = sorted(pooled, key=lambda one: (one.cooling is not None, one.steps, one.recipe.substrate_kt))
    energy = [np.concatenate([state.energy for state in pooled[preparation]]) for preparation in preparations]
    fraction_a = [np.concatenate([state.fraction_a for state in pooled[preparation]]) for preparation in preparations]
    at_recipe = None
    try:
        if len({preparation.system for preparation in preparations}) > 1:
            raise ValueError("their recipes differ in more than temperature, time and size")
        at_recipe = adjusted_means(energy, fraction_a, at=preparations[0].recipe.fraction_a)
        note = (
            f"bulk energies of films brought to {100 * at_recipe.at:g} % A by dE/dx_A = {at_recipe.slope:.2f} +- "
            f"{at_recipe.slope_error:.2f}, one slope for all"
        )
    except ValueError as error:
        note = f"bulk energies of films are not brought to one composition: {error}"
    return FilmComparison(
        preparations=preparations, energy=energy, fraction_a=fraction_a, at_recipe=at_recipe, note=note
    )
