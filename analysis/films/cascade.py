"""Hot-particle cascades: how far and how long the heat of one arriving particle is felt below the spot it hits."""

from __future__ import annotations

import errno
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitrify.analysis.figures import KT_LABEL, Figure, Level, Series, error_bar_figure, save
from vitrify.analysis.report.tables import write_table
from vitrify.analysis.statistics import mean_and_error
from vitrify.md.protocols.films.impact import ImpactSpec
from vitrify.md.store.checkpoint import write_atomically
from vitrify.md.store.product import DONE, sha256, write_done
from vitrify.md.store.provenance import provenance
from vitrify.md.store.rundir import RunDirectory

FILES = ("cascade.csv", "cascade.png", "cascade.svg", "provenance.json")


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


def cascade(run: RunDirectory) -> Cascade:
    """Average the impacts of a run below each spot, from the moment of contact on.

    Raises:
        ValueError: when the run is of another protocol, or no particle arrived while the films were watched.
    """
    if run.spec["protocol"] != ImpactSpec.protocol:
        raise ValueError(f"{run.path}: got a run of protocol {run.spec['protocol']}, expected impacts")
    spec, table = ImpactSpec.from_table(run.spec), run.table
    frames = int(table["frame"].max(initial=0))
    whole = np.bincount(table["replica"].astype(np.int64))
    rows = whole[table["replica"]] == frames  # of impacts that did not fail on the way
    columns = {name: table[name][rows].reshape(-1, frames) for name in ("kt", "arrived", "arriving_kt")}
    below = np.stack([table[name][rows].reshape(-1, frames) for name in spec.depth_columns], axis=-1)
    arrived = np.flatnonzero(columns["arrived"].any(axis=1))
    if not len(arrived):
        raise ValueError(f"cascade: none of {len(below)} particles arrived; watch the films for longer")
    contact = columns["arrived"][arrived].argmax(axis=1)
    kt, striker = np.full((len(arrived), *below.shape[1:]), np.nan), np.full((len(arrived), frames), np.nan)
    for row, (impact, first) in enumerate(zip(arrived, contact, strict=True)):
        kt[row, : frames - first] = below[impact, first:]
        striker[row, : frames - first] = columns["arriving_kt"][impact, first:]
    estimate = mean_and_error(kt)
    return Cascade(
        time=np.arange(frames) * spec.steps_per_frame * spec.deposition.time_step,
        depth_edges=spec.depth_edges,
        kt=estimate.mean,
        error=estimate.error,
        arriving_kt=mean_and_error(striker).mean,
        film_kt=float(columns["kt"][arrived, contact].mean()),
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


def require_no_cascade(out: Path) -> None:
    """Raise FileExistsError where a cascade was written already."""
    if any((out / name).exists() for name in (*FILES, DONE)):
        raise FileExistsError(errno.EEXIST, "holds a cascade already; --force replaces it", str(out))


def write_cascade(found: Cascade, out: Path, run: RunDirectory, *, force: bool = False) -> None:
    """Write cascade.csv, cascade.png (a line for each of a few times), provenance.json and DONE into ``out``.

    Raises:
        FileExistsError: when there is one already and ``force`` is not given.
    """
    if not force:
        require_no_cascade(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / DONE).unlink(missing_ok=True)
    save(cascade_figure(found), out / "cascade.png")
    facts = {"product": "cascade", "run": run.identity, "impacts": found.impacts, "film_kt": found.film_kt}
    write_atomically(out / "provenance.json", json.dumps(facts | provenance(), indent=2) + "\n")
    write_table(out / "cascade.csv", cascade_columns(found))
    write_done(out, {name: sha256(out / name) for name in FILES})


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
