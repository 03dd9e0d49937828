"""Slurm's own programs, and the script of a job: everything that knows how Slurm is spoken to.

Slurm's queue is the record of what was submitted: a job runs in the campaign's directory (``--chdir``), is named after
its stage, and its place in the array is that of its batch. So nothing has to be kept that could be lost.
"""

from __future__ import annotations

import getpass
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vitrify.pipelines.campaign.directory import WORKSPACE
from vitrify.pipelines.campaign.resources import Resources
from vitrify.pipelines.campaign.tasks import Task

FOLDER = "slurm"
"""In the campaign's directory: scripts as they were submitted, and what Slurm itself had to say, a file a stage."""

LARGEST_ARRAY = 1001
"""Slurm's default of MaxArraySize: one more than the largest number in an array."""

ONE_THREAD = 'export XLA_FLAGS="$XLA_FLAGS --xla_cpu_multi_thread_eigen=false"'
"""As vitrify campaign run has it: the last bits of a training depend on the number of threads."""

_FORMAT = "%F|%K|%T|%j|%Z"


@dataclass(frozen=True, kw_only=True)
class Array:
    """Tasks of one stage that are one job, or one job array.

    Attributes:
        stage: the stage.
        tasks: the tasks, in the order of their batches.
        offset: batch of number 0 of the array; -1 for the one task of a stage without batches.
    """

    stage: str
    tasks: tuple[Task, ...]
    offset: int = -1

    @property
    def name(self) -> str:
        """Of the job: the stage's, with the offset where there is one."""
        return f"{self.stage}+{self.offset}" if self.offset > 0 else self.stage

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers in the array; none for a job that is no array."""
        return () if self.offset < 0 else tuple(task.batch - self.offset for task in self.tasks)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job, or one number of an array, in the queue.

    Attributes:
        job: number of the job, of the whole array.
        number: in the array; -1 where it is none.
        state: in Slurm's words: "PENDING", "RUNNING".
    """

    job: str
    number: int = -1
    state: str = "PENDING"

    def __str__(self) -> str:
        return self.job if self.number < 0 else f"{self.job}_{self.number}"


def has_slurm() -> bool:
    """Whether jobs can be submitted from this machine."""
    return shutil.which("sbatch") is not None


def require() -> None:
    """Raise ValueError where jobs cannot be submitted."""
    if not has_slurm():
        raise ValueError(
            "sbatch: not found on this machine; expected one that submits to Slurm, or vitrify campaign run"
        )


def ask(program: str, *arguments: str, text: str = "") -> str:
    """What a program of Slurm answers.

    Raises:
        ValueError: when it is not there or refuses, with what it said, in a line.
    """
    done = subprocess.run([program, *arguments], input=text, capture_output=True, text=True)
    if done.returncode:
        said = [line.removeprefix(f"{program}: ").removeprefix("error: ") for line in done.stderr.splitlines()]
        raise ValueError(f"{program}: {'; '.join(line for line in said if line) or f'status {done.returncode}'}")
    return done.stdout


def queue(out: Path) -> dict[tuple[str, int], Job]:
    """The user's jobs of a campaign that are in the queue, by stage and batch; batch -1 for a stage without batches."""
    lines = ask("squeue", "--noheader", "--array", f"--user={getpass.getuser()}", f"--format={_FORMAT}").splitlines()
    found: dict[tuple[str, int], Job] = {}
    for line in lines:
        job, number, state, name, place = line.strip().split("|", 4)
        if place != str(out.resolve()):
            continue
        stage, _, offset = name.partition("+")
        if number.isdigit():
            found[stage, int(offset or 0) + int(number)] = Job(job=job, number=int(number), state=state)
        else:
            found[stage, -1] = Job(job=job, state=state)
    return found


def submit(script: str) -> str:
    """Hand a script to Slurm; the number of its job."""
    return ask("sbatch", "--parsable", text=script).strip().partition(";")[0]


def cancel(jobs: Sequence[Job]) -> None:
    """Take jobs out of the queue."""
    if jobs:
        ask("scancel", *map(str, jobs))


def largest_array() -> int:
    """How many tasks an array may have on this cluster."""
    for line in ask("scontrol", "show", "config").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "MaxArraySize" and value.strip().isdigit():
            return max(1, int(value))
    return LARGEST_ARRAY


def require_partitions(names: Sequence[str]) -> None:
    """Raise ValueError for a partition that this cluster has not, before anything is submitted."""
    known = ask("sinfo", "--all", "--noheader", "--format=%R").split()
    for name in names:
        for one in filter(None, name.split(",")):
            if one not in known:
                raise ValueError(f"partition: got {one!r}, expected one of {', '.join(sorted(set(known)))}")


def ranges(numbers: Sequence[int]) -> str:
    """Numbers as Slurm writes them.

    >>> ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def write_script(
    array: Array, resources: Resources, out: Path, *, dependency: str = "", at_once: int = 0, retries: int = 3
) -> str:
    """The script of a job: what it asks for, and the one line that does the work.

    Args:
        array: its tasks.
        resources: what each asks for.
        out: the campaign's directory.
        dependency: jobs it waits for, as ``sbatch`` has them; none where empty.
        at_once: how many tasks of the array may run side by side; as many as fit where 0.
        retries: launches in a row without progress that a task may have.
    """
    options = [f"--job-name={array.name}", f"--chdir={shlex.quote(str(out.resolve()))}"]
    if array.numbers:
        options.append(f"--array={ranges(array.numbers)}" + (f"%{at_once}" if at_once else ""))
    if dependency:
        options += [f"--dependency={dependency}", "--kill-on-invalid-dep=yes"]
    options += [
        f"--output={FOLDER}/{array.name}.log",
        "--open-mode=append",
        f"--time={resources.time}",
        f"--signal=B:USR1@{resources.margin}",
        "--requeue",
        "--nodes=1",
        "--ntasks=1",
        f"--cpus-per-task={resources.cpus}",
    ]
    options += [f"--gres=gpu:{resources.gpus}"] if resources.gpus else []
    options += [f"--{key}={value}" for key, value in _named(resources) if value]
    options += resources.options
    task = shlex.quote(array.tasks[0].name)
    if array.numbers:
        task = f"$(printf '{array.stage}-%04d' $((SLURM_ARRAY_TASK_ID + {array.offset})))"
    threads = " ".join(f"{name}={resources.cpus}" for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"))
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {option}" for option in options),
        *resources.setup,
        f"export {threads} LOKY_MAX_CPU_COUNT={resources.cpus}",
        *([] if resources.gpus else ["export CUDA_VISIBLE_DEVICES="]),
        *([] if resources.gpus or resources.cpus > 1 else [ONE_THREAD]),
        "# the task; USR1 tells it to write its checkpoint, and then it puts itself back into the queue",
        f"exec {shlex.quote(sys.executable)} -P -m vitrify.pipelines.campaign.job "
        f'--retries {retries} "{WORKSPACE}/{task}"',
    ]
    return "\n".join(lines) + "\n"


def _named(resources: Resources) -> list[tuple[str, str]]:
    return [("partition", resources.partition), ("account", resources.account), ("mem", resources.memory)]
