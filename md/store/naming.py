"""The files of a run directory and their names."""

from __future__ import annotations

import re
from typing import NamedTuple

SPEC, PROVENANCE, TABLE, CHECKPOINT = "spec.toml", "provenance.json", "table.csv", "checkpoint"

MEASURED = "descriptors.cache"
"""What analyses keep beside a finished run, no part of it: it goes when the run goes."""


class FrameName(NamedTuple):
    """What the name of a frame file says.

    Attributes:
        frame: number of the frame.
        inherent: whether it holds inherent structures.
        part: which wave of replicas it holds while the run goes on; None for the file of all replicas.
    """

    frame: int
    inherent: bool = False
    part: int | None = None

    def __str__(self) -> str:
        kind = ".inherent" if self.inherent else ""
        part = "" if self.part is None else f".part-{self.part:04d}"
        return f"frame-{self.frame:04d}{kind}{part}.gsd"

    @classmethod
    def parse(cls, name: str) -> FrameName | None:
        """Read a file name; None for a file that is no frame file.

        >>> FrameName.parse("frame-0200.inherent.part-0003.gsd")
        FrameName(frame=200, inherent=True, part=3)
        >>> str(FrameName(7)), str(FrameName(12345, True, 0)), FrameName.parse("frame-1.gsd~")
        ('frame-0007.gsd', 'frame-12345.inherent.part-0000.gsd', None)
        """
        found = re.fullmatch(r"frame-(\d{4,})(\.inherent)?(?:\.part-(\d{4,}))?\.gsd", name)
        if found is None:
            return None
        return cls(int(found[1]), bool(found[2]), None if found[3] is None else int(found[3]))
