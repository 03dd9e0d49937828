"""One source, several programs: the functions of the program compiled for a device and a precision."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace

from vitrify.md import pair_law
from vitrify.md.engines.replica import dynamics, forces, minimizer, neighbours, single_point, state, thermostat

PROGRAM = (pair_law, neighbours, forces, thermostat, dynamics, minimizer, single_point)


def compile_program(jit: Callable, *machine: ModuleType, **names: object) -> SimpleNamespace:
    """Compile the program for one machine.

    Args:
        jit: what compiles one function.
        machine: modules whose functions take the place of the program's own, or of serial.py's, of the same name.
        names: what else is bound anew: ``real``, ``fixed`` and so on.

    Returns:
        The compiled functions by name.
    """
    namespace = {}
    functions = {}
    for module in PROGRAM + machine:
        namespace.update(vars(module))
        own = {name: value for name, value in vars(module).items() if isinstance(value, FunctionType)}
        functions.update({name: value for name, value in own.items() if value.__module__ == module.__name__})
    namespace["__name__"] = __name__
    compiled = {name: jit(FunctionType(value.__code__, namespace, name)) for name, value in functions.items()}
    # The compiler looks names up when a function is first called, so that all functions may share this one table.
    namespace.update(compiled, **names)
    return SimpleNamespace(**compiled)


def fingerprint(*machine: ModuleType) -> str:
    """A hash of the source of the program on a ``machine``, for caches that have to know of every change."""
    files = [Path(module.__file__ or "").read_bytes() for module in (*PROGRAM, state, *machine)]
    return sha256(b"".join(files)).hexdigest()[:16]
