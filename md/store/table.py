"""The table of a run: a row per replica and frame, as comma-separated values."""

from __future__ import annotations

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
