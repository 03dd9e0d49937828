"""Two sets of configurations in, a directory of tables and figures out: what ``vitrify compare`` does.

========================  ==============================================================================
``compare.csv``           numbers, the largest difference at one energy first
``compare_curves.csv``    g(r), S(k) and angles, point by point
``matching.csv``          how many are left of each side, and the energy before and after
``pairs.csv``             who was held against whom
``figures/*.png``         figures
``contents.json``         captions
``provenance.json``       program, request, notes
``DONE``                  last, with the check sums of all of these
========================  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vitrify.analysis.comparison.comparison import compare_sides
from vitrify.analysis.comparison.results import results
from vitrify.analysis.comparison.sides import Side, Source, require_one_system, side_of
from vitrify.analysis.results import Progress
from vitrify.analysis.writing import is_written, write_results

PRODUCT = "comparison"
"""What the provenance calls such a directory."""


def compare(
    first: Sequence[Source],
    second: Sequence[Source],
    out: Path,
    *,
    positions: str = "inherent",
    tolerance: float | None = None,
    names: tuple[str, str] = ("", ""),
    force: bool = False,
    progress: Progress | None = None,
) -> list[str]:
    """Compare two sets of configurations into the directory ``out``.

    Args:
        first: runs and temperatures of the first side.
        second: of the second.
        out: where the tables and figures go. One that is there of the same sides and options is left alone.
        positions: ``inherent``, or ``instant`` as the dynamics left them; energies are E_IS either way.
        tolerance: largest difference of E_IS within a pair [eps_AA per particle].
        names: of the two sides; "" for the names of their runs.
        force: replace another comparison that is there.
        progress: told how many configurations are measured, and of how many.

    Returns:
        Lines for a person.

    Raises:
        ValueError: for sides that do not belong together, or cannot be matched.
        FileExistsError: when something else is at ``out``.
    """
    request = {
        "sides": [[source.signature for source in side] for side in (first, second)],
        "options": {"match": "energy", "positions": positions, "tolerance": tolerance, "names": list(names)},
    }
    if is_written(out, PRODUCT, request, force=force):
        return [f"{out}: there already, of the same runs and options"]
    sides = [side_of(side, positions=positions, name=name) for side, name in zip((first, second), names, strict=True)]
    require_one_system(first[0].run, sides[0].system, second[0].run, sides[1].system)
    require_apart(*sides)
    comparison = compare_sides(*sides, tolerance=tolerance, progress=progress)
    found = results(comparison, positions)
    write_results([found], out, PRODUCT, request)
    return [*found.numbers, *found.notes]


def require_apart(first: Side, second: Side) -> None:
    """Raise ValueError when a configuration stands on both sides, or both are called the same."""
    there = {member.where for member in first.members}
    for member in second.members:
        if member.where in there and any(member.origin == other.origin for other in first.members):
            run, frame, replica = member.where
            raise ValueError(f"{run}: frame {frame} of replica {replica} is on both sides, expected different ones")
    if first.name == second.name:
        raise ValueError(f"sides: both are called {first.name!r}, expected two names")
