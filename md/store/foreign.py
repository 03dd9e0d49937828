"""GSD files that others wrote: two-dimensional configurations of A and B in a periodic box, whatever they came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vitrify.md.model import A, B
from vitrify.md.store.frames import EXACT, Configuration
from vitrify.md.store.gsd_file import GsdFile

FLAT = 1e-3
"""By how much z may vary in two dimensions [sigma_AA]."""


class ForeignFile:
    """Reads a GSD file of the HOOMD schema, made by HOOMD-blue, OVITO, a converted LAMMPS dump or this software.

    Positions are wrapped into the box, which is centred at the origin in this schema. Single precision is the schema's;
    where this software wrote the file, its double-precision positions are taken. Units are taken to be those of the
    model (:mod:`vitrify.md.model`), masses must be 1.

    Attributes:
        path: the file.
        names: what the file calls A and B.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: when it is damaged, or no GSD file of the schema.
    """

    def __init__(self, path: Path, names: tuple[str, str] = ("A", "B")):
        self.path, self.names, self._file = path, names, GsdFile(path)

    def __len__(self) -> int:
        return len(self._file)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    @property
    def replicas(self) -> list[int]:
        """The replica that each frame is of, where this software wrote the file; empty where it did not."""
        logged = [self._file.chunk(place, "log/replica") for place in range(len(self))]
        return [] if any(number is None for number in logged) else [int(number[0]) for number in logged]

    def configuration(self, place: int) -> Configuration:
        """The configuration of frame ``place``, counted from 0.

        Raises:
            ValueError: when it is not one of the two-dimensional mixture in a rectangular periodic box.
        """
        try:
            return self._configuration(place)
        except (ValueError, TypeError, IndexError) as error:
            raise ValueError(f"{self.path}, frame {place}: {str(error).removeprefix(f'{self.path}: ')}") from error

    def _configuration(self, place: int) -> Configuration:
        count = self._number(place, "particles/N", 0)
        if count < 2:
            raise ValueError(f"got {count} particles, expected 2 or more")
        box, raw = self._box(place), self._particles(place, "particles/position", count)
        if raw is None:
            raise ValueError("has no positions")
        if not np.isfinite(raw).all():
            raise ValueError("positions are not finite")
        if (depth := float(np.ptp(raw[:, 2]))) > FLAT:
            raise ValueError(f"got particles whose z differ by {depth:.3g}, expected two dimensions")
        mass = self._particles(place, "particles/mass", count)
        if mass is not None and not (mass == 1).all():
            raise ValueError(f"got masses from {mass.min():g} to {mass.max():g}, expected 1")
        exact = self._particles(place, EXACT, count)
        given = raw[:, :2].astype(np.float64) if exact is None else exact
        positions = wrapped(given, box)
        velocities = self._particles(place, "particles/velocity", count)
        images = self._particles(place, "particles/image", count)
        kt = self._file.chunk(place, "log/kt_set")
        return Configuration(
            positions=positions,
            species=self._species(place, count),
            box=box,
            periodic=(True, True),
            step=self._number(place, "configuration/step", 0),
            kt_set=float("nan") if kt is None else float(kt[0]),
            velocities=None if velocities is None else velocities[:, :2].astype(np.float64),
            images=None if images is None else (images[:, :2] + np.rint((given - positions) / box)).astype(np.int32),
        )

    def _box(self, place: int) -> np.ndarray:
        """(2,) edges."""
        lengths = self._file.chunk(place, "configuration/box")
        exact = self._file.chunk(place, "log/box64")
        axes = self._file.chunk(place, "log/periodic")
        if lengths is None:
            raise ValueError("has no box")
        if np.any(lengths[3:]):
            raise ValueError(f"got a box tilted by {', '.join(f'{tilt:g}' for tilt in lengths[3:])}, expected 0")
        if axes is not None and not axes.all():
            raise ValueError("got a film, open on one axis; expected a mixture, periodic in x and y")
        box = lengths[:2].astype(np.float64) if exact is None else exact
        if not (np.isfinite(box).all() and (box > 0).all()):
            raise ValueError(f"got a box of {box[0]:g} x {box[1]:g}, expected positive edges")
        return box

    def _species(self, place: int, count: int) -> np.ndarray:
        """(N,) int8 by the names of the types."""
        kinds = self._particles(place, "particles/typeid", count)
        kinds = np.zeros(count, dtype=np.uint32) if kinds is None else kinds
        written = self._file.chunk(place, "particles/types")
        names = ["A"] if written is None else [bytes(row.astype(np.uint8)).rstrip(b"\0").decode() for row in written]
        if kinds.max() >= len(names):
            raise ValueError(f"damaged, particles of type {kinds.max()} where {len(names)} have names")
        index = dict(zip(self.names, (A, B), strict=True))
        used = [names[kind] for kind in np.unique(kinds)]
        if unknown := [name for name in used if name not in index]:
            raise ValueError(
                f"got particles called {', '.join(unknown)}, expected {' and '.join(self.names)}; "
                "say what A and B are called there, such as --species A=1,B=2"
            )
        return np.array([index.get(name, A) for name in names], dtype=np.int8)[kinds]

    def _number(self, place: int, name: str, default: int) -> int:
        found = self._file.chunk(place, name)
        return default if found is None else int(found[0])

    def _particles(self, place: int, name: str, count: int) -> np.ndarray | None:
        """A chunk with a row a particle. That of the first frame stands for this one if the numbers of rows agree."""
        found = self._file.chunk(place, name)
        return found if found is not None and len(found) == count else None


def wrapped(positions: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Positions in [-box/2, box/2).

    >>> wrapped(np.array([[5.0, -7.0], [12.0, 0.0]]), np.array([10.0, 10.0])).tolist()
    [[-5.0, 3.0], [2.0, 0.0]]
    """
    inside = positions - box * np.floor(positions / box + 0.5)
    return np.where(inside >= box / 2, inside - box, inside)  # rounding


def species_names(text: str) -> tuple[str, str]:
    """What a file calls A and B, from ``A=1,B=2``.

    >>> species_names("B=small,A=large"), species_names("B=2")
    (('large', 'small'), ('A', '2'))
    """
    names: Mapping[str, str] = {"A": "A", "B": "B"}
    for part in text.split(","):
        species, equals, name = part.strip().partition("=")
        if species not in names or not equals or not name:
            raise ValueError(f"species: got {text!r}, expected what the file calls A and B, such as A=1,B=2")
        names = {**names, species: name}
    if names["A"] == names["B"]:
        raise ValueError(f"species: got {names['A']!r} for A and for B, expected two names")
    return names["A"], names["B"]
