"""Liquid cooling: a linear ramp from the hot liquid into the glass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vitrify.md.protocols.bulk import BulkSpec, require_frames_fit, require_positive
from vitrify.md.protocols.bulk_run import run_bulk
from vitrify.md.schedule import TemperatureSchedule
from vitrify.md.store.rundir import RunDirectory


@dataclass(frozen=True, kw_only=True)
class CoolingSpec(BulkSpec):
    """R independent coolings: random liquid, 5,000 steps at kT 2.0, a linear ramp to kT 0.05 in M steps, 200 frames.

    Attributes:
        ramp_steps: length M of the ramp [time steps]; the cooling rate is (kt_start - kt_end) / (M dt).
        kt_end: temperature at its end [eps_AA].

    >>> spec = CoolingSpec(ramp_steps=200_000, seed=1)
    >>> spec.frame_kts[[0, 154, 199]].round(5).tolist()
    [1.99025, 0.48875, 0.05]
    >>> spec.frame_steps[[0, 199]].tolist(), round(spec.cooling_rate, 6)
    ([6000, 205000], 0.00195)
    """

    protocol: ClassVar[str] = "cool"

    ramp_steps: int
    kt_end: float = 0.05

    def __post_init__(self):
        super().__post_init__()
        require_frames_fit("ramp_steps", self.ramp_steps, self.frames)
        require_positive("kt_end", self.kt_end)
        if self.kt_end >= self.kt_start:
            raise ValueError(f"kt_end: got {self.kt_end} after kt_start {self.kt_start}, expected a lower temperature")

    @property
    def production_steps(self) -> int:
        """The ramp."""
        return self.ramp_steps

    @property
    def cooling_rate(self) -> float:
        """(kt_start - kt_end) / (M dt) [eps_AA / tau]."""
        return (self.kt_start - self.kt_end) / (self.ramp_steps * self.time_step)

    @property
    def frame_kts(self) -> np.ndarray:
        """(frames,) ``kT_k = kt_start - k (kt_start - kt_end) / frames``, k = 1..frames [eps_AA]."""
        return np.linspace(self.kt_start, self.kt_end, self.frames + 1)[1:]

    @property
    def schedule(self) -> TemperatureSchedule:
        """kt_start while it equilibrates, then the ramp."""
        return TemperatureSchedule.ramp(
            self.kt_start, self.kt_end, start=self.equilibration_steps, steps=self.ramp_steps
        )


def cool(spec: CoolingSpec, out: str | Path, **options: Any) -> RunDirectory:
    """Cool R replicas into a run directory; the options are those of :func:`vitrify.md.bulk_run.run_bulk`.

    >>> import tempfile
    >>> spec = CoolingSpec(particles=64, ramp_steps=200, frames=2, equilibration_steps=10, seed=1)
    >>> run = cool(spec, tempfile.mkdtemp())
    >>> run.table["kt_set"].tolist(), run.stored_frames()
    ([1.025, 0.05], [2])
    """
    return run_bulk(spec, out, **options)
