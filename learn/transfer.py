"""A classifier along the cooling curve: how well it tells the liquid at each temperature from the glass it becomes.

One trained once, as the red dots of the log's figure, or one of an architecture trained at each temperature, as the
green ones. The temperature at which the two begin to be confused is a T_g of the classifier's own
(:mod:`vitrify.learn.leaving`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vitrify.analysis.curves.cooling_curve import CoolingCurve, cooling_curves
from vitrify.analysis.curves.equilibrium import Equilibrium
from vitrify.analysis.curves.equilibrium_line import equilibrium_line
from vitrify.analysis.curves.fictive import memory
from vitrify.analysis.statistics import Quantity
from vitrify.learn.auc import area_under_curve
from vitrify.learn.checkpoint import Model
from vitrify.learn.configurations import Configurations
from vitrify.learn.datasets import open_dataset, save_dataset
from vitrify.learn.evaluate import log_odds
from vitrify.learn.fit import fit
from vitrify.learn.leaving import leaving_with_interval
from vitrify.learn.models.base import Architecture
from vitrify.learn.recipe import Recipe
from vitrify.learn.scores import Score, accuracy, auc
from vitrify.learn.sources import Source, build_dataset, origins_of
from vitrify.learn.splits import halves
from vitrify.learn.taking import take
from vitrify.md.store.rundir import RunDirectory

ONCE, EACH = "trained once", "trained at each kT"


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Scores of one ramp along its curve, of R replicas that no training saw.

    Attributes:
        run: name of the run.
        dots: ``trained once`` or ``trained at each kT``.
        curve: E_IS(kT) of the run.
        kt: (K,) temperatures of the liquids, rising.
        liquid: (R, K) log odds of the second class of each liquid.
        glass: (R, K) of the glass it becomes, by the same classifier.
        learnt: (K,) whether that classifier learnt its training part.
        fictive: T_f of the ramp's glass.
    """

    run: str
    dots: str
    curve: CoolingCurve
    kt: np.ndarray
    liquid: np.ndarray = field(repr=False)
    glass: np.ndarray = field(repr=False)
    learnt: np.ndarray
    fictive: Quantity

    def areas(self, rows: np.ndarray) -> np.ndarray:
        """(K,) AUC of glass against liquid, of some replicas."""
        positive = np.repeat([False, True], len(rows))
        columns = zip(self.liquid[rows].T, self.glass[rows].T, strict=True)
        return np.array([area_under_curve(np.concatenate(pair), positive) for pair in columns])

    def auc(self, column: int) -> Score:
        """At one temperature, with its interval."""
        return auc(*self._both(column))

    def calibrated(self, column: int) -> Score:
        """Accuracy at one temperature, with the threshold that is best there.

        It is found on one half of the replicas and used on the other, and the other way round.
        """
        score, positive, origin = self._both(column)
        half = halves(map(str, range(len(self.liquid))), seed=1)
        side = np.array([half[str(one)] for one in origin])
        correct = np.zeros(len(score), dtype=bool)
        for own in (0, 1):
            threshold = best_threshold(score[side != own], positive[side != own])
            correct[side == own] = (score > threshold)[side == own] == positive[side == own]
        return accuracy(correct, positive, origin)

    def leaves(self) -> Quantity:
        """T_g from the classifier alone."""
        return leaving_with_interval(self.kt, len(self.liquid), self.areas)[1]

    def _both(self, column: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        count = len(self.liquid)
        score = np.concatenate([self.liquid[:, column], self.glass[:, column]])
        return score, np.repeat([False, True], count), np.tile(np.arange(count), 2)


def best_threshold(score: np.ndarray, positive: np.ndarray) -> float:
    """The threshold above which calling all positive is right most often, classes counting equally.

    >>> best_threshold(np.array([0.1, 0.2, 0.9]), np.array([False, False, True]))
    0.55
    >>> best_threshold(np.array([0.2, 0.2, 0.9]), np.array([False, True, True]))  # none parts equal scores
    0.55
    """
    order = np.argsort(score, kind="stable")
    gain = np.where(positive[order], -1 / max(positive.sum(), 1), 1 / max((~positive).sum(), 1))
    right = np.concatenate([[0.0], np.cumsum(gain)])  # of calling negative the lowest 0, 1, 2, ...
    inner = (score[order][1:] + score[order][:-1]) / 2
    right[1:-1][np.diff(score[order]) == 0] = -np.inf
    return float(np.concatenate([[-np.inf], inner, [np.inf]])[right.argmax()])


def transfer_once(
    model: Model,
    runs: Sequence[RunDirectory],
    *,
    liquids: Sequence[Equilibrium] = (),
    report: Callable[[], None] = lambda: None,
) -> Transfer:
    """Test one model at every temperature that a ramp has stored, on replicas it has not seen.

    Args:
        model: the model.
        runs: the ramp: one run, or batches of one ensemble.
        liquids: equilibrium runs that T_f is read with.
        report: called after each temperature of each batch.

    Raises:
        ValueError: for runs that are no finished ramp with configurations, replicas that were all seen, or another
            density.
    """
    inherent = model.training.dataset["positions"] == "inherent"
    kts, seen = _stored_kts(runs, inherent), {name for names in model.training.origins.values() for name in names}
    scores: list[dict[int, float]] = [{} for _ in kts]
    for run in runs:
        for score, kt in zip(scores, kts, strict=True):
            score |= _unseen_scores(model, run, kt, seen, inherent=inherent)
            report()
    common = sorted(set.intersection(*map(set, scores)))
    if not common:
        raise ValueError(f"{runs[0].path}: {model.name} was trained on all of its replicas; expected others to test on")
    _require_replicas(runs[0], len(common))
    table = np.array([[one[replica] for one in scores] for replica in common])
    return Transfer(
        run=runs[0].name,
        dots=ONCE,
        kt=np.array(kts[1:]),
        liquid=table[:, 1:],
        glass=np.repeat(table[:, :1], len(kts) - 1, axis=1),
        learnt=np.full(len(kts) - 1, model.learnt),
        **_curve(runs, liquids),
    )


def _unseen_scores(
    model: Model, run: RunDirectory, kt: float, seen: Collection[str], *, inherent: bool
) -> dict[int, float]:
    """Log odds at one temperature of a run's replicas that no training saw, by their numbers."""
    taken = take(run, kt, inherent=inherent, frames_per_replica=None, window=None)
    configurations = Configurations(
        positions=taken.positions,
        species=taken.species,
        box=taken.box,
        periodic=taken.periodic,
        inherent_energy=taken.energy,
    )
    unseen = np.flatnonzero([origin not in seen for origin in origins_of(run, taken.replica)])
    if not len(unseen):
        return {}
    found = log_odds(model.classifier.probabilities(configurations.view(unseen)))
    return dict(zip(taken.replica[unseen].tolist(), found.tolist(), strict=True))


def transfer_each(
    architecture: Architecture,
    runs: Sequence[RunDirectory],
    workplace: Path,
    *,
    positions: str,
    seed: int,
    recipe: Recipe | None = None,
    liquids: Sequence[Equilibrium] = (),
    report: Callable[[], None] = lambda: None,
) -> Transfer:
    """Train an architecture at every temperature that a ramp has stored, and test it there.

    Datasets and models stay in ``workplace``, where a transfer that was killed finds them again. The ramp is one
    run, or batches of one ensemble.

    Raises:
        ValueError: as :func:`transfer_once`, or when the workplace holds data sets of other batches or another seed.
    """
    kts = _stored_kts(runs, positions == "inherent")
    columns, learnt = [], []
    for kt in kts[1:]:
        place = workplace / f"{runs[0].ensemble_identity[:8]}-{positions}-kT{kt:.4f}"
        classes = {
            name: [Source(path=run.path, kt=at) for run in runs] for name, at in (("liquid", kt), ("glass", kts[0]))
        }
        if (place / "data").exists():
            data = open_dataset(place / "data")
            if data.seed != seed or {source["identity"] for source in data.sources} != {run.identity for run in runs}:
                raise ValueError(
                    f"{place / 'data'}: is of other batches or another seed; expected those of this transfer, or none"
                )
        else:
            data = save_dataset(build_dataset(classes, positions=positions, seed=seed), place / "data")
        model = fit(data, architecture, place / "model", seed=seed, recipe=recipe, resume=True)
        rows = data.rows("test")
        found = log_odds(model.classifier.probabilities(data.configurations.view(rows)))
        keys = zip(data.replica[rows].tolist(), data.label[rows].tolist(), strict=True)
        columns.append(dict(zip(keys, found.tolist(), strict=True)))
        learnt.append(model.learnt)
        report()
    common = sorted(set.intersection(*({replica for replica, _ in one} for one in columns)))
    common = [replica for replica in common if all((replica, label) in one for one in columns for label in (0, 1))]
    _require_replicas(runs[0], len(common))
    liquid, glass = (np.array([[one[replica, label] for one in columns] for replica in common]) for label in (0, 1))
    return Transfer(
        run=runs[0].name,
        dots=EACH,
        kt=np.array(kts[1:]),
        liquid=liquid,
        glass=glass,
        learnt=np.array(learnt),
        **_curve(runs, liquids),
    )


def ramps(runs: Sequence[RunDirectory]) -> list[list[RunDirectory]]:
    """Runs by the ensemble they are batches of, in the order they were given."""
    found: dict[str, list[RunDirectory]] = {}
    for run in runs:
        found.setdefault(run.ensemble_identity, []).append(run)
    return list(found.values())


def _stored_kts(runs: Sequence[RunDirectory], inherent: bool) -> list[float]:
    """Temperatures of the stored frames of a ramp, rising; the first is the glass's."""
    for run in runs:
        if not run.finished:
            raise ValueError(f"{run.path}: is not finished; expected a finished run (go on with --resume)")
        if run.spec["protocol"] != "cool":
            raise ValueError(f"{run.path}: is a run of {run.spec['protocol']}, expected one of cool")
        if run.ensemble_identity != runs[0].ensemble_identity:
            raise ValueError(f"{run.path}: is another ramp than {runs[0].path}; expected batches of one ensemble")
    run = runs[0]
    table, stored = run.table, run.stored_frames(inherent=inherent)
    kts = sorted({float(table["kt_set"][table["frame"] == frame][0]) for frame in stored})
    if len(kts) < 3:
        raise ValueError(f"{run.path}: has {len(kts)} stored temperatures, expected at least 3 (cool with --store all)")
    return kts


def _require_replicas(run: RunDirectory, count: int) -> None:
    if count < 2:
        raise ValueError(f"{run.path}: {count} replicas are left to test on, expected at least 2")


def _curve(runs: Sequence[RunDirectory], liquids: Sequence[Equilibrium]) -> dict:
    """E_IS(kT) and the fictive temperature of a ramp's glass."""
    (curve,) = cooling_curves(runs)
    line, notes = equilibrium_line(liquids, [curve])
    fictive = memory(curve, line).fictive if line else Quantity(value=float("nan"), note="; ".join(notes))
    return {"curve": curve, "fictive": fictive}


def point_columns(found: Sequence[Transfer]) -> dict[str, list]:
    """The columns of transfer.csv, a row for each run and temperature."""
    rows: dict[str, list] = {}
    for one in found:
        for column, kt in enumerate(one.kt):
            area, right = one.auc(column), one.calibrated(column)
            energy = one.curve.inherent_at(float(kt))
            row = {"run": one.run, "dots": one.dots, "kt_set": kt, "replicas": len(one.liquid)}
            row |= {"particles": one.curve.particles}
            for name, score in (("auc", area), ("calibrated_accuracy", right)):
                row |= {name: score.value, f"{name}_low": score.interval.low, f"{name}_high": score.interval.high}
            row |= {"inherent_energy": float(energy.mean), "inherent_energy_error": float(energy.error)}
            for name, value in (row | {"learnt": bool(one.learnt[column])}).items():
                rows.setdefault(name, []).append(value)
    return rows


def tg_columns(found: Sequence[Transfer]) -> dict[str, list]:
    """The columns of tg.csv, a row for each run."""
    rows: dict[str, list] = {}
    for one in found:
        left = one.leaves()
        row = {"run": one.run, "dots": one.dots, "tg": left.value, "tg_low": left.low, "tg_high": left.high}
        row |= {"fictive": one.fictive.value, "fictive_low": one.fictive.low, "fictive_high": one.fictive.high}
        for name, value in (row | {"note": left.note or one.fictive.note}).items():
            rows.setdefault(name, []).append(value)
    return rows
