"""Films made in different ways held against each other: at one composition, each difference with its interval.

A way is a protocol, a number of time steps in all and, for deposited films, a substrate temperature; runs that differ
in nothing but their seeds are pooled. Films are independent, so every error is over films.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from vitrify.analysis.ancova import AdjustedMeans, adjusted_means
from vitrify.analysis.figures import Level, Series
from vitrify.analysis.film_energies import BulkState, bulk_state
from vitrify.analysis.statistics import mean_and_error
from vitrify.md.film_run import deposition_spec
from vitrify.md.rundir import RunDirectory


@dataclass(frozen=True)
class Way:
    """How films were made.

    Attributes:
        protocol: deposit or cool-film.
        steps: time steps from the first to the last; of a cooled film those of its ramp.
        kt_substrate: of a deposited film [eps_AA]; None for a cooled one.
    """

    protocol: str
    steps: int
    kt_substrate: float | None

    @classmethod
    def of(cls, run: RunDirectory) -> Way:
        """The way of a run of films."""
        if run.spec["protocol"] == "cool-film":
            return cls("cool-film", int(run.spec["ramp_steps"]), None)
        spec = deposition_spec(run)
        return cls("deposit", spec.injections * spec.steps_per_injection, spec.substrate_kt)

    def __str__(self) -> str:
        if self.kt_substrate is None:
            return f"cooled in {self.steps:,} steps"
        return f"deposited at {self.kt_substrate:g} in {self.steps:,} steps"


@dataclass(frozen=True, kw_only=True)
class FilmComparison:
    """Bulk energies of W ways.

    Attributes:
        ways: deposited ones first, fast before slow, cold before warm.
        energy: bulk E_IS of the films of each way, as they are [eps_AA per bulk particle].
        fraction_a: fraction of A in the bulk of each film.
        at_recipe: mean energies at the recipe's fraction of A; None where the films do not allow it.
        note: in words, how those were come by or why there are none.
    """

    ways: list[Way]
    energy: list[np.ndarray]
    fraction_a: list[np.ndarray]
    at_recipe: AdjustedMeans | None
    note: str

    def columns(self) -> dict[str, list]:
        """Columns of film_energies.csv: a row a way."""
        raw, composition = map(mean_and_error, self.energy), map(mean_and_error, self.fraction_a)
        columns = {"way": [str(way) for way in self.ways], "films": [len(values) for values in self.energy]}
        for name, estimates in (("energy", list(raw)), ("fraction_a", list(composition))):
            columns[name] = [float(estimate.mean) for estimate in estimates]
            columns[f"{name}_error"] = [float(estimate.error) for estimate in estimates]
        if self.at_recipe:
            columns["energy_at_recipe"] = self.at_recipe.mean.tolist()
            columns["energy_at_recipe_error"] = self.at_recipe.error.tolist()
        return columns

    def differences(self) -> dict[str, list]:
        """Columns of film_differences.csv: a row a pair of ways, the first less the second at the recipe's composition.

        Each interval is that of one pair: of twenty pairs that do not differ, one is expected to leave out zero.

        Raises:
            ValueError: where the films do not allow a comparison.
        """
        if self.at_recipe is None:
            raise ValueError(self.note)
        pairs = list(combinations(range(len(self.ways)), 2))
        found = [self.at_recipe.difference(*pair) for pair in pairs]
        return {
            "first": [str(self.ways[first]) for first, _ in pairs],
            "second": [str(self.ways[second]) for _, second in pairs],
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
        series = {}
        for steps in dict.fromkeys(way.steps for way in self.ways if way.kt_substrate is not None):
            own = [place for place, way in enumerate(self.ways) if way.kt_substrate is not None and way.steps == steps]
            kt_substrate = np.array([self.ways[place].kt_substrate for place in own])
            series[f"deposited in {steps:,} steps"] = Series(kt_substrate, mean[own], error[own])
        cooled = [place for place, way in enumerate(self.ways) if way.kt_substrate is None]
        return series, {str(self.ways[place]): Level(mean[place], error[place]) for place in cooled}


def compare_films(runs: Sequence[RunDirectory]) -> FilmComparison:
    """Hold runs of films against each other, those made in one way pooled.

    Args:
        runs: depositions and cooled films of one system.
    """
    pooled: dict[Way, list[BulkState]] = {}
    for run in runs:
        pooled.setdefault(Way.of(run), []).append(bulk_state(run))
    ways = sorted(pooled, key=lambda way: (way.protocol != "deposit", way.steps, way.kt_substrate or 0.0))
    energy = [np.concatenate([state.energy for state in pooled[way]]) for way in ways]
    fraction_a = [np.concatenate([state.fraction_a for state in pooled[way]]) for way in ways]
    at_recipe = None
    recipes = {deposition_spec(run).fraction_a for run in runs}
    try:
        if len(recipes) > 1:
            raise ValueError(f"recipes have {sorted(recipes)} of A, expected one")
        at_recipe = adjusted_means(energy, fraction_a, at=recipes.pop())
        note = (
            f"bulk energies of films brought to {100 * at_recipe.at:g} % A by dE/dx_A = {at_recipe.slope:.2f} +- "
            f"{at_recipe.slope_error:.2f}, one slope for all"
        )
    except ValueError as error:
        note = f"bulk energies of films are not brought to one composition: {error}"
    return FilmComparison(ways=ways, energy=energy, fraction_a=fraction_a, at_recipe=at_recipe, note=note)
