"""The small systems the check asks about, made without any engine, and what the oracle says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrify.md.engines.base import Engine
from vitrify.md.engines.registry import get_engine
from vitrify.md.ensemble import Ensemble, maxwell_boltzmann
from vitrify.md.external import External, Tether, Wall
from vitrify.md.model import (
    EMPTY,
    SUBSTRATE,
    A,
    B,
    KobAndersen2D,
    PairTable,
    SinglePoint,
    minimum_image,
    single_point,
)
from vitrify.md.pair_law import coefficients, half_energy
from vitrify.md.protocols.films.recipe import DepositionSpec


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is checked.

    Attributes:
        engine: name of the engine.
        device: device of the engine, as ``--device`` takes it.
        seed: of every random number.
    """

    engine: str
    device: str
    seed: int

    def mover(self, pairs: PairTable, particles: int) -> Engine:
        """A new engine, as a run would get it."""
        return get_engine(self.engine, pairs=pairs, device=self.device, particles=particles)


def rattled_lattice(particles: int, replicas: int, *, kt: float, rattle: float, seed: int) -> Ensemble:
    """The mixture at rho 1.2 near the sites of a square lattice, every replica another arrangement.

    Args:
        particles: N of each replica.
        replicas: R.
        kt: temperature of the velocities [eps_AA].
        rattle: standard deviation of the displacements from the sites [sigma_AA].
        seed: of all of it.
    """
    model, rng = KobAndersen2D(particles=particles), np.random.default_rng(seed)
    edge = int(np.ceil(np.sqrt(particles)))
    sites = np.stack(np.meshgrid(np.arange(edge), np.arange(edge)), axis=-1).reshape(-1, 2)[:particles]
    lattice = (sites + 0.5) * model.box_length / edge - model.box_length / 2
    return Ensemble(
        positions=lattice + rattle * rng.standard_normal((replicas, particles, 2)),
        velocities=np.stack([maxwell_boltzmann(rng, particles, kt) for _ in range(replicas)]),
        species=np.stack([rng.permutation(model.species) for _ in range(replicas)]),
        box=np.full((replicas, 2), model.box_length),
        seed=seed,
        replica=np.arange(replicas),
        step=np.zeros(replicas, np.int64),
    )


def film_pairs() -> PairTable:
    """The pair table of A, B and the substrate S of Reid's films."""
    return DepositionSpec.preset("reid", seed=0).pairs


def small_film(*, kt: float, seed: int) -> tuple[Ensemble, tuple[External, ...]]:
    """Two films, one with empty slots, on 12 tethered S under a wall that already acts on the upper row."""
    rng = np.random.default_rng(seed)
    substrate = np.stack([np.arange(12) * 0.75 - 4.4, 1.0 + 0.05 * rng.standard_normal(12)], axis=1)
    rows = np.stack(np.meshgrid(np.arange(9) - 4.0, 2.0 + np.arange(3)), axis=-1).reshape(-1, 2)
    film = rows + 0.03 * rng.standard_normal((2, 27, 2))
    species = np.stack([rng.permutation(np.repeat(np.array([A, B], np.int8), [18, 9])) for _ in range(2)])
    species[1, 20:] = EMPTY
    positions = np.concatenate([np.broadcast_to(substrate, (2, 12, 2)), film], axis=1)
    ensemble = Ensemble(
        positions=positions,
        velocities=np.sqrt(kt) * rng.standard_normal(positions.shape),
        species=np.concatenate([np.full((2, 12), SUBSTRATE, np.int8), species], axis=1),
        box=np.tile([9.0, 12.0], (2, 1)),
        periodic=(True, False),
        seed=seed,
        replica=np.arange(2),
        step=np.zeros(2, np.int64),
    )
    sites = ensemble.positions[:, :12] + [0.02, -0.03]
    tether = Tether(stiffness=200.0, slots=np.arange(12), sites=sites)
    return ensemble, (tether, Wall(stiffness=10.0, start=np.array([3.5, 2.9])))


def oracle(pairs: PairTable, ensemble: Ensemble) -> SinglePoint:
    """Energies (R, N), forces (R, N, 2) and virials (R, N) of every replica, by the NumPy oracle."""
    each = [
        single_point(pairs, *arrays, ensemble.periodic)
        for arrays in zip(ensemble.positions, ensemble.species, ensemble.box, strict=True)
    ]
    return SinglePoint(*(np.stack(values) for values in zip(*each, strict=True)))


def external_forces(externals: tuple[External, ...], ensemble: Ensemble) -> np.ndarray:
    """Hooke's law of tethers and walls, (R, N, 2)."""
    forces = np.zeros_like(ensemble.positions)
    wrap = np.where(ensemble.periodic, ensemble.box, np.inf)[:, None]
    for external in externals:
        if isinstance(external, Tether):
            stretch = minimum_image(ensemble.positions[:, external.slots] - external.sites, wrap)
            forces[:, external.slots] -= external.stiffness * stretch * external.axes
        else:
            above = np.clip(ensemble.positions[..., 1] - external.start[:, None], 0, None)
            forces[..., 1] -= external.stiffness * above
    return forces * ensemble.filled[..., None]


def shifted_energies(pairs: PairTable, ensemble: Ensemble) -> np.ndarray:
    """Pair energy of each replica on the energy-shifted potential, (R,): the one that truncated forces derive from."""
    totals = oracle(pairs, ensemble).energies.sum(axis=1)
    law = coefficients(pairs.epsilon, pairs.sigma)
    half_at_cutoff = half_energy(law.numerator / pairs.r_cut**2, *law)
    for row, (r, s, box) in enumerate(zip(ensemble.positions, ensemble.species, ensemble.box, strict=True)):
        wrap = np.where(ensemble.periodic, box, np.inf)
        distance2 = (minimum_image(r[:, None] - r[None], wrap) ** 2).sum(axis=-1)
        pair = s[:, None], s[None]
        inside = (distance2 < pairs.r_cut[pair] ** 2) & ~np.eye(len(r), dtype=bool)
        totals[row] -= half_at_cutoff[pair][inside].sum()
    return totals
