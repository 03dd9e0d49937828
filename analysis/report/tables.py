"""Numbers as files: CSV tables with one header line, written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vitrify.md.store.checkpoint import write_atomically

Columns = Mapping[str, Sequence | np.ndarray]
"""Equally long columns of a table by name."""

CONTENTS = "contents.json"
"""File of a product directory that lists its tables and figures with their captions."""

NAMES = frozenset({"run", "model", "dataset", "trained_on"})
"""Columns of names that people chose: a run may be called 2e5."""

ENERGY_CONVENTION = "per particle, truncated at the cut-off, not shifted [eps_AA]"
"""What every energy in a table means."""


def write_table(path: Path, columns: Columns, *, digits: int = 10) -> None:
    """Write equally long columns as CSV; floats keep 10 digits unless told otherwise, NaN is an empty cell.

    Raises:
        ValueError: for columns of different length.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{path.name}: got columns of lengths {lengths}, expected equally long ones")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value, digits) for value in row] for row in zip(*columns.values(), strict=True))
    write_atomically(path, text.getvalue())


def read_table(path: Path) -> dict[str, np.ndarray]:
    """Read what :func:`write_table` wrote: a column is float64 where every cell is a number or empty, else text.

    Columns of NAMES are text whatever they look like.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: for a table without a header, or a row of another length.

    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "tg.csv"
    >>> write_table(path, {"run": ["fast"], "tg": [0.41], "low": [np.nan]})
    >>> {name: column.tolist() for name, column in read_table(path).items()}
    {'run': ['fast'], 'tg': [0.41], 'low': [nan]}
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError(f"{path}: damaged table, expected a header line and rows of as many cells")
    columns = {name: [row[index] for row in rows[1:]] for index, name in enumerate(rows[0])}
    return {name: np.array(cells) if name in NAMES else _column(cells) for name, cells in columns.items()}


def write_contents(directory: Path, captions: Mapping[str, str]) -> None:
    """Write the list of a directory's tables and figures: a caption for each file, in the order they are told."""
    entries = [{"file": name, "caption": caption} for name, caption in captions.items()]
    write_atomically(directory / CONTENTS, json.dumps(entries, indent=2) + "\n")


def read_contents(directory: Path) -> dict[str, dict]:
    """The captions of a directory's tables and figures by path within it, in the order they are told.

    Returns:
        for each file ``caption`` and, of a table, ``shown``: the columns worth a place on a page, empty for all. Empty
        where a directory has no such list.
    """
    file = directory / CONTENTS
    return {entry["file"]: entry for entry in json.loads(file.read_text(encoding="utf-8"))} if file.is_file() else {}


def _cell(value: object, digits: int) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.{digits}g}"
    return str(value)


def _column(cells: list[str]) -> np.ndarray:
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells], dtype=np.float64)
    except ValueError:
        return np.array(cells)
