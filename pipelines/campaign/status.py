"""How far a campaign is: one screen, stage by stage, from the directories of its tasks alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from vitrify.pipelines.campaign.campaign import Campaign
from vitrify.pipelines.campaign.directory import task_directory
from vitrify.pipelines.campaign.local import is_driven
from vitrify.pipelines.campaign.perform import read_progress
from vitrify.pipelines.campaign.plan import duration, weights
from vitrify.pipelines.campaign.state import Standing, State, survey
from vitrify.pipelines.campaign.tasks import Stage

SAMPLE = 16
"""Tasks of a stage that are done whose time is read, the last ones."""

ENOUGH, LONG = 0.02, 60.0
"""Share of a task that tells its speed; seconds after which any does."""

REASONS = 10
"""Failed tasks that are named."""


@dataclass(frozen=True, kw_only=True)
class StageStatus:
    """How far one stage is.

    Attributes:
        stage: the stage.
        counts: of its tasks by state.
        share: how much of it is done, 0 to 1.
        left: seconds of one device that are left, at the speed that its tasks run at now; where none runs, that of its
            tasks before, and where there is none, that of other stages.
    """

    stage: Stage
    counts: Mapping[State, int]
    share: float
    left: float


@dataclass(frozen=True, kw_only=True)
class Status:
    """How far a campaign is.

    Attributes:
        name: of the campaign.
        stages: in the order of the file.
        failed: tasks that failed.
        running: tasks that run.
        driven: whether a run is going on here.
        measured: whether any task has run, so that what is left follows from this machine's speed.
    """

    name: str
    stages: tuple[StageStatus, ...]
    failed: tuple[Standing, ...]
    running: tuple[Standing, ...]
    driven: bool
    measured: bool

    @property
    def counts(self) -> dict[State, int]:
        """Of all tasks by state."""
        return {state: sum(one.counts.get(state, 0) for one in self.stages) for state in State}

    @property
    def left(self) -> float:
        """Seconds of one device that are left."""
        return sum(one.left for one in self.stages)

    @property
    def well(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    @property
    def finished(self) -> bool:
        """Whether all tasks are done."""
        return all(count == 0 for state, count in self.counts.items() if state is not State.DONE)


def status_of(campaign: Campaign, out: Path) -> Status:
    """Look at a campaign.

    Args:
        campaign: the campaign.
        out: its directory.
    """
    found, weight = survey(out, campaign.stages), weights(campaign.stages)
    now = {stage.name: _now(stage, found, weight) for stage in campaign.stages}
    before = {stage.name: _before(stage, found, weight, out) for stage in campaign.stages}
    usual = next((pace for pace in (_sum(now.values()), _sum(before.values())) if pace.planned), Pace(1.0, 1.0))
    rows = []
    for stage in campaign.stages:
        own = [found[task.name] for task in stage.tasks]
        total = sum(weight[task.name] for task in stage.tasks)
        done = sum(weight[one.task.name] * one.share for one in own)
        pace = next(pace for pace in (now[stage.name], before[stage.name], usual) if pace.planned)
        rows.append(
            StageStatus(
                stage=stage,
                counts={state: sum(one.state is state for one in own) for state in State},
                share=done / total,
                left=(total - done) * pace.took / pace.planned,
            )
        )
    return Status(
        name=campaign.name,
        stages=tuple(rows),
        failed=tuple(one for one in found.values() if one.state is State.FAILED),
        running=tuple(one for one in found.values() if one.state is State.RUNNING),
        driven=is_driven(out),
        measured=any(pace.planned for pace in (*now.values(), *before.values())),
    )


class Pace(NamedTuple):
    """Seconds that some work took, and those that were planned for it."""

    took: float
    planned: float


def _now(stage: Stage, found: Mapping[str, Standing], weight: Mapping[str, float]) -> Pace:
    """Of the tasks of a stage that run: what each did lately, however slow the machine was before."""
    running = [found[task.name] for task in stage.tasks if found[task.name].state is State.RUNNING]
    return _sum(Pace(one.lately[0], weight[one.task.name] * one.lately[1]) for one in running if _tells(one))


def _before(stage: Stage, found: Mapping[str, Standing], weight: Mapping[str, float], out: Path) -> Pace:
    """Of the last tasks of a stage that are done, all their launches, and of those that were stopped."""
    own = [found[task.name] for task in stage.tasks]
    stopped = [one for one in own if one.state is not State.RUNNING and _tells(one)]
    done = [one.task for one in own if one.state is State.DONE][-SAMPLE:]
    took = {task.name: read_progress(task_directory(out, task)).get("seconds", 0.0) for task in done}
    return _sum(
        [Pace(one.lately[0], weight[one.task.name] * one.lately[1]) for one in stopped]
        + [Pace(seconds, weight[name]) for name, seconds in took.items() if seconds]
    )


def _tells(one: Standing) -> bool:
    """Whether a task did enough lately to tell its speed: a start that takes as long does not."""
    seconds, share = one.lately
    return share > ENOUGH or (share > 0 and seconds > LONG)


def _sum(paces: Iterable[Pace]) -> Pace:
    took, planned = 0.0, 0.0
    for pace in paces:
        took, planned = took + pace.took, planned + pace.planned
    return Pace(took, planned)


def as_table(status: Status) -> Table:
    """One line a stage."""
    table = Table(title=f"campaign {status.name}")
    table.add_column("stage")
    for name in ("tasks", "done", "running", "ready", "waiting", "failed", "share", "left, one device"):
        table.add_column(name, justify="right")
    for row in status.stages:
        counts = row.counts
        style = "red" if counts[State.FAILED] else "dim" if counts[State.DONE] == len(row.stage.tasks) else None
        table.add_row(row.stage.name, *_cells(counts), f"{row.share:.0%}", duration(row.left) if row.left else "",
                      style=style)  # fmt: skip
    table.add_section()
    table.add_row("all", *_cells(status.counts), "", duration(status.left) if status.left else "")
    return table


def _cells(counts: Mapping[State, int]) -> list[str]:
    ready = counts[State.READY] + counts[State.UNFINISHED]
    waiting = counts[State.WAITING] + counts[State.BLOCKED]
    shown = (sum(counts.values()), counts[State.DONE], counts[State.RUNNING], ready, waiting, counts[State.FAILED])
    return [str(count) if count else "" for count in shown]


def in_words(status: Status) -> list[str]:
    """What failed and why, what runs, and the time left."""
    lines = [f"{one.task.name} failed: {one.reason}" for one in status.failed[:REASONS]]
    if len(status.failed) > REASONS:
        lines.append(f"and {len(status.failed) - REASONS} more failed")
    if blocked := status.counts[State.BLOCKED]:
        lines.append(f"{blocked} tasks wait for those that failed; run again once the reason is gone")
    if status.finished:
        return [*lines, "all is done"]
    count = len(status.running)
    if not count and status.driven:
        return [*lines, "a run is going on, and just begins tasks"]
    if not count:
        return [*lines, "nothing is running; vitrify campaign run or submit goes on"]
    names = ", ".join(f"{one.task.name} {one.share:.0%}" for one in status.running[:4])
    source = "" if status.measured else " at the speed of another machine"
    return [*lines, f"{count} running ({names}{', ...' if count > 4 else ''}); about {duration(status.left / count)} "
                    f"left if as many go on side by side{source}"]  # fmt: skip


def as_json(status: Status) -> dict:
    """The same as plain numbers."""
    return {
        "campaign": status.name,
        "well": status.well,
        "finished": status.finished,
        **{state.value: count for state, count in status.counts.items()},
        "device_seconds_left": status.left,
        "stages": [
            {
                "stage": row.stage.name,
                "action": row.stage.action,
                "tasks": len(row.stage.tasks),
                **{state.value: count for state, count in row.counts.items()},
                "share": row.share,
                "device_seconds_left": row.left,
            }
            for row in status.stages
        ],
        "failures": _reasons(status.failed),
    }


def _reasons(failed: Sequence[Standing]) -> list[dict[str, str]]:
    return [{"task": one.task.name, "stage": one.task.stage, "reason": one.reason} for one in failed]
