"""What a set of runs shows: one directory of tables and figures, with the provenance of what made it.

The parts of an analysis are listed in PARTS. To add one: write ``results(runs, options, progress) -> Results`` in the
room of its question (see :mod:`vitrify.analysis.results`), and name it in PARTS. To add a table or a curve to a part
that is there, write the function that computes it, and give its table and figure, with captions, in that part.

A directory holds what its runs hold: no film table without films.

========================  ==============================================================================
``*.csv``                 tables
``figures/*.png``         figures
``contents.json``         every table and figure in the order they are told, with its caption
``provenance.json``       program, options, notes, and the runs with the check sums of their tables
``DONE``                  last, with the check sums of all of these
========================  ==============================================================================

All energies are per particle, truncated and not shifted [eps_AA].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from vitrify.analysis.curves.results import results as curves
from vitrify.analysis.dynamics.results import results as dynamics
from vitrify.analysis.films.results import results as films
from vitrify.analysis.results import BULK, Options, Part, Progress, of_protocols
from vitrify.analysis.structure.results import results as structure
from vitrify.analysis.writing import is_written, write_results
from vitrify.md.store.naming import TABLE
from vitrify.md.store.product import sha256
from vitrify.md.store.rundir import RunDirectory

PARTS: tuple[Part, ...] = (curves, dynamics, films, structure)
"""The parts of an analysis, in the order they are told."""

PRODUCT = "analysis"
"""What the provenance calls such a directory."""


def analyze(
    runs: Sequence[RunDirectory],
    out: Path,
    options: Options | None = None,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> list[str]:
    """Analyse runs into the directory ``out``; see the table at the top of this file.

    Args:
        runs: run directories of one system, of any protocols.
        out: where the analysis goes. One that is there of the same runs and options is left alone.
        options: what is asked; None for the defaults.
        force: replace another analysis that is there.
        progress: told how many configurations are measured, and of how many.

    Returns:
        Lines for a person: the numbers that matter, then what could not be found and why.

    Raises:
        ValueError: without runs, or when the runs do not belong together.
        FileExistsError: when something else is at ``out``.
    """
    if not runs:
        raise ValueError("analyze: got no run, expected at least one run directory")
    options = options or Options()
    request = {
        "runs": {str(run.path): sha256(run.path / TABLE) for run in runs},
        "options": asdict(options),
    }
    if is_written(out, PRODUCT, request, force=force):
        return [f"{out}: there already, of the same runs and options"]
    require_one_mixture(runs)
    found = [part(runs, options, progress) for part in PARTS]
    write_results(found, out, PRODUCT, request)
    return [line for one in found for line in one.numbers] + [line for one in found for line in one.notes]


def require_one_mixture(runs: Sequence[RunDirectory]) -> None:
    """Raise ValueError when runs of the bulk mixture differ in density or composition."""
    bulk = of_protocols(runs, *BULK)
    for run in bulk[1:]:
        for name in ("density", "fraction_a"):
            if not math.isclose(run.spec[name], bulk[0].spec[name], rel_tol=1e-5):  # single precision of a box
                raise ValueError(
                    f"{run.path}: {name} is {run.spec[name]}, expected {bulk[0].spec[name]} as in {bulk[0].path}"
                )
