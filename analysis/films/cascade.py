"""Hot-particle cascades: how far and how long the heat of one arriving particle is felt below the spot it hits."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitrify.analysis.figures import KT_LABEL, Figure, Level, Series, error_bar_figure, save
from vitrify.analysis.report.tables import write_table
from vitrify.analysis.statistics import mean_and_error
from vitrify.md.protocols.films.impact import Impacts, contact_samples, film_of_impacts
from vitrify.md.store.checkpoint import write_atomically
from vitrify.md.store.provenance import provenance


@dataclass(frozen=True, kw_only=True)
class Cascade:
    """Kinetic temperature below an impact against depth and time, means over impacts.

    Attributes:
        time: (S,) since the particle touched the film [tau].
        depth_edges: (D + 1,) below the height of contact [sigma_AA].
        kt: (S, D) kinetic temperature of the film's particles, the arriving one left out [eps_AA]; NaN where there
            were none.
        error: (S, D) its standard error over impacts.
        arriving_kt: (S,) kinetic energy of the arriving particle, which in two dimensions is its kT [eps_AA].
        film_kt: kT of the films away from the spot, before: what the cascade dies away to [eps_AA].
        impacts: how many particles arrived.
    """

    time: np.ndarray
    depth_edges: np.ndarray
    kt: np.ndarray
    error: np.ndarray
    arriving_kt: np.ndarray
    film_kt: float
    impacts: int


def cascade(impacts: Impacts, *, half_width: float = 3.0, depth: float = 15.0, bin_depth: float = 1.5) -> Cascade:
    """Average impacts in a column below each spot, from the moment of contact on.

    Args:
        impacts: what was seen.
        half_width: of the column, to either side of the spot [sigma_AA].
        depth: how far down it reaches [sigma_AA].
        bin_depth: height of a bin [sigma_AA].

    Raises:
        ValueError: when no particle arrived while the films were watched.
    """
    contact = contact_samples(impacts)
    arrived = np.flatnonzero(contact >= 0)
    if not len(arrived):
        raise ValueError(f"cascade: none of {len(contact)} particles arrived; watch the films for longer")
    samples = len(impacts.positions)
    edges = np.arange(0.0, depth + bin_depth / 2, bin_depth)
    kt = np.full((len(arrived), samples, len(edges) - 1), np.nan)
    striker = np.full((len(arrived), samples), np.nan)
    film = film_of_impacts(impacts)
    energy = (impacts.velocities.astype(np.float64) ** 2).sum(axis=-1) / 2
    for row, k in enumerate(arrived):
        x, top = impacts.positions[contact[k], k, impacts.striker]
        for late, sample in enumerate(range(contact[k], samples)):
            positions = impacts.positions[sample, k]
            aside = positions[:, 0] - x
            aside -= impacts.box_length * np.rint(aside / impacts.box_length)
            below = film[k] & (np.abs(aside) <= half_width)
            place = np.digitize(top - positions[below, 1], edges) - 1
            inside = (place >= 0) & (place < len(edges) - 1)
            count = np.bincount(place[inside], minlength=len(edges) - 1)
            total = np.bincount(place[inside], weights=energy[sample, k, below][inside], minlength=len(edges) - 1)
            kt[row, late] = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
            striker[row, late] = energy[sample, k, impacts.striker]
    estimate = mean_and_error(kt)
    before = [energy[contact[k], k, film[k]].mean() for k in arrived]
    return Cascade(
        time=np.arange(samples) * impacts.interval,
        depth_edges=edges,
        kt=estimate.mean,
        error=estimate.error,
        arriving_kt=mean_and_error(striker).mean,
        film_kt=float(np.mean(before)),
        impacts=len(arrived),
    )


def cascade_columns(found: Cascade) -> dict[str, np.ndarray]:
    """The columns of cascade.csv: a row for each time and depth."""
    samples, bins = found.kt.shape
    middle = (found.depth_edges[1:] + found.depth_edges[:-1]) / 2
    return {
        "time": np.repeat(found.time, bins),
        "depth": np.tile(middle, samples),
        "kt": found.kt.ravel(),
        "kt_error": found.error.ravel(),
        "arriving_kt": np.repeat(found.arriving_kt, bins),
    }


def write_cascade(found: Cascade, out: Path, asked: Mapping, *, force: bool = False) -> None:
    """Write cascade.csv, cascade.png (a line for each of a few times) and provenance.json into ``out``.

    Raises:
        FileExistsError: when there is one already and ``force`` is not given.
    """
    if (out / "cascade.csv").exists() and not force:
        raise FileExistsError(errno.EEXIST, "holds a cascade already; --force replaces it", str(out))
    out.mkdir(parents=True, exist_ok=True)
    save(cascade_figure(found), out / "cascade.png")
    facts = {"product": "cascade", "asked": dict(asked), "impacts": found.impacts, "film_kt": found.film_kt}
    write_atomically(out / "provenance.json", json.dumps(facts | provenance(), indent=2) + "\n")
    write_table(out / "cascade.csv", cascade_columns(found))


def cascade_figure(found: Cascade) -> Figure:
    """KT against depth at a few times after the contact, each twice as late as the one before."""
    middle = (found.depth_edges[1:] + found.depth_edges[:-1]) / 2
    shown = [0, *(2**power for power in range(1, 12) if 2**power < len(found.time) // 2)][:7]
    series = {
        rf"{found.time[sample]:.2g} $\tau$": Series(middle, found.kt[sample], np.nan_to_num(found.error[sample]))
        for sample in shown
    }
    return error_bar_figure(
        series,
        x_label=r"depth below the contact  $[\sigma_{AA}]$",
        y_label=KT_LABEL,
        levels={"film": Level(found.film_kt)},
    )
