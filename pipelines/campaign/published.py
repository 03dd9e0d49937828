"""What a campaign found beside what was published, number by number, each with its interval.

Published: the research log of 2017-2018 behind Swanson et al., Soft Matter 16, 435 (2020), N = 4,320, 10,000 runs a
rate, E_IS per particle, truncated and not shifted; networks trained on liquids at kT 1.951 and asked about colder ones;
and the films of Reid et al., Nat. Commun. 7, 13062 (2016), which lie lower in energy than films cooled as long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitrify.analysis.report.tables import read_table, write_contents, write_table
from vitrify.analysis.results import rows_to_columns
from vitrify.analysis.statistics import students_interval

GLASS_ENERGY = {200_000: -3.867, 20_000_000: -3.903}
"""E_IS at kT 0.05 by length M of the ramp."""

TRANSITION = {200_000: 0.381}
"""T_g by two lines."""

FICTIVE = {200_000: 0.547}
"""kT of the liquid of M = 2e7, in equilibrium there, that has the energy of the glass."""

LIQUID_ENERGY = {0.547: -3.866, 0.957: -3.812}
"""E_IS of the liquid by kT."""

ENERGY_TOLERANCE = 0.005
"""Of the log's energies [eps_AA]."""

ACCURACY = {1.951: 0.998, 1.561: 0.975, 1.025: 0.888, 0.635: 0.624}
"""Of a network trained at kT 1.951, by the kT of the liquids it is asked about."""

ONE_ENERGY_AUC = 0.98
"""The published networks tell a glass from a liquid of its E_IS with more than this; on which positions is not said."""

FILM_SUBSTRATES = (0.13, 0.19)
"""kT of the substrate between which the scripts of Reid et al. deposit (0.14 and 0.18), near 0.8 T_g of a film."""

NEAR = 0.012
"""How far a kT may be from a published one [eps_AA]."""

FEWEST_PARTICLES = 1000
"""Smaller systems have averages of their own: nothing is published about them."""

TABLE = "published.csv"

CAPTION = (
    "What was found here, with 95 % intervals, beside what was published: the research log behind Swanson et al. 2020, "
    f"N = 4,320, 10,000 runs a rate, energies to {ENERGY_TOLERANCE:g}; films by Reid et al. 2016. A number agrees if "
    "the interval, or that tolerance, holds it; a bound where the interval lies beyond it, and is open where the "
    "interval lies on both sides. AUCs at one energy grow with the size of the systems. "
    "Published accuracies are at a threshold fixed in training, those here at the best "
    "one of each temperature."
)


@dataclass(frozen=True, kw_only=True)
class Known:
    """A published number, or a bound.

    Attributes:
        value: the number.
        bound: "" for a number, ">" for what is larger than it, "<" for what is smaller.
        tolerance: how far off a number is still the same.

    >>> Known(value=-3.867).verdict(-3.870, -3.872, -3.868), Known(value=0.98, bound=">").verdict(0.9, 0.85, 0.95)
    ('no', 'no')
    >>> Known(value=-3.867, tolerance=0.005).verdict(-3.870, -3.872, -3.868)
    'yes, to 0.005'
    >>> Known(value=0, bound="<").verdict(-0.002, -0.009, 0.005)
    'open'
    """

    value: float
    bound: str = ""
    tolerance: float = 0.0

    def __str__(self):
        return f"{self.bound} {self.value:g}".strip()

    def verdict(self, value: float, low: float, high: float) -> str:
        """Whether what was found agrees with it: yes, no or open."""
        if not self.bound:
            if low <= self.value <= high:
                return "yes"
            return f"yes, to {self.tolerance:g}" if abs(value - self.value) <= self.tolerance else "no"
        if not (np.isfinite(low) and np.isfinite(high)):
            return "open"
        beyond = np.array([low, high]) > self.value if self.bound == ">" else np.array([low, high]) < self.value
        return "yes" if beyond.all() else "open" if beyond.any() else "no"


def write_published(directories: Sequence[Path], out: Path) -> bool:
    """Write the comparison of some analyses, evaluations and transfers into a directory; nothing where they share none.

    Args:
        directories: of analyses, evaluations, transfers, and whatever else a report tells.
        out: the directory.

    Returns:
        Whether there was anything to compare.
    """
    readers: Sequence[Callable[[Path], Iterator[dict]]] = (_ramps, _liquids, _along_the_curve, _one_energy, _films)
    rows = [row for directory in directories for reader in readers for row in reader(directory)]
    if not rows:
        return False
    out.mkdir()
    write_table(out / TABLE, rows_to_columns(rows))
    write_contents(out, {TABLE: CAPTION})
    return True


