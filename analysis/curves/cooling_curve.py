"""How the energy falls on cooling: mean curves over the replicas of one cooling rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vitrify.analysis.statistics import Estimate, Quantity, jackknife, mean_and_error, mean_without_each

if TYPE_CHECKING:
    from vitrify.md.store.rundir import RunDirectory


@dataclass(frozen=True, kw_only=True)
class CoolingCurve:
    """Energies against set temperature for R replicas cooled alike.

    All energies are per particle, truncated and not shifted [eps_AA]. NaN is a frame that a replica never reached, and
    the inherent energy of a quench that was not made or did not converge.

    Attributes:
        ramp_steps: length M of the ramp [time steps].
        rate: cooling rate, (kT_start - kT_end) / (M dt) [eps_AA / tau].
        kt_set: (F,) set temperature of each frame, falling [eps_AA].
        kt: (R, F) kinetic temperature [eps_AA].
        potential_energy: (R, F) instantaneous energy.
        inherent_energy: (R, F) inherent-structure energy.
        particles: N of each; None where they differ, as films do, or where nobody said.
    """

    ramp_steps: int
    rate: float
    kt_set: np.ndarray
    kt: np.ndarray
    potential_energy: np.ndarray
    inherent_energy: np.ndarray
    particles: int | None = None

    def __post_init__(self):
        shape = (self.replicas, len(self.kt_set))
        for name in ("kt", "potential_energy", "inherent_energy"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: got shape {getattr(self, name).shape}, expected (replicas, frames) {shape}")

    @property
    def replicas(self) -> int:
        """Number of replicas R, failed ones included."""
        return self.inherent_energy.shape[0]

    @property
    def inherent(self) -> Estimate:
        """Mean E_IS and its standard error over replicas at each frame."""
        return mean_and_error(self.inherent_energy)

    @property
    def instantaneous(self) -> Estimate:
        """Mean instantaneous energy and its standard error over replicas at each frame."""
        return mean_and_error(self.potential_energy)

    @property
    def lag(self) -> float:
        """How much warmer the mixture is than its thermostat is set, mean over frames and replicas [eps_AA].

        A thermostat follows a ramp late by rate x time constant x heat capacity over the kinetic one: 0.019 at M =
        2e4 for Bussi's with 0.5 tau, a tenth of that at 2e5.
        """
        return float(np.nanmean(self.kt - self.kt_set)) if np.isfinite(self.kt).any() else 0.0

    @property
    def glass_energy(self) -> Quantity:
        """Mean E_IS of the coldest frame with its interval over replicas."""
        coldest = self.inherent_energy[:, int(self.kt_set.argmin())]
        known = coldest[np.isfinite(coldest)]
        return jackknife(float(mean_and_error(known).mean), [mean_without_each(known)])

    def inherent_at(self, kt: float) -> Estimate:
        """Mean E_IS and its standard error at the frame whose set temperature is nearest to ``kt``."""
        frame = int(np.abs(self.kt_set - kt).argmin())
        return mean_and_error(self.inherent_energy[:, frame])


def cooling_curves(runs: Sequence[RunDirectory]) -> list[CoolingCurve]:
    """One curve for each cooling rate among the runs, slowest first; runs of one rate are pooled.

    Args:
        runs: run directories of the ``cool`` protocol, of one system.

    Raises:
        ValueError: for a run of another protocol, runs of different systems, frames or temperatures, or two runs of
            one rate and one seed, whose replicas are the same and not independent.
    """
    for run in runs:
        require_frames(run, "cool")
    _same(runs, ("particles", "density", "fraction_a"))
    by_rate: dict[tuple, list[RunDirectory]] = {}
    for run in runs:
        key = run.spec["ramp_steps"], run.spec["time_step"], run.spec["kt_start"], run.spec["kt_end"]
        by_rate.setdefault(key, []).append(run)
    for group in by_rate.values():
        _same(group, ("frames",))
        require_different_replicas(group)
    curves = [
        curve_from_tables(
            [run.table for run in group],
            ramp_steps=steps,
            rate=(kt_start - kt_end) / (steps * time_step),
            particles=runs[0].spec["particles"],
        )
        for (steps, time_step, kt_start, kt_end), group in by_rate.items()
    ]
    return sorted(curves, key=lambda curve: curve.rate)


def curve_from_tables(
    tables: Sequence[Mapping[str, np.ndarray]], *, ramp_steps: int, rate: float, particles: int | None = None
) -> CoolingCurve:
    """Pool the replicas of several tables into one curve.

    Args:
        tables: columns replica, frame, kt_set, kt, potential_energy, inherent_energy and, where there is one,
            converged; rows in any order. Equal replica numbers of different tables are different replicas.
        ramp_steps: length of the ramp [time steps].
        rate: cooling rate [eps_AA / tau].
        particles: N of each replica, where they have as many.

    Raises:
        ValueError: for tables without rows, or frames whose set temperatures differ between replicas.

    >>> table = {"replica": [0, 0, 1], "frame": [1, 2, 1], "kt_set": [1.0, 0.5, 1.0], "kt": [1.0, 0.5, 1.0],
    ...     "potential_energy": [-2.0, -3.0, -2.2], "inherent_energy": [-3.8, -3.9, -3.7]}
    >>> curve = curve_from_tables([{k: np.array(v) for k, v in table.items()}], ramp_steps=100, rate=3.9)
    >>> curve.inherent.mean.tolist(), curve.inherent.replicas.tolist()
    ([-3.75, -3.9], [2, 1])
    """
    frame = np.concatenate([np.asarray(table["frame"], dtype=np.int64) for table in tables])
    if len(frame) == 0:
        raise ValueError("cooling curve: got tables without rows, expected finished frames")
    owner = np.concatenate([np.full(len(table["frame"]), index) for index, table in enumerate(tables)])
    replica = np.concatenate([np.asarray(table["replica"], dtype=np.int64) for table in tables])
    frames, column = np.unique(frame, return_inverse=True)
    _, row = np.unique(np.stack([owner, replica]), axis=1, return_inverse=True)

    def gather(name: str) -> np.ndarray:
        values = np.full((row.max() + 1, len(frames)), np.nan)
        values[row, column] = np.concatenate([table[name] for table in tables])
        return values

    inherent_energy = gather("inherent_energy")
    if all("converged" in table for table in tables):
        inherent_energy[gather("converged") != 1] = np.nan
    kt_set = gather("kt_set")
    low, high = np.nanmin(kt_set, axis=0), np.nanmax(kt_set, axis=0)
    if not np.allclose(low, high, rtol=0, atol=1e-9):
        worst = int(np.argmax(high - low))
        raise ValueError(
            f"cooling curve: frame {frames[worst]} has set temperatures {low[worst]} to {high[worst]}, expected one"
        )
    return CoolingCurve(
        ramp_steps=ramp_steps,
        rate=rate,
        kt_set=low,
        kt=gather("kt"),
        potential_energy=gather("potential_energy"),
        inherent_energy=inherent_energy,
        particles=particles,
    )


def pooled(curves: Sequence[CoolingCurve]) -> CoolingCurve:
    """The replicas of several curves of one rate and the same set temperatures as one curve."""
    stacked = {
        name: np.concatenate([getattr(curve, name) for curve in curves])
        for name in ("kt", "potential_energy", "inherent_energy")
    }
    return replace(curves[0], **stacked)


def curve_columns(curves: Sequence[CoolingCurve]) -> dict[str, np.ndarray]:
    """The columns of cooling_curve.csv: one row for each rate and frame, means with standard errors over replicas."""
    rows: dict[str, list[np.ndarray]] = {}
    for curve in curves:
        frames = len(curve.kt_set)
        inherent, instantaneous = curve.inherent, curve.instantaneous
        columns = {
            "ramp_steps": np.full(frames, curve.ramp_steps),
            "rate": np.full(frames, curve.rate),
            "kt_set": curve.kt_set,
            "kt": mean_and_error(curve.kt).mean,
            "kt_error": mean_and_error(curve.kt).error,
            "inherent_energy": inherent.mean,
            "inherent_energy_error": inherent.error,
            "inherent_replicas": inherent.replicas,
            "potential_energy": instantaneous.mean,
            "potential_energy_error": instantaneous.error,
            "replicas": instantaneous.replicas,
        }
        for name, column in columns.items():
            rows.setdefault(name, []).append(column)
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def require_frames(run: RunDirectory, protocol: str) -> None:
    """Raise ValueError unless a run is of that protocol and has a frame in its table."""
    if run.spec["protocol"] != protocol:
        raise ValueError(f"{run.path}: got protocol {run.spec['protocol']!r}, expected a run of vitrify {protocol}")
    if not len(run.table["frame"]):
        raise ValueError(f"{run.path}: its table has no row, expected at least one frame")


def require_different_replicas(runs: Sequence[RunDirectory]) -> None:
    """Raise ValueError when two runs hold the same replica: same seed and number, so the same random numbers."""
    owner: dict[tuple[int, int], int] = {}
    for place, run in enumerate(runs):
        for replica in run.replicas:
            other = owner.setdefault((run.spec["seed"], replica), place)
            if other != place:
                raise ValueError(
                    f"{run.path}: its replica {replica} of seed {run.spec['seed']} is in {runs[other].path} too, "
                    "expected independent runs"
                )


def _same(runs: Sequence[RunDirectory], fields: tuple[str, ...]) -> None:
    for field in fields:
        for run in runs[1:]:
            if run.spec[field] != runs[0].spec[field]:
                raise ValueError(
                    f"{run.path}: {field} is {run.spec[field]}, expected {runs[0].spec[field]} as in {runs[0].path}"
                )
