"""An equilibrium liquid, followed at one temperature."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vitrify.md.protocols.loop import run
from vitrify.md.protocols.mixture import MixtureProtocol, MixtureSpec, require_frames_fit
from vitrify.md.protocols.sources import Source
from vitrify.md.protocols.spec import require_at_least, require_positive
from vitrify.md.schedule import TemperatureSchedule
from vitrify.md.store.rundir import RunDirectory


@dataclass(frozen=True, kw_only=True)
class AnnealingSpec(MixtureSpec):
    """R independent liquids at kT, frames equally or logarithmically spaced in time.

    A random start quenched and set to a low kT would sit in a basin of the random structure; so the first half of the
    equilibration is a ramp from ``kt_start`` down to kT, the second half waits there.

    Logarithmic frames: the first stands at the end of the equilibration; ``origins`` equal stretches of time follow,
    and in each of them equally many frames whose distances from its beginning grow by one factor, from ``first_step``
    to the stretch's end, which is the next one's beginning. Stored frames hold unwrapped displacements.

    Attributes:
        kt: temperature [eps_AA].
        steps: time steps that are followed after the equilibration.
        equilibration_steps: time steps before that. 50,000 are enough for a hot liquid; at kT 0.547 E_IS still falls by
            0.007 after them and settles within 200,000 (N = 1080, 8 replicas).
        spacing: "linear" or "log".
        first_step: of logarithmic frames, the shortest time after an origin [time steps].
        origins: of logarithmic frames, how many origins of time there are.

    >>> spec = AnnealingSpec(kt=0.547, steps=100_000, frames=10, seed=1)
    >>> spec.schedule.kt([0, 25_000, 60_000]).tolist(), spec.frame_steps[:2].tolist()
    ([2.0, 0.547, 0.547], [60000, 70000])
    >>> log = AnnealingSpec(kt=0.5, steps=2_000, frames=9, spacing="log", origins=2, equilibration_steps=0, seed=1)
    >>> log.frame_steps.tolist()
    [0, 1, 10, 100, 1000, 1001, 1010, 1100, 2000]
    """

    protocol: ClassVar[str] = "anneal"
    may_grow: ClassVar[tuple[str, ...]] = ("steps", "frames", "store", "origins")
    unwrapped: ClassVar[bool] = True

    kt: float
    steps: int
    equilibration_steps: int = 50_000
    spacing: str = "linear"
    first_step: int = 1
    origins: int = 1

    def __post_init__(self):
        super().__post_init__()
        require_frames_fit("steps", self.steps, self.frames)
        require_positive("kt", self.kt)
        require_at_least(self, first_step=1, origins=1)
        if self.spacing not in ("linear", "log"):
            raise ValueError(f"spacing: got {self.spacing!r}, expected linear or log")
        if self.spacing == "log":
            self._check_logarithm()

    def _check_logarithm(self) -> None:
        if self.steps % self.origins:
            raise ValueError(f"steps: got {self.steps}, expected a multiple of origins = {self.origins}")
        if (self.frames - 1) % self.origins or self.frames <= self.origins:
            raise ValueError(
                f"frames: got {self.frames}, expected one and a multiple of origins = {self.origins}, such as "
                f"{20 * self.origins + 1}"
            )
        if self.steps // self.origins < max(self.first_step, (self.frames - 1) // self.origins):
            raise ValueError(
                f"steps: got {self.steps} for {self.frames} frames from first_step = {self.first_step} on and "
                f"{self.origins} origins, expected at least a time step per frame"
            )

    def require_longer_than(self, there: AnnealingSpec) -> None:
        """Frames that are there must be the first of these, and the last of them stored."""
        if not np.array_equal(self.frame_steps[: there.frames], there.frame_steps):
            raise ValueError(
                f"frames: got {self.frames} in {self.steps} steps after a run of {there.frames} in {there.steps}, "
                "expected its frames to be the first of these, steps and frames (and origins) growing alike"
            )
        if there.frames not in there.stored or not (self.stored & set(range(1, there.frames + 1))) <= there.stored:
            raise ValueError(
                f"store: got {self.store} after a run that stored {there.store}, expected it to have stored its last "
                "frame and what is wanted of the others"
            )

    @property
    def production_steps(self) -> int:
        """What follows the equilibration."""
        return self.steps

    @property
    def frame_steps(self) -> np.ndarray:
        """(frames,) clock of each frame, equilibration included."""
        if self.spacing == "linear":
            return super().frame_steps
        stretch, count = self.steps // self.origins, (self.frames - 1) // self.origins
        after = np.geomspace(self.first_step, stretch, count) if count > 1 else np.array([stretch])
        # Early ones that round to the same step move on by one each, none beyond what is left for those after it.
        after = np.maximum.accumulate(np.rint(after).astype(np.int64) - np.arange(count)) + np.arange(count)
        after = np.minimum(after, stretch - np.arange(count)[::-1])
        within = (np.arange(self.origins)[:, None] * stretch + after).ravel()
        return self.equilibration_steps + np.concatenate([[0], within])

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


def anneal(spec: AnnealingSpec, out: str | Path, *, source: Source | None = None, **options: Any) -> RunDirectory:
    """Follow R liquids into a run directory.

    Args:
        spec: what to run.
        out: the directory.
        source: the stored configurations to begin with, where the spec names them.
        options: those of :func:`vitrify.md.protocols.loop.run`.
    """
    return run(MixtureProtocol(spec, source), out, **options)
