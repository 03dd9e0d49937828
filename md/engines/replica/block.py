"""The replica program's view of the machine, as one thread of a GPU thread block; serial.py says what each name is for.

Every thread of the block calls these together. Sums go through shared memory in an order that depends on the number of
threads alone, so that a run repeats bit for bit.
"""

# pyright: reportCallIssue=false
# Numba declares what kernels call with the arguments of its compiler.

from __future__ import annotations

import math

import numpy as np
from numba import cuda

WARP = 32

LANES = WARP
"""Threads of a block, bound anew by targets.py: a constant, so that no loop has to divide by it."""


def lane():
    """Which thread of the block this is."""
    return cuda.threadIdx.x


def lanes():
    """How many there are."""
    return LANES


def barrier():
    """Wait for all of them, and see what they wrote."""
    cuda.syncthreads()


def all_lanes(fact):
    """Whether ``fact`` holds in every thread."""
    return cuda.syncthreads_and(np.int32(fact)) != 0


def add_one(counts, index):
    """Add one to ``counts[index]`` and return what it was."""
    return cuda.atomic.add(counts, index, 1)


def total(value, scratch):
    """Sum over the threads; ``scratch`` has a place for each, and one for each thread of a warp."""
    me = cuda.threadIdx.x
    scratch[me] = value
    cuda.syncthreads()
    if me < WARP:
        part = 0.0
        for k in range(me, LANES, WARP):
            part += scratch[k]
        scratch[LANES + me] = part
    cuda.syncthreads()
    result = 0.0
    for k in range(min(LANES, WARP)):
        result += scratch[LANES + k]
    cuda.syncthreads()
    return result


def largest(value, scratch):
    """Maximum over the threads."""
    me = cuda.threadIdx.x
    scratch[me] = value
    cuda.syncthreads()
    if me < WARP:
        part = -math.inf
        for k in range(me, LANES, WARP):
            part = max(part, scratch[k])
        scratch[LANES + me] = part
    cuda.syncthreads()
    result = -math.inf
    for k in range(min(LANES, WARP)):
        result = max(result, scratch[LANES + k])
    cuda.syncthreads()
    return result


def sum_before(value, scratch):
    """Sum of a whole number over the threads before this one."""
    me = cuda.threadIdx.x
    scratch[me] = value
    cuda.syncthreads()
    if me == 0:
        before = 0.0
        for k in range(LANES):
            own = scratch[k]
            scratch[k] = before
            before += own
    cuda.syncthreads()
    result = np.int64(scratch[me])
    cuda.syncthreads()
    return result
