"""What a job on a cluster does: one task, and back into the queue where it is unfinished.

``python -m vitrify.pipelines.campaign.job workspace/TASK``, the last line of every script. It begins ``vitrify task``
and passes USR1 on, which Slurm sends before the wall time. A task that left with a checkpoint (85), was killed, or
found another process at its directory puts its own job back into the queue with ``scontrol requeue``, so that what
waits for it goes on waiting. Launches in a row without a new checkpoint are counted, also those a dead node ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from vitrify.md.store.checkpoint import write_atomically
from vitrify.pipelines.campaign.perform import NotYet, require_inputs
from vitrify.pipelines.campaign.tasks import ERROR, LOG, PROGRAM, RESTARTS, WAITS, Task, newest, product, read_task
from vitrify.pipelines.stopping import UNFINISHED

GRACE, POLL = 15.0, 0.5
"""Seconds a task has to leave once its job is over, half of Slurm's own patience (KillWait); between two looks."""


@dataclass
class Signals:
    """What Slurm has sent: USR1, the wall time is near; TERM, it is over, or somebody cancelled the job."""

    child: subprocess.Popen | None = None
    near: bool = False
    over: bool = False

    def note_near(self, *_: object) -> None:
        """Tell the task to leave, once: a second signal would end it before its checkpoint is written."""
        if self.child is not None and not self.near:
            self.child.send_signal(signal.SIGUSR1)
        self.near = True

    def note_over(self, *_: object) -> None:
        """Slurm sends this to every process of a job, so that the task has it already."""
        self.over = True


def work(home: Path, *, retries: int) -> int:
    """Launch the task of a directory once; the exit status of its job."""
    task = read_task(home)
    try:
        require_inputs(task, home)
    except NotYet as reason:
        say(str(reason))
        return WAITS
    if reason := out_of_budget(home, retries):
        write_atomically(home / ERROR, f"{reason}\n")
        say(reason)
        return 1
    signals = Signals()
    signal.signal(signal.SIGUSR1, signals.note_near)
    signal.signal(signal.SIGTERM, signals.note_over)
    with open(home / LOG, "a") as log:
        words = [*PROGRAM, "task", task.stage, str(home), "--leave-with", str(os.getpid())]
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if signals.near:
        child.send_signal(signal.SIGUSR1)
    signals.child = child
    return judge(task, home, waited(child, signals), signals)


def waited(child: subprocess.Popen, signals: Signals) -> int:
    """The exit status of a task; where its job is over it is ended in time for us to say so."""
    left = GRACE
    while left > 0:
        try:
            return child.wait(POLL)
        except subprocess.TimeoutExpired:
            left -= POLL if signals.over else 0
    child.kill()
    return child.wait()


def judge(task: Task, home: Path, status: int, signals: Signals) -> int:
    """What becomes of a job whose task has ended."""
    if product(home, task.stage).exists():
        (home / RESTARTS).unlink(missing_ok=True)
        say(f"{home}: done")
        return 0
    if status >= 0 and status not in (UNFINISHED, WAITS):
        return status
    how = f"was killed by signal {-status}" if status < 0 else "is unfinished" if status == UNFINISHED else "waits"
    if signals.over and signals.near:
        reason = "did not leave before its wall time was over; submit it again with a longer --time or --margin"
        write_atomically(home / ERROR, f"{reason}\n")
        say(f"{home}: {reason}")
        return UNFINISHED
    if signals.over:
        say(f"{home}: {how}, its job was cancelled")
        return UNFINISHED
    say(f"{home}: {how}, back into the queue")
    return requeue()


def requeue() -> int:
    """Put this job back into the queue; the status to leave with, which counts only where that did not work."""
    job = os.environ["SLURM_JOB_ID"]
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):  # the last number of an array has the whole array's number
        job = f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True)
    if done.returncode:
        say(f"scontrol requeue {job}: {done.stderr.strip()}; submit the campaign again")
    return UNFINISHED


def out_of_budget(home: Path, retries: int) -> str:
    """Why a task is not launched again; empty where it is. Counts this launch."""
    now, fruitless = newest(home), 0
    if int(os.environ.get("SLURM_RESTART_COUNT", "0")):
        try:
            before = json.loads((home / RESTARTS).read_text())
            fruitless = 0 if now > before["newest"] else before["fruitless"] + 1
        except (OSError, ValueError):  # none yet
            pass
    if fruitless > retries:
        return (
            f"{fruitless} launches in a row without progress; see {home / LOG}, submit again with more time or memory"
        )
    write_atomically(home / RESTARTS, json.dumps({"newest": now, "fruitless": fruitless}))
    return ""


def say(line: str) -> None:
    """A line in the log of the stage."""
    print(line, flush=True)


def main() -> None:
    """The command line of a job."""
    parser = ArgumentParser(description="one task of a campaign, and back into the queue where it is unfinished")
    parser.add_argument("--retries", type=int, default=3)
    parser.add_argument("home", type=Path)
    given = parser.parse_args()
    try:
        sys.exit(work(given.home, retries=given.retries))
    except (ValueError, OSError) as error:
        say(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
