"""Frame files: the configurations of many replicas at one stored frame, in the HOOMD schema of GSD.

A frame of the GSD file is a replica, whose number is logged; OVITO (3.15.2 and later), HOOMD-blue and gsd open it.
Single precision, three dimensions and a centred box are the schema's: the exact positions and box go beside it, as
logged quantities. What is the same as in the first GSD frame is not written again; readers of the schema look there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitrify.md.ensemble import Ensemble
from vitrify.md.model import SPECIES_NAMES
from vitrify.md.store.gsd_file import GsdFile, write_gsd

EXACT = "log/particles/position64"
SHARED = frozenset(
    {"configuration/dimensions", "configuration/box", "particles/N", "particles/types", "particles/typeid"}
    | {"log/frame", "log/kt_set", "log/box64", "log/periodic"}
)
"""Chunks that stand in the first GSD frame, and later only where they differ from it."""

EDGE = 2.0**-40
"""Beginnings are rounded to this part of a box before it is asked in which box they lie: what is left of a way when it
is taken back may fall on either side of an edge. A power of two, finer than any fixed-point coordinate."""

_DIMENSIONS = np.array([2], dtype=np.uint8)
_TYPES = np.array([name.encode() for name in SPECIES_NAMES], dtype="S2").view(np.int8).reshape(-1, 2)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One stored frame of one replica. Empty slots are left out.

    Attributes:
        positions: (N, 2) float64 [sigma_AA]; in [-box/2, box/2) on a periodic axis, in [0, box) on an open one.
        species: (N,) int8.
        box: (2,) edge lengths [sigma_AA].
        periodic: which axes are periodic.
        step: the replica's clock [time steps].
        kt_set: set temperature [eps_AA]; NaN where nobody knows it.
        velocities: (N, 2) [sigma_AA / tau] in single precision, or None where they were not stored.
        images: (N, 2) int32, how many boxes each particle has travelled: ``positions + images * box`` are its
            unwrapped coordinates; None where they were not stored.
    """

    positions: np.ndarray
    species: np.ndarray
    box: np.ndarray
    periodic: tuple[bool, bool]
    step: int
    kt_set: float
    velocities: np.ndarray | None = None
    images: np.ndarray | None = None


def configurations_of(
    ensemble: Ensemble, kt_set: float, *, velocities: bool = False
) -> Iterator[tuple[int, Configuration]]:
    """Replica number and configuration of every replica of an ensemble that has not failed."""
    images = None if ensemble.travelled is None else _images(ensemble, ensemble.travelled)
    full = bool(ensemble.filled.all())
    for row in np.flatnonzero(~ensemble.failed).tolist():
        here = slice(None) if full else ensemble.filled[row]
        yield (
            int(ensemble.replica[row]),
            Configuration(
                positions=ensemble.positions[row, here],
                species=ensemble.species[row, here],
                box=ensemble.box[row],
                periodic=ensemble.periodic,
                step=int(ensemble.step[row]),
                kt_set=kt_set,
                velocities=ensemble.velocities[row, here] if velocities else None,
                images=None if images is None else images[row, here],
            ),
        )


def write_frame_file(path: Path, frame: int, configurations: Iterable[tuple[int, Configuration]]) -> int:
    """Write a frame file, whole or not at all; the configurations are taken one after the other.

    Args:
        path: where it goes.
        frame: number of the frame.
        configurations: number and configuration of each replica. All of them have velocities, or none; so for images.

    Returns:
        How many there were. No file is written for none.

    Raises:
        ValueError: when some have velocities or images and others not.
        OSError: when it cannot be written (a full disk).
    """
    return write_gsd(path, (chunks_of(item, replica, frame) for replica, item in configurations), shared=SHARED)


