"""From an ensemble to HOOMD-blue's snapshot of one replica."""

# pyright: reportAttributeAccessIssue=false
# It takes this package for HOOMD-blue itself, whose name it has.

from __future__ import annotations

from collections.abc import Sequence

import hoomd
import numpy as np

from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External, Tether, Wall
from vitrify.md.model import PairTable

ANCHOR = "anchor"
"""Particle type of the sites of tethers."""


def snapshot_of(
    hardware: hoomd.device.Device, pairs: PairTable, ensemble: Ensemble, row: int, externals: Sequence[External]
) -> hoomd.Snapshot:
    """Replica ``row`` with its anchors, centred."""
    filled, centre, wrap = ensemble.filled[row], centre_of(ensemble, row), wrap_of(ensemble, row)
    particles, tethers = int(filled.sum()), bonds_of(externals)
    # Where something acts from outside, one anchor more that holds nothing tells HOOMD-blue, which counts degrees of
    # freedom by whether a method moves every particle, that momentum is not conserved.
    spare = np.zeros((1 if externals else 0, 2))
    sites = np.concatenate([spare, *(tether.sites[row] - centre for tether in tethers)])
    snapshot = hoomd.Snapshot(hardware.communicator)
    # An open axis is a periodic one with a gap that no force spans.
    gap = 0.0 if ensemble.periodic[1] else 2 * pairs.longest_cutoff + 2.0
    snapshot.configuration.box = [ensemble.box[row, 0], ensemble.box[row, 1] + gap, 0, 0, 0, 0]
    snapshot.particles.N = particles + len(sites)
    snapshot.particles.types = [*type_names(pairs), ANCHOR]
    snapshot.particles.typeid[:particles] = ensemble.species[row, filled]
    snapshot.particles.typeid[particles:] = pairs.species
    snapshot.particles.position[:particles, :2] = wrapped(ensemble.positions[row, filled] - centre, wrap)
    snapshot.particles.position[particles:, :2] = wrapped(sites, wrap)
    snapshot.particles.velocity[:particles, :2] = ensemble.velocities[row, filled]
    tags = np.cumsum(filled) - 1
    held = np.concatenate([np.empty(0, int), *(tags[tether.slots] for tether in tethers)])
    snapshot.bonds.N = len(held)
    snapshot.bonds.types = [f"tether {number}" for number in range(len(tethers))]
    snapshot.bonds.typeid[:] = np.repeat(np.arange(len(tethers)), [len(tether.slots) for tether in tethers])
    snapshot.bonds.group[:] = np.stack([held, particles + len(spare) + np.arange(len(held))], axis=1)
    return snapshot


def structure_of(ensemble: Ensemble, row: int, externals: Sequence[External]) -> tuple:
    """What a simulation is built for: everything but positions, velocities and the sites of bonds."""
    built: list = [ensemble.species[row].tobytes(), ensemble.box[row].tobytes(), ensemble.periodic]
    for external in externals:
        if isinstance(external, Wall):
            built += ["wall", external.stiffness, float(external.start[row])]
        else:
            sites = b"" if all(external.axes) else external.sites[row].tobytes()
            built += ["tether", external.stiffness, np.asarray(external.slots).tobytes(), external.axes, sites]
    return tuple(built)


def bonds_of(externals: Sequence[External]) -> list[Tether]:
    """The tethers that are bonds to anchors: those along both axes."""
    return [external for external in externals if isinstance(external, Tether) and all(external.axes)]


def centre_of(ensemble: Ensemble, row: int) -> np.ndarray:
    """Where the centre of HOOMD-blue's box lies in the ensemble's coordinates."""
    return np.array([0.0, 0.0 if ensemble.periodic[1] else ensemble.box[row, 1] / 2])


def wrap_of(ensemble: Ensemble, row: int) -> np.ndarray:
    """Periods along both axes, infinite along an open one."""
    return np.where(ensemble.periodic, ensemble.box[row], np.inf)


def wrapped(positions: np.ndarray, wrap: np.ndarray) -> np.ndarray:
    """Positions (n, 2) in [-wrap/2, wrap/2)."""
    return positions - np.where(np.isfinite(wrap), wrap, 0.0) * np.floor(positions / wrap + 0.5)


def type_names(pairs: PairTable) -> list[str]:
    """HOOMD-blue's names of the species."""
    return [str(species) for species in range(pairs.species)]
