"""A glass and liquids in equilibrium in, a directory out: what ``vitrify fictive`` does.

========================  ==============================================================================
``fictive.csv``           fictive temperature by each descriptor, the lowest first
``lines.csv``             mean of each descriptor in each liquid, with its error
``figures/fictive.png``   the same as dots with bars
``contents.json``         captions
``provenance.json``       program, request, notes
``DONE``                  last, with the check sums of all of these
========================  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitrify.analysis.comparison.descriptor_table import measured
from vitrify.analysis.comparison.sides import Side, Source, require_one_system, side_of
from vitrify.analysis.curves.equilibrium import equilibrium
from vitrify.analysis.curves.equilibrium_line import SETTLED
from vitrify.analysis.fictive.results import results
from vitrify.analysis.fictive.temperatures import FEWEST, FictiveTemperature, fictive_temperature
from vitrify.analysis.results import Progress
from vitrify.analysis.writing import is_written, write_results

PRODUCT = "fictive temperatures"
"""What the provenance calls such a directory."""

ENERGY = "inherent_energy"
"""The name of E_IS among the numbers."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Numbers of something else than the register, such as a network's mean logit.

    Attributes:
        source: what they come from, for the provenance.
        of: numbers by name, (n,) for the configurations of a side; NaN for those that must be left out.
    """

    source: str
    of: Callable[[Side], Mapping[str, np.ndarray]]


def fictive(
    glass: Sequence[Source],
    liquids: Sequence[Source],
    out: Path,
    *,
    positions: str = "inherent",
    scores: Scores | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> list[str]:
    """The fictive temperatures of a glass by every descriptor, into the directory ``out``.

    Args:
        glass: runs of one glass and their temperature.
        liquids: runs of liquids in equilibrium, at three temperatures or more; runs at one temperature are pooled.
        out: where the tables and the figure go. One that is there of the same runs and options is left alone.
        positions: ``inherent``, or ``instant``, on which vibrations count as well.
        scores: further numbers.
        force: replace another such directory.
        progress: told how many configurations are measured, and of how many.

    Returns:
        Lines for a person.

    Raises:
        ValueError: for runs that do not belong together, or fewer than three temperatures.
        FileExistsError: when something else is at ``out``.
    """
    at = _by_temperature(liquids)
    request = {
        "glass": [source.signature for source in glass],
        "liquids": [source.signature for source in liquids],
        "options": {"positions": positions, "scores": scores.source if scores else None},
    }
    if is_written(out, PRODUCT, request, force=force):
        return [f"{out}: there already, of the same runs and options"]
    sides = [side_of(glass, positions=positions, name="glass")]
    for kt, sources in at.items():
        sides.append(side_of(sources, positions=positions, name=f"liquid at kT {kt:g}"))
        require_one_system(glass[0].run, sides[0].system, sources[0].run, sides[-1].system)
    found = fictive_temperatures(sides[0], dict(zip(at, sides[1:], strict=True)), scores=scores, progress=progress)
    part = results(found, sides[0], positions, ENERGY)
    part.notes += _notes(sides, liquids)
    write_results([part], out, PRODUCT, request)
    return [*part.numbers, *part.notes]


def fictive_temperatures(
    glass: Side, liquids: Mapping[float, Side], *, scores: Scores | None = None, progress: Progress | None = None
) -> list[FictiveTemperature]:
    """The fictive temperature by E_IS, by every descriptor, and by further scores.

    Args:
        glass: the configurations of the glass.
        liquids: of liquids in equilibrium by their kT, rising [eps_AA].
        scores: further numbers.
        progress: told how many configurations are measured, and of how many.
    """
    sides, tables = [glass, *liquids.values()], []
    for side, found in zip(sides, measured(sides, progress), strict=True):
        numbers = {ENERGY: side.energies} | {key.name: values for key, values in found.items() if not key.curve}
        tables.append(numbers | (dict(scores.of(side)) if scores else {}))
    kt = np.array(list(liquids))
    return [
        fictive_temperature(name, tables[0][name], kt, [table[name] for table in tables[1:]])
        for name in tables[0]
        if all(name in table for table in tables)
    ]


def _by_temperature(liquids: Sequence[Source]) -> dict[float, list[Source]]:
    """Liquids by the temperature they were asked for at, rising."""
    at: dict[float, list[Source]] = {}
    for source in liquids:
        if source.kt is None:
            raise ValueError(f"{source.run.path}: got no temperature, expected a liquid as RUN@kT")
        at.setdefault(source.kt, []).append(source)
    if len(at) < FEWEST:
        got = ", ".join(f"{kt:g}" for kt in sorted(at))
        raise ValueError(f"liquids: got kT {got}, expected at least {FEWEST} temperatures for a line")
    return dict(sorted(at.items()))


def _notes(sides: Sequence[Side], liquids: Sequence[Source]) -> list[str]:
    """What a reader must know: who was left out, and which liquids still drift or were never looked at."""
    notes = [
        f"{side.name}: {side.left_out} configurations are left out, their quench did not converge"
        for side in sides
        if side.left_out
    ]
    for source in liquids:
        name = source.run.name
        if source.run.spec["protocol"] != "anneal":
            notes.append(f"{name}: is no run of vitrify anneal; whether it is in equilibrium was not looked at")
        elif not equilibrium(source.run).settled(SETTLED):
            notes.append(f"{name}: its E_IS drifts between the halves of the run, it may not have settled")
    return notes
