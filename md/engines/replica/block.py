"""The replica program's view of the machine, as one thread of a GPU thread block sees it; serial.py says what each is for.

Every thread of the block calls these together. Sums go through shared memory in an order that depends on the block's size
alone, so that a run repeats bit for bit.
"""

from __future__ import annotations

import math

import numpy as np
from numba import cuda

WARP = 32


def lane():
    return cuda.threadIdx.x


def lanes():
    return cuda.blockDim.x


def barrier():
    cuda.syncthreads()


def all_lanes(fact):
    return cuda.syncthreads_and(fact) != 0


def add_one(counts, index):
    return cuda.atomic.add(counts, index, 1)


def total(value, scratch):
    """``scratch`` has a place for each thread and for each of a warp."""
    size = cuda.blockDim.x
    me = cuda.threadIdx.x
    scratch[me] = value
    cuda.syncthreads()
    if me < WARP:
        part = 0.0
        for k in range(me, size, WARP):
            part += scratch[k]
        scratch[size + me] = part
    cuda.syncthreads()
    result = 0.0
    for k in range(min(size, WARP)):
        result += scratch[size + k]
    cuda.syncthreads()
    return result


def largest(value, scratch):
    size = cuda.blockDim.x
    me = cuda.threadIdx.x
    scratch[me] = value
    cuda.syncthreads()
    if me < WARP:
        part = -math.inf
        for k in range(me, size, WARP):
            part = max(part, scratch[k])
        scratch[size + me] = part
    cuda.syncthreads()
    result = -math.inf
    for k in range(min(size, WARP)):
        result = max(result, scratch[size + k])
    cuda.syncthreads()
    return result
