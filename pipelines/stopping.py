"""Signals and time limits: how a command is told to checkpoint and leave, and the exit status that says so.

Exit status 85 is "checkpointed and unfinished, go on with --resume", for a scheduler to requeue; 130 is Ctrl-C.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from vitrify.md.protocols.unfinished import Unfinished

UNFINISHED = 85
INTERRUPTED = 130

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
"""What schedulers send before they end a job; SIGINT is what a person sends."""

MARGIN, LARGEST_SHARE = 20.0, 0.1
"""Seconds before a time limit at which a run is told to leave, and the share of a short limit it takes at most."""


class Terminated(BaseException):
    """A signal came while nothing was under way that has a checkpoint."""


class Stop:
    """Whether to leave: asked by a run every few seconds.

    Attributes:
        interrupted: whether Ctrl-C was the reason.
    """

    def __init__(self, time_limit: float | None = None):
        self.interrupted, self._asked = False, False
        self._deadline = None
        if time_limit is not None:
            self._deadline = time.monotonic() + time_limit - min(MARGIN, LARGEST_SHARE * time_limit)

    def __call__(self) -> bool:
        """Whether a signal has come or the time is up."""
        return self._asked or (self._deadline is not None and time.monotonic() >= self._deadline)

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: the first is noted, a second one ends the command at once."""
        if self._asked:
            leave_at_once(number, frame)
        self._asked, self.interrupted = True, number == signal.SIGINT


def leave_at_once(number: int, frame: FrameType | None) -> None:
    """Handle a signal where there is nothing to write down."""
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


@contextmanager
def listening() -> Iterator[None]:
    """Signals end the command at once, with its exit status; nothing happens outside the main thread."""
    with _handled(leave_at_once, SIGNALS):
        yield


@contextmanager
def stoppable(time_limit: float | None = None) -> Iterator[Stop]:
    """A :class:`Stop` that signals set and that a time limit [s] sets a little before it is over."""
    stop = Stop(time_limit)
    with _handled(stop.note, (*SIGNALS, signal.SIGINT)):
        try:
            yield stop
        except Unfinished:
            if stop.interrupted:
                raise KeyboardInterrupt from None
            raise


def orphaned(stop: Stop, parent: int) -> Callable[[], bool]:
    """The same, and whether the process ``parent`` that began this one is gone."""
    return lambda: stop() or os.getppid() != parent


@contextmanager
def _handled(handler, numbers: tuple[signal.Signals, ...]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def seconds(text: str) -> float:
    """A time limit: seconds, or as Slurm has it, [days-]hours:minutes:seconds or minutes:seconds.

    >>> seconds("23:50:00"), seconds("1-00:00:00"), seconds("90"), seconds("15:00")
    (85800.0, 86400.0, 90.0, 900.0)
    """
    found = re.fullmatch(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)|(\d+(?:\.\d*)?)", text)
    if not found or (found[2] is None and found[1]):
        raise ValueError(f"time-limit: got {text!r}, expected seconds or [days-]hours:minutes:seconds such as 23:50:00")
    days, hours, minutes, rest, plain = found.groups()
    limit = float(plain) if plain else 86400.0 * int(days or 0) + 3600 * int(hours or 0) + 60 * int(minutes) + int(rest)
    if limit <= 0:
        raise ValueError(f"time-limit: got {text!r}, expected a time above zero")
    return limit
