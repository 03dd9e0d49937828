"""``vitrify campaign submit``: what is neither done nor in the queue becomes jobs that wait for each other.

Nothing of ours keeps running: Slurm holds the jobs, each puts itself back into the queue until its task is done
(:mod:`vitrify.pipelines.campaign.job`), and what fails takes along only what waits for it. The same command submits
again what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vitrify.md.store.checkpoint import write_atomically
from vitrify.pipelines.campaign import slurm
from vitrify.pipelines.campaign.campaign import Campaign
from vitrify.pipelines.campaign.directory import begin
from vitrify.pipelines.campaign.local import alone
from vitrify.pipelines.campaign.resources import Requests
from vitrify.pipelines.campaign.slurm import Array, Job
from vitrify.pipelines.campaign.state import State, survey
from vitrify.pipelines.campaign.tasks import Stage, Task


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What was submitted.

    Attributes:
        done: tasks that are done.
        queued: tasks that were in the queue and stay there.
        arrays: what was submitted, by number of the job.
    """

    done: int
    queued: int
    arrays: Mapping[str, Array]

    def lines(self) -> list[str]:
        """In words."""
        tasks = sum(len(array.tasks) for array in self.arrays.values())
        head = (
            f"{tasks} tasks submitted in {len(self.arrays)} jobs; {self.queued} were in the queue, {self.done} are done"
        )
        return [head, *(f"  {job}  {array.name}: {len(array.tasks)}" for job, array in self.arrays.items())]


@dataclass
class Queue:
    """What is in the queue, and what has been put there just now.

    Attributes:
        jobs: by name of the task.
        fresh: what has been submitted just now, by number of the job.
    """

    jobs: dict[str, Job]
    fresh: dict[str, Array] = field(default_factory=dict)

    def add(self, job: str, array: Array) -> None:
        """Note what was submitted."""
        self.fresh[job] = array
        for task, number in zip(array.tasks, array.numbers or (-1,), strict=True):
            self.jobs[task.name] = Job(job=job, number=number)

    def dependency(self, array: Array) -> str:
        """What an array waits for, as ``sbatch`` has it: inputs that are in the queue.

        Batches that read one batch each wait for that alone.
        """
        needed = {name: self.jobs[name] for task in array.tasks for name in inputs(task) if name in self.jobs}
        by_job: dict[str, list[Job]] = {}
        for one in needed.values():
            by_job.setdefault(one.job, []).append(one)
        if not by_job:
            return ""
        (first, *others) = by_job
        if not others and first in self.fresh and self.corresponds(array, first):
            return f"aftercorr:{first}"
        parts = []
        for job, ones in by_job.items():
            whole = job in self.fresh and len(self.fresh[job].tasks) == len(ones)
            parts += [job] if whole else map(str, ones)
        return "afterok:" + ":".join(parts)

    def corresponds(self, array: Array, job: str) -> bool:
        """Whether each task of an array reads just the one of the same number of another."""
        held = [(job, number) for number in self.fresh[job].numbers]
        reads = [[(self.jobs[name].job, self.jobs[name].number) for name in inputs(task)] for task in array.tasks
                 if all(name in self.jobs for name in inputs(task))]  # fmt: skip
        return array.numbers == self.fresh[job].numbers != () and reads == [[one] for one in held]


def submit_campaign(
    campaign: Campaign, out: Path, requests: Requests, *, at_once: int = 0, retries: int = 3
) -> Submission:
    """Submit what is missing of a campaign, beginning its directory where there is none.

    Args:
        campaign: the campaign.
        out: its directory, which every node must see at this place.
        requests: what jobs ask for.
        at_once: tasks of a stage that may run side by side; as many as fit where 0.
        retries: launches in a row without progress that a task may have.

    Raises:
        BlockingIOError: when another process runs or submits this campaign.
        ValueError: without Slurm, for a partition that there is not or whatever else Slurm refuses, when a task runs
            outside the queue, and as :func:`~vitrify.pipelines.campaign.directory.begin`.
    """
    slurm.require()
    largest = slurm.largest_array()
    slurm.require_partitions([requests.of(stage).partition for stage in campaign.stages])
    begin(campaign, out)
    with alone(out):
        in_queue = slurm.queue(out)  # before looking at what is done: what leaves the queue in between is seen as done
        found = survey(out, campaign.stages)
        done = {name for name, one in found.items() if one.state is State.DONE}
        queue = Queue(jobs=queued_tasks(campaign.stages, in_queue, done))
        for name, one in found.items():
            if one.state is State.RUNNING and name not in queue.jobs:
                raise ValueError(
                    f"{out}: {name} runs outside the queue, or did until now; stop it, or wait two minutes"
                )
        missing, stale = missing_tasks(campaign.stages, done, queue.jobs)
        slurm.cancel(stale)
        kept = len(queue.jobs)
        (out / slurm.FOLDER).mkdir(exist_ok=True)
        for stage in campaign.stages:
            for array in arrays_of(stage, missing, largest):
                script = slurm.write_script(
                    array, requests.of(stage), out, dependency=queue.dependency(array), at_once=at_once, retries=retries
                )
                write_atomically(out / slurm.FOLDER / f"{array.name}.sh", script)
                try:
                    queue.add(slurm.submit(script), array)
                except ValueError as error:
                    raise ValueError(
                        f"{error} (stage {stage.name}; {len(queue.jobs)} tasks are in the queue and stay there; "
                        "the same command submits the rest)"
                    ) from error
    return Submission(done=len(done), queued=kept, arrays=queue.fresh)


