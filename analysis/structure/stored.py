"""The stored configurations of runs, one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vitrify.analysis.structure.cache import Which

if TYPE_CHECKING:
    from vitrify.md.store.frames import Configuration
    from vitrify.md.store.rundir import RunDirectory

INSTANT, INHERENT = "instant", "inherent"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Where one stored configuration stands: run, replica, frame, and whether it is the inherent structure."""

    run: RunDirectory
    replica: int
    frame: int
    inherent: bool

    @property
    def kind(self) -> str:
        """``instant`` or ``inherent``."""
        return INHERENT if self.inherent else INSTANT

    @property
    def which(self) -> Which:
        """The same without its run."""
        return Which(self.replica, self.frame, self.inherent)

    def load(self) -> Configuration:
        """Read it."""
        return self.run.configuration(*self.which)


def stored_configurations(runs: Sequence[RunDirectory]) -> Iterator[Stored]:
    """Every stored configuration of the runs, instantaneous ones before inherent ones."""
    for run in runs:
        for inherent in (False, True):
            for frame in run.stored_frames(inherent=inherent):
                for replica in run.stored_replicas(frame, inherent=inherent):
                    yield Stored(run=run, replica=replica, frame=frame, inherent=inherent)


def run_labels(runs: Sequence[RunDirectory]) -> dict[str, str]:
    """What tables and legends call each run, by its identity: its name, with the folder it is in where two share it.

    Batches of one ensemble are one, and are called what the first of them is.
    """
    first: dict[str, RunDirectory] = {}
    for run in runs:
        first.setdefault(run.ensemble_identity, run)
    names = [run.name for run in first.values()]
    paths = {ensemble: run.path.resolve() for ensemble, run in first.items()}
    labels = {
        ensemble: run.name if names.count(run.name) == 1 else f"{paths[ensemble].parent.name}/{paths[ensemble].name}"
        for ensemble, run in first.items()
    }
    return {run.identity: labels[run.ensemble_identity] for run in runs}


def known(kt: float) -> float:
    """A temperature that can be looked up: all that nobody knows are one and the same NaN."""
    return kt if math.isfinite(kt) else math.nan
