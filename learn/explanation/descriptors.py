"""How a score goes with the descriptors of the field, and how well it does at one energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
from scipy.stats import rankdata

from vitrify.analysis.statistics import wilson_interval
from vitrify.analysis.structure.descriptors import descriptors
from vitrify.analysis.structure.measurement import in_parallel
from vitrify.analysis.structure.titles import title_of
from vitrify.learn.configurations import Configurations

FEW = 128
"""Configurations that are described sooner here than processes start."""


def descriptor_table(configurations: Configurations) -> dict[str, np.ndarray]:
    """Every descriptor of every configuration, (C,) each, and its E_IS as ``inherent_energy``."""
    seen = (configurations.one(row) for row in range(len(configurations)))
    rows = list(in_parallel(descriptors, seen, few=FEW))
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return columns | {"inherent_energy": np.asarray(configurations.inherent_energy, np.float64)}


def correlations(
    columns: Mapping[str, np.ndarray], logit: np.ndarray, label: np.ndarray, classes: Sequence[str], unit: np.ndarray
) -> dict[str, list]:
    """A row a descriptor: its mean in each class, and its rank correlation with the logit, strongest first.

    What never changes has no correlation, NaN, and comes last. Within a class the correlation says what the score
    follows beside what sets the classes apart: ``within`` is that of ranks taken in each class by itself.

    Args:
        columns: (C,) by name; a column that is unknown somewhere is left out.
        logit: (C,) of the last class less the first.
        label: (C,).
        classes: their names.
        unit: (C,) the same for configurations that are not independent, which count as one.
    """
    rows, count = [], len(np.unique(unit))
    for name, values in columns.items():
        if not np.isfinite(values).all():
            continue
        means = {f"mean_{kind}": float(values[label == number].mean()) for number, kind in enumerate(classes)}
        spread = np.sqrt(np.mean([values[label == number].var() for number in range(len(classes))]))
        whole = rank_correlation(values, logit, count)
        within = rank_correlation(ranks_within(values, label), ranks_within(logit, label), count)
        rows.append(
            {
                "descriptor": name,
                "meaning": title_of(name),
                **means,
                "difference_in_spreads": (means[f"mean_{classes[-1]}"] - means[f"mean_{classes[0]}"])
                / (spread if spread > 0 else np.nan),
                "correlation": whole[0],
                "correlation_low": whole[1],
                "correlation_high": whole[2],
                "within": within[0],
                "within_low": within[1],
                "within_high": within[2],
            }
        )
    rows.sort(key=lambda row: -np.nan_to_num(abs(row["correlation"]), nan=-1.0))
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def rank_correlation(x: np.ndarray, y: np.ndarray, count: int, level: float = 0.95) -> tuple[float, float, float]:
    """Spearman's rank correlation with its interval, by Fisher's transformation.

    There is no interval, NaN, for fewer than four numbers, or where ranks agree in full; and no correlation of numbers
    that are all the same.

    Args:
        x: (n,) numbers.
        y: (n,) others.
        count: how many of them are independent.
        level: nominal coverage.

    Source: D. G. Bonett and T. A. Wright, Psychometrika 65, 23 (2000), for the standard error.

    >>> r, low, high = rank_correlation(np.arange(20.0) ** 3, np.arange(20.0) // 2, 20)
    >>> low > 0.95, high < 1.0
    (True, True)
    >>> rank_correlation(np.ones(5), np.arange(5.0), 5)
    (nan, nan, nan)
    """
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), float("nan"), float("nan")
    r = float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
    if count < 4 or not abs(r) < 1 - 1e-12:
        return r, float("nan"), float("nan")
    half = NormalDist().inv_cdf((1 + level) / 2) * np.sqrt((1 + r**2 / 2) / (count - 3))
    z = np.arctanh(r)
    return r, float(np.tanh(z - half)), float(np.tanh(z + half))


def ranks_within(values: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(C,) ranks in each class by itself, from 0 to 1."""
    ranks = np.empty(len(values))
    for kind in np.unique(label):
        own = label == kind
        ranks[own] = (rankdata(values[own]) - 0.5) / own.sum()
    return ranks


def energy_bins(
    energy: np.ndarray, correct: np.ndarray, label: np.ndarray, unit: np.ndarray, *, width: float, fewest: int = 5
) -> dict[str, list]:
    """Accuracy in narrow bins of E_IS: what is told apart there, the energy does not tell.

    Args:
        energy: (C,) E_IS per particle [eps_AA].
        correct: (C,) bool.
        label: (C,).
        unit: (C,) the same for configurations that are not independent, which count as one trial.
        width: of a bin [eps_AA].
        fewest: configurations of each class that a bin must have.

    Returns:
        a row a bin: lower and upper end, configurations, how many are of the last class, accuracy with its interval
        after Wilson, and ``majority``, the accuracy of naming the more frequent class always.
    """
    number = np.floor(energy / width).astype(int)
    rows = []
    for bin_number in np.unique(number):
        own = number == bin_number
        counts = np.bincount(label[own], minlength=label.max() + 1)
        if counts.min() < fewest:
            continue
        accuracy, trials = float(correct[own].mean()), len(np.unique(unit[own]))
        interval = wilson_interval(accuracy * trials, trials)
        rows.append(
            {
                "energy_from": bin_number * width,
                "energy_to": (bin_number + 1) * width,
                "configurations": int(own.sum()),
                "of_last_class": int(counts[-1]),
                "accuracy": accuracy,
                "accuracy_low": interval.low,
                "accuracy_high": interval.high,
                "majority": float(counts.max() / own.sum()),
            }
        )
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
