"""``vitrify campaign run``: the tasks of a campaign on the cores or GPUs of this machine, a process each.

This is no scheduler: what is ready begins as soon as a device is free, in the order of the file. All that is known of
a task stands in its directory; a run that was killed goes on by the same command, here or on another machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import disk_usage

from vitrify.md.protocols.unfinished import Unfinished
from vitrify.md.store.checkpoint import lock_directory, write_atomically
from vitrify.pipelines.campaign.campaign import Campaign
from vitrify.pipelines.campaign.directory import begin, task_directory
from vitrify.pipelines.campaign.perform import disk_may_be_full, marked, read_progress, share_done
from vitrify.pipelines.campaign.plan import duration, weights
from vitrify.pipelines.campaign.state import State, survey
from vitrify.pipelines.campaign.tasks import ERROR, LOG, PROGRAM, WAITS, Task, newest, product
from vitrify.pipelines.stopping import UNFINISHED

RETRIES = 3
"""Launches of a task in a row that may end without a new checkpoint before it counts as failed."""

POLL, LOOK = 0.1, 2.0
"""Seconds between two looks at the processes, and at how far they are."""

REFUSED = 2
"""Exit status of a command that says in a line what is wrong: to begin it again would change nothing."""


@dataclass(frozen=True, kw_only=True)
class Devices:
    """What tasks run on.

    Attributes:
        kind: "cpu" or "gpu".
        numbers: of the cores or the GPUs.
    """

    kind: str
    numbers: tuple[int, ...]

    def environment(self, own: Sequence[int]) -> dict[str, str]:
        """What tells a process which of them are its own."""
        if self.kind == "gpu":
            visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
            names = visible.split(",") if visible else [str(number) for number in range(max(own) + 1)]
            return {"CUDA_VISIBLE_DEVICES": ",".join(names[number] for number in own)}
        count = str(len(own))
        threads = {name: count for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT")}
        alone = {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()}
        return {**threads, "CUDA_VISIBLE_DEVICES": "", **(alone if len(own) == 1 else {})}

    @contextmanager
    def inherited(self, own: Sequence[int]) -> Iterator[None]:
        """Processes that begin meanwhile keep to these cores, where the system knows how."""
        if self.kind == "gpu" or not hasattr(os, "sched_setaffinity"):
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, own)
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


@dataclass
class Launch:
    """A process at a task.

    Attributes:
        task: the task.
        own: devices it has.
        process: the process.
        before: newest of what it could go on from when it began.
        began: when, by the monotonic clock.
    """

    task: Task
    own: tuple[int, ...]
    process: subprocess.Popen
    before: int
    began: float = field(default_factory=time.monotonic)


class Runner:
    """One run of a campaign on this machine.

    Args:
        campaign: the campaign.
        out: its directory, begun.
        devices: what tasks run on.
        retries: launches in a row without progress that a task may have.
        checkpoint_every: seconds between checkpoints.
        say: told in a line what happened.
        report: told the share that is done, and of how much.
    """

    def __init__(
        self,
        campaign: Campaign,
        out: Path,
        devices: Devices,
        *,
        retries: int = RETRIES,
        checkpoint_every: float = 60.0,
        say: Callable[[str], None] = lambda line: None,
        report: Callable[[float, float], None] = lambda done, total: None,
    ):
        self.campaign, self.out, self.devices = campaign, out, devices
        self.retries, self.checkpoint_every, self.say, self.report = retries, checkpoint_every, say, report
        self.tasks = {task.name: task for stage in campaign.stages for task in stage.tasks}
        self.weights = weights(campaign.stages)
        found = survey(out, campaign.stages)
        self.done = {name for name, one in found.items() if one.state is State.DONE}
        self.shares = {name: one.share for name, one in found.items()}
        self.failed: dict[str, str] = {}
        self.fruitless: dict[str, int] = {}
        self.running: list[Launch] = []
        self.free = list(devices.numbers)
        self.looked, self.marks = 0.0, marked([], time.monotonic(), self.weight())

    def run(self, stop: Callable[[], bool]) -> None:
        """Go through all tasks, until they are done, failed, or wait for one that failed.

        Raises:
            Unfinished: when ``stop`` said so; everything has its checkpoint.
        """
        try:
            while not stop():
                self.collect()
                self.begin_ready()
                if not self.running:
                    return
                self.look()
                time.sleep(POLL)
            self.leave()
        finally:
            for launch in self.running:  # after a second Ctrl-C, or an error here
                launch.process.terminate()
        raise Unfinished(self.out)

    def leave(self) -> None:
        """Ask all processes to write their checkpoints, and wait for them."""
        self.say(f"leaving: {len(self.running)} tasks write their checkpoints")
        for launch in self.running:
            launch.process.send_signal(signal.SIGTERM)
        for launch in self.running:
            launch.process.wait()
        self.running = []

    def ready(self) -> list[Task]:
        """Tasks that may begin, in the order of the file."""
        busy = {launch.task.name for launch in self.running}
        return [
            task
            for name, task in self.tasks.items()
            if name not in self.done
            and name not in self.failed
            and name not in busy
            and all(one in self.done for names in task.inputs.values() for one in names)
        ]

    def begin_ready(self) -> None:
        """Begin what is ready, as long as devices are free; where few are ready each gets several cores."""
        if not self.free:
            return
        ready = self.ready()
        for place, task in enumerate(ready):
            if not self.free:
                return
            share = max(1, len(self.free) // (len(ready) - place))
            # The last bits of a training depend on the number of threads; a GPU is not shared out.
            count = 1 if task.action in ("train", "transfer") or self.devices.kind == "gpu" else share
            own, self.free = tuple(self.free[:count]), self.free[count:]
            self.running.append(self.launch(task, own))

    def launch(self, task: Task, own: tuple[int, ...]) -> Launch:
        """A process at a task, with a log of its own; Ctrl-C does not reach it but through us."""
        home = task_directory(self.out, task)
        words = [*PROGRAM, "task", task.stage, str(home)]
        words += ["--checkpoint-every", str(self.checkpoint_every), "--leave-with", str(os.getpid())]
        environment = {**os.environ, **self.devices.environment(own)}
        with open(home / LOG, "a") as log, self.devices.inherited(own):
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        return Launch(task=task, own=own, process=process, before=newest(home))

    def collect(self) -> None:
        """See which processes have ended, and with what."""
        for launch in [launch for launch in self.running if launch.process.poll() is not None]:
            self.running.remove(launch)
            self.free = sorted([*self.free, *launch.own])
            self.judge(launch)

    def judge(self, launch: Launch) -> None:
        """What became of a task whose process has ended."""
        task, status = launch.task, launch.process.returncode
        home = task_directory(self.out, task)
        if product(home, task.stage).exists():
            self.done.add(task.name)
            self.say(f"{task.name} done in {duration(time.monotonic() - launch.began)} {self.so_far()}")
            return
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        if status == REFUSED or (status > 0 and status not in (WAITS, UNFINISHED) and (home / ERROR).is_file()):
            self.fail(task, kept_error(home))
            return
        fruitless = 0 if newest(home) > launch.before else self.fruitless.get(task.name, 0) + 1
        self.fruitless[task.name] = fruitless
        if fruitless > self.retries:
            reason = f"ended with {how}, {fruitless} launches in a row without progress; see {home / LOG}"
            with disk_may_be_full():
                write_atomically(home / ERROR, f"{reason}\n")
            self.fail(task, reason)
        else:
            self.say(f"{task.name} ended with {how}, and begins again where its checkpoint is")

    def fail(self, task: Task, reason: str) -> None:
        """Go on without a task."""
        self.failed[task.name] = reason
        self.say(f"{task.name} failed: {reason}")

    def look(self) -> None:
        """See how far the tasks under way are, now and then."""
        if time.monotonic() - self.looked < LOOK:
            return
        self.looked = time.monotonic()
        for launch in self.running:
            self.shares[launch.task.name] = share_done(read_progress(task_directory(self.out, launch.task)))
        self.marks = marked(self.marks, self.looked, self.weight())
        self.report(self.weight(), sum(self.weights.values()))

    def weight(self) -> float:
        """What is done, in seconds of one device."""
        return sum(
            weight * (1.0 if name in self.done else self.shares.get(name, 0.0)) for name, weight in self.weights.items()
        )

    def so_far(self) -> str:
        """How much of the campaign is done, and the time left at the speed of the last minutes."""
        done, total = self.weight(), sum(self.weights.values())
        since, before = self.marks[0]
        gained, left = done - before, total - done
        text = f"({len(self.done)} of {len(self.tasks)} tasks"
        if left and gained > 0:
            text += f", about {duration((time.monotonic() - since) * left / gained)} left"
        return text + ")"


def run_campaign(
    campaign: Campaign, out: Path, devices: Devices, *, stop: Callable[[], bool] = lambda: False, **options
) -> None:
    """Run a campaign here: begin its directory, or go on with it.

    Args:
        campaign: the campaign.
        out: its directory.
        devices: what tasks run on.
        stop: asked whether to leave.
        options: those of :class:`Runner`.

    Raises:
        Unfinished: when ``stop`` said so; the same call goes on.
        BlockingIOError: when another process runs this campaign.
        ValueError: as :func:`~vitrify.pipelines.campaign.directory.begin`, and when tasks failed, saying which and why.
    """
    begin(campaign, out)
    with alone(out):
        runner = Runner(campaign, out, devices, **options)
        runner.run(stop)
    if runner.failed:
        name, reason = next(iter(runner.failed.items()))
        failed, total = len(runner.failed), len(runner.tasks)
        waiting = total - len(runner.done) - failed
        raise ValueError(f"{out}: {failed} of {total} tasks failed and {waiting} wait for them; {name}: {reason}")


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Keep a second run of the same campaign out."""
    descriptor = None
    for last in (False, True):
        try:
            descriptor = lock_directory(out)
            break
        except BlockingIOError as error:
            if last:
                raise BlockingIOError(error.errno, "another vitrify campaign run is at it", str(out)) from error
            time.sleep(1.0)  # somebody may just be looking, see is_driven
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_driven(out: Path) -> bool:
    """Whether a run of the campaign is going on, on this machine or one that shares its file system's locks."""
    try:
        descriptor = lock_directory(out)
    except BlockingIOError:
        return True
    if descriptor is not None:
        os.close(descriptor)
    return False


