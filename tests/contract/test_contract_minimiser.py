"""Inherent structures: force-free, the minimum LAMMPS finds, and one mean energy whatever the engine."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vitrify.md.external import Tether, Wall
from vitrify.md.model import minimum_image, pair_energies_and_forces

QUENCHES = Path(__file__).parents[1] / "reference" / "lammps" / "quenches_T1.0_N216.npz"


def test_no_force_is_left_on_any_particle(patience, engine, mixture):
    ensemble = mixture(48, rattle=0.1)
    quenched = engine.minimize(ensemble)
    assert quenched.converged.all()
    assert (quenched.max_force < 1e-6).all()
    assert (quenched.evaluations > 1).all()
    for row, species in enumerate(ensemble.species):
        arrays = quenched.ensemble.positions[row], species, ensemble.box[row], ensemble.periodic
        energies, forces = pair_energies_and_forces(engine.pairs, *arrays)
        assert np.linalg.norm(forces, axis=1).max() == pytest.approx(quenched.max_force[row], abs=2e-8)
        np.testing.assert_allclose(quenched.energies[row], energies, rtol=1e-9, atol=1e-9)


def test_only_positions_change(patience, engine, mixture):
    ensemble = mixture(48, rattle=0.1)
    after = engine.minimize(ensemble, fmax=1e-2).ensemble
    for name in ("velocities", "species", "box", "replica", "step"):
        np.testing.assert_array_equal(getattr(after, name), getattr(ensemble, name))
    assert (after.positions != ensemble.positions).any()
    assert after.failure == ensemble.failure


def test_a_looser_criterion_takes_fewer_evaluations(patience, engine, mixture):
    ensemble = mixture(48, rattle=0.1)
    loose, tight = engine.minimize(ensemble, fmax=1e-1), engine.minimize(ensemble, fmax=1e-6)
    assert (loose.max_force < 1e-1).all()
    assert (loose.evaluations < tight.evaluations).all()


def test_a_pair_comes_to_rest_at_the_bottom_of_its_well(engine, ensemble_of):
    pair = ensemble_of([[[2.8, 1.0], [-2.6, 1.2]]], [0, 0], [6.0, 6.0])
    quenched = engine.minimize(pair)
    apart = minimum_image(np.diff(quenched.ensemble.positions[0], axis=0), np.array([6.0, 6.0]))
    assert np.linalg.norm(apart) == pytest.approx(2 ** (1 / 6), abs=1e-6)
    np.testing.assert_allclose(quenched.energies, -0.5, atol=1e-10)


def test_overlaps_of_a_random_start_are_parted(patience, engine, ensemble_of):
    """Particles 0.6 apart meet with forces of 4e4: nobody may be thrown out, and every force must go."""
    rng, edge = np.random.default_rng(12), np.sqrt(100 / 1.2)
    positions = np.empty((0, 2))
    while len(positions) < 100:
        trial = edge * (rng.random(2) - 0.5)
        if (np.linalg.norm(minimum_image(positions - trial, np.full(2, edge)), axis=1) > 0.6).all():
            positions = np.vstack([positions, trial])
    start = ensemble_of(positions[None], np.repeat([0, 1], [65, 35]), [edge, edge])
    assert abs(engine.forces(start)).max() > 1e4
    quenched = engine.minimize(start)
    assert quenched.converged.all()
    assert quenched.energies.mean() < -3.2


def back_from(displacement, engine, reference):
    """The reference structure, displaced at random and minimised: energy and positions as differences from it."""
    ensemble, point = reference("inherent_N1080.npz")
    push = displacement * np.random.default_rng(1).standard_normal(ensemble.positions.shape)
    quenched = engine.minimize(replace(ensemble, positions=ensemble.positions + push - push.mean(axis=1)))
    assert quenched.converged.all()
    apart = minimum_image(quenched.ensemble.positions - ensemble.positions, ensemble.box[:, None, :])
    return quenched.energies[0] - point["energies"], np.linalg.norm(apart[0], axis=1)


@pytest.mark.parametrize("displacement", [0.0, 3e-4])
def test_back_to_the_inherent_structure_of_lammps(patience, engine, reference, displacement):
    energies, apart = back_from(displacement, engine, reference)
    assert apart.max() < 1e-5
    assert abs(energies).max() < 1e-5
    assert abs(energies.sum()) < 1e-7


def test_back_to_the_basin_of_lammps(patience, engine, reference):
    """Of 20,000 pairs a few lie so close to the cut-off that a displacement of 0.03 leaves them on its other side.

    Each such AA pair is worth 0.0163 of truncated energy and a force of 0.04, which moves particles by less than 0.002.
    """
    energies, apart = back_from(0.03, engine, reference)
    assert apart.max() < 5e-3
    assert abs(energies.sum()) < 6 * 0.0163


def test_the_mean_inherent_energy_is_that_of_lammps(patience, engine, ensemble_of):
    """From a hot liquid minimisers part ways: one configuration differs by 1e-3, the mean of many must not.

    Paired over 32 liquids at kT 1, against conjugate gradients on the shifted energy.
    """
    quenches = np.load(QUENCHES)
    quenched = engine.minimize(ensemble_of(quenches["positions"], quenches["types"], quenches["box"]))
    assert quenched.converged.all()
    difference = quenched.energies.mean(axis=1) - quenches["inherent_energies"]
    standard_error = difference.std(ddof=1) / np.sqrt(len(difference))
    assert abs(difference.mean()) < 5 * standard_error
    assert standard_error < 2e-3


def test_a_film_rests_on_its_tethers_and_under_its_wall(patience, film_engine, small_film):
    film = small_film()
    slots = np.arange(12)
    tether = Tether(stiffness=100.0, slots=slots, sites=film.positions[:, slots])
    line = Tether(stiffness=1.0, slots=slots[:6], sites=film.positions[:, :6] + [0.0, 0.2], axes=(False, True))
    externals = [tether, line, Wall(stiffness=10.0, start=np.array([3.5, 2.5]))]
    quenched = film_engine.minimize(film, externals=externals)
    assert quenched.converged.all()
    left = np.linalg.norm(film_engine.forces(quenched.ensemble, externals), axis=2).max(axis=1)
    np.testing.assert_allclose(left, quenched.max_force, atol=2e-8)
    pair_forces = film_engine.forces(quenched.ensemble)
    assert abs(pair_forces).max() > 0.1  # the pair forces alone do not vanish: tethers and wall carry them
    empty = ~film.filled
    np.testing.assert_array_equal(quenched.ensemble.positions[empty], film.positions[empty])
    assert (quenched.energies[empty] == 0).all()
