"""Cascades: exact on a made-up impact, and the physics of a real one."""

from dataclasses import replace

import numpy as np
import pytest

from vitrify.analysis.films.cascade import cascade, cascade_columns
from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import EMPTY, SUBSTRATE, A, B
from vitrify.md.protocols.films.growth import deposit
from vitrify.md.protocols.films.impact import ImpactProtocol, ImpactSpec, heat_below, spots, strike
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.stages import Wave
from vitrify.md.store.table import COLUMNS
from vitrify.md.store.writer import RunWriter

RECIPE = DepositionSpec.preset(
    "reid", seed=3, box_length=10.0, substrate_particles=70, relax_steps=3000, batch=6, injections=8,
    steps_per_injection=1500, slab_gap=3.0,
)  # fmt: skip


def column_of_particles(kt, falling, spot=np.nan) -> Wave:
    """An impact on a column: S at 0, film at 1, 2 and 3 of kinetic energies kt, a particle that falls."""
    species = np.array([[SUBSTRATE, A, B, A, EMPTY, A]], dtype=np.int8)
    positions, velocities = np.zeros((1, 6, 2)), np.zeros((1, 6, 2))
    positions[0, 1:4, 1], positions[0, 5, 1] = [1.0, 2.0, 3.0], falling
    velocities[0, 1:4, 0] = np.sqrt(2 * np.array(kt))
    ensemble = Ensemble(
        positions=positions, velocities=velocities, species=species, box=np.array([[10.0, 20.0]]),
        periodic=(True, False), seed=0, replica=np.zeros(1, dtype=np.int64), step=np.zeros(1, dtype=np.int64),
    )  # fmt: skip
    return Wave(ensemble=ensemble, memory={"spot": np.array([[0.0 * spot, spot]])})


def test_depth_counts_from_the_contact():
    """Contact at y = 4.2: the film's particles lie 1.2, 2.2 and 3.2 below it."""
    spec = ImpactSpec(source="", deposition=RECIPE, depth=4.5, seed=1)
    assert np.isnan(spots(column_of_particles([0.1, 0.1, 0.1], 5.0))).all()
    touching = column_of_particles([0.1, 0.2, 0.4], 4.2)
    np.testing.assert_array_equal(spots(touching), [[0.0, 4.2]])
    np.testing.assert_allclose(heat_below(column_of_particles([0.1, 0.2, 0.4], 3.9, 4.2), spec), [[0.4, 0.2, 0.1]])
    assert np.isnan(heat_below(column_of_particles([0.1, 0.2, 0.4], 5.0), spec)).all()
    # A spot is where the contact was, wherever the particle goes afterwards.
    np.testing.assert_array_equal(spots(column_of_particles([0.1, 0.2, 0.4], 3.9, 4.2)), [[0.0, 4.2]])


def written(path, arrived, below):
    """A run of impacts with one bin, as a table says it."""
    spec = ImpactSpec(source="", deposition=RECIPE, replicas=len(arrived), frames=len(arrived[0]), depth=1.5, seed=1)
    columns = ("arrived", "arriving_kt", "below_01")
    writer = RunWriter.create(path, spec.to_dict(), {"engine": "replica"}, columns=(*COLUMNS, *columns))
    for k, (contact, heat) in enumerate(zip(arrived, below, strict=True)):
        count = len(contact)
        writer.append_rows(
            {"replica": np.full(count, k), "frame": np.arange(1, count + 1), "step": 20 * np.arange(1, count + 1),
             "kt_set": np.full(count, 0.1), "kt": np.full(count, 0.5), "arrived": np.array(contact),
             "arriving_kt": np.full(count, 2.0), "below_01": np.array(heat)}
        )  # fmt: skip
    return writer.finish()


def test_time_counts_from_the_contact(tmp_path):
    nan = np.nan
    run = written(
        tmp_path / "run", [[0, 1, 1], [1, 1, 1], [0, 0, 0]], [[nan, 0.3, 0.4], [0.5, 0.6, 0.2], [nan, nan, nan]]
    )
    found = cascade(run)
    assert found.impacts == 2
    np.testing.assert_allclose(found.kt[:, 0], [0.4, 0.5, 0.2])
    np.testing.assert_allclose(found.time, 20 * 0.005 * np.arange(3))
    assert found.film_kt == 0.5
    assert cascade_columns(found)["depth"].tolist() == [0.75] * 3


def test_a_particle_that_never_arrives_is_no_impact(tmp_path):
    with pytest.raises(ValueError, match="none of 1 particles arrived"):
        cascade(written(tmp_path / "run", [[0, 0]], [[np.nan, np.nan]]))


def test_heat_of_an_impact_starts_at_the_surface_and_goes_down(tmp_path, monkeypatch):
    films = deposit(RECIPE, tmp_path / "films")
    begin = ImpactProtocol.begin

    def on_cold_films(self, replicas):
        wave = begin(self, replicas)
        engine = ReplicaEngine(pairs=self.pairs)
        film = engine.minimize(wave.ensemble, externals=self.resting(wave)).ensemble
        velocities = film.velocities.copy()
        velocities[:, :-1] = 0.0
        return replace(wave, ensemble=replace(film, velocities=velocities))

    monkeypatch.setattr(ImpactProtocol, "begin", on_cold_films)
    spec = ImpactSpec(
        source=films.identity, deposition=RECIPE, replicas=32, frames=80, steps_per_frame=15, depth=6.0, bin_depth=2.0,
        seed=4,
    )  # fmt: skip
    found = cascade(strike(films, spec, tmp_path / "impact"))
    assert found.impacts > 12
    # It brings its own kinetic energy and what it falls through, more than an eps together.
    assert np.nanmax(found.arriving_kt) > 1.0
    heat = found.kt - found.kt[0]
    early, late = heat[1:8].mean(axis=0), heat[30:40].mean(axis=0)
    assert early[0] > 3 * max(early[2], 0.0)
    assert late[2] > early[2]
