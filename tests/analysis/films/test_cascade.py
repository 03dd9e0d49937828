"""Cascades: exact on a made-up impact, and the physics of a real one."""

from dataclasses import replace

import numpy as np
import pytest

from vitrify.analysis.films.cascade import cascade, cascade_columns
from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.model import EMPTY, SUBSTRATE, A, B
from vitrify.md.protocols.films.growth import Growth, externals, grow
from vitrify.md.protocols.films.impact import Impacts, contact_samples, strike
from vitrify.md.protocols.films.recipe import DepositionSpec


def column_of_particles(kt, falling=(5.0, 4.2, 4.2)) -> Impacts:
    """One impact on a column: S at 0, film at 1, 2 and 3 of kinetic energies kt[sample], a particle that falls."""
    samples = len(falling)
    species = np.array([[SUBSTRATE, A, B, A, EMPTY, A]], dtype=np.int8)
    positions = np.zeros((samples, 1, 6, 2), dtype=np.float32)
    positions[:, 0, 1:4, 1] = [1.0, 2.0, 3.0]
    positions[:, 0, 5, 1] = falling
    velocities = np.zeros_like(positions)
    velocities[:, 0, 1:4, 0] = np.sqrt(2 * np.array(kt))
    velocities[:, 0, 5, 1] = -np.sqrt(2 * np.array([0.5, 2.0, 1.0]))
    return Impacts(
        interval=0.1, striker=5, species=species, positions=positions, velocities=velocities, box_length=10.0
    )


def test_depth_and_time_count_from_the_contact():
    impacts = column_of_particles([[0.1, 0.1, 0.1], [0.1, 0.1, 0.3], [0.1, 0.2, 0.4]])
    assert contact_samples(impacts).tolist() == [1]
    found = cascade(impacts, depth=4.5, bin_depth=1.5)
    assert found.impacts == 1
    # Contact at y = 4.2: the film's particles lie 1.2, 2.2 and 3.2 below it.
    np.testing.assert_allclose(found.kt[:2], [[0.3, 0.1, 0.1], [0.4, 0.2, 0.1]], rtol=1e-6)
    assert np.isnan(found.kt[2]).all()
    np.testing.assert_allclose(found.arriving_kt[:2], [2.0, 1.0], rtol=1e-6)
    assert found.film_kt == pytest.approx(0.5 / 3, rel=1e-6)
    assert cascade_columns(found)["depth"][:3].tolist() == [0.75, 2.25, 3.75]


def test_a_particle_that_never_arrives_is_no_impact():
    impacts = column_of_particles([[0.1, 0.1, 0.1]] * 3, falling=(9.0, 8.0, 7.0))
    with pytest.raises(ValueError, match="none of 1 particles arrived"):
        cascade(impacts)


def test_heat_of_an_impact_starts_at_the_surface_and_goes_down():
    spec = DepositionSpec.preset(
        "reid", seed=3, box_length=10.0, substrate_particles=70, relax_steps=3000, batch=6, injections=8,
        steps_per_injection=1500, slab_gap=3.0,
    )  # fmt: skip
    engine = ReplicaEngine(pairs=spec.pairs)
    growth = Growth.begin(spec, engine)
    for _ in range(spec.injections):
        growth = grow(growth, spec, engine)
    acting = externals(growth.ensemble, spec, growth.sites)
    film = engine.minimize(growth.ensemble, externals=acting).ensemble
    cold = replace(film, velocities=np.zeros_like(film.velocities))
    impacts = strike(cold, growth.sites, spec, engine, impacts=24, samples=80, steps_per_sample=15, seed=4)
    found = cascade(impacts, depth=6.0, bin_depth=2.0)
    assert found.impacts >= 12  # how many arrive in time hangs on the processor's rounding
    # It brings its own kinetic energy and what it falls through, more than an eps together.
    assert np.nanmax(found.arriving_kt) > 1.0
    heat = found.kt - found.kt[0]
    early, late = heat[1:8].mean(axis=0), heat[30:40].mean(axis=0)
    assert early[0] > 3 * max(early[2], 0.0)
    assert late[2] > early[2]
