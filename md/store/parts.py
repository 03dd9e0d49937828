"""Frame files while a run goes on: each wave of replicas writes parts, which become one file a frame at its end."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

from vitrify.md.store.checkpoint import sync_directory
from vitrify.md.store.frames import Configuration, FrameFile, write_frame_file
from vitrify.md.store.naming import FrameName
from vitrify.md.store.product import sha256


class Parts:
    """The parts that a run has written so far.

    Attributes:
        path: the run directory.
    """

    def __init__(self, path: Path, known: Mapping[FrameName, str] | None = None):
        self.path = path
        self._sums: dict[FrameName, str | None] = dict(known or {})  # None where not yet computed

    def write(self, name: FrameName, configurations: Iterable[tuple[int, Configuration]]) -> None:
        """Write one, whole or not at all.

        Raises:
            ValueError: when it is there already.
            OSError: when it cannot be written (a full disk).
        """
        if name in self._sums:
            raise ValueError(f"{self.path / str(name)}: written twice; expected each frame once a wave, all replicas")
        if write_frame_file(self.path / str(name), name.frame, configurations):
            self._sums[name] = None

    def sums(self) -> dict[FrameName, str]:
        """The check sum of every part written so far."""
        sums = {name: known or sha256(self.path / str(name)) for name, known in self._sums.items()}
        self._sums.update(sums)
        return sums

    def join(self) -> dict[str, str]:
        """Make one file of each frame's parts; a single part is renamed. Hands back the check sums of the new files."""
        parts: dict[FrameName, list[FrameName]] = {}
        for name in sorted(self._sums):
            parts.setdefault(name._replace(part=None), []).append(name)
        sums = self.sums()
        joined = {}
        for whole, names in parts.items():
            path = self.path / str(whole)
            if len(names) == 1:
                os.replace(self.path / str(names[0]), path)
                joined[str(whole)] = sums[names[0]]
                continue
            files = [FrameFile(self.path / str(name)) for name in names]
            write_frame_file(path, whole.frame, chain.from_iterable(files))
            for file in files:
                file.close()
            joined[str(whole)] = sha256(path)
        sync_directory(self.path)
        return joined
