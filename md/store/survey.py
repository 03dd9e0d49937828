"""What GSD files of others hold: as many particles, one composition and one box in every frame, or a clear line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vitrify.md.model import A, kob_andersen_pairs
from vitrify.md.store.foreign import ForeignFile
from vitrify.md.store.frames import Configuration

SYSTEMS = ("auto", "files", "frames")


class Survey:
    """What configurations have in common, while they are read one after the other.

    Attributes:
        systems: "files" or "frames".
        frames: how many there are of each replica.
        count: how many configurations there were.
        velocities: whether all had velocities.
        images: whether all said how many boxes their particles had travelled.
    """

    def __init__(self, systems: str, frames: int):
        self.systems, self.frames = systems, frames
        self.count, self.velocities, self.images = 0, True, True
        self._first: Configuration
        self._kts: dict[int, float] = {}

    def take(self, one: Configuration, where: str, frame: int) -> None:
        """Look at the next one.

        Args:
            one: the configuration.
            where: where it stands, for messages.
            frame: number of its frame, from 0.

        Raises:
            ValueError: when it is no configuration of the system that the first one is of.
        """
        if not self.count:
            self._first = one
            if one.box.min() < 2 * kob_andersen_pairs().longest_cutoff:
                raise ValueError(
                    f"{where}: got a box of {one.box[0]:g} x {one.box[1]:g}, expected edges of at least twice the "
                    f"cut-off, {2 * kob_andersen_pairs().longest_cutoff:g}"
                )
        first = self._first
        for what, got, expected in (
            ("particles", len(one.species), len(first.species)),
            ("A particles", int((one.species == A).sum()), int((first.species == A).sum())),
        ):
            if got != expected:
                raise ValueError(f"{where}: got {got} {what}, expected {expected} as in the first configuration")
        if not np.allclose(one.box, first.box, rtol=1e-5, atol=0):
            raise ValueError(
                f"{where}: got a box of {one.box[0]:g} x {one.box[1]:g}, expected {first.box[0]:g} x {first.box[1]:g} "
                "as in the first configuration"
            )
        kt = self._kts.setdefault(frame, one.kt_set)
        if not (np.isclose(kt, one.kt_set, rtol=1e-6) or (np.isnan(kt) and np.isnan(one.kt_set))):
            raise ValueError(
                f"{where}: got kT {one.kt_set:g}, expected {kt:g} as in the others of its frame; say --kt, or import "
                "them apart"
            )
        self.count += 1
        self.velocities &= one.velocities is not None
        self.images &= one.images is not None

    @property
    def kts(self) -> list[float]:
        """Set temperature of each frame; none where one of them is not known."""
        found = [self._kts[frame] for frame in range(self.frames)]
        return found if np.isfinite(found).all() else []

    @property
    def particles(self) -> int:
        """Number of particles."""
        return len(self._first.species)

    @property
    def density(self) -> float:
        """Number density [sigma_AA^-2], to six digits, what single precision has."""
        return float(f"{self.particles / np.prod(self._first.box):.6g}")

    @property
    def fraction_a(self) -> float:
        """Fraction of A."""
        return float(np.mean(self._first.species == A))


def survey(paths: Sequence[Path], names: tuple[str, str] = ("A", "B"), systems: str = "auto") -> Survey:
    """Read every configuration of GSD files that others wrote; see :class:`vitrify.md.protocols.importing.ImportSpec`.

    Args:
        paths: the files, one or more.
        names: what they call A and B.
        systems: what one independent system is: "files", "frames", or "auto", which takes "frames" where a file of this
            software holds many replicas.

    Raises:
        FileNotFoundError: when a file is missing.
        ValueError: when a configuration is none of the mixture, or another than the first.
    """
    if systems not in SYSTEMS:
        raise ValueError(f"systems: got {systems!r}, expected one of {', '.join(SYSTEMS)}")
    first = ForeignFile(paths[0], names)
    if systems == "auto":
        systems = "frames" if len(set(first.replicas)) > 1 else "files"
    found = Survey(systems, len(first) if systems == "files" else 1)
    for path in paths:
        file = ForeignFile(path, names)
        if not len(file):
            raise ValueError(f"{path}: got a file without frames, expected one or more")
        if systems == "files" and len(file) != len(first):
            raise ValueError(
                f"{path}: got {len(file)} frames, expected {len(first)} as in {paths[0]}; where each frame is a system "
                "of its own, say --systems frames"
            )
        for place in range(len(file)):
            found.take(file.configuration(place), f"{path}, frame {place}", place if systems == "files" else 0)
        file.close()
    return found
