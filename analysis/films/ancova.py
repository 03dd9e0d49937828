"""Means of groups compared at one value of a covariate: the energies of films at one composition.

The bulk of a film is not at 65:35 to the particle, and a few particles of A more move its energy by more than two ways
of making a film do. Analysis of covariance takes that out: in every group the values follow lines of one slope,

    value_i = mean_group + slope (covariate_i - at) + noise_i,

with independent noise of one variance, fitted by least squares.

Source: Snedecor and Cochran, Statistical Methods (8th ed., 1989), chapter 18.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from vitrify.analysis.statistics import Interval


@dataclass(frozen=True, kw_only=True)
class AdjustedMeans:
    """Means of G groups at one value of a covariate.

    Attributes:
        at: that value.
        mean: (G,) adjusted means.
        slope: of the values against the covariate, one for all groups.
        covariance: (G + 1, G + 1) of the means and, last, of the slope; from the scatter about the lines.
        freedom: degrees of freedom left, values less G less 1.
    """

    at: float
    mean: np.ndarray
    slope: float
    covariance: np.ndarray
    freedom: int

    @property
    def error(self) -> np.ndarray:
        """(G,) standard errors of the means."""
        return np.sqrt(self.covariance.diagonal()[:-1])

    @property
    def slope_error(self) -> float:
        """Standard error of the slope."""
        return float(np.sqrt(self.covariance[-1, -1]))

    def difference(self, first: int, second: int, level: float = 0.95) -> tuple[float, Interval]:
        """Mean of group ``first`` less that of ``second``, and Student's interval of this one difference."""
        contrast = np.zeros(len(self.covariance))
        contrast[first], contrast[second] = 1.0, -1.0
        value = float(self.mean[first] - self.mean[second])
        half = float(student.ppf((1 + level) / 2, self.freedom) * np.sqrt(contrast @ self.covariance @ contrast))
        return value, Interval(low=value - half, high=value + half, level=level)


def adjusted_means(values: Sequence[np.ndarray], covariates: Sequence[np.ndarray], at: float) -> AdjustedMeans:
    """Compare groups at one value of a covariate.

    Args:
        values: (n_g,) of each group.
        covariates: (n_g,) of each group, the same lengths.
        at: where to compare.

    Raises:
        ValueError: when there are not more values than groups and a slope take, or no group has two different
            covariates.

    >>> found = adjusted_means([np.array([1.0, 2.0]), np.array([3.0, 4.1])], [np.array([0.0, 1.0])] * 2, at=0.0)
    >>> found.mean.round(3).tolist(), round(found.slope, 3), found.freedom
    ([0.975, 3.025], 1.05, 1)
    """
    groups, count = len(values), sum(map(len, values))
    freedom = count - groups - 1
    if freedom < 1:
        raise ValueError(f"adjusted means: got {count} values in {groups} groups, expected at least {groups + 2}")
    design = np.zeros((count, groups + 1))
    design[np.arange(count), np.repeat(np.arange(groups), [len(group) for group in values])] = 1.0
    design[:, -1] = np.concatenate(covariates) - at
    if np.linalg.matrix_rank(design) <= groups:
        raise ValueError("adjusted means: the covariate is the same throughout each group, expected it to vary")
    observed = np.concatenate(values)
    solution = np.linalg.lstsq(design, observed)[0]
    variance = float(((observed - design @ solution) ** 2).sum()) / freedom
    return AdjustedMeans(
        at=at,
        mean=solution[:-1],
        slope=float(solution[-1]),
        covariance=variance * np.linalg.inv(design.T @ design),
        freedom=freedom,
    )
