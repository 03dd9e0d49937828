"""What became of every task, from its directory alone: no database, no server, no process to ask."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vitrify.pipelines.campaign.directory import WORKSPACE
from vitrify.pipelines.campaign.perform import done_lately, read_progress, share_done
from vitrify.pipelines.campaign.tasks import ERROR, PROGRESS, WORKING, Stage, Task

SILENCE = 120.0
"""Seconds without a sign of life after which a task on another machine counts as not running."""


class State(StrEnum):
    """What a task is.

    WAITING for its inputs, READY to begin, RUNNING, UNFINISHED: stopped or killed with something to go on from, FAILED
    with an error, BLOCKED because an input failed, DONE.
    """

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    UNFINISHED = "unfinished"
    FAILED = "failed"
    BLOCKED = "blocked"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far a task is.

    Attributes:
        task: the task.
        state: what it is.
        share: share of it that is done, 0 to 1.
        lately: the last seconds of its last launch, some 10 to 20 minutes if it is long, and the share of the task that
            was done in them; 0 for one that is done, whose file is not read.
        reason: the error of a task that failed; the task that failed of one that is blocked.
    """

    task: Task
    state: State
    share: float = 0.0
    lately: tuple[float, float] = (0.0, 0.0)
    reason: str = ""


def survey(out: Path, stages: Sequence[Stage]) -> dict[str, Standing]:
    """How far every task of a campaign is, by the task's name.

    Args:
        out: the campaign's directory.
        stages: all of them, each after those it needs.
    """
    found: dict[str, Standing] = {}
    unready: dict[str, Standing | None] = {}
    for stage in stages:
        for task in stage.tasks:
            own = standing(task, out / WORKSPACE / task.name)
            if own.state in (State.READY, State.FAILED):
                blocker = _blocker(task, found, unready)
                if blocker is not None and own.state is State.READY:
                    own = blocker
            found[task.name] = own
    return found


def standing(task: Task, directory: Path) -> Standing:
    """How far a task is, as if its inputs were there."""
    try:
        names = set(os.listdir(directory))
    except FileNotFoundError:
        return Standing(task=task, state=State.READY)
    if task.stage in names:
        return Standing(task=task, state=State.DONE, share=1.0)
    facts = read_progress(directory) if PROGRESS in names else {}
    share, lately = share_done(facts), done_lately(facts)
    if facts and is_alive(facts, directory / PROGRESS):
        return Standing(task=task, state=State.RUNNING, share=share, lately=lately)
    if ERROR in names:
        reason = (directory / ERROR).read_text(errors="replace").strip()
        return Standing(task=task, state=State.FAILED, share=share, lately=lately, reason=reason)
    state = State.UNFINISHED if WORKING in names else State.READY
    return Standing(task=task, state=state, share=share, lately=lately)


def is_alive(facts: dict, path: Path) -> bool:
    """Whether the process that gave a sign of life is still there; one of this machine is asked for."""
    if facts["ended"]:
        return False
    if facts["host"] == platform.node():
        try:
            os.kill(facts["pid"], 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # somebody else's
            pass
    return time.time() - path.stat().st_mtime < SILENCE


def _blocker(task: Task, found: dict[str, Standing], known: dict[str, Standing | None]) -> Standing | None:
    """How a task that is not begun stands where an input is missing; None where all are there."""
    waits = False
    for stage, names in task.inputs.items():
        key = "\n".join((stage, *names))
        if key not in known:
            states = [found[name] for name in names]
            failed = [one for one in states if one.state in (State.FAILED, State.BLOCKED)]
            missing = [one for one in states if one.state is not State.DONE]
            known[key] = failed[0] if failed else missing[0] if missing else None
        worst = known[key]
        if worst is None:
            continue
        if worst.state in (State.FAILED, State.BLOCKED):
            name = worst.task.name if worst.state is State.FAILED else worst.reason
            return Standing(task=task, state=State.BLOCKED, reason=name)
        waits = True
    return Standing(task=task, state=State.WAITING) if waits else None
