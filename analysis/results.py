"""What one part of an analysis found: tables, figures with their captions, and lines for a person.

A part is a function of the runs and the options that gives Results. It lives in the room of its question, in a
``results.py``, and writes nothing: :func:`vitrify.analysis.analyze.analyze` writes what all parts found, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vitrify.analysis.curves.equilibrium_line import RANGE
from vitrify.analysis.curves.glass_transition import FILM_WINDOWS, Windows
from vitrify.analysis.curves.hyperbola import UPPER_LIMIT
from vitrify.analysis.dynamics.correlations import OVERLAP_RADIUS
from vitrify.analysis.report.tables import Columns

if TYPE_CHECKING:
    from vitrify.analysis.figures import Figure
    from vitrify.md.store.rundir import RunDirectory

BULK, FILMS = ("cool", "anneal", "import"), ("deposit", "cool-film")
"""Protocols of the bulk mixture and of films."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What an analysis may be asked.

    Attributes:
        windows: the two ranges of kT of the lines of Tg of the mixture [eps_AA].
        film_windows: the same of films cooled on their substrate.
        smooth_limit: highest kT of the hyperbola of the smooth Tg [eps_AA].
        equilibrium_range: range of kT of the equilibrium line [eps_AA].
        structure: whether to measure the stored configurations, some 0.1 s each at N = 1080.
        wave_number: k of the self-intermediate scattering function [1/sigma_AA]; None for the first peak of S_AA(k).
        overlap_radius: how far a particle may go and still overlap with where it was [sigma_AA].
    """

    windows: Windows = field(default_factory=Windows)
    film_windows: Windows = FILM_WINDOWS
    smooth_limit: float = UPPER_LIMIT
    equilibrium_range: tuple[float, float] = RANGE
    structure: bool = True
    wave_number: float | None = None
    overlap_radius: float = OVERLAP_RADIUS

    def __post_init__(self):
        for name in ("wave_number", "overlap_radius"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"{name}: got {value}, expected a positive number")


@dataclass(frozen=True, kw_only=True)
class CaptionedTable:
    """A table.

    Attributes:
        columns: equally long columns by name.
        caption: what it holds, with units, and what its errors are; a sentence or two.
        shown: the columns worth a place on a page; empty for all.
    """

    columns: Columns
    caption: str
    shown: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class CaptionedFigure:
    """A figure, and the caption that a report puts under it: what is drawn, and what its bands and bars are."""

    figure: Figure
    caption: str


@dataclass
class Results:
    """What a part found.

    Attributes:
        tables: by file name, ``tg.csv``.
        figures: by file name, ``cooling_curve.png``.
        numbers: the few that matter, each with its interval, in words.
        notes: what a reader must know, and what could not be found and why.
        files: others that lie beside them, such as animations, by file name.
    """

    tables: dict[str, CaptionedTable] = field(default_factory=dict)
    figures: dict[str, CaptionedFigure] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    def add_table(self, name: str, columns: Columns, caption: str, *, shown: Sequence[str] = ()) -> None:
        """Add a table under the file name ``name``."""
        self.tables[name] = CaptionedTable(columns=columns, caption=caption, shown=shown)

    def add_figure(self, name: str, figure: Figure, caption: str) -> None:
        """Add a figure under the file name ``name``."""
        self.figures[name] = CaptionedFigure(figure=figure, caption=caption)


Progress = Callable[[float, float], None]
"""Told how much is done, and of how much."""

Part = Callable[[Sequence["RunDirectory"], Options, Progress | None], Results]
"""One part of an analysis: takes all runs, picks those it can use, and gives empty Results where there are none."""


def of_protocols(runs: Sequence[RunDirectory], *protocols: str) -> list[RunDirectory]:
    """The runs of these protocols."""
    return [run for run in runs if run.spec["protocol"] in protocols]


def rows_to_columns(rows: Sequence[Mapping]) -> dict[str, list]:
    """Columns of a table from its rows, of the same names each.

    >>> rows_to_columns([{"run": "a", "kt": 1.0}, {"run": "b", "kt": 2.0}])
    {'run': ['a', 'b'], 'kt': [1.0, 2.0]}
    """
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
