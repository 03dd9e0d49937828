"""Frame files: the configurations of many replicas at one stored frame, in the HOOMD schema of GSD.

A frame of the GSD file is a replica, whose number is logged; OVITO (3.15.2 and later), HOOMD-blue and gsd open it.
Single precision, three dimensions and a centred box are the schema's: the exact positions and box go beside it, as
logged quantities. What is the same as in the first GSD frame is not written again; readers of the schema look there.

The chunks are written and read one by one with gsd's file layer: 0.04 ms a configuration of 64 particles, where
``gsd.hoomd``, which builds and compares a frame object each, takes 0.4.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gsd.fl
import numpy as np

from vitrify.md.ensemble import Ensemble
from vitrify.md.model import SPECIES_NAMES
from vitrify.md.store.checkpoint import PARTIAL

SCHEMA, SCHEMA_VERSION = "hoomd", (2, 0)
_EXACT = "log/particles/position64"
_REPEATED = frozenset(
    {"configuration/dimensions", "configuration/box", "particles/N", "particles/types", "particles/typeid"}
    | {"log/frame", "log/kt_set", "log/box64", "log/periodic"}
)
"""Chunks that stand in the first GSD frame, and later only where they differ from it."""

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
    return write_gsd(path, (({"replica": replica, "frame": frame}, item) for replica, item in configurations))


def write_gsd(path: Path, configurations: Iterable[tuple[Mapping[str, int], Configuration]]) -> int:
    """Write configurations to a GSD file, whole or not at all, each with whole numbers to be logged.

    Returns:
        How many there were. No file is written for none.

    Raises:
        ValueError: when some have velocities or images and others not.
        OSError: when it cannot be written (a full disk).
    """
    partial, count = path.with_name(path.name + PARTIAL), 0
    try:
        with gsd.fl.open(
            str(partial), "w", application=f"vitrify {version('vitrify')}", schema=SCHEMA, schema_version=SCHEMA_VERSION
        ) as file:
            file.maximum_write_buffer_size = 1 << 26
            first: dict[str, np.ndarray] = {}
            for numbers, configuration in configurations:
                chunks = _chunks(numbers, configuration)
                if not first:
                    first = chunks
                elif chunks.keys() != first.keys():
                    differ = ", ".join(sorted(chunks.keys() ^ first.keys()))
                    raise ValueError(f"{path}: got configurations with and without {differ}, expected them alike")
                for name, data in chunks.items():
                    if chunks is first or not _stands_in(first, name, data):
                        file.write_chunk(name, data)
                file.end_frame()
                count += 1
        if count:
            with gsd.fl.open(str(partial), "r") as file:
                if file.nframes != count:  # gsd passes over some of a full disk's errors
                    raise OSError(f"{path}: got {file.nframes} configurations to the disk, expected {count}")
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return count


class FrameFile:
    """Reads what :func:`write_frame_file` wrote.

    Attributes:
        path: the file.
        numbers: the replica of each GSD frame.

    Raises:
        ValueError: when it is no such file, or damaged.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self._file = gsd.fl.open(str(path), "r")
            if self._file.schema != SCHEMA:
                raise ValueError(f"{path}: got a GSD file of schema {self._file.schema!r}, expected {SCHEMA!r}")
            places = range(self._file.nframes)
            self.numbers = [int(self._file.read_chunk(place, "log/replica")[0]) for place in places]
        except (RuntimeError, OSError, KeyError) as error:
            raise ValueError(f"{path}: damaged GSD file ({error})") from error
        self._place = {replica: place for place, replica in enumerate(self.numbers)}

    def __len__(self) -> int:
        return self._file.nframes

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
        except (RuntimeError, OSError, KeyError, IndexError, TypeError) as error:
            raise ValueError(f"{self.path}: damaged GSD file, frame {place} ({error})") from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _chunk(self, place: int, name: str) -> Any:
        """A chunk of a frame; where the frame has none, that of the first; None where that has none either."""
        for where in (place, 0):
            if self._file.chunk_exists(where, name):
                return self._file.read_chunk(where, name)
        return None

    def _configuration(self, place: int) -> Configuration:
        velocities, images = self._chunk(place, "particles/velocity"), self._chunk(place, "particles/image")
        along_x, along_y = self._chunk(place, "log/periodic").astype(bool).tolist()
        return Configuration(
            positions=self._chunk(place, _EXACT),
            species=self._chunk(place, "particles/typeid").astype(np.int8),
            box=self._chunk(place, "log/box64"),
            periodic=(along_x, along_y),
            step=int(self._chunk(place, "configuration/step")[0]),
            kt_set=float(self._chunk(place, "log/kt_set")[0]),
            velocities=None if velocities is None else velocities[:, :2].astype(np.float64),
            images=None if images is None else images[:, :2],
        )


def _chunks(numbers: Mapping[str, int], configuration: Configuration) -> dict[str, np.ndarray]:
    """A configuration as chunks of the schema."""
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
    chunks |= {f"log/{name}": np.array([value], dtype=np.int64) for name, value in numbers.items()}
    chunks |= {
        "log/kt_set": np.array([configuration.kt_set], dtype=np.float64),
        "log/box64": np.asarray(box, dtype=np.float64),
        "log/periodic": np.array(configuration.periodic, dtype=np.uint8),
        _EXACT: np.ascontiguousarray(positions, dtype=np.float64),
    }
    return chunks


def _stands_in(first: Mapping[str, np.ndarray], name: str, data: np.ndarray) -> bool:
    """Whether a chunk need not be written, since the first frame has the same."""
    return name in _REPEATED and np.array_equal(first[name], data, equal_nan=data.dtype.kind == "f")


def _three(columns: np.ndarray, kind: type) -> np.ndarray:
    return np.pad(columns, ((0, 0), (0, 1))).astype(kind)


def _images(ensemble: Ensemble, travelled: np.ndarray) -> np.ndarray:
    """(R, N, 2) int32, how many boxes each particle is away from the one it began in, on periodic axes."""
    box = ensemble.box[:, None, :]
    start = ensemble.positions - travelled
    return (-np.floor(start / box + 0.5) * ensemble.periodic).astype(np.int32)
