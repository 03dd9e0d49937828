"""The substrate a film grows on: S particles drawn together, then each held at the site where it came to rest."""

from __future__ import annotations

import numpy as np

from vitrify.md.engines.base import Thermostat
from vitrify.md.ensemble import Ensemble, maxwell_boltzmann
from vitrify.md.external import Tether
from vitrify.md.model import EMPTY, SUBSTRATE
from vitrify.md.placement import place_randomly
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.stages import Advance, Relax, Stage
from vitrify.md.randomness import Purpose, stream
from vitrify.md.schedule import TemperatureSchedule


def placed_substrates(spec: DepositionSpec, replicas: np.ndarray) -> Ensemble:
    """S placed in its slab, at the substrate's temperature, with empty slots for the film to come.

    Args:
        spec: the recipe.
        replicas: (R,) numbers of the replicas wanted.

    Returns:
        Ensemble at step 0 with S in the first slots, in a box that has room for the first batch.
    """
    substrate, count = spec.substrate, spec.substrate.particles
    shape = (len(replicas), spec.slots)
    height = spec.wall_start(substrate.base + substrate.slab) + spec.wall.range
    ensemble = Ensemble(
        positions=np.zeros((*shape, 2)),
        velocities=np.zeros((*shape, 2)),
        species=np.full(shape, EMPTY, dtype=np.int8),
        box=np.tile([spec.box_length, height], (len(replicas), 1)),
        periodic=(True, False),
        seed=spec.noise_seed,
        replica=np.asarray(replicas, dtype=np.int64),
        step=np.zeros(len(replicas), dtype=np.int64),
    )
    places = _layered if substrate.layers else _scattered
    for row, replica in enumerate(replicas.tolist()):
        rng = stream(spec.noise_seed, Purpose.SUBSTRATE, replica)
        ensemble.positions[row, :count] = places(spec, rng, ensemble.box[row])
        velocities = maxwell_boltzmann(stream(spec.noise_seed, Purpose.VELOCITIES, replica), count, substrate.kt)
        ensemble.velocities[row, :count] = velocities
        ensemble.species[row, :count] = SUBSTRATE
    return ensemble


def drawing_stages(spec: DepositionSpec) -> tuple[Stage, ...]:
    """How S is drawn together: for each spring brought to rest, moved at the substrate's temperature, brought to rest.

    A slab left as it was placed is porous; drawn together it is tight. The last rest gives the sites: a substrate that
    does not come to rest has failed.
    """
    bath, last, stages = thermostat(spec), len(spec.substrate.relax_stiffnesses) - 1, []
    for number in range(last + 1):
        start = number * spec.substrate.relax_steps
        stages += [
            Relax(fmax=spec.fmax, what="substrate", required=False),
            Advance(start=start, until=start + spec.substrate.relax_steps, thermostat=bath),
            Relax(fmax=spec.fmax, what="substrate", required=number == last, frame=0 if number == last else None),
        ]
    return tuple(stages)


def drawing_spring(spec: DepositionSpec, stage: int, replicas: int) -> Tether:
    """The spring along y to the mid-line that acts in one of :func:`drawing_stages`."""
    slots = np.arange(spec.substrate.particles)
    midline = np.zeros((replicas, len(slots), 2))
    midline[..., 1] = spec.substrate.midline
    stiffness = spec.substrate.relax_stiffnesses[stage // 3]
    return Tether(stiffness=stiffness, slots=slots, sites=midline, axes=(False, True))


def tether(spec: DepositionSpec, sites: np.ndarray) -> Tether:
    """The stiff springs that hold S at ``sites`` (R, S, 2) from then on."""
    return Tether(stiffness=spec.substrate.tether_stiffness, slots=np.arange(spec.substrate.particles), sites=sites)


def thermostat(spec: DepositionSpec) -> Thermostat:
    """The thermostat of the substrate alone."""
    schedule = TemperatureSchedule.constant(spec.substrate.kt)
    return Thermostat(schedule=schedule, tau=spec.thermostat_tau, species=(SUBSTRATE,))


def _scattered(spec: DepositionSpec, rng: np.random.Generator, box: np.ndarray) -> np.ndarray:
    return place_randomly(
        rng,
        spec.substrate.particles,
        lower=np.array([-spec.box_length / 2, spec.substrate.base]),
        upper=np.array([spec.box_length / 2, spec.substrate.base + spec.substrate.slab]),
        min_distance=spec.substrate.min_distance,
        box=box,
        periodic=(True, False),
    )


def _layered(spec: DepositionSpec, rng: np.random.Generator, box: np.ndarray) -> np.ndarray:
    """Rows one above the other, every other one shifted by half a spacing, each particle a little off its place."""
    index = np.arange(spec.substrate.particles)
    row, place = index % spec.substrate.layers, index // spec.substrate.layers
    edge, per_row = spec.box_length, -(-spec.substrate.particles // spec.substrate.layers)
    x = (place + 0.5 * (row % 2)) / per_row * edge
    y = spec.substrate.base + (row + 0.5) / spec.substrate.layers * spec.substrate.slab
    jitter = 0.05 * rng.standard_normal((spec.substrate.particles, 2))
    return np.column_stack([(x + jitter[:, 0] + edge / 2) % edge - edge / 2, y + jitter[:, 1]])
