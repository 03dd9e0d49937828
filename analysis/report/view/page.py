"""One HTML file to look into configurations, from the files beside this one and a scene."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from vitrify.analysis.report.view.scene import scene
from vitrify.analysis.structure.descriptors import COLUMNS, Column
from vitrify.md.store.checkpoint import write_atomically
from vitrify.md.store.provenance import provenance
from vitrify.md.store.rundir import RunDirectory

SCRIPTS = ("data.js", "colours.js", "camera.js", "particles.js", "page.js")
"""In the order they are read; each says at its top what it gives to the next."""


def write_view(
    runs: Sequence[RunDirectory],
    out: Path,
    *,
    replicas: Sequence[int] | str | None = None,
    frames: Sequence[int] | str | None = None,
    columns: Mapping[str, Column] = COLUMNS,
    title: str = "",
    force: bool = False,
    progress: Callable[[float, float], None] | None = None,
) -> dict:
    """Write a page of runs, whole or not at all.

    Args:
        runs: run directories that stored configurations.
        out: the HTML file.
        replicas: as :func:`vitrify.analysis.report.view.scene.scene` has it.
        frames: the same.
        columns: what is known of each particle, by name.
        title: of the page; the names of the runs where there is none.
        force: replace the file that is there.
        progress: told how many configurations are done, and of how many.

    Returns:
        The scene that was written.

    Raises:
        FileExistsError: when ``out`` is there and ``force`` is not given.
        ValueError: as :func:`vitrify.analysis.report.view.scene.scene`.
    """
    if out.exists() and not force:
        raise FileExistsError(errno.EEXIST, "exists already, expected a new file or --force", str(out))
    shown = scene(runs, replicas=replicas, frames=frames, columns=columns, progress=progress)
    write_atomically(out, html(shown, title or ", ".join(run.name for run in runs)))
    return shown


def html(shown: Mapping, title: str) -> str:
    """The page of a scene. The title is escaped; all other text is data, which the script sets as text."""
    made = provenance()
    data = {**shown, "title": title, "program": f"vitrify {made['version']}", "commit": made["git_commit"]}
    parts = {
        "TITLE": escape(title),
        "STYLE": _file("page.css"),
        "SCRIPT": "\n".join(map(_file, SCRIPTS)),
        # "<" does not stand in JSON outside of texts: escaped, no text ends the element or opens a comment.
        "DATA": json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda place: parts[place[1]], _file("page.html"))


def summary(shown: Mapping, out: Path) -> str:
    """How much a page holds, in a line."""
    held = [one for run in shown["runs"] for one in run["configurations"].values()]
    largest = max(one["particles"] for one in held)
    runs = len(shown["runs"])
    return (
        f"{out}: {len(held):,} configurations of up to {largest:,} particles from {runs} run{'s' if runs > 1 else ''}, "
        f"{out.stat().st_size / 1e6:.1f} MB; --replicas and --frames choose others"
    )


def _file(name: str) -> str:
    return (files("vitrify.analysis.report.view") / name).read_text(encoding="utf-8")
