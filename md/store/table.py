"""The table of a run: a row per replica and frame, as comma-separated values."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

COLUMNS = (
    "replica", "frame", "step", "kt_set", "kt", "pressure", "potential_energy", "inherent_energy", "max_force",
    "converged",
)  # fmt: skip
"""Columns every table has; a protocol may add its own. Energies per particle, truncated and not shifted."""

_INTEGERS = ("replica", "frame", "step")


def parse_table(path: Path, text: str, *, whole: bool) -> dict[str, np.ndarray]:
    """The columns by name, sorted by replica and frame; replica, frame and step int64, converged bool, others float64.

    Args:
        path: where the text was read from, for error messages.
        text: the table.
        whole: whether it must end in a whole row; else a torn last row, of a run under way, is passed over.

    Raises:
        ValueError: when it is damaged.
    """
    header, *rows = text[: text.rfind("\n") + 1].splitlines() or [""]
    names = header.split(",")
    if missing := [name for name in COLUMNS if name not in names]:
        raise ValueError(f"{path}: damaged, no column {', '.join(missing)}")
    if whole and not text.endswith("\n"):
        raise ValueError(f"{path}: damaged, it ends in the middle of a row")
    try:
        values = np.loadtxt(rows, delimiter=",", ndmin=2) if rows else np.empty((0, len(names)))
    except ValueError as error:
        raise ValueError(f"{path}: damaged ({error})") from error
    if values.shape[1] != len(names):
        raise ValueError(f"{path}: damaged, rows of {values.shape[1]} numbers under {len(names)} names")
    columns = dict(zip(names, values.T, strict=True))
    order = np.lexsort((columns["frame"], columns["replica"]))
    columns = {name: column[order] for name, column in columns.items()}
    integers = {name: columns[name].astype(np.int64) for name in _INTEGERS}
    return columns | integers | {"converged": columns["converged"] == 1}


class GrowingTable:
    """The table of a run under way: rows are appended, and its length and check sum known without reading it again.

    Attributes:
        path: the file.
        columns: names of its columns.
        bytes: how long it is.
    """

    def __init__(self, path: Path, columns: Sequence[str]):
        self.path, self.columns, self.bytes = path, tuple(columns), 0
        self._rows = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """SHA-256 of what was written, in hexadecimal."""
        return self._rows.hexdigest()

    def begin(self) -> None:
        """Write the names of the columns."""
        self.path.write_bytes(b"")
        self._append(",".join(self.columns) + "\n")

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        """Append rows, given as columns of equal length; a column left out is NaN."""
        self._append(format_rows(self.columns, columns))

    def restore(self, bytes: int, sha256: str) -> None:
        """Stand where a checkpoint stood: cut off the rows that came after it.

        Raises:
            ValueError: when what is left is not as it was.
        """
        if not self.path.exists() or self.path.stat().st_size < bytes:
            raise ValueError(f"{self.path}: damaged, shorter than the checkpoint knows it ({bytes} bytes)")
        with open(self.path, "rb") as file:
            self._rows.update(file.read(bytes))
        self.bytes = bytes
        if self.sha256 != sha256:
            raise ValueError(f"{self.path}: damaged or edited, its check sum is not that in the checkpoint")
        os.truncate(self.path, bytes)

    def sync(self) -> None:
        """Bring it to the disk."""
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())

    def _append(self, text: str) -> None:
        data = text.encode()
        with open(self.path, "ab") as file:
            file.write(data)
        self._rows.update(data)
        self.bytes += len(data)


def format_rows(names: Sequence[str], columns: Mapping[str, np.ndarray]) -> str:
    r"""Rows of the table from columns of equal length; a column left out is NaN.

    >>> format_rows(("replica", "kt", "converged"), {"replica": np.arange(2), "converged": np.array([True, False])})
    '0,nan,1\n1,nan,0\n'
    """
    missing = np.full(len(next(iter(columns.values()))), np.nan)
    texts = [_texts(columns.get(name, missing)) for name in names]
    return "".join(",".join(row) + "\n" for row in zip(*texts, strict=True))


def _texts(column: np.ndarray) -> list[str]:
    column = np.asarray(column)
    if column.dtype == bool:
        column = column.astype(np.int64)
    return [repr(value) for value in column.tolist()]
