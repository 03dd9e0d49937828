"""The substrate a film grows on: S particles drawn together, then each held at the site where it came to rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vitrify.md.engines.base import Engine, Thermostat
from vitrify.md.ensemble import Ensemble, maxwell_boltzmann
from vitrify.md.external import Tether
from vitrify.md.model import EMPTY, SUBSTRATE
from vitrify.md.placement import place_randomly
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.randomness import Purpose, stream
from vitrify.md.schedule import TemperatureSchedule


def build_substrate(spec: DepositionSpec, engine: Engine) -> Ensemble:
    """Substrates of all replicas at rest on their sites, with empty slots for the film to come.

    S is placed in its slab, drawn to the mid-line by springs along y at the substrate's temperature, and minimised
    under the last of them. A slab left as it was placed is porous; drawn together it is tight.

    Args:
        spec: the recipe.
        engine: what moves the particles.

    Returns:
        Ensemble at step 0 with the S particles in the first slots, their positions the sites of :func:`tether`, and
        velocities at the substrate's temperature.
    """
    ensemble = _placed(spec)
    slots = np.arange(spec.substrate_particles)
    midline = np.zeros((spec.replicas, len(slots), 2))
    midline[..., 1] = spec.midline
    bath = thermostat(spec)
    for stiffness in spec.relax_stiffnesses:
        spring = Tether(stiffness=stiffness, slots=slots, sites=midline, axes=(False, True))
        ensemble = engine.minimize(ensemble, externals=(spring,)).ensemble
        ensemble = engine.integrate(ensemble, spec.relax_steps, bath, (spring,))
        ensemble = engine.minimize(ensemble, externals=(spring,)).ensemble
    if ensemble.failed.any():
        raise ValueError(f"substrate: {next(filter(None, ensemble.failure))}; expected it to relax")
    return replace(ensemble, step=np.zeros_like(ensemble.step), origin=None)


def tether(spec: DepositionSpec, sites: np.ndarray) -> Tether:
    """The stiff springs that hold S at ``sites`` (R, S, 2) from then on."""
    return Tether(stiffness=spec.tether_stiffness, slots=np.arange(spec.substrate_particles), sites=sites)


def thermostat(spec: DepositionSpec) -> Thermostat:
    """The thermostat of the substrate alone."""
    schedule = TemperatureSchedule.constant(spec.substrate_kt)
    return Thermostat(schedule=schedule, tau=spec.thermostat_tau, species=(SUBSTRATE,))


def _placed(spec: DepositionSpec) -> Ensemble:
    """S placed in its slab, at the substrate's temperature, in a box that has room for the first batch."""
    shape = (spec.replicas, spec.slots)
    height = spec.wall_start(spec.substrate_base + spec.substrate_slab) + spec.wall_range
    ensemble = Ensemble(
        positions=np.zeros((*shape, 2)),
        velocities=np.zeros((*shape, 2)),
        species=np.full(shape, EMPTY, dtype=np.int8),
        box=np.tile([spec.box_length, height], (spec.replicas, 1)),
        periodic=(True, False),
        seed=spec.seed,
        replica=np.arange(spec.replicas),
        step=np.zeros(spec.replicas, dtype=np.int64),
    )
    count = spec.substrate_particles
    for row in range(spec.replicas):
        places = _layered if spec.substrate_layers else _scattered
        ensemble.positions[row, :count] = places(spec, stream(spec.seed, Purpose.SUBSTRATE, row), ensemble.box[row])
        velocities = maxwell_boltzmann(stream(spec.seed, Purpose.VELOCITIES, row), count, spec.substrate_kt)
        ensemble.velocities[row, :count] = velocities
        ensemble.species[row, :count] = SUBSTRATE
    return ensemble


def _scattered(spec: DepositionSpec, rng: np.random.Generator, box: np.ndarray) -> np.ndarray:
    return place_randomly(
        rng,
        spec.substrate_particles,
        lower=np.array([-spec.box_length / 2, spec.substrate_base]),
        upper=np.array([spec.box_length / 2, spec.substrate_base + spec.substrate_slab]),
        min_distance=spec.substrate_min_distance,
        box=box,
        periodic=(True, False),
    )


def _layered(spec: DepositionSpec, rng: np.random.Generator, box: np.ndarray) -> np.ndarray:
    """Rows one above the other, every other one shifted by half a spacing, each particle a little off its place."""
    index = np.arange(spec.substrate_particles)
    row, place = index % spec.substrate_layers, index // spec.substrate_layers
    edge, per_row = spec.box_length, -(-spec.substrate_particles // spec.substrate_layers)
    x = (place + 0.5 * (row % 2)) / per_row * edge
    y = spec.substrate_base + (row + 0.5) / spec.substrate_layers * spec.substrate_slab
    jitter = 0.05 * rng.standard_normal((spec.substrate_particles, 2))
    return np.column_stack([(x + jitter[:, 0] + edge / 2) % edge - edge / 2, y + jitter[:, 1]])
