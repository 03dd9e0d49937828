"""What a directory has to tell: its tables, figures and provenance as a section of a report.

A section is made from whatever product directory is given: a run, an analysis, a model, an evaluation, a benchmark.
CSV tables of a few rows are shown, longer ones named; every PNG is shown.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vitrify.analysis.report.page import (
    Block,
    Numbers,
    Picture,
    Prose,
    Section,
    Table,
    number,
    with_error,
    with_interval,
    write_report,
)
from vitrify.analysis.report.tables import ENERGY_CONVENTION, read_contents, read_table
from vitrify.analysis.statistics import mean_and_error
from vitrify.md.store.naming import SPEC
from vitrify.md.store.provenance import provenance
from vitrify.md.store.rundir import RunDirectory

LONGEST_TABLE = 30
"""Rows beyond which a table is named, not shown."""


def write_chapters(directories: Sequence[Path], out: Path, *, title: str, force: bool = False) -> None:
    """Write a report with a section for each directory.

    Args:
        directories: run, analysis, evaluation or benchmark directories, in the order they are told.
        out: the HTML file.
        title: of the report.
        force: replace the file that is there.

    Raises:
        FileNotFoundError: when a directory is missing.
        FileExistsError: when ``out`` is there and ``force`` is not given.
        ValueError: when a directory holds nothing to tell, or something damaged.
    """
    if out.exists() and not force:
        raise FileExistsError(errno.EEXIST, "exists already, expected a new file or --force", str(out))
    facts = provenance()
    write_report(
        out,
        title,
        [chapter(directory) for directory in directories],
        summary="Reduced Lennard-Jones units; energies per particle, truncated at the cut-off and not shifted.",
        facts={
            "program": f"vitrify {facts['version']}",
            "commit": facts["git_commit"] or "not a checkout",
            "written": facts["started"],
            "from": ", ".join(directory.name for directory in directories),
        },
    )


def chapter(directory: Path) -> Section:
    """The section of one directory.

    Raises:
        FileNotFoundError: when there is no such directory.
        ValueError: when it holds no run, table or figure.
    """
    if not directory.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such directory", str(directory))
    if (directory / SPEC).is_file():
        return run_chapter(RunDirectory.open(directory))
    blocks: list[Block] = [*pictures(directory), *tables(directory)]
    if not blocks:
        raise ValueError(f"{directory}: holds no run, table or figure, expected a directory that vitrify wrote")
    facts = directory / "provenance.json"
    held = json.loads(facts.read_text(encoding="utf-8")) if facts.is_file() else {}
    kind = str(held.get("product", ""))
    heading = directory.name if directory.name.startswith(kind) else f"{kind} {directory.name}"
    notes = [Prose(_sentence(note)) for note in held.get("notes", [])]
    return Section(_sentence(heading).rstrip("."), [*transitions(directory), *notes, *blocks])


def run_chapter(run: RunDirectory) -> Section:
    """A run: what was asked, how it went, and the energies at its end."""
    spec, table = run.spec, run.table
    entries = [("systems", str(len(run.replicas)))]
    if "particles" in spec:
        entries.append(("particles each", f"{spec['particles']:,}"))
    if "ramp_steps" in spec:
        entries.append(("ramp M", f"{spec['ramp_steps']:,} steps"))
    if len(table["frame"]):
        last = table["frame"] == table["frame"].max()
        energy = mean_and_error(np.where(table["converged"] == 1, table["inherent_energy"], np.nan)[last])
        if energy.replicas:
            name = f"E_IS from kT {table['kt_set'][last][0]:.3g}"
            entries.append((name, with_error(float(energy.mean), float(energy.error))))
    state = "finished" if run.finished else "not finished yet"
    failures = run.provenance.get("failures", [])
    went = f"{len(failures)} of its systems failed." if failures else "None of its systems failed."
    rows = [(name.replace("_", " "), _plain(value)) for name, value in spec.items() if not isinstance(value, Mapping)]
    return Section(
        f"Run {run.name}",
        [
            Prose(f"A run of the {spec['protocol']} protocol, {state}. {went} Energies are {ENERGY_CONVENTION}."),
            Numbers(entries),
            Table(("what was asked", ""), rows),
        ],
    )


def transitions(directory: Path) -> list[Block]:
    """Each T_g of a directory, set large."""
    file = directory / "tg.csv"
    if not file.is_file():
        return []
    rows = read_table(file)
    found = zip(rows["ramp_steps"], rows["tg"], rows["tg_low"], rows["tg_high"], strict=True)
    return [Numbers([(f"T_g, M = {steps:,.0f}", with_interval(tg, low, high)) for steps, tg, low, high in found])]


def pictures(directory: Path) -> list[Block]:
    """Every PNG of a directory and of its ``figures``, each with its caption."""
    files = [*directory.glob("*.png"), *(directory / "figures").glob("*.png")]
    return [Picture(file.read_bytes(), entry["caption"]) for file, entry in _told(directory, files)]


def tables(directory: Path) -> list[Block]:
    """Every CSV of a directory: shown when short, named when long."""
    blocks: list[Block] = []
    longer = []
    for file, entry in _told(directory, list(directory.glob("*.csv"))):
        columns = read_table(file)
        rows = len(next(iter(columns.values())))
        if 0 < rows <= LONGEST_TABLE:
            shown = {name: columns[name] for name in entry.get("shown") or columns}
            blocks.append(table_of(shown, entry["caption"]))
        else:
            longer.append(f"{file.name} ({rows:,} rows)")
    if longer:
        blocks.append(Prose(f"Longer tables beside this report, in {directory.name}: {', '.join(longer)}."))
    return blocks


def table_of(columns: Mapping[str, np.ndarray], caption: str) -> Table:
    """A table for reading: ``x`` and ``x_error`` become one column, and so do ``x``, ``x_low`` and ``x_high``.

    >>> columns = {"rate": np.array([0.002]), "tg": np.array([0.4135]), "tg_low": np.array([0.378])}
    >>> table_of({**columns, "tg_high": np.array([0.443])}, "T_g").rows
    [('0.002', '0.413 (0.378 to 0.443)')]
    """
    merged: dict[str, list[str]] = {}
    for name, column in columns.items():
        base, _, suffix = name.rpartition("_")
        if base in columns and suffix in ("error", "low", "high"):
            continue
        if f"{name}_error" in columns:
            cells = [with_error(*pair) for pair in zip(column, columns[f"{name}_error"], strict=True)]
        elif f"{name}_low" in columns and f"{name}_high" in columns:
            ends = columns[f"{name}_low"], columns[f"{name}_high"]
            cells = [with_interval(*triple) for triple in zip(column, *ends, strict=True)]
        else:
            cells = [number(value) if column.dtype.kind == "f" else str(value) for value in column]
        merged[name.replace("_", " ")] = cells
    return Table(tuple(merged), list(zip(*merged.values(), strict=True)), caption)


def _told(directory: Path, files: Sequence[Path]) -> list[tuple[Path, dict]]:
    """Files with their entries in the directory's list, in its order; what it does not name comes last."""
    contents = read_contents(directory)
    order = {name: place for place, name in enumerate(contents)}
    named = sorted(
        ((file.relative_to(directory).as_posix(), file) for file in files),
        key=lambda pair: (order.get(pair[0], len(order)), pair[0]),
    )
    return [(file, contents.get(name, {"caption": file.stem.replace("_", " ")})) for name, file in named]


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:].rstrip(".") + "."
