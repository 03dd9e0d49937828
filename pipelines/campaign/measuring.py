"""Tables that read runs: analyses, comparisons, and the report at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vitrify.pipelines.campaign.places import place_of
from vitrify.pipelines.campaign.simulating import RUNS
from vitrify.pipelines.campaign.tables import Outline, Table, inputs_of
from vitrify.pipelines.campaign.tasks import Stage, Task

if TYPE_CHECKING:
    from vitrify.analysis.results import Options

WINDOWS = ("glass_window", "liquid_window", "film_glass_window", "film_liquid_window")
PLAIN = ("smooth_limit", "equilibrium_range", "structure", "wave_number", "overlap_radius")


def alone(table: Table, inputs: Mapping[str, tuple[str, ...]], asked: Mapping[str, Any]) -> list[Stage]:
    """A stage of one task, both named after the table."""
    task = Task(name=table.name, stage=table.name, action=table.action, inputs=inputs, asked=asked)
    return [Stage(name=table.name, action=table.action, table=f"{table.action}.{table.name}", tasks=(task,))]


@dataclass(frozen=True, kw_only=True)
class Analyze(Table):
    """``[analyze.NAME]``: curves, T_g, equilibrium, dynamics, structure and films of runs, as ``vitrify analyze``.

    Its options may be given by their names: ``structure = false``, ``film_glass_window = [0.05, 0.15]``.

    Attributes:
        runs: tables or stages of runs.
    """

    action: ClassVar[str] = "analyze"
    runs: tuple[str, ...]

    @classmethod
    def free_keys(cls) -> frozenset[str]:
        """The options of the verb."""
        return frozenset((*WINDOWS, *PLAIN))

    def stages(self, outline: Outline) -> list[Stage]:
        """One task that reads all batches of all runs."""
        runs = outline.refer_all("runs", self.runs, *RUNS)
        return alone(self, inputs_of(runs), {"options": dict(self.free)})


def analysis_options(given: Mapping[str, Any]) -> Options:
    """Options of an analysis by the names they have on the command line.

    >>> analysis_options({"structure": False, "glass_window": [0.05, 0.3]}).windows.glass
    (0.05, 0.3)
    """
    from vitrify.analysis.curves.glass_transition import FILM_WINDOWS, Windows
    from vitrify.analysis.results import Options

    def pair(key: str, default: tuple[float, float]) -> tuple[float, float]:
        value = given.get(key, default)
        if not (isinstance(value, list | tuple) and len(value) == 2 and value[0] < value[1]):
            raise ValueError(f"{key}: got {value!r}, expected two temperatures, the lower one first")
        return float(value[0]), float(value[1])

    usual = Windows()
    plain = {key: given[key] for key in PLAIN if key in given and key != "equilibrium_range"}
    return Options(
        windows=Windows(glass=pair("glass_window", usual.glass), liquid=pair("liquid_window", usual.liquid)),
        film_windows=Windows(
            glass=pair("film_glass_window", FILM_WINDOWS.glass), liquid=pair("film_liquid_window", FILM_WINDOWS.liquid)
        ),
        equilibrium_range=pair("equilibrium_range", Options().equilibrium_range),
        **plain,
    )


@dataclass(frozen=True, kw_only=True)
class Compare(Table):
    """``[compare.NAME]``: which descriptors differ at one energy, as ``vitrify compare``.

    Attributes:
        first: STAGE@kT, one side.
        second: STAGE@kT, the other.
        names: of the two sides.
        positions: "inherent" or "instant".
        tolerance: largest difference of E_IS within a pair; a fifth of its deviation where 0 [eps_AA].
    """

    action: ClassVar[str] = "compare"
    first: tuple[str, ...]
    second: tuple[str, ...]
    names: tuple[str, ...] = ()
    positions: str = "inherent"
    tolerance: float = 0.0

    def stages(self, outline: Outline) -> list[Stage]:
        """One task."""
        if self.names and len(self.names) != 2:
            raise ValueError(f"names: got {list(self.names)}, expected two")
        sides = {
            key: [place for text in getattr(self, key) for place in place_of(key, text, outline)]
            for key in ("first", "second")
        }
        runs = {place.stage.name: place.stage for side in sides.values() for place in side}
        asked = {key: [[place.stage.name, place.kt] for place in side] for key, side in sides.items()}
        options = {"names": list(self.names), "positions": self.positions, "tolerance": self.tolerance}
        return alone(self, inputs_of(list(runs.values())), {**asked, **options})


@dataclass(frozen=True, kw_only=True)
class Report(Table):
    """``[report]``: one page of what the campaign found.

    Attributes:
        of: tables or stages, a chapter each in this order; every analysis and evaluation where not given.
    """

    action: ClassVar[str] = "report"
    of: tuple[str, ...] = ()

    def stages(self, outline: Outline) -> list[Stage]:
        """One task."""
        told = [stage for stage in outline.stages.values() if stage.action in TOLD]
        if self.of:
            told = outline.refer_all("of", self.of, *RUNS, *TOLD)
        if not told:
            raise ValueError(f"of: there is nothing to report, expected a table of {', '.join(TOLD)}")
        return alone(self, inputs_of(told), {"title": outline.common.title})


TOLD = ("analyze", "compare", "evaluate", "transfer", "explain")
"""What a report tells of where it does not say."""

TABLES: Mapping[str, type[Table]] = {kind.action: kind for kind in (Analyze, Compare)}
"""By the first word of their headers."""
