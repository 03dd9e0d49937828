"""What ``RUN@kT`` and ``RUN@frame`` mean, wherever they are written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitrify.md.store.rundir import RunDirectory

KT_TOLERANCE = 0.005
"""How far a stored frame may be from the temperature asked for, where a run has one temperature only [eps_AA]."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """A run directory, and what stands behind its last ``@``.

    Attributes:
        path: the run directory.
        place: a temperature or a frame as it was written; "" where there is none.
        text: the whole as it was written.
    """

    path: Path
    place: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``RUN@kT``, ``RUN@frame`` or ``RUN``; a directory may have an ``@`` in its name.

        >>> Address.parse("me@home/slow@0.05").kt, Address.parse("slow@200").frame, Address.parse("slow").place
        (0.05, 200, '')
        """
        path, at, place = text.rpartition("@")
        if not at or Path(text).is_dir():
            path, place = text, ""
        return cls(path=Path(path), place=place.strip(), text=text)

    @property
    def frame(self) -> int | None:
        """The frame a whole number names; None for anything else."""
        return int(self.place) if self.place.isdecimal() else None

    @property
    def kt(self) -> float:
        """The temperature [eps_AA].

        Raises:
            ValueError: where no positive one stands there, or no run before it.
        """
        try:
            kt = float(self.place)
        except ValueError:
            kt = np.nan
        if not (np.isfinite(kt) and kt > 0 and self.text[0] != "@"):
            raise ValueError(
                f"source: got {self.text!r}, expected RUN@kT, a run directory and a temperature, as runs/slow@0.05"
            )
        return kt


def stored_kt(run: RunDirectory, kt: float, *, inherent: bool = False) -> float:
    """The set temperature of stored configurations that is nearest to ``kt`` [eps_AA].

    Raises:
        ValueError: where nothing is stored, kT is not known, or is farther away than frames are from each other.
    """
    table, stored = run.table, run.stored_frames(inherent=inherent)
    if not stored:
        kind = "inherent structures" if inherent else "configurations"
        raise ValueError(f"{run.path}: has no stored {kind}; expected a run made with --store")
    kts = np.unique(table["kt_set"][np.isin(table["frame"], stored)])
    if not np.isfinite(kts).any():
        raise ValueError(f"{run.path}: kT of its frames is not known; expected a run imported with --kt")
    nearest = float(kts[np.nanargmin(np.abs(kts - kt))])
    if not abs(nearest - kt) <= np.diff(np.unique(table["kt_set"])).max(initial=KT_TOLERANCE):
        known = ", ".join(f"{value:.4g}" for value in kts[:12])
        raise ValueError(f"{run.path}: no configuration stored at kT {kt:g}; stored at kT {known}")
    return nearest


def stored_frame(run: RunDirectory, kt: float, *, inherent: bool = False) -> int:
    """The last stored frame at that temperature."""
    table, nearest = run.table, stored_kt(run, kt, inherent=inherent)
    there = np.unique(table["frame"][np.abs(table["kt_set"] - nearest) < 1e-9])
    return max(set(there.tolist()) & set(run.stored_frames(inherent=inherent)))
