"""An equilibrium liquid, followed at one temperature."""

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
class AnnealingSpec(BulkSpec):
    """R independent liquids at kT, frames equally spaced in time.

    A random start quenched and set to a low kT would sit in a basin of the random structure; so the first half of the
    equilibration is a ramp from ``kt_start`` down to kT, the second half waits there.

    Attributes:
        kt: temperature [eps_AA].
        steps: time steps that are followed after the equilibration.
        equilibration_steps: time steps before that. 50,000 are enough for a hot liquid; at kT 0.547 E_IS still falls by
            0.007 after them and settles within 200,000 (N = 1080, 8 replicas).

    >>> spec = AnnealingSpec(kt=0.547, steps=100_000, frames=10, seed=1)
    >>> spec.schedule.kt([0, 25_000, 60_000]).tolist(), spec.frame_steps[:2].tolist()
    ([2.0, 0.547, 0.547], [60000, 70000])
    """

    protocol: ClassVar[str] = "anneal"

    kt: float
    steps: int
    equilibration_steps: int = 50_000

    def __post_init__(self):
        super().__post_init__()
        require_frames_fit("steps", self.steps, self.frames)
        require_positive("kt", self.kt)

    @property
    def production_steps(self) -> int:
        """What follows the equilibration."""
        return self.steps

    @property
    def frame_kts(self) -> np.ndarray:
        """(frames,) kT."""
        return np.full(self.frames, self.kt)

    @property
    def schedule(self) -> TemperatureSchedule:
        """From kt_start to kT in half the equilibration, then kT."""
        if self.equilibration_steps < 2:
            return TemperatureSchedule.constant(self.kt)
        return TemperatureSchedule.ramp(self.kt_start, self.kt, start=0, steps=self.equilibration_steps // 2)


def anneal(spec: AnnealingSpec, out: str | Path, **options: Any) -> RunDirectory:
    """Follow R liquids into a run directory; the options are those of :func:`vitrify.md.bulk_run.run_bulk`."""
    return run_bulk(spec, out, **options)
