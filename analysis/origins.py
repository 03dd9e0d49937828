"""Which replicas are independent of one another: those with nothing in common that they began with.

A film that was melted and cooled stands on the substrate of the film it was melted from; a run that began with another
one's stored configurations holds the same particles. Frames of one replica at two temperatures have one origin, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitrify.md.store.rundir import RunDirectory


def origins(run: RunDirectory, replicas: Sequence[int] | np.ndarray) -> np.ndarray:
    """What each of these replicas of a run began with, (R,) texts: equal for replicas that are not independent."""
    root = run.spec.get("source") or run.identity
    return np.array([f"{root}:{replica}" for replica in replicas])
