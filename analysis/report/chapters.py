"""What a directory has to tell: its tables, figures and provenance as a section of a report.

A section is made from whatever product directory is given: a run, an analysis, a comparison, an evaluation, a
benchmark. What stands in its ``contents.json`` is told in that order, with those captions. CSV tables of a few rows are
shown, and every one can be taken from the page; every PNG is shown; a page to look into configurations that lies in the
directory or beside the report is linked.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vitrify.analysis.report.page import (
    Block,
    File,
    Files,
    Link,
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
"""Rows beyond which a table is not shown."""

LARGEST_FILE = 20_000_000
"""Bytes of a table beyond which it is not put into the page: a browser keeps them all in memory."""

VIEW = "<!-- vitrify view -->"
"""How a page to look into configurations says that it is one."""


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
        [with_links(chapter(directory), views(directory, out)) for directory in directories],
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
    blocks: list[Block] = [*pictures(directory), *tables(directory), *benchmark(directory)]
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
    if "ramp_steps" in rows:
        names = [f"T_g, M = {steps:,.0f}" for steps in rows["ramp_steps"]]
    else:  # of a transfer
        names = [f"T_g of the classifier, {run}" for run in rows["run"]]
    found = zip(names, rows["tg"], rows["tg_low"], rows["tg_high"], strict=True)
    return [Numbers([(name, with_interval(tg, low, high)) for name, tg, low, high in found])]


def pictures(directory: Path) -> list[Block]:
    """Every PNG of a directory and of its ``figures``, each with its caption."""
    files = [*directory.glob("*.png"), *(directory / "figures").glob("*.png")]
    return [Picture(file.read_bytes(), entry["caption"]) for file, entry in _told(directory, files)]


def tables(directory: Path) -> list[Block]:
    """Every CSV of a directory: shown when short, and all of them to be taken away."""
    blocks: list[Block] = []
    longer = []
    for path, entry in _told(directory, list(directory.glob("*.csv"))):
        columns, caption = read_table(path), entry["caption"]
        rows = len(next(iter(columns.values())))
        size = path.stat().st_size
        file = File(path.name, path.read_bytes(), f"{caption} {rows:,} rows.") if size <= LARGEST_FILE else None
        if 0 < rows <= LONGEST_TABLE and file is not None:
            shown = {name: columns[name] for name in entry.get("shown") or columns}
            blocks.append(table_of(shown, caption, file))
        elif file is not None:
            longer.append(file)
        else:
            blocks.append(Prose(f"{path.name}, {size / 1e6:.0f} MB, lies in {directory.name}: {caption}"))
    return [*blocks, *([Files(longer)] if longer else [])]


def benchmark(directory: Path) -> list[Block]:
    """The contenders of a benchmark, a row each, and what their numbers rest on."""
    path = directory / "benchmark.json"
    if not path.is_file():
        return []
    record = json.loads(path.read_text(encoding="utf-8"))
    found: list[Block] = []
    for name, about in (("rows", "Contenders, in turn on one machine."), ("ratios", "Ratios, side by side.")):
        rows = [row for row in record.get(name, []) if isinstance(row, Mapping)]
        plain = [key for key in (rows[0] if rows else ()) if all(_is_plain(row.get(key)) for row in rows)]
        cells = [tuple(_cell(row.get(key)) for key in plain) for row in rows]
        if plain:
            found.append(Table(tuple(key.replace("_", " ") for key in plain), cells, about))
    conditions = [(str(key), _plain(value)) for key, value in dict(record.get("conditions", {})).items()]
    return [*found, *([Table(("condition", ""), conditions, "What every number rests on.")] if conditions else [])]


def table_of(columns: Mapping[str, np.ndarray], caption: str, file: File | None = None) -> Table:
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
    return Table(tuple(merged), list(zip(*merged.values(), strict=True)), caption, file)


def _told(directory: Path, files: Sequence[Path]) -> list[tuple[Path, dict]]:
    """Files with their entries in the directory's list, in its order; what it does not name comes last."""
    contents = read_contents(directory)
    order = {name: place for place, name in enumerate(contents)}
    named = sorted(
        ((file.relative_to(directory).as_posix(), file) for file in files),
        key=lambda pair: (order.get(pair[0], len(order)), pair[0]),
    )
    return [(file, contents.get(name, {"caption": _sentence(file.stem.replace("_", " "))})) for name, file in named]


def views(directory: Path, out: Path) -> list[str]:
    """Pages to look into configurations in a directory, or beside it under its name, as seen from the report."""
    pages = [*directory.glob("*.html"), *directory.parent.glob(f"{directory.name}*.html")]
    return [Path(os.path.relpath(page, out.parent)).as_posix() for page in sorted(pages) if is_view(page)]


def with_links(section: Section, addresses: Sequence[str]) -> Section:
    """The section, with a link to each of these pages at its end."""
    links = [Link(address, f"Look into the configurations: {address}") for address in addresses]
    return Section(section.heading, [*section.blocks, *links])


def is_view(page: Path) -> bool:
    """Whether a page is one of ``vitrify view``."""
    with open(page, encoding="utf-8", errors="replace") as file:
        return VIEW in file.read(200)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _cell(value: object) -> str:
    return number(float(value)) if isinstance(value, int | float) else str(value or "–")


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:].rstrip(".") + "."
