"""Batches: which configurations each one holds, and how they are made ready while the device is at work."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from vitrify.md.randomness import Purpose, stream

ORDER = 1
"""What the order of an epoch takes in place of the replica in its stream's address."""

WORKERS = max(1, min(8, (os.cpu_count() or 1) - 1))
"""Threads that make inputs: pictures are drawn by compiled code that lets others run."""


def batch_rows(rows: np.ndarray, size: int, update: int, seed: int) -> np.ndarray:
    """The rows of one batch: all rows in random order, then all in another, and so on, cut into pieces of ``size``.

    >>> rows = np.arange(6)
    >>> np.sort(np.concatenate([batch_rows(rows, 2, update, seed=1) for update in range(3)])).tolist()
    [0, 1, 2, 3, 4, 5]
    """
    place = np.arange(update * size, (update + 1) * size)
    chosen = np.empty(size, rows.dtype)
    for epoch in np.unique(place // len(rows)):
        here = place // len(rows) == epoch
        order = stream(seed, Purpose.TRAINING, replica=ORDER, step=int(epoch)).permutation(rows)
        chosen[here] = order[place[here] % len(rows)]
    return chosen


def ahead(make: Callable[[int], Any], numbers: range, workers: int = WORKERS) -> Generator[Any, None, None]:
    """``make(number)`` of every number in turn, made by threads while whoever asks is busy with those before.

    Each must depend on its number alone. Twice as many as there are threads wait at most.

    >>> list(ahead(lambda number: number**2, range(4)))
    [0, 1, 4, 9]
    """
    waiting: deque = deque()
    left = iter(numbers)
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        try:
            for number in left:
                waiting.append(pool.submit(make, number))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
