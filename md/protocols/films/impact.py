"""One vapour particle hits a film, and the film is watched: how its heat spreads.

Source: Reid et al., Nat. Commun. 7, 13062 (2016), who followed the kinetic temperature of the particles below the spot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vitrify.md.engines.base import Engine
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import EMPTY, SUBSTRATE, A, B
from vitrify.md.protocols.films.growth import externals
from vitrify.md.protocols.films.injection import vapour_velocities
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.films.substrate import thermostat
from vitrify.md.protocols.films.surface import attached
from vitrify.md.randomness import Purpose, stream


@dataclass(frozen=True, kw_only=True)
class Impacts:
    """What was seen of K impacts, each on a film of its own, in S samples at equal intervals.

    Attributes:
        interval: time between samples [tau]; the first is one interval after the particle was let go.
        striker: slot of the particle that falls.
        species: (K, N) int8, the falling particle included; EMPTY for empty slots.
        positions: (S, K, N, 2) float32 [sigma_AA].
        velocities: (S, K, N, 2) float32 [sigma_AA / tau].
        box_length: Lx [sigma_AA].
    """

    interval: float
    striker: int
    species: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    box_length: float


def strike(
    films: Ensemble,
    sites: np.ndarray,
    spec: DepositionSpec,
    engine: Engine,
    *,
    impacts: int,
    samples: int = 100,
    steps_per_sample: int = 20,
    seed: int,
) -> Impacts:
    """Let one vapour particle fall on each of ``impacts`` copies of the films, each at a place of its own.

    The particle starts just outside the film's reach, as hot as the recipe's vapour; vapour left from the growth is
    taken out first.

    Args:
        films: films as they stood at the end of their growth.
        sites: (R, S, 2) their substrates' sites.
        spec: their recipe.
        engine: what moves the particles.
        impacts: number of impacts K, dealt out to the films in turn.
        samples: how many times the films are looked at.
        steps_per_sample: time steps between.
        seed: what places and velocities derive from.

    Raises:
        ValueError: for counts below one, or when every film failed.
    """
    for name, value in (("impacts", impacts), ("samples", samples), ("steps_per_sample", steps_per_sample)):
        if value < 1:
            raise ValueError(f"{name}: got {value}, expected at least 1")
    dealt = np.arange(impacts) % films.replicas
    ensemble, striker = _aimed(films.select(dealt), spec, seed)
    acting = externals(ensemble, spec, sites[dealt])
    positions = np.empty((samples, *ensemble.positions.shape), dtype=np.float32)
    velocities = np.empty_like(positions)
    for sample in range(samples):
        ensemble = engine.integrate(ensemble, steps_per_sample, thermostat(spec), acting)
        positions[sample], velocities[sample] = ensemble.positions, ensemble.velocities
    well = ~ensemble.failed
    if not well.any():
        raise ValueError(f"impact: got {ensemble.failure[0]}, expected a film that survives it")
    return Impacts(
        interval=steps_per_sample * spec.time_step,
        striker=striker,
        species=ensemble.species[well],
        positions=positions[:, well],
        velocities=velocities[:, well],
        box_length=spec.box_length,
    )


def _aimed(films: Ensemble, spec: DepositionSpec, seed: int) -> tuple[Ensemble, int]:
    """Films without vapour, one falling particle each in a slot added behind the last."""
    reach = spec.pairs.longest_cutoff
    wider = ((0, 0), (0, 1), (0, 0))
    positions, velocities = np.pad(films.positions, wider), np.pad(films.velocities, wider)
    species = np.pad(films.species, wider[:2], constant_values=EMPTY)
    box = films.box.copy()
    for row in range(films.replicas):
        rng = stream(seed, Purpose.INJECTION, row)
        member = attached(positions[row], species[row], spec.box_length)
        species[row, ~member] = EMPTY
        x = spec.box_length * (rng.random() - 0.5)
        aside = positions[row, :, 0] - x
        aside -= spec.box_length * np.rint(aside / spec.box_length)
        below = member & (np.abs(aside) < reach)
        height = positions[row, below, 1].max() + reach
        positions[row, -1] = x, height
        velocities[row, -1] = vapour_velocities(rng, 1, spec.vapour_kt, spec.least_fall_speed, rescale=False)[0]
        species[row, -1] = A if rng.random() < spec.fraction_a else B
        box[row, 1] = max(box[row, 1], height + spec.wall_gap + spec.wall_range)
    positions[species == EMPTY], velocities[species == EMPTY] = 0.0, 0.0
    aimed = replace(
        films,
        positions=positions,
        velocities=velocities,
        species=species,
        box=box,
        seed=seed,
        replica=np.arange(films.replicas),
        step=np.zeros(films.replicas, dtype=np.int64),
        origin=None,
    )
    return aimed, species.shape[1] - 1


def contact_samples(impacts: Impacts) -> np.ndarray:
    """The first sample at which each falling particle is attached to its film, (K,); -1 where it never was."""
    found = np.full(len(impacts.species), -1)
    for k, species in enumerate(impacts.species):
        for sample, positions in enumerate(impacts.positions[:, k]):
            if attached(positions, species, impacts.box_length)[impacts.striker]:
                found[k] = sample
                break
    return found


def film_of_impacts(impacts: Impacts) -> np.ndarray:
    """The particles of the films, without substrate and falling particle, (K, N) bool."""
    film = (impacts.species != EMPTY) & (impacts.species != SUBSTRATE)
    film[:, impacts.striker] = False
    return film
