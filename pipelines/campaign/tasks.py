"""The contract between a task and whoever runs it: a directory a task, and in it the file that says what to do."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

TASK, ERROR, PROGRESS, LOG, WORKING = "task.json", "error", "progress.json", "log", "working"
"""Files and folders of a task's directory, beside its product, which is named after the stage."""

RESTARTS = "restarts.json"
"""In the directory of a task on a cluster: how many launches in a row brought nothing."""

RESERVED = (TASK, ERROR, PROGRESS, LOG, WORKING, RESTARTS, "models")
"""Names that no stage may have."""

CHECKPOINTED = frozenset({"cool", "anneal", "deposit", "cool-film", "train"})
"""Actions that write checkpoints when they are told to leave; others begin anew."""

WAITS = 75
"""Exit status of a task that may not begin yet: an input is not there, or another process is at it (EX_TEMPFAIL)."""

PROGRAM = (sys.executable, "-c", "from vitrify.pipelines.cli import main; main()")
"""How whoever runs tasks begins ``vitrify``."""

PERMANENT = frozenset({"checkpoint", "training.npz", "DONE"})
"""Files in a task's directory that a later launch goes on from; a new one is progress."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One piece of work that leaves one product.

    Attributes:
        name: of its directory.
        stage: the stage it belongs to, and the name of its product.
        action: what is done, a verb of the command line: "cool", "dataset".
        batch: its place among the tasks of the stage, from 0.
        inputs: names of the tasks whose products it reads, by stage.
        asked: what is asked of the action: the spec of a run, the options of a verb.
    """

    name: str
    stage: str
    action: str
    batch: int = 0
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """As it stands in ``task.json``."""
        return json.dumps(asdict(self), indent=1) + "\n"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Tasks of one kind that do not wait for each other.

    Attributes:
        name: of the stage.
        action: what its tasks do.
        table: name of the table of the campaign file it comes from, "cool.ramp".
        tasks: one, or a batch of replicas each.
    """

    name: str
    action: str
    table: str
    tasks: tuple[Task, ...]

    @property
    def needs(self) -> tuple[str, ...]:
        """The stages it reads products of."""
        return tuple(dict.fromkeys(stage for task in self.tasks for stage in task.inputs))


def read_task(directory: Path) -> Task:
    """What the task of a directory is.

    Raises:
        FileNotFoundError: when it is no task's directory.
        ValueError: when the file is damaged.
    """
    path = directory / TASK
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, f"no task's directory (it has no {TASK})", str(directory))
    try:
        held = json.loads(path.read_text())
        inputs = {stage: tuple(names) for stage, names in held.pop("inputs").items()}
        return Task(**held, inputs=inputs)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: damaged ({error})") from error


def product(directory: Path, stage: str) -> Path:
    """Where the product of a task is, once it is done."""
    return directory / stage


def newest(home: Path) -> int:
    """When the newest file that a launch of a task can go on from was written; 0 where there is none [ns]."""
    found = [0]
    for folder in (home / WORKING, home / "models"):
        for path in folder.rglob("*"):
            if path.name in PERMANENT:
                with suppress(FileNotFoundError):
                    found.append(path.stat().st_mtime_ns)
    return max(found)
