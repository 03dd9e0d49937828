"""The replica program on the CPU: one thread a replica."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numba import njit

from vitrify.md.engines.replica import blocks, serial
from vitrify.md.engines.replica.targets import compile_program

FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}
"""Sums may be reordered, so that loops vectorise; NaN and infinity keep their meaning: failures are found by them."""

ENTRIES = ("integrate_replica", "minimize_replica", "energies_replica", "forces_replica")


SOURCE = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py")))).hexdigest()


def compile_function(function: Callable) -> Callable:
    """Compile for the CPU, without the interpreter lock; what is called from Python is kept on disk."""
    # Numba's cache looks at the file of the entry alone; with this name it looks at all of the program's files.
    function.__qualname__ = f"{function.__name__}.{SOURCE[:16]}"
    return njit(function, nogil=True, fastmath=FAST, cache=function.__name__ in ENTRIES, error_model="numpy")


SERIAL = {
    function.__name__: compile_function(function)
    for function in (serial.lane, serial.lanes, serial.barrier, serial.total, serial.largest, serial.add_one)
}

single = compile_program(
    compile_function, blocks, real=np.float32, fixed=np.int32, upper_bits=compile_function(serial.upper_bits), **SERIAL
)
"""Single precision: dynamics."""

double = compile_program(
    compile_function,
    blocks,
    real=np.float64,
    fixed=np.int64,
    upper_bits=compile_function(serial.upper_bits_of_64),
    **SERIAL,
)
"""Double precision: inherent structures and everything that is reported."""
