"""Who enters a growing film, where and how fast: the same in every engine, from seed, replica and injection alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vitrify.md.ensemble import Ensemble
from vitrify.md.model import EMPTY, SUBSTRATE, A, B
from vitrify.md.placement import place_randomly
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.films.surface import attached, film_top
from vitrify.md.randomness import Purpose, stream


def vapour_velocities(
    rng: np.random.Generator, count: int, kt: float, least_fall_speed: float, rescale: bool
) -> np.ndarray:
    """Velocities of a vapour that falls: two-dimensional Maxwell-Boltzmann, every v_y turned down and bounded.

    Each component has variance kT. (A speed drawn from v^2 = 3 kT, a habit from three dimensions, makes the vapour 1.5
    times too hot.)

    Args:
        rng: where the numbers come from.
        count: number of particles.
        kt: temperature [eps_AA].
        least_fall_speed: v_y <= -least_fall_speed [sigma_AA / tau].
        rescale: whether the batch is scaled, after that bound, to exactly ``sum v^2 = 2 n kT``.

    Returns:
        (count, 2) [sigma_AA / tau].

    >>> v = vapour_velocities(np.random.default_rng(1), 1000, 0.5, 0.2, rescale=False)
    >>> v[:, 1].max().item()
    -0.2
    """
    velocities = np.sqrt(kt) * rng.standard_normal((count, 2))
    velocities[:, 1] = -np.maximum(np.abs(velocities[:, 1]), least_fall_speed)
    if rescale and count:
        velocities *= np.sqrt(2 * count * kt / (velocities**2).sum())
    return velocities


def inject(ensemble: Ensemble, spec: DepositionSpec, injection: int, returning: np.ndarray) -> Ensemble:
    """Add batch ``injection`` = 1, 2, ... to every replica that is well, and the strays that return with it.

    A replica in which the batch finds no room is marked failed; the others go on. Boxes grow so that the wall stands
    above the injection slab; they never shrink, so that the wall never comes down on a particle.

    Args:
        ensemble: films with room in their slots.
        spec: the recipe.
        injection: number of the batch.
        returning: (R, 2) numbers of A and B taken out as strays before.

    Returns:
        The ensemble with the batch in its lowest empty slots.
    """
    positions, velocities = ensemble.positions.copy(), ensemble.velocities.copy()
    species, box, failure = ensemble.species.copy(), ensemble.box.copy(), list(ensemble.failure)
    for row in np.flatnonzero(~ensemble.failed):
        entering = np.concatenate(
            [spec.batch_species(injection), np.repeat(np.arange(2, dtype=np.int8), returning[row])]
        )
        slots = np.flatnonzero(species[row] == EMPTY)[: len(entering)]
        rng = stream(spec.noise_seed, Purpose.INJECTION, int(ensemble.replica[row]), injection)
        top = film_top(positions[row], species[row], spec.box_length)
        low, high = spec.injection_slab(top)
        box[row, 1] = max(box[row, 1], spec.wall_start(top) + spec.wall.range)
        try:
            places = place_randomly(
                rng,
                len(entering),
                lower=np.array([-spec.box_length / 2, low]),
                upper=np.array([spec.box_length / 2, high]),
                min_distance=spec.vapour.min_distance,
                box=box[row],
                periodic=ensemble.periodic,
                existing=positions[row][species[row] != EMPTY],
            )
        except ValueError as error:
            failure[row] = f"injection {injection}: {error}"
            continue
        positions[row, slots] = places
        velocities[row, slots] = vapour_velocities(
            rng, len(entering), spec.vapour.kt, spec.vapour.least_fall_speed, spec.vapour.rescale
        )
        species[row, slots] = entering
    return replace(
        ensemble,
        positions=positions,
        velocities=velocities,
        species=species,
        box=box,
        failure=tuple(failure),
        origin=None,
    )


def wall_heights(ensemble: Ensemble, spec: DepositionSpec) -> np.ndarray:
    """Height at which each replica's wall begins to act, (R,) [sigma_AA]."""
    return ensemble.box[:, 1] - spec.wall.range


def strays(ensemble: Ensemble, spec: DepositionSpec) -> np.ndarray:
    """Particles that left the film or never reached it: vapour above the film's top that flies up, (R, N) bool.

    Vapour on its way down is none, however slow: it will arrive.
    """
    found = np.zeros(ensemble.species.shape, dtype=bool)
    for row in np.flatnonzero(~ensemble.failed):
        member = attached(ensemble.positions[row], ensemble.species[row], spec.box_length)
        top = ensemble.positions[row, member, 1].max()
        vapour = ensemble.filled[row] & ~member & (ensemble.species[row] != SUBSTRATE)
        rising = (ensemble.positions[row, :, 1] > top) & (ensemble.velocities[row, :, 1] > 0)
        found[row] = vapour & rising
    return found


def take_out(ensemble: Ensemble, leaving: np.ndarray) -> tuple[Ensemble, np.ndarray]:
    """The ensemble without the particles ``leaving`` (R, N) bool, and how many A and B those were, (R, 2)."""
    counts = np.stack([(leaving & (ensemble.species == kind)).sum(axis=1) for kind in (A, B)], axis=1)
    species = np.where(leaving, np.int8(EMPTY), ensemble.species)
    positions = np.where(leaving[..., None], 0.0, ensemble.positions)
    velocities = np.where(leaving[..., None], 0.0, ensemble.velocities)
    if not leaving.any():
        return ensemble, counts
    return replace(ensemble, species=species, positions=positions, velocities=velocities, origin=None), counts
