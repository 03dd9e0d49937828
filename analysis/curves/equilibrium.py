"""Energies of an equilibrium liquid: what one temperature holds, and whether it had settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from vitrify.analysis.curves.cooling_curve import curve_from_tables, require_frames
from vitrify.analysis.statistics import Estimate, mean_and_error

if TYPE_CHECKING:
    from vitrify.md.store.rundir import RunDirectory


@dataclass(frozen=True, kw_only=True)
class Equilibrium:
    """Means over the frames and replicas of one run at one temperature; energies per particle, not shifted [eps_AA].

    Attributes:
        kt_set: temperature [eps_AA].
        inherent: E_IS.
        instantaneous: instantaneous energy.
        drift: E_IS of the second half of the frames minus that of the first: zero within its error once settled.
        replica_energies: (R,) E_IS of each replica, mean over its frames.
        waited: time steps before the first frame, half of them a ramp down from a hot liquid.
        followed: time steps from then to the last frame.
    """

    kt_set: float
    inherent: Estimate
    instantaneous: Estimate
    drift: Estimate
    replica_energies: np.ndarray
    waited: int
    followed: int

    def settled(self, errors: float) -> bool:
        """Whether the drift is within so many of its standard errors of zero, :func:`no_drift`."""
        return no_drift(self.drift, errors)


def no_drift(drift: Estimate, errors: float) -> bool:
    """Whether a drift is within so many standard errors of zero; True where there is none to be known.

    With few replicas the standard error is itself unsure: as many are allowed as give Student's t the same probability,
    3.6 instead of 3 at 16 replicas, 9.2 at four.
    """
    freedom = int(drift.replicas) - 1
    if freedom < 1:
        return True
    return not abs(drift.mean) > float(student.isf(norm.sf(errors), freedom)) * drift.error


def equilibrium(run: RunDirectory) -> Equilibrium:
    """Energies of a run of the ``anneal`` protocol; errors are over replicas, of each replica's mean over its frames.

    Raises:
        ValueError: for a run of another protocol, or one without frames.
    """
    require_frames(run, "anneal")
    frames = curve_from_tables([run.table], ramp_steps=0, rate=0.0)
    middle = len(frames.kt_set) // 2
    first, second = frames.inherent_energy[:, :middle], frames.inherent_energy[:, middle:]
    return Equilibrium(
        kt_set=float(run.spec["kt"]),
        inherent=mean_and_error(_over_frames(frames.inherent_energy)),
        instantaneous=mean_and_error(_over_frames(frames.potential_energy)),
        drift=mean_and_error(_over_frames(second) - _over_frames(first)),
        replica_energies=_over_frames(frames.inherent_energy),
        waited=int(run.spec["equilibration_steps"]),
        followed=int(run.spec["steps"]),
    )


def equilibrium_columns(runs: Sequence[RunDirectory], states: Sequence[Equilibrium]) -> dict[str, list]:
    """The columns of equilibrium.csv: one row a run, means with standard errors over replicas."""
    rows = []
    for run, state in zip(runs, states, strict=True):
        rows.append(
            {
                "run": run.name,
                "particles": run.spec["particles"],
                "kt_set": state.kt_set,
                "inherent_energy": float(state.inherent.mean),
                "inherent_energy_error": float(state.inherent.error),
                "potential_energy": float(state.instantaneous.mean),
                "potential_energy_error": float(state.instantaneous.error),
                "drift": float(state.drift.mean),
                "drift_error": float(state.drift.error),
                "waited": state.waited,
                "followed": state.followed,
                "replicas": int(state.inherent.replicas),
            }
        )
    return {name: [row[name] for row in rows] for name in rows[0]}


def _over_frames(energies: np.ndarray) -> np.ndarray:
    """Mean of each replica over its frames, (R,); NaN for one without any."""
    return mean_and_error(energies.T).mean
