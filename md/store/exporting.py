"""One system's movie: a GSD file of what a run stored of a replica, for OVITO, HOOMD-blue and whoever reads GSD."""

from __future__ import annotations

import errno
from pathlib import Path

from vitrify.md.store.frames import SHARED, chunks_of
from vitrify.md.store.gsd_file import write_gsd
from vitrify.md.store.rundir import RunDirectory


def export_gsd(
    run: RunDirectory, replica: int, out: str | Path, *, inherent: bool = False, force: bool = False
) -> list[int]:
    """Write the stored frames of one replica to a GSD file, whole or not at all.

    Args:
        run: the run.
        replica: which of its systems.
        out: the file.
        inherent: inherent structures instead of what the dynamics left.
        force: replace the file that is there.

    Returns:
        Numbers of the frames.

    Raises:
        FileExistsError: when ``out`` is there and ``force`` is not given.
        ValueError: when nothing of this replica is stored.
    """
    out = Path(out)
    if out.suffix != ".gsd":
        raise ValueError(f"{out}: got suffix {out.suffix!r}, expected a file whose name ends in .gsd")
    if out.exists() and not force:
        raise FileExistsError(errno.EEXIST, "exists already, expected a new file or --force", str(out))
    stored = run.stored_frames(inherent=inherent)
    frames = [frame for frame in stored if replica in run.stored_replicas(frame, inherent=inherent)]
    if not frames:
        kind = "inherent structures" if inherent else "configurations"
        raise ValueError(f"{run.path}: has no stored {kind} of replica {replica}; expected a run made with --store")
    velocities = all(run.configuration(replica, frame, inherent).velocities is not None for frame in frames)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_gsd(out, (_chunks(run, replica, frame, inherent, velocities) for frame in frames), shared=SHARED)
    return frames


def _chunks(run: RunDirectory, replica: int, frame: int, inherent: bool, velocities: bool) -> dict:
    """A frame's chunks; velocities only where every frame has them."""
    chunks = chunks_of(run.configuration(replica, frame, inherent), replica, frame)
    return {name: data for name, data in chunks.items() if velocities or name != "particles/velocity"}