class FrameFile:
    """Reads what :func:`write_frame_file` wrote.

    Attributes:
        path: the file.
        numbers: the replica of each GSD frame.

    Raises:
        ValueError: when it is no such file, or damaged.
    """

    def __init__(self, path: Path):
        self.path, self._file = path, GsdFile(path)
        try:
            self.numbers = [int(self._file.chunk(place, "log/replica")[0]) for place in range(len(self._file))]
        except (TypeError, IndexError) as error:
            raise ValueError(f"{path}: damaged GSD file ({error})") from error
        self._place = {replica: place for place, replica in enumerate(self.numbers)}

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[tuple[int, Configuration]]:
        for place, replica in enumerate(self.numbers):
            yield replica, self._at(place)

    def __contains__(self, replica: int) -> bool:
        return replica in self._place

    def of(self, replica: int) -> Configuration:
        """The configuration of a replica that is in the file."""
        return self._at(self._place[replica])

    def _at(self, place: int) -> Configuration:
        try:
            return self._configuration(place)
        except (TypeError, AttributeError, IndexError) as error:
            raise ValueError(f"{self.path}: damaged GSD file, frame {place} ({error})") from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _configuration(self, place: int) -> Configuration:
        velocities, images = self._file.chunk(place, "particles/velocity"), self._file.chunk(place, "particles/image")
        along_x, along_y = self._file.chunk(place, "log/periodic").astype(bool).tolist()
        return Configuration(
            positions=self._file.chunk(place, EXACT),
            species=self._file.chunk(place, "particles/typeid").astype(np.int8),
            box=self._file.chunk(place, "log/box64"),
            periodic=(along_x, along_y),
            step=int(self._file.chunk(place, "configuration/step")[0]),
            kt_set=float(self._file.chunk(place, "log/kt_set")[0]),
            velocities=None if velocities is None else velocities[:, :2].astype(np.float64),
            images=None if images is None else images[:, :2],
        )


def chunks_of(configuration: Configuration, replica: int, frame: int) -> dict[str, np.ndarray]:
    """A configuration as chunks of the schema, with the numbers of its replica and frame."""
    positions, box, species = configuration.positions, configuration.box, configuration.species
    count = len(positions)
    centred = np.zeros((count, 3), dtype=np.float32)
    centred[:, :2] = positions
    for axis, periodic in enumerate(configuration.periodic):
        if not periodic:
            centred[:, axis] = positions[:, axis] - box[axis] / 2
    chunks = {
        "configuration/step": np.array([configuration.step], dtype=np.uint64),
        "configuration/dimensions": _DIMENSIONS,
        "configuration/box": np.array([*box, 0, 0, 0, 0], dtype=np.float32),
        "particles/N": np.array([count], dtype=np.uint32),
        "particles/types": _TYPES[: max(2, int(species.max(initial=0)) + 1)],
        "particles/typeid": species.astype(np.uint32),
        "particles/position": centred,
    }
    if configuration.velocities is not None:
        chunks["particles/velocity"] = _three(configuration.velocities, np.float32)
    if configuration.images is not None:
        chunks["particles/image"] = _three(configuration.images, np.int32)
    chunks |= {
        "log/replica": np.array([replica], dtype=np.int64),
        "log/frame": np.array([frame], dtype=np.int64),
        "log/kt_set": np.array([configuration.kt_set], dtype=np.float64),
        "log/box64": np.asarray(box, dtype=np.float64),
        "log/periodic": np.array(configuration.periodic, dtype=np.uint8),
        EXACT: np.ascontiguousarray(positions, dtype=np.float64),
    }
    return chunks


def _three(columns: np.ndarray, kind: type) -> np.ndarray:
    return np.pad(columns, ((0, 0), (0, 1))).astype(kind)


def _images(ensemble: Ensemble, travelled: np.ndarray) -> np.ndarray:
    """(R, N, 2) int32, how many boxes each particle is away from the one it began in, on periodic axes."""
    box = ensemble.box[:, None, :]
    start = (ensemble.positions - travelled) / box
    return (-np.floor(np.rint(start / EDGE) * EDGE + 0.5) * ensemble.periodic).astype(np.int32)
