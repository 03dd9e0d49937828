"""The pair table, tethers and walls as HOOMD-blue's forces.

Tethers are harmonic bonds to anchors: particles without pair forces that never move and never appear in a result. A
wall is a Mie wall with exponents -2 and -1, which is a parabola.
"""

# pyright: reportAttributeAccessIssue=false
# It takes this package for HOOMD-blue itself, whose name it has.

from __future__ import annotations

from collections.abc import Sequence

import hoomd
import numpy as np

from vitrify.md.engines.hoomd.snapshot import ANCHOR, bonds_of, centre_of, type_names, wrap_of
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External, Wall
from vitrify.md.model import PairTable, minimum_image


def forces_on(
    pairs: PairTable, buffer: float, ensemble: Ensemble, row: int, externals: Sequence[External]
) -> list[hoomd.md.force.Force]:
    """The pair force, then everything that acts from outside."""
    forces: list[hoomd.md.force.Force] = [lennard_jones(pairs, buffer, wrap_of(ensemble, row))]
    if bonds := bonds_of(externals):
        harmonic = hoomd.md.bond.Harmonic()
        for number, tether in enumerate(bonds):
            harmonic.params[f"tether {number}"] = {"k": tether.stiffness, "r0": 0.0}
        forces.append(harmonic)
    tags, wrap = np.cumsum(ensemble.filled[row]) - 1, wrap_of(ensemble, row)
    for external in externals:
        if isinstance(external, Wall):
            forces.append(harmonic_wall(pairs, external.stiffness, external.start[row], ensemble.box[row, 1]))
        elif not all(external.axes):
            stiffness = external.stiffness * np.array(external.axes)
            sites = external.sites[row] - centre_of(ensemble, row)
            forces.append(MaskedTether(tags[external.slots], sites, stiffness, wrap))
    return forces


def lennard_jones(pairs: PairTable, buffer: float, wrap: np.ndarray) -> hoomd.md.pair.LJ:
    """The pair table; a buffer as wide as asked for or as the minimum image allows."""
    room = 0.5 * wrap.min() - pairs.longest_cutoff
    neighbours = hoomd.md.nlist.Cell(buffer=min(buffer, 0.9 * room), exclusions=())
    pair = hoomd.md.pair.LJ(neighbours, default_r_cut=0.0, mode="none")
    names = type_names(pairs)
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            pair.params[one, other] = {"epsilon": pairs.epsilon[i, j], "sigma": pairs.sigma[i, j]}
            pair.r_cut[one, other] = pairs.r_cut[i, j]
    for name in (*names, ANCHOR):  # pair by pair: lists of types inside a pair are an error since HOOMD-blue 6.0
        pair.params[ANCHOR, name] = {"epsilon": 0.0, "sigma": 1.0}
    return pair


def harmonic_wall(pairs: PairTable, stiffness: float, start: float, height: float) -> hoomd.md.external.wall.Mie:
    """The harmonic wall, exactly: ``4 eps [(d/sigma)^2 - d/sigma]`` with d the depth below a plane.

    The parabola has its bottom at d = sigma / 2. The plane lies that far above the start, beyond the top of the box,
    and the cut-off is the bottom, so that only what is above the start is pushed.
    """
    reach = abs(height - start) + 1.0
    plane = hoomd.wall.Plane(origin=(0.0, start + reach - height / 2, 0.0), normal=(0.0, -1.0, 0.0))
    wall = hoomd.md.external.wall.Mie([plane])
    shape = {"n": -2.0, "m": -1.0, "sigma": 2 * reach}
    wall.params[type_names(pairs)] = {**shape, "epsilon": stiffness * reach**2 / 2, "r_cut": reach}
    wall.params[ANCHOR] = {**shape, "epsilon": 0.0, "r_cut": 0.0}
    return wall


class MaskedTether(hoomd.md.force.Custom):
    """Springs along some axes only, which no bond is. A call of Python a step: for the relaxation of a substrate."""

    def __init__(self, tags: np.ndarray, sites: np.ndarray, stiffness: np.ndarray, wrap: np.ndarray):
        super().__init__()
        self._tags, self._sites, self._stiffness, self._wrap = tags, sites, stiffness, wrap

    def set_forces(self, timestep: int) -> None:
        """Called by HOOMD-blue for the forces of a step."""
        with self._state.cpu_local_snapshot as local, self.cpu_local_force_arrays as arrays:
            held = np.array(local.particles.rtag)[self._tags]
            stretch = minimum_image(np.array(local.particles.position)[held, :2] - self._sites, self._wrap)
            arrays.force[:] = 0.0
            arrays.force[held, :2] = -self._stiffness * stretch