def scripts(campaign: Campaign, out: Path, requests: Requests, *, at_once: int = 0, retries: int = 3) -> list[str]:
    """The scripts that would be submitted, each job's number written as its name; writes nothing, needs no Slurm.

    Where Slurm cannot be asked what is in the queue, and how large arrays may be, the first line says so.
    """
    found = survey(out, campaign.stages)
    done = {name for name, one in found.items() if one.state is State.DONE}
    texts: list[str] = []
    try:
        slurm.require()
        in_queue, largest = slurm.queue(out), slurm.largest_array()
    except ValueError as error:
        texts.append(f"# all that is not done, as if the queue were empty: {error}\n")
        in_queue, largest = {}, slurm.LARGEST_ARRAY
    queue = Queue(jobs=queued_tasks(campaign.stages, in_queue, done))
    missing, _ = missing_tasks(campaign.stages, done, queue.jobs)
    for stage in campaign.stages:
        for array in arrays_of(stage, missing, largest):
            texts.append(
                slurm.write_script(
                    array, requests.of(stage), out, dependency=queue.dependency(array), at_once=at_once, retries=retries
                )
            )
            queue.add(f"<{array.name}>", array)
    return texts


def queue_in_words(campaign: Campaign, out: Path) -> list[str]:
    """What of a campaign is in the queue, in a line; nothing for one that was never submitted."""
    if not (out / slurm.FOLDER).is_dir():
        return []
    try:
        slurm.require()
        jobs = queued_tasks(campaign.stages, slurm.queue(out), set())
    except ValueError as error:  # looked at from another machine
        return [f"it was submitted to Slurm, whose queue cannot be seen: {error}"]
    running = sum(one.state == "RUNNING" for one in jobs.values())
    return [f"{len(jobs)} tasks are in Slurm's queue, {running} of them running"]


def inputs(task: Task) -> list[str]:
    """Names of the tasks that a task reads."""
    return [name for names in task.inputs.values() for name in names]


def queued_tasks(stages: Sequence[Stage], in_queue: Mapping[tuple[str, int], Job], done: set[str]) -> dict[str, Job]:
    """Jobs by name of the task, of tasks that are not done."""
    places = {
        task.name: (stage.name, task.batch if has_batches(stage) else -1) for stage in stages for task in stage.tasks
    }
    return {name: in_queue[place] for name, place in places.items() if place in in_queue and name not in done}


def missing_tasks(stages: Sequence[Stage], done: set[str], jobs: dict[str, Job]) -> tuple[set[str], list[Job]]:
    """Tasks to submit, and jobs to take out of the queue first, since they wait for what has failed.

    Those are taken out of ``jobs``, too.
    """
    missing: set[str] = set()
    stale: list[Job] = []
    for stage in stages:
        for task in stage.tasks:
            if task.name in done:
                continue
            if task.name in jobs and missing.intersection(inputs(task)):
                stale.append(jobs.pop(task.name))
            if task.name not in jobs:
                missing.add(task.name)
    return missing, stale


def has_batches(stage: Stage) -> bool:
    """Whether a stage's tasks are batches, which make an array."""
    return stage.tasks[0].name != stage.name


def arrays_of(stage: Stage, missing: set[str], largest: int) -> list[Array]:
    """The missing tasks of a stage, as arrays of numbers below ``largest``."""
    tasks = [task for task in stage.tasks if task.name in missing]
    if not has_batches(stage):
        return [Array(stage=stage.name, tasks=tuple(tasks))] if tasks else []
    parts: dict[int, list[Task]] = {}
    for task in tasks:
        parts.setdefault(task.batch // largest * largest, []).append(task)
    return [Array(stage=stage.name, tasks=tuple(part), offset=offset) for offset, part in parts.items()]
