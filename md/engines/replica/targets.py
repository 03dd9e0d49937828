"""One source, several programs: the functions of the program compiled for a device and a precision."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, SimpleNamespace

from vitrify.md.engines.replica import dynamics, forces, minimizer, neighbours, single_point, thermostat

PROGRAM = (
    neighbours.sort_cell,
    neighbours.bin_into_cells,
    neighbours.reorder,
    neighbours.sort_particles,
    neighbours.list_neighbours,
    neighbours.furthest_moved2,
    forces.pair_forces,
    forces.external_forces,
    forces.pair_energies,
    thermostat.philox,
    thermostat.draw,
    thermostat.sum_of_squares,
    thermostat.set_temperature,
    thermostat.rescaling,
    dynamics.nearest,
    dynamics.rebuild,
    dynamics.all_forces,
    dynamics.slow_enough,
    dynamics.kick_and_drift,
    dynamics.kick,
    dynamics.rescale,
    dynamics.furthest_out,
    dynamics.resume,
    dynamics.integrate_replica,
    minimizer.strongest_force,
    minimizer.mix,
    minimizer.drift,
    minimizer.minimize_replica,
    single_point.energies_replica,
    single_point.forces_replica,
)
"""Callees before callers."""


def compile_program(jit: Callable, **machine) -> SimpleNamespace:
    """Compile every function of the program with the names of serial.py bound to ``machine``.

    Args:
        jit: what compiles one function.
        machine: what to bind names to: ``real``, ``fixed``, ``lane`` and so on; already compiled where they are functions.

    Returns:
        The compiled functions by name.
    """
    compiled = dict(machine)
    for function in PROGRAM:
        name = function.__name__
        if name not in compiled:  # else the machine brings its own
            compiled[name] = jit(FunctionType(function.__code__, {**function.__globals__, **compiled}, name))
    return SimpleNamespace(**compiled)
