"""What the jobs of a campaign ask a cluster for: one answer for all stages, and others for some."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from vitrify.pipelines.campaign.simulating import RUNS
from vitrify.pipelines.campaign.tables import as_kind
from vitrify.pipelines.campaign.tasks import Stage
from vitrify.pipelines.stopping import seconds

ON_GPU = (*RUNS, "train", "transfer")
"""Actions that a GPU makes faster; jobs of the others ask for none unless their own table does."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What one job asks for; each holds one task.

    Attributes:
        time: wall time, hours:minutes:seconds or days-hours:minutes:seconds; a task that takes longer comes back.
        margin: seconds before the wall time at which a task is told to write its checkpoint and leave.
        partition: where to queue; the cluster's default where empty.
        account: whom to charge; the user's default where empty.
        cpus: cores of a task.
        gpus: GPUs of a task, for what runs on them.
        memory: of a task, as Slurm has it: "8G"; the partition's default where empty.
        options: any other options of ``sbatch``, "--qos=long".
        setup: shell lines before a task: "module load cuda".
    """

    time: str = "24:00:00"
    margin: int = 180
    partition: str = ""
    account: str = ""
    cpus: int = 1
    gpus: int = 0
    memory: str = ""
    options: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()

    def __post_init__(self):
        limit = seconds(self.time)
        if limit < 60:
            raise ValueError(f"time: got {self.time}, expected a minute at least, the resolution of Slurm")
        if not 10 <= self.margin <= 0.9 * limit:
            raise ValueError(f"margin: got {self.margin} s, expected 10 s to nine tenths of the wall time {self.time}")
        if self.cpus < 1 or self.gpus < 0:
            raise ValueError(f"cpus, gpus: got {self.cpus} and {self.gpus}, expected at least 1 and 0")
        for option in self.options:
            if not option.startswith("-"):
                raise ValueError(f"option: got {option!r}, expected one of sbatch such as --qos=long")
        for name in ("partition", "account", "memory"):
            if any(letter.isspace() for letter in getattr(self, name)):
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected no space in it")
        for line in (*self.options, *self.setup):
            if "\n" in line:
                raise ValueError(f"option, setup: got {line!r}, expected a line each")


@dataclass(frozen=True, kw_only=True)
class Requests:
    """What every stage asks for.

    Attributes:
        common: of all stages.
        others: what differs from it, by stage or by action.
    """

    common: Resources
    others: Mapping[str, Mapping[str, Any]]

    def of(self, stage: Stage) -> Resources:
        """What the jobs of a stage ask for: what is common, less GPUs it has no use for, its action's, its own."""
        idle = {} if stage.action in ON_GPU else {"gpus": 0}
        return replace(self.common, **{**idle, **self.others.get(stage.action, {}), **self.others.get(stage.name, {})})


def read_requests(path: Path | None, given: Mapping[str, Any], stages: Sequence[Stage]) -> Requests:
    """What a file and the command line ask for, checked for every stage.

    Args:
        path: a TOML file: fields of :class:`Resources`, and tables of them named after an action or a stage.
        given: fields that were given on the command line, which go before those of the file that are for all.
        stages: of the campaign.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: for a field or a name that there is not, or a value out of range.
    """
    held: dict[str, Any] = {}
    if path is not None:
        try:
            held = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: no TOML file: {error}") from error
    where = str(path or "resources")
    others = {name: table for name, table in held.items() if isinstance(table, Mapping)}
    known = {stage.name for stage in stages} | {stage.action for stage in stages}
    if unknown := sorted(set(others) - known):
        raise ValueError(f"{where}: [{unknown[0]}] is no stage or action, expected one of {', '.join(sorted(known))}")
    plain = {key: value for key, value in held.items() if key not in others}
    requests = Requests(
        common=Resources(**{**_settled(plain, where), **given}),
        others={name: _settled(table, f"{where}: [{name}]") for name, table in others.items()},
    )
    for stage in stages:
        requests.of(stage)
    return requests


def _settled(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    kinds = get_type_hints(Resources)
    names = [entry.name for entry in fields(Resources)]
    if unknown := [key for key in table if key not in names]:
        raise ValueError(f"{where}: has no {unknown[0]}, expected one of {', '.join(names)}")
    try:
        return {key: as_kind(key, value, kinds[key]) for key, value in table.items()}
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
