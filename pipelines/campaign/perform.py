"""``vitrify task STAGE DIR``: one task, alone in its directory, its product whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vitrify.md.protocols.unfinished import Unfinished
from vitrify.md.store.checkpoint import lock_directory, write_atomically
from vitrify.md.store.product import DONE
from vitrify.pipelines.campaign.tasks import ERROR, PROGRESS, WORKING, Task, product, read_task

BEAT = 10.0
"""Seconds between two signs of life of a task."""

RECENT = 600.0
"""Seconds between two marks of how far a task was: its speed is what it did since the last mark but one."""

PATIENCE = 5.0
"""Seconds that a task waits for another process to leave its directory: one that was killed may take a moment."""


class NotYet(Exception):
    """A task may not begin: an input is not there, or another process is at it."""


def perform(
    stage: str,
    directory: Path,
    *,
    stop: Callable[[], bool] = lambda: False,
    checkpoint_every: float = 60.0,
    describe: Callable[[Exception], str] = str,
) -> Path:
    """Carry out the task of a directory; one that is done is left alone.

    Args:
        stage: the stage the task must belong to.
        directory: the task's directory.
        stop: asked every few seconds whether to checkpoint and leave.
        checkpoint_every: seconds between checkpoints.
        describe: an error as one line, to be kept.

    Returns:
        The product.

    Raises:
        NotYet: when an input is not there yet, or another process is at the task; nothing is written.
        Unfinished: when stopped, with a checkpoint.
        ValueError: when ``directory`` holds no task of the stage, and whatever else its action raises; the error is
            kept in the directory.
    """
    task = read_task(directory)
    if task.stage != stage:
        raise ValueError(f"{directory}: is a task of stage {task.stage}, got {stage}")
    there = product(directory, stage)
    if there.exists():
        return there
    require_inputs(task, directory)
    with locked(directory):
        if there.exists():  # another process was just finishing it
            return there
        (directory / ERROR).unlink(missing_ok=True)
        try:
            with signs_of_life(directory) as progress:
                make(task, directory, stop, progress, checkpoint_every)
        except Unfinished:
            raise
        except Exception as error:
            with disk_may_be_full():
                write_atomically(directory / ERROR, f"{describe(error)}\n")
            raise
    return there


def make(
    task: Task,
    directory: Path,
    stop: Callable[[], bool],
    progress: Callable[[float, float], None],
    checkpoint_every: float,
) -> None:
    """Make the product in ``working``, and put it in its place."""
    from vitrify.pipelines.campaign.actions import ACTIONS, Work

    out = directory / WORKING / task.stage
    out.parent.mkdir(exist_ok=True)
    work = Work(task=task, home=directory, out=out, checkpoint_every=checkpoint_every, stop=stop, progress=progress)
    if not (out / DONE).exists():  # else the process was killed when all but the name was done
        ACTIONS[task.action](work)
    out.rename(product(directory, task.stage))
    shutil.rmtree(directory / WORKING, ignore_errors=True)


def require_inputs(task: Task, directory: Path) -> None:
    """Raise NotYet unless the products of all tasks that this one reads are there, naming one that failed first."""
    missing = [
        (stage, name)
        for stage, names in task.inputs.items()
        for name in names
        if not product(directory.parent / name, stage).exists()
    ]
    for _, name in missing:
        if (error := directory.parent / name / ERROR).is_file():
            raise NotYet(f"{directory}: its input {name} failed: {error.read_text().strip()}")
    if missing:
        raise NotYet(f"{directory}: waits for {missing[0][1]} and {len(missing)} inputs in all")


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes out of a task's directory.

    Raises:
        NotYet: when another one is in it.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            descriptor = lock_directory(directory)
            break
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise NotYet(f"{directory}: another process is at this task") from error
            time.sleep(0.1)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def signs_of_life(directory: Path) -> Iterator[Callable[[float, float], None]]:
    """A function to tell progress to, which is written down every few seconds, with the process that makes it.

    The file stays: how far a task had come that was stopped, and how long all its launches took. Its two marks, of
    this launch, are each a time on that clock and the share that was done.
    """
    before = read_progress(directory)
    facts = {
        "host": platform.node(),
        "pid": os.getpid(),
        "began": time.time(),
        "earlier": before.get("seconds", 0.0),
        "seconds": 0.0,
        "done": 0.0,
        "total": 0.0,
        "marks": [],
        "ended": False,
    }
    over = threading.Event()

    def clock() -> float:
        return facts["earlier"] + time.time() - facts["began"]

    def write() -> None:
        facts["seconds"] = clock()
        partial = directory / f"{PROGRESS}.partial"
        with disk_may_be_full():
            partial.write_text(json.dumps(facts))
            partial.replace(directory / PROGRESS)

    def beat() -> None:
        while not over.wait(BEAT):
            write()

    def progress(done: float, total: float) -> None:
        first = not facts["total"]
        facts["done"], facts["total"] = float(done), float(total)
        facts["marks"] = marked(facts["marks"], clock(), share_done(facts))
        if first:
            write()

    write()
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        over.set()
        thread.join()
        facts["ended"] = True
        write()


def read_progress(directory: Path) -> dict[str, Any]:
    """The last sign of life of a task; {} where there is none, or a full disk tore it."""
    try:
        return json.loads((directory / PROGRESS).read_text())
    except (OSError, ValueError):
        return {}


def marked(marks: list[list[float]], now: float, done: float) -> list[list[float]]:
    """Marks, each a time and how much was done by then, with another where the last is old; the last two are kept.

    >>> marked(marked(marked([], 0.0, 0.1), 200.0, 0.2), 700.0, 0.5)
    [[0.0, 0.1], [700.0, 0.5]]
    """
    if marks and now - marks[-1][0] <= RECENT:
        return marks
    return [*marks[-1:], [now, done]]


def share_done(facts: Mapping[str, Any]) -> float:
    """The share of a task that is done, 0 to 1, from its sign of life."""
    return min(1.0, facts["done"] / facts["total"]) if facts.get("total") else 0.0


def done_lately(facts: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds since the last mark but one, and the share of the task that was done in them.

    Of all launches, where a task of an earlier version left no marks.

    >>> done_lately({"seconds": 5000.0, "done": 30, "total": 40, "marks": [[4000.0, 0.5], [4600.0, 0.7]]})
    (1000.0, 0.25)
    """
    seconds, share = (facts.get("marks") or [[0.0, 0.0]])[0]
    return facts.get("seconds", 0.0) - seconds, share_done(facts) - share


@contextmanager
def disk_may_be_full() -> Iterator[None]:
    """Pass over what cannot be written where the disk is full: a sign of life is worth no run."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
