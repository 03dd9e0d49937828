"""One source, several programs: the functions of the program compiled for a device and a precision."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, ModuleType, SimpleNamespace

from vitrify.md.engines.replica import dynamics, forces, minimizer, neighbours, single_point, thermostat

PROGRAM = (neighbours, forces, thermostat, dynamics, minimizer, single_point)


def compile_program(jit: Callable, *special: ModuleType, **machine) -> SimpleNamespace:
    """Compile the program for one machine.

    Args:
        jit: what compiles one function.
        special: modules whose functions take the place of the program's functions of the same name.
        machine: what the names of serial.py stand for: ``real``, ``fixed``, ``lane`` and so on.

    Returns:
        The compiled functions by name.
    """
    namespace = {}
    functions = {}
    for module in PROGRAM + special:
        namespace.update(vars(module))
        own = {name: value for name, value in vars(module).items() if isinstance(value, FunctionType)}
        functions.update({name: value for name, value in own.items() if value.__module__ == module.__name__})
    namespace["__name__"] = __name__
    compiled = {name: jit(FunctionType(value.__code__, namespace, name)) for name, value in functions.items()}
    # The compiler looks names up when a function is first called, so that all functions may share this one table.
    namespace.update(compiled, **machine)
    return SimpleNamespace(**compiled)
