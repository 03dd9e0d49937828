"""What a campaign found beside what was published, number by number, each with its interval.

Published: the research log of 2017-2018 behind Swanson et al., Soft Matter 16, 435 (2020), N = 4,320, 10,000 runs a
rate, E_IS per particle, truncated and not shifted; networks trained on liquids at kT 1.951 and asked about colder ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

ACCURACY = {1.951: 0.998, 1.561: 0.975, 1.025: 0.888, 0.635: 0.624}
"""Of a network trained at kT 1.951, by the kT of the liquids it is asked about."""

NEAR = 0.012
"""How far a kT may be from a published one [eps_AA]."""

TABLE = "published.csv"

CAPTION = (
    "What was found here, with 95 % intervals, beside what was published (the research log behind Swanson et al. 2020, "
    "N = 4,320, 10,000 runs a rate, its tolerance on energies 0.005). Published accuracies are at a threshold fixed in "
    "training, those here at the best one of each temperature."
)


def write_published(directories: Sequence[Path], out: Path) -> bool:
    """Write the comparison of some analyses and transfers into a directory; nothing where they share no number.

    Args:
        directories: of analyses, transfers, and whatever else a report tells.
        out: the directory.

    Returns:
        Whether there was anything to compare.
    """
    rows = [
        row for directory in directories for row in [*_curves(directory), *_liquids(directory), *_scores(directory)]
    ]
    if not rows:
        return False
    out.mkdir()
    write_table(out / TABLE, rows_to_columns(rows))
    write_contents(out, {TABLE: CAPTION})
    return True


def _curves(directory: Path) -> Iterator[dict]:
    """Of ramps: energy of the glass, T_g, T_f."""
    table = _table(directory / "tg.csv", "ramp_steps")
    for row, steps in enumerate(table.get("ramp_steps", ())):
        for quantity, column, known in (
            ("E_IS at kT 0.05", "glass_energy", GLASS_ENERGY),
            ("T_f", "kt_fictive", FICTIVE),
            ("T_g, two lines", "tg", TRANSITION),
        ):
            ends = [float(table[name][row]) for name in (column, f"{column}_low", f"{column}_high")]
            if int(steps) in known and np.isfinite(ends[0]):
                yield _row(f"{quantity}, M = {steps:,.0f}", ends, known[int(steps)], directory)


def _liquids(directory: Path) -> Iterator[dict]:
    """Of liquids in equilibrium: their energy."""
    table = _table(directory / "equilibrium.csv", "kt_set")
    for row, kt in enumerate(table.get("kt_set", ())):
        for known, energy in LIQUID_ENERGY.items():
            replicas = int(table["replicas"][row])
            if abs(kt - known) < NEAR and replicas > 1:
                value, error = (float(table[name][row]) for name in ("inherent_energy", "inherent_energy_error"))
                found = students_interval(value, error, replicas - 1)
                ends = [found.value, found.low, found.high]
                yield _row(f"E_IS of the liquid, kT {kt:.3g}", ends, energy, directory)


def _scores(directory: Path) -> Iterator[dict]:
    """Of a network that was trained once: accuracies along the cooling curve."""
    table = _table(directory / "transfer.csv", "calibrated_accuracy")
    for row, kt in enumerate(table.get("kt_set", ())):
        for known, accuracy in ACCURACY.items():
            if abs(kt - known) < NEAR and table["dots"][row] == "trained once":
                ends = [float(table[f"calibrated_accuracy{end}"][row]) for end in ("", "_low", "_high")]
                yield _row(f"accuracy on liquids at kT {kt:.4g}, {table['run'][row]}", ends, accuracy, directory)


def _table(path: Path, column: str) -> dict[str, np.ndarray]:
    """A table that has a column; {} for another one, or where there is none."""
    found = read_table(path) if path.is_file() else {}
    return found if column in found else {}


def _row(quantity: str, ends: Sequence[float], published: float, directory: Path) -> dict:
    value, low, high = ends
    return {
        "quantity": quantity,
        "here": value,
        "here_low": low,
        "here_high": high,
        "published": published,
        "within_interval": bool(low <= published <= high),
        "from": directory.name,
    }