def _ramps(directory: Path) -> Iterator[dict]:
    """Energy of the glass, T_f and T_g of each rate."""
    for row in _rows(directory / "tg.csv", "ramp_steps", "particles"):
        for quantity, column, published, tolerance in (
            ("E_IS at kT 0.05", "glass_energy", GLASS_ENERGY, ENERGY_TOLERANCE),
            ("T_f", "kt_fictive", FICTIVE, 0.0),
            ("T_g, two lines", "tg", TRANSITION, 0.0),
        ):
            steps, ends = int(row["ramp_steps"]), _ends(row, column)
            if steps in published and np.isfinite(ends[0]):
                known = Known(value=published[steps], tolerance=tolerance)
                yield _row(f"{quantity}, M = {steps:,}", ends, known, directory, row)


def _liquids(directory: Path) -> Iterator[dict]:
    """Energies of liquids in equilibrium; batches of one temperature are one liquid."""
    found: dict[float, list[dict]] = {}
    for row in _rows(directory / "equilibrium.csv", "kt_set", "particles"):
        found.setdefault(row["kt_set"], []).append(row)
    for kt, rows in found.items():
        for published, energy in LIQUID_ENERGY.items():
            ends = _pooled(rows)
            if abs(kt - published) < NEAR and np.isfinite(ends).all():
                known = Known(value=energy, tolerance=ENERGY_TOLERANCE)
                yield _row(f"E_IS of the liquid, kT {kt:.3g}", ends, known, directory, rows[0])


def _pooled(rows: Sequence[dict]) -> tuple[float, float, float]:
    """Mean E_IS over all replicas of some runs of one liquid, with its interval by Student's t."""
    replicas, means, errors = (
        np.array([row[name] for row in rows], float)
        for name in ("replicas", "inherent_energy", "inherent_energy_error")
    )
    count = replicas.sum()
    mean = float((replicas * means).sum() / count)
    within = np.where(replicas > 1, replicas * (replicas - 1) * errors**2, 0.0)
    squares = float((within + replicas * (means - mean) ** 2).sum())
    if count < 2:
        return mean, np.nan, np.nan
    found = students_interval(mean, np.sqrt(squares / (count * (count - 1))), int(count) - 1)
    return found.value, found.low, found.high


def _along_the_curve(directory: Path) -> Iterator[dict]:
    """Accuracies of a network that was trained once, along the cooling curve."""
    for row in _rows(directory / "transfer.csv", "calibrated_accuracy", "particles"):
        for published, accuracy in ACCURACY.items():
            if abs(row["kt_set"] - published) < NEAR and row["dots"] == "trained once":
                name = f"accuracy on liquids at kT {row['kt_set']:.4g}, {row['run']}"
                yield _row(name, _ends(row, "calibrated_accuracy"), Known(value=accuracy), directory, row)


def _one_energy(directory: Path) -> Iterator[dict]:
    """AUCs of networks that were tested on glasses and liquids paired by E_IS; nothing is published of yardsticks."""
    for row in _rows(directory / "scores.csv", "paired", "auc"):
        if row["paired"] == "energy" and not row["architecture"].startswith("linear"):
            name = f"AUC at one energy, {row['positions']} positions, {row['model']}"
            yield _row(name, _ends(row, "auc"), Known(value=ONE_ENERGY_AUC, bound=">"), directory, row)


def _films(directory: Path) -> Iterator[dict]:
    """Films that were deposited where the published ones were, less films that were cooled."""
    for row in _rows(directory / "film_differences.csv", "first", "difference"):
        deposited = re.match(r"deposited at ([\d.]+)", row["first"])
        if deposited and row["second"].startswith("cooled"):
            kt, (lowest, highest) = float(deposited[1]), FILM_SUBSTRATES
            if lowest <= kt <= highest:
                name = f"bulk E_IS of films at one composition, {row['first']} less {row['second']}"
                yield _row(name, _ends(row, "difference"), Known(value=0, bound="<"), directory, row)


def _rows(path: Path, *columns: str) -> Iterator[dict]:
    """The rows of a table that has these columns; none of another one, of small systems, or where there is no table."""
    found = read_table(path) if path.is_file() else {}
    if all(column in found for column in columns):
        for cells in zip(*found.values(), strict=True):
            row = dict(zip(found, cells, strict=True))
            if row.get("particles", FEWEST_PARTICLES) >= FEWEST_PARTICLES:
                yield row


def _ends(row: dict, column: str) -> tuple[float, float, float]:
    """A value and its interval."""
    value, low, high = (float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
    return value, low, high


def _row(quantity: str, ends: Sequence[float], known: Known, directory: Path, found: dict) -> dict:
    value, low, high = ends
    return {
        "quantity": quantity,
        "here": value,
        "here_low": low,
        "here_high": high,
        "published": str(known),
        "agrees": known.verdict(value, low, high),
        "particles": found.get("particles", ""),
        "from": directory.name,
    }
