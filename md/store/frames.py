"""Trajectories: the stored configurations of one replica, in the HOOMD schema of GSD, so that OVITO opens them.

A frame that a killed process left half written is recognised and passed over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gsd.hoomd
import numpy as np

from vitrify.md.model import SPECIES_NAMES
from vitrify.md.store.checkpoint import PARTIAL

_EXACT = "particles/position64"


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One stored frame of one replica. Empty slots are left out.

    Attributes:
        positions: (N, 2) float64 [sigma_AA]; in [-box/2, box/2) on a periodic axis, in [0, box) on an open one.
        species: (N,) int8.
        box: (2,) edge lengths [sigma_AA].
        periodic: which axes are periodic.
        step: the replica's clock [time steps].
        kt_set: set temperature [eps_AA].
        velocities: (N, 2) [sigma_AA / tau] in single precision, or None where they were not stored.
    """

    positions: np.ndarray
    species: np.ndarray
    box: np.ndarray
    periodic: tuple[bool, bool]
    step: int
    kt_set: float
    velocities: np.ndarray | None = None


def trajectory_name(replica: int, inherent: bool = False) -> str:
    """File name of a replica's trajectory.

    >>> trajectory_name(7), trajectory_name(12345, inherent=True)
    ('replica-0007.gsd', 'replica-12345.inherent.gsd')
    """
    return f"replica-{replica:04d}{'.inherent' if inherent else ''}.gsd"


def replica_of(path: Path) -> int:
    """The replica whose trajectory has this name."""
    return int(path.name.removeprefix("replica-").split(".")[0])


def append_frames(path: Path, frames: Iterable[tuple[int, Configuration]]) -> None:
    """Append numbered configurations to a trajectory; a new one is begun beside its name, so that it is never torn."""
    if not path.exists():
        _write_frames(path, frames)
        return
    with gsd.hoomd.open(str(path), "r+") as trajectory:
        for number, configuration in frames:
            trajectory.append(_to_frame(number, configuration))


def frame_places(path: Path) -> dict[int, int]:
    """Frame number -> place in the file, of every whole frame.

    Raises:
        ValueError: when the file is damaged.
    """
    with _open(path) as trajectory:
        return _whole_frames(trajectory)


def read_frame(path: Path, place: int) -> Configuration:
    """The configuration at a place in the file.

    Raises:
        ValueError: when the file is damaged.
    """
    with _open(path) as trajectory:
        return _from_frame(trajectory, place)


def cut_trajectory(path: Path, frames: set[int]) -> None:
    """Keep only the frames given: whatever a killed process wrote after its checkpoint goes."""
    with _open(path) as trajectory:
        places = _whole_frames(trajectory)
        if trajectory.file.nframes == len(places) and set(places) <= frames:
            return
        kept = [(number, _from_frame(trajectory, place)) for number, place in places.items() if number in frames]
    if kept:
        _write_frames(path, kept)
    else:
        path.unlink()


def _write_frames(path: Path, frames: Iterable[tuple[int, Configuration]]) -> None:
    partial = path.with_name(path.name + PARTIAL)
    with gsd.hoomd.open(str(partial), "w") as trajectory:
        for number, configuration in frames:
            trajectory.append(_to_frame(number, configuration))
    os.replace(partial, path)


@contextmanager
def _open(path: Path) -> Iterator[gsd.hoomd.HOOMDTrajectory]:
    try:
        with gsd.hoomd.open(str(path), "r") as trajectory:
            yield trajectory
    except (RuntimeError, OSError, KeyError) as error:
        raise ValueError(f"{path}: damaged trajectory ({error})") from error


def _whole_frames(trajectory: gsd.hoomd.HOOMDTrajectory) -> dict[int, int]:
    """Of a frame the exact positions are written last: one without them is torn."""
    file = trajectory.file
    whole = [place for place in range(file.nframes) if file.chunk_exists(place, "log/" + _EXACT)]
    return {int(file.read_chunk(place, "log/frame")[0]): place for place in whole}


def _to_frame(number: int, configuration: Configuration) -> gsd.hoomd.Frame:
    """HOOMD's schema is single precision, three-dimensional and centred: the exact positions go beside it."""
    positions, box = configuration.positions, configuration.box
    centre = np.where(configuration.periodic, 0.0, box / 2)
    frame: Any = gsd.hoomd.Frame()
    frame.configuration.step = configuration.step
    frame.configuration.dimensions = 2
    frame.configuration.box = [*box, 0, 0, 0, 0]
    frame.particles.N = len(positions)
    frame.particles.types = list(SPECIES_NAMES[: max(2, int(configuration.species.max(initial=0)) + 1)])
    frame.particles.typeid = configuration.species.astype(np.uint32)
    frame.particles.position = np.pad(positions - centre, ((0, 0), (0, 1)))
    if configuration.velocities is not None:
        frame.particles.velocity = np.pad(configuration.velocities, ((0, 0), (0, 1)))
    frame.log = {
        "frame": np.array([number], dtype=np.int64),
        "kt_set": np.array([configuration.kt_set]),
        "box64": np.array(box, dtype=np.float64),
        "periodic": np.array(configuration.periodic, dtype=np.uint8),
        _EXACT: np.array(positions, dtype=np.float64),
    }
    return frame


def _from_frame(trajectory: gsd.hoomd.HOOMDTrajectory, place: int) -> Configuration:
    frame: Any = trajectory[place]
    stored = trajectory.file.chunk_exists(place, "particles/velocity")
    along_x, along_y = frame.log["periodic"].astype(bool).tolist()
    return Configuration(
        positions=frame.log[_EXACT],
        species=frame.particles.typeid.astype(np.int8),
        box=frame.log["box64"],
        periodic=(along_x, along_y),
        step=int(frame.configuration.step),
        kt_set=float(frame.log["kt_set"][0]),
        velocities=frame.particles.velocity[:, :2].astype(np.float64) if stored else None,
    )
