"""Results as a directory: tables, figures, their captions and what made them, whole or not at all."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from vitrify.analysis.figures import save
from vitrify.analysis.report.tables import CONTENTS, ENERGY_CONVENTION, write_table
from vitrify.analysis.results import Results
from vitrify.md.store.checkpoint import write_atomically
from vitrify.md.store.product import DONE, check_sums, whole_directory
from vitrify.md.store.provenance import provenance

FIGURES = "figures"
"""The folder of the figures."""


def is_written(out: Path, product: str, request: Mapping, *, force: bool = False) -> bool:
    """Whether ``out`` holds this very product, whole.

    Args:
        out: the directory.
        product: what its provenance calls it: "analysis".
        request: what was asked: the runs with their check sums, the options; as JSON holds it, it must be the same.
        force: replace another product of the kind.

    Raises:
        FileExistsError: when it holds something that must not go.
        ValueError: when it was damaged or edited since.
    """
    if not out.exists():
        return False
    facts = out / "provenance.json"
    held = json.loads(facts.read_text()) if facts.is_file() else {}
    if held.get("product") != product:
        raise FileExistsError(errno.EEXIST, f"exists and is no {product}, expected a new directory", str(out))
    if force:
        return False
    if held["request"] != json.loads(json.dumps(request)):
        raise FileExistsError(
            errno.EEXIST, f"holds the {product} of other runs or options, expected a new directory or --force", str(out)
        )
    if not (out / DONE).exists():
        return False
    check_sums(out, product)
    return True


def write_results(found: Sequence[Results], out: Path, product: str, request: Mapping) -> None:
    """Put everything that was found into ``out``, in place of what :func:`is_written` did not object to."""
    with whole_directory(out, CONTENTS, folders=(FIGURES,), force=True) as directory:
        (directory / FIGURES).mkdir()
        contents: list[dict] = []
        for part in found:
            for name, drawn in part.figures.items():
                save(drawn.figure, directory / FIGURES / name)
                contents.append({"file": f"{FIGURES}/{name}", "caption": drawn.caption})
            for name, content in part.files.items():
                write_atomically(directory / name, content)
            for name, table in part.tables.items():
                write_table(directory / name, table.columns)
                contents.append({"file": name, "caption": table.caption, "shown": list(table.shown)})
        write_atomically(directory / CONTENTS, json.dumps(contents, indent=2) + "\n")
        facts = {
            "product": product,
            "request": request,
            "energies": ENERGY_CONVENTION,
            "numbers": [line for part in found for line in part.numbers],
            "notes": [line for part in found for line in part.notes],
            **provenance(("numpy", "scipy", "matplotlib")),
        }
        write_atomically(directory / "provenance.json", json.dumps(facts, indent=2) + "\n")