def kept_error(home: Path) -> str:
    """The error of a task, or the last line of its log where the disk had no room for another file."""
    for path in (home / ERROR, home / LOG):
        if path.is_file() and (lines := path.read_text(errors="replace").split("\n")[:-1]):
            return lines[-1]
    free = disk_usage(home).free
    return f"ended with exit status {REFUSED} and had nowhere to say why; {free:,} bytes are free where it writes"


def devices_of(kind: str, count: int | None) -> Devices:
    """The cores or the GPUs of this machine.

    Args:
        kind: "auto" takes GPUs where there are some, "cpu" or "gpu".
        count: how many of them; all where None.

    Raises:
        ValueError: when there are none of the kind, or fewer than asked for.
    """
    if kind not in ("auto", "cpu", "gpu"):
        raise ValueError(f"device: got {kind!r}, expected auto, cpu or gpu")
    numbers: tuple[int, ...] = ()
    if kind != "cpu":
        from vitrify.md.engines.replica.graphics import gpu_numbers, why_no_gpu

        numbers = gpu_numbers()
        if kind == "gpu" and not numbers:
            raise ValueError(f"device: got gpu, and there is none to be had: {why_no_gpu()}")
    kind = "gpu" if numbers else "cpu"
    if kind == "cpu":
        has = hasattr(os, "sched_getaffinity")
        numbers = tuple(sorted(os.sched_getaffinity(0))) if has else tuple(range(os.cpu_count() or 1))
    if count is not None and not 1 <= count <= len(numbers):
        raise ValueError(f"workers: got {count}, expected 1 to {len(numbers)}, the {kind}s that there are")
    return Devices(kind=kind, numbers=numbers[:count])
