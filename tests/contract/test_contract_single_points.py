"""Energies and forces of one configuration, against LAMMPS and against the NumPy oracle."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vitrify.md.external import Tether, Wall, external_energies
from vitrify.md.model import A, B, kob_andersen_pairs, minimum_image, single_point

REFERENCE = Path(__file__).parents[1] / "reference" / "lammps"


def oracle(pairs, ensemble):
    """Energies (R, N), forces (R, N, 2) and virials (R, N) of every replica."""
    each = [
        single_point(pairs, *arrays, ensemble.periodic)
        for arrays in zip(ensemble.positions, ensemble.species, ensemble.box, strict=True)
    ]
    return tuple(np.stack(values) for values in zip(*each, strict=True))


@pytest.mark.parametrize("name", ["liquid_T1.0_N1080.npz", "inherent_N1080.npz"])
def test_bulk_agrees_with_lammps(patience, engine, reference, name):
    ensemble, point = reference(name)
    np.testing.assert_allclose(engine.energies(ensemble)[0], point["energies"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(engine.forces(ensemble)[0], point["forces"], rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("name", ["liquid_T1.0_N1080", "inherent_N1080"])
def test_virials_and_pressure_agree_with_lammps(patience, engine, reference, name):
    ensemble, _ = reference(f"{name}.npz")
    expected = np.load(REFERENCE / "virials.npz")
    virials = engine.measure(ensemble).virials[0]
    np.testing.assert_allclose(virials, expected[name], rtol=1e-9, atol=1e-8)
    assert virials.sum() / (2 * ensemble.box[0].prod()) == pytest.approx(float(expected[f"{name}_pressure"]), rel=1e-10)


def test_virials_are_the_derivative_of_the_energy_with_the_volume(engine, mixture):
    """2 A dU/dA = -sum of virials, on configurations where no pair comes to its cut-off within the difference."""
    h, ensemble = 1e-5, mixture(64, replicas=3, rattle=0.1)

    def scaled(factor):
        return replace(ensemble, positions=factor * ensemble.positions, box=factor * ensemble.box)

    for r, s, box in zip(ensemble.positions, ensemble.species, ensemble.box, strict=True):
        distance = np.sqrt((minimum_image(r[:, None] - r[None], box) ** 2).sum(axis=-1))
        assert abs(distance - engine.pairs.r_cut[s[:, None], s[None]]).min() > 4 * h
    by_volume = (engine.energies(scaled(1 + h)) - engine.energies(scaled(1 - h))).sum(axis=1) / (2 * h)
    np.testing.assert_allclose(-by_volume, engine.measure(ensemble).virials.sum(axis=1), rtol=1e-5)


def test_external_forces_are_the_gradient_of_the_external_energy(film_engine, small_film):
    ensemble, h = small_film(), 1e-6
    slots = np.arange(12)
    stiff = Tether(stiffness=50.0, slots=slots, sites=ensemble.positions[:, slots] + [5.0, 0.05])
    soft = Tether(stiffness=3.0, slots=slots[:5], sites=ensemble.positions[:, :5] - 0.4, axes=(False, True))
    externals = [stiff, soft, Wall(stiffness=10.0, start=np.array([3.5, 0.9]))]
    assert (external_energies(externals, ensemble) > 1).all()
    force = film_engine.forces(ensemble, externals) - film_engine.forces(ensemble)
    for slot, axis in ((2, 0), (2, 1), (7, 1), (30, 1)):

        def energy(step, slot=slot, axis=axis):
            moved = ensemble.positions.copy()
            moved[:, slot, axis] += step
            return external_energies(externals, replace(ensemble, positions=moved))

        np.testing.assert_allclose(-(energy(h) - energy(-h)) / (2 * h), force[:, slot, axis], rtol=1e-6, atol=1e-6)


def test_what_cannot_be_measured_is_not_a_number(engine, mixture):
    ensemble = mixture(48, replicas=2)
    spoilt = ensemble.positions.copy()
    spoilt[0, 3] = np.nan
    measured = engine.measure(replace(ensemble, positions=spoilt))
    for values in (measured.energies, measured.virials):
        assert np.isnan(values[0]).all()
        assert np.isfinite(values[1]).all()


def test_film_agrees_with_lammps(patience, film_engine, reference):
    ensemble, point = reference("film_N404.npz")
    assert ensemble.periodic == (True, False)
    np.testing.assert_allclose(film_engine.energies(ensemble)[0], point["energies"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(film_engine.forces(ensemble)[0], point["forces"], rtol=1e-9, atol=1e-8)


def test_bulk_agrees_with_the_oracle(engine, mixture):
    ensemble = mixture(64, replicas=3, rattle=0.1)
    energies, forces, virials = oracle(engine.pairs, ensemble)
    measured = engine.measure(ensemble)
    np.testing.assert_allclose(measured.energies, energies, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(measured.virials, virials, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(engine.energies(ensemble), energies, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(engine.forces(ensemble), forces, rtol=1e-9, atol=1e-8)


def test_films_of_different_size_agree_with_the_oracle(film_engine, small_film):
    ensemble = small_film()
    assert len(set(ensemble.particles)) == 2
    energies, forces, virials = oracle(film_engine.pairs, ensemble)
    np.testing.assert_allclose(film_engine.measure(ensemble).virials, virials, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(film_engine.energies(ensemble), energies, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(film_engine.forces(ensemble), forces, rtol=1e-9, atol=1e-8)


def test_an_empty_slot_has_no_energy_and_no_force(film_engine, small_film):
    ensemble = small_film()
    assert not ensemble.filled.all()
    assert (film_engine.energies(ensemble)[~ensemble.filled] == 0).all()
    assert (film_engine.forces(ensemble)[~ensemble.filled] == 0).all()


@pytest.mark.parametrize(("one", "other"), [(A, A), (A, B), (B, B)])
def test_energy_is_truncated_and_not_shifted(engine, ensemble_of, one, other):
    pairs = kob_andersen_pairs()
    cutoff, depth = pairs.r_cut[one, other], pairs.epsilon[one, other]
    just_inside, just_outside = cutoff * (1 - 1e-6), cutoff * (1 + 1e-6)
    across_the_edge = [[[2.9, 0.0], [2.9 + r - 6.0, 0.0]] for r in (just_inside, just_outside)]
    total = engine.energies(ensemble_of(across_the_edge, [one, other], [6.0, 6.0])).sum(axis=1)
    assert total[0] == pytest.approx(4 * depth * (2.5**-12 - 2.5**-6), rel=1e-4)
    assert total[1] == 0


def test_nothing_acts_through_an_open_end(film_engine, ensemble_of):
    ends = ensemble_of([[[0.0, 0.01], [0.0, 7.99]]], [A, A], [6.0, 8.0], periodic=(True, False))
    assert (film_engine.energies(ends) == 0).all()
    assert (film_engine.forces(ends) == 0).all()


@pytest.mark.parametrize("axes", [(True, True), (False, True), (True, False)])
def test_tether_force_is_hookes_law_to_the_nearest_image(film_engine, small_film, axes):
    ensemble = small_film()
    slots = np.array([0, 3, 11])
    sites = ensemble.positions[:, slots] + [[0.3, -0.2], [5.0, 0.1], [-0.4, 0.0]]
    tether = Tether(stiffness=7.0, slots=slots, sites=sites, axes=axes)
    force = film_engine.forces(ensemble, [tether]) - film_engine.forces(ensemble)
    expected = np.zeros_like(force)
    stretch = minimum_image(ensemble.positions[:, slots] - sites, np.array([9.0, np.inf]))
    expected[:, slots] = -7.0 * stretch * axes
    np.testing.assert_allclose(force, expected, atol=1e-8)


def test_a_tether_at_its_site_pulls_at_nothing(film_engine, small_film):
    ensemble = small_film()
    slots = np.arange(12)
    tether = Tether(stiffness=1000.0, slots=slots, sites=ensemble.positions[:, slots])
    force = film_engine.forces(ensemble, [tether]) - film_engine.forces(ensemble)
    np.testing.assert_allclose(force, 0.0, atol=1e-8)


def test_wall_force_is_a_one_sided_spring_of_each_replica(film_engine, small_film):
    ensemble = small_film()
    wall = Wall(stiffness=10.0, start=np.array([3.5, 0.9]))
    force = film_engine.forces(ensemble, [wall]) - film_engine.forces(ensemble)
    above = np.clip(ensemble.positions[:, :, 1] - wall.start[:, None], 0, None) * ensemble.filled
    np.testing.assert_allclose(force[:, :, 0], 0.0, atol=1e-8)
    np.testing.assert_allclose(force[:, :, 1], -10.0 * above, atol=1e-8)
    assert (above > 0).any(axis=1).all()


def test_externals_add_up(film_engine, small_film):
    ensemble = small_film()
    slots = np.arange(12)
    stiff = Tether(stiffness=50.0, slots=slots, sites=ensemble.positions[:, slots] + 0.05)
    soft = Tether(stiffness=3.0, slots=slots[:5], sites=ensemble.positions[:, :5] - 0.4, axes=(False, True))
    wall = Wall(stiffness=10.0, start=np.array([3.5, 2.5]))
    bare = film_engine.forces(ensemble)
    apart = sum(film_engine.forces(ensemble, [external]) - bare for external in (stiff, soft, wall))
    np.testing.assert_allclose(film_engine.forces(ensemble, [stiff, soft, wall]) - bare, apart, atol=1e-7)
