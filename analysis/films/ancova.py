"""Means of groups compared at one value of a covariate: the energies of films at one composition.

The bulk of a film is not at 65:35 to the particle, and a few particles of A more move its energy by more than two ways
of making a film do. Analysis of covariance takes that out: in every group the values follow lines of one slope,

    value_i = mean_group + slope (covariate_i - at) + noise_i,

fitted by least squares. Groups may scatter unequally, and a film and the one melted and cooled on its substrate are not
independent. So errors are those of the jackknife over origins: every film of one origin left out at a time and all
fitted again. Of two groups without a covariate that is Welch's t-test, of two on the same substrates the paired one.

Source: Snedecor and Cochran, Statistical Methods (8th ed., 1989), chapter 18; B. Efron, C. Stein, Ann. Stat. 9, 586
(1981), for samples of several kinds; J. G. MacKinnon, H. White, J. Econometrics 29, 305 (1985).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.statistics import FEWEST_REPLICAS, Quantity, satterthwaite, students_interval


@dataclass(frozen=True, kw_only=True)
class AdjustedMeans:
    """Means of G groups at one value of a covariate.

    Attributes:
        at: that value.
        mean: (G,) adjusted means.
        slope: of the values against the covariate, one for all groups.
        without: (U, G + 1) means and, last, the slope, with all films of each origin left out.
        held: (U, G) how many films of each group have that origin.
    """

    at: float
    mean: np.ndarray
    slope: float
    without: np.ndarray
    held: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """(G,) standard errors of the means; NaN where one film of the group is all there is."""
        groups = len(self.mean)
        return np.array([self._quantity(np.eye(groups + 1)[group], [group]).error for group in range(groups)])

    @property
    def slope_error(self) -> float:
        """Standard error of the slope."""
        groups = len(self.mean)
        return self._quantity(np.eye(groups + 1)[-1], range(groups)).error

    def pairs(self, first: int, second: int) -> int:
        """How many origins have films in both groups."""
        return int((self.held[:, [first, second]] > 0).all(axis=1).sum())

    def difference(self, first: int, second: int, level: float = 0.95) -> Quantity:
        """Mean of group ``first`` less that of ``second``, with the interval of this one difference.

        No interval where a group has fewer than FEWEST_REPLICAS films.
        """
        contrast = np.zeros(len(self.mean) + 1)
        contrast[first], contrast[second] = 1.0, -1.0
        return self._quantity(contrast, [first, second], level)

    def _quantity(self, contrast: np.ndarray, compared: Sequence[int], level: float = 0.95) -> Quantity:
        """A combination of means and slope over groups: its jackknife over origins.

        Origins are of one kind when they have films in the same of the groups compared. The degrees of freedom of a
        kind are one less than its origins, or than the films of its smallest group where it is a remainder of that.
        """
        value = float(contrast @ np.append(self.mean, self.slope))
        squares = (self.without @ contrast - value) ** 2
        films = self.held.sum(axis=0)
        kinds = self.held[:, compared] > 0
        variances, freedom = [], []
        for kind in np.unique(kinds, axis=0):
            own = (kinds == kind).all(axis=1)
            smallest = int(films[np.array(compared)[kind]].min()) if kind.any() else int(films.sum())
            variances.append(float(squares[own].sum()) * (smallest - 1) / smallest)
            freedom.append(max(own.sum() if own.sum() >= FEWEST_REPLICAS else smallest, 2) - 1)
        error = float(np.sqrt(sum(variances)))
        fewest = int(films[list(compared)].min())
        if not np.isfinite(error):
            return Quantity(value=value, note="no interval: it has no value when the films of one origin are left out")
        if fewest < FEWEST_REPLICAS:
            note = f"no interval: {fewest} films, expected at least {FEWEST_REPLICAS}"
            return Quantity(value=value, error=error if fewest > 1 else float("nan"), note=note)
        return students_interval(value, error, satterthwaite(variances, freedom), level)


def adjusted_means(
    values: Sequence[np.ndarray],
    covariates: Sequence[np.ndarray],
    at: float,
    origins: Sequence[np.ndarray] | None = None,
) -> AdjustedMeans:
    """Compare groups at one value of a covariate.

    Args:
        values: (n_g,) of each group.
        covariates: (n_g,) of each group, the same lengths.
        at: where to compare.
        origins: (n_g,) of each group, equal for films that are not independent; None where all are.

    Raises:
        ValueError: when there are not more values than groups and a slope take, or no group has two different
            covariates.

    >>> found = adjusted_means([np.array([1.0, 2.0]), np.array([3.0, 4.1])], [np.array([0.0, 1.0])] * 2, at=0.0)
    >>> found.mean.round(3).tolist(), round(found.slope, 3), round(found.difference(0, 1).value, 3)
    ([0.975, 3.025], 1.05, -2.05)
    """
    groups, count = len(values), sum(map(len, values))
    if count < groups + 2:
        raise ValueError(f"adjusted means: got {count} values in {groups} groups, expected at least {groups + 2}")
    design = np.zeros((count, groups + 1))
    design[np.arange(count), np.repeat(np.arange(groups), [len(group) for group in values])] = 1.0
    design[:, -1] = np.concatenate(covariates) - at
    if np.linalg.matrix_rank(design) <= groups:
        raise ValueError("adjusted means: the covariate is the same throughout each group, expected it to vary")
    observed = np.concatenate(values)
    names = np.arange(count) if origins is None else np.concatenate(origins)
    units = [np.asarray(names == name) for name in dict.fromkeys(names.tolist())]
    solution = np.linalg.lstsq(design, observed)[0]
    return AdjustedMeans(
        at=at,
        mean=solution[:-1],
        slope=float(solution[-1]),
        without=np.array([_fit(design[~unit], observed[~unit]) for unit in units]),
        held=np.array([design[unit, :-1].sum(axis=0) for unit in units]),
    )


def _fit(design: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Least squares; NaN for the means of groups that are empty, and for all where no group has two covariates."""
    filled = np.append(design[:, :-1].any(axis=0), True)
    solution = np.full(design.shape[1], np.nan)
    if np.linalg.matrix_rank(design[:, filled]) == filled.sum():
        solution[filled] = np.linalg.lstsq(design[:, filled], observed)[0]
    return solution
