"""The whole file: tables become stages, in an order in which they can be done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from vitrify.pipelines.campaign import measuring, simulating, teaching
from vitrify.pipelines.campaign.document import Document, Place
from vitrify.pipelines.campaign.tables import Common, Outline, Table, as_kind, check_name, whole
from vitrify.pipelines.campaign.tasks import Stage

KINDS: Mapping[str, type[Table]] = {**simulating.TABLES, **measuring.TABLES, **teaching.TABLES}
"""Kinds of tables by the first word of their headers, each after those it may refer to."""

REPORT = "report"

SHIPPED = Path(__file__).parent / "shipped"
"""The campaigns that come with the package."""


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """A campaign, checked.

    Attributes:
        name: of the campaign.
        title: of its report.
        seed: what all seeds derive from.
        stages: in an order in which they can be done: every stage stands after those it needs.
        document: the file it was read from.
    """

    name: str
    title: str
    seed: int
    stages: tuple[Stage, ...]
    document: Document = field(repr=False, compare=False)

    def stage(self, name: str) -> Stage:
        """The stage of a name."""
        return next(stage for stage in self.stages if stage.name == name)

    def place(self, stage: Stage) -> Place:
        """The table of a stage in the file."""
        return tuple(stage.table.rstrip(".").split("."))


def shipped() -> list[str]:
    """Names of the campaigns that come with the package.

    >>> shipped()
    ['evening', 'log', 'smoke']
    """
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def read_campaign(text: str | Path) -> Campaign:
    """Read a campaign: a file, or the name of one that comes with the package.

    Raises:
        FileNotFoundError: when there is neither.
        ValueError: for anything in the file that is wrong, with its line.
    """
    path = Path(text)
    if not path.is_file() and str(text) in shipped():
        path = SHIPPED / f"{text}.toml"
    if not path.is_file():
        raise FileNotFoundError(
            2, f"no such campaign; expected a TOML file or one of {', '.join(shipped())}", str(text)
        )
    try:
        words = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: no TOML file: {error}") from error
    return parse_campaign(str(path), words)


def parse_campaign(name: str, text: str) -> Campaign:
    """A campaign from the text of its file; see :func:`read_campaign`.

    >>> campaign = parse_campaign("a.toml", '''
    ... name = "a"
    ... seed = 1
    ... [cool.ramp]
    ... ramp_steps = [2e4, 2e5]
    ... replicas = 128
    ... batch = 64
    ... [analyze.curves]
    ... runs = ["ramp"]
    ... ''')
    >>> [(stage.name, len(stage.tasks), stage.needs) for stage in campaign.stages]
    [('ramp-2e4', 2, ()), ('ramp-2e5', 2, ()), ('curves', 1, ('ramp-2e4', 'ramp-2e5'))]
    """
    document = Document.of(name, text)
    common = _common(document)
    outline = Outline(common)
    for kind, table in _tables(document):
        place = (REPORT,) if kind is measuring.Report else (kind.action, table.name)
        try:
            outline.add(table.stages(outline))
        except ValueError as error:
            key = tuple(str(error).partition(":")[0].split("."))
            raise document.error(place_of_key(document, place, key), f"[{'.'.join(place)}] {error}") from error
    if not outline.stages:
        raise ValueError(f"{name}: has no table, expected one of {', '.join(f'[{kind}.NAME]' for kind in KINDS)}")
    return Campaign(
        name=common.name,
        title=common.title,
        seed=common.seed,
        stages=tuple(outline.stages.values()),
        document=document,
    )


def _common(document: Document) -> Common:
    kinds = get_type_hints(Common)
    given: dict[str, Any] = {}
    for key, value in document.table.items():
        if key in KINDS or key == REPORT:
            continue
        if key not in kinds:
            known = [*kinds, *(f"[{kind}.NAME]" for kind in KINDS), f"[{REPORT}]"]
            raise document.error((key,), f"has no {key}; expected one of {', '.join(known)}")
        try:
            given[key] = as_kind(key, value, kinds[key])
            if key == "name":
                check_name(value)
            if key == "seed" and given[key] < 0:
                raise ValueError(f"seed: got {value}, expected at least 0")
        except ValueError as error:
            raise document.error((key,), str(error)) from error
    for entry in fields(Common):
        if entry.name in ("name", "seed") and entry.name not in given:
            raise ValueError(f"{document.name}: has no {entry.name}, which a campaign needs before its first table")
    if unknown := sorted(set(given.get("mixture", {})) - simulating.mixture_keys()):
        known = ", ".join(sorted(simulating.mixture_keys()))
        raise document.error(("mixture", unknown[0]), f"[mixture] has no {unknown[0]}; expected one of {known}")
    common = Common(**given)
    return replace(common, mixture={key: whole(value) for key, value in common.mixture.items()})


def _tables(document: Document) -> list[tuple[type[Table], Table]]:
    """All tables of a file, each after those it may refer to."""
    found: list[tuple[type[Table], Table]] = []
    for action, kind in KINDS.items():
        named = document.table.get(action, {})
        for name, table in named.items() if isinstance(named, Mapping) else [("", named)]:
            place = (action, name) if name else (action,)
            if not isinstance(table, Mapping):
                raise document.error(place, f"got {'.'.join(place)} = {table!r}, expected a table [{action}.NAME]")
            try:
                check_name(name)
            except ValueError as error:
                raise document.error(place, f"[{action}.{name}] {error}") from error
            found.append((kind, kind.read(document, place, name, table)))
    if isinstance(report := document.table.get(REPORT), Mapping):
        found.append((measuring.Report, measuring.Report.read(document, (REPORT,), REPORT, report)))
    elif report is not None:
        raise document.error((REPORT,), f"got {report!r}, expected a table [{REPORT}]")
    return found


def place_of_key(document: Document, table: Place, key: Place) -> Place:
    """Where a key of a table is given: there, or in ``[mixture]``."""
    if (*table, *key) not in document.lines and ("mixture", *key) in document.lines:
        return ("mixture", *key)
    return (*table, *key)


def check_options(campaign: Campaign) -> None:
    """Check the options of analyses and networks, which takes SciPy and JAX some seconds: once, before it begins.

    Raises:
        ValueError: for a network, an option or a number of a recipe that there is not, with its line.
    """
    for stage in campaign.stages:
        asked = stage.tasks[0].asked
        try:
            if stage.action == "analyze":
                measuring.analysis_options(asked["options"])
            elif stage.action == "train":
                _check_network("model", asked)
            elif stage.action == "transfer" and asked["architecture"]:
                _check_network("architecture", asked)
        except ValueError as error:
            place, words = campaign.place(stage), str(error)
            wrong = next((key for key in asked.get("settings", {}) if re.search(rf"\b{key}\b", words)), "")
            place = (*place, "settings", wrong) if wrong else (*place, *words.partition(":")[0].split("."))
            raise campaign.document.error(place, f"[{stage.table}] {error}") from error


def _check_network(key: str, asked: Mapping[str, Any]) -> None:
    from vitrify.learn.settings import settled

    settled(asked[key], asked["settings"])
