"""Temperature against step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class TemperatureSchedule:
    """Set temperature as a piecewise linear function of the step, constant before its first and after its last knot.

    Attributes:
        steps: the knots, strictly increasing absolute steps.
        kts: kT at the knots [eps_AA], all positive.

    >>> ramp = TemperatureSchedule.ramp(2.0, 0.05, start=0, steps=200)
    >>> round(float(ramp.kt(100)), 3), round(float(ramp.kt(200)), 3)
    (1.025, 0.05)
    """

    steps: tuple[int, ...]
    kts: tuple[float, ...]

    def __post_init__(self):
        if not self.steps or len(self.steps) != len(self.kts):
            raise ValueError(f"schedule: got {len(self.steps)} steps and {len(self.kts)} kTs, expected as many of each")
        if any(b <= a for a, b in zip(self.steps, self.steps[1:], strict=False)):
            raise ValueError(f"schedule: got steps {self.steps}, expected them to increase")
        if not all(np.isfinite(kt) and kt > 0 for kt in self.kts):
            raise ValueError(f"schedule: got kT {self.kts}, expected positive temperatures")

    @classmethod
    def constant(cls, kt: float) -> TemperatureSchedule:
        """One temperature for ever."""
        return cls(steps=(0,), kts=(kt,))

    @classmethod
    def ramp(cls, kt_start: float, kt_end: float, *, start: int, steps: int) -> TemperatureSchedule:
        """A straight ramp that begins at step ``start`` and lasts ``steps`` steps."""
        if steps < 1:
            raise ValueError(f"steps: got {steps}, expected a ramp of at least 1 step")
        return cls(steps=(start, start + steps), kts=(kt_start, kt_end))

    def kt(self, step: np.ndarray | int) -> np.ndarray:
        """Set temperature at each absolute ``step`` [eps_AA]."""
        return np.asarray(np.interp(step, self.steps, self.kts))
