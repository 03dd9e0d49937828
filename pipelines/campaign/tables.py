"""What the tables of a campaign file have in common: how keys become fields, names, seeds and references."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Self, get_args, get_origin, get_type_hints

from vitrify.md.protocols.spec import settled
from vitrify.pipelines.campaign.document import Document, Place
from vitrify.pipelines.campaign.tasks import RESERVED, Stage

MOST_REPLICAS, FEWEST_REPLICAS, MOST_SMALL_BATCHES = 1024, 64, 16
"""A batch holds at most so many replicas, and a stage of more batches than the last number at least so many each."""


@dataclass(frozen=True, kw_only=True)
class Common:
    """What stands before the first table of a campaign file, and in ``[mixture]``.

    Attributes:
        name: of the campaign.
        title: of its report.
        seed: what all seeds derive from.
        batch: replicas of a batch, where a table does not say.
        mixture: fields of every ``[cool]`` and ``[anneal]`` table that does not say otherwise.
    """

    name: str
    title: str = "Glasses in two dimensions"
    seed: int
    batch: int = 256
    mixture: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Table(ABC):
    """One table of a campaign file: a frozen dataclass for each kind, named after the verb that does the work.

    Attributes:
        name: its own, the second word of its header.
        free: keys that are no fields of the table but of what it asks for, such as the spec of a run.
    """

    action: ClassVar[str]
    name: str
    free: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def free_keys(cls) -> frozenset[str]:
        """Keys it may have beside its own fields."""
        return frozenset()

    @classmethod
    def read(cls, document: Document, place: Place, name: str, table: Mapping[str, Any]) -> Self:
        """Read it from a file.

        Raises:
            ValueError: for a key it has not, one that is missing, or a value of a wrong type, with the line.
        """
        own = {entry.name: entry for entry in fields(cls) if entry.name not in ("name", "free")}
        kinds, free = get_type_hints(cls), cls.free_keys()
        given: dict[str, Any] = {}
        for key, value in table.items():
            if key not in own and key not in free:
                known = ", ".join(sorted({*own, *free}))
                raise document.error((*place, key), f"[{'.'.join(place)}] has no {key}; expected one of {known}")
            if key in own:
                try:
                    given[key] = as_kind(key, value, kinds[key])
                except ValueError as error:
                    raise document.error((*place, key), str(error)) from error
        for key, entry in own.items():
            if entry.default is MISSING and entry.default_factory is MISSING and key not in given:
                raise document.error(place, f"[{'.'.join(place)}] has no {key}, which it needs")
        rest = {key: whole(value) for key, value in table.items() if key in free}
        return cls(name=name, free=rest, **given)

    @abstractmethod
    def stages(self, outline: Outline) -> Sequence[Stage]:
        """What is to be done, as stages whose tasks are described.

        Raises:
            ValueError: for numbers that go beyond their range, or a stage that is not there; the message begins with
                the key that it is about and a colon.
        """


class Outline:
    """The stages of a campaign that are known so far, for tables that refer to them.

    Attributes:
        common: what all tables share.
        stages: by name, in an order in which they can be done.
    """

    def __init__(self, common: Common):
        self.common = common
        self.stages: dict[str, Stage] = {}

    def add(self, stages: Sequence[Stage]) -> None:
        """Add the stages of a table.

        Raises:
            ValueError: when one of that name, or with a task of that name, is there already.
        """
        taken = {task.name for stage in self.stages.values() for task in stage.tasks} | set(self.stages)
        for stage in stages:
            if stage.name in RESERVED:
                raise ValueError(f"name: got {stage.name!r}, which names something else; expected another name")
            if clash := sorted(({task.name for task in stage.tasks} | {stage.name}) & taken):
                raise ValueError(f"name: {clash[0]} is there twice, expected another name for [{stage.table}]")
            self.stages[stage.name] = stage

    def refer(self, key: str, name: str, *actions: str) -> list[Stage]:
        """The stage of this name, or all stages of the table of this name.

        Args:
            key: where it is asked for, for the message.
            name: of the stage or the table.
            actions: what the stage may do.

        Raises:
            ValueError: when there is none.
        """
        fitting = [stage for stage in self.stages.values() if stage.action in actions]
        found = [stage for stage in fitting if stage.name == name]
        found = found or [stage for stage in fitting if stage.table.partition(".")[2] == name]
        if not found:
            known = ", ".join(stage.name for stage in fitting) or "none"
            raise ValueError(f"{key}: got {name!r}, expected a stage of {', '.join(actions)}; there are {known}")
        return found

    def refer_all(self, key: str, names: Sequence[str], *actions: str) -> list[Stage]:
        """The stages of several names, each once."""
        if not names:
            raise ValueError(f"{key}: is empty, expected one or more stages of {', '.join(actions)}")
        found = [stage for name in names for stage in self.refer(key, name, *actions)]
        return list({stage.name: stage for stage in found}.values())

    def seed(self, stage: str) -> int:
        """The seed of a stage: 31 bits from the campaign's seed and the stage's name, and nothing else."""
        text = json.dumps([self.common.seed, stage])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1


def inputs_of(stages: Sequence[Stage]) -> dict[str, tuple[str, ...]]:
    """All tasks of some stages, as the inputs of a task."""
    return {stage.name: tuple(task.name for task in stage.tasks) for stage in stages}


def batches(replicas: int, batch: int) -> list[tuple[int, int]]:
    """Replicas in batches: first number and count of each.

    Raises:
        ValueError: for batches that are too large, or so small that there would be too many of them.

    >>> batches(200, 64)
    [(0, 64), (64, 64), (128, 64), (192, 8)]
    """
    if replicas < 1:
        raise ValueError(f"replicas: got {replicas}, expected at least 1")
    if not 1 <= batch <= MOST_REPLICAS:
        raise ValueError(f"batch: got {batch}, expected 1 to {MOST_REPLICAS} replicas")
    if batch < FEWEST_REPLICAS and -(-replicas // batch) > MOST_SMALL_BATCHES:
        raise ValueError(
            f"batch: got {batch}, which makes {-(-replicas // batch)} batches of {replicas} replicas; expected "
            f"{FEWEST_REPLICAS} to {MOST_REPLICAS} replicas a batch where there are more than {MOST_SMALL_BATCHES}"
        )
    return [(first, min(batch, replicas - first)) for first in range(0, replicas, batch)]


def short(number: float) -> str:
    """A number as a part of a name.

    >>> short(200_000), short(0.547), short(430_000), short(1500)
    ('2e5', '0.547', '4.3e5', '1.5e3')
    """
    if number >= 1000 and float(number).is_integer():
        mantissa, _, exponent = f"{number:.12e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{number:g}"


def check_name(name: str) -> str:
    """A name that may be a folder's; ValueError for another.

    >>> check_name("set-1")
    'set-1'
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ValueError(f"name: got {name!r}, expected letters, digits, dots, dashes and underscores")
    return name


def as_kind(key: str, value: Any, kind: Any) -> Any:
    """A value as a field of a table has it: 2e5 for a whole number, one value for a list of them.

    >>> as_kind("ramp_steps", 2e5, tuple[int, ...]), as_kind("kt", [1, 0.5], tuple[float, ...])
    ((200000,), (1.0, 0.5))
    """
    value = whole(value) if int in (kind, *get_args(kind)) else value
    if get_origin(kind) is tuple and not isinstance(value, list | tuple):
        value = (value,)
    if get_origin(kind) in (Mapping, dict):
        if not isinstance(value, Mapping):
            raise ValueError(f"{key}: got {value!r}, expected a table")
        return dict(value)
    return settled(key, value, kind)


def whole(value: Any) -> Any:
    """The same with whole numbers that were written as 2e5 made whole.

    >>> whole([2e5, 0.5]), whole({"steps": 1e3})
    ([200000, 0.5], {'steps': 1000})
    """
    if isinstance(value, list | tuple):
        return [whole(one) for one in value]
    if isinstance(value, Mapping):
        return {key: whole(one) for key, one in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
