"""The oracle against LAMMPS, lattices and limits."""

from pathlib import Path

import numpy as np
import pytest

from vitrify.md.model import EMPTY, A, B, KobAndersen2D, PairTable, kob_andersen_pairs, pair_energies_and_forces

REFERENCE = Path(__file__).parents[1] / "reference" / "lammps"


def film_pairs() -> PairTable:
    """The pair table of the LAMMPS film, see tests/reference/README.md."""
    sigma = np.array([[1.0, 0.8, 0.75], [0.8, 0.88, 0.75], [0.75, 0.75, 0.76]])
    epsilon = np.array([[1.0, 1.5, 1.0], [1.5, 0.5, 1.0], [1.0, 1.0, 0.1]])
    return PairTable(epsilon=epsilon, sigma=sigma, r_cut=2.5 * sigma)


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("liquid_T1.0_N1080", kob_andersen_pairs()),
        ("inherent_N1080", kob_andersen_pairs()),
        ("film_N404", film_pairs()),
    ],
)
def test_single_points_agree_with_lammps(name, pairs):
    data = np.load(REFERENCE / f"{name}.npz")
    periodic = (bool(data["periodic"][0]), bool(data["periodic"][1]))
    energies, forces = pair_energies_and_forces(pairs, data["positions"], data["types"], data["box"], periodic)
    np.testing.assert_allclose(energies, data["energies"], rtol=1e-10)
    # Relative to the pair forces of some 10 eps/sigma that cancel in the sum, not to what is left of them.
    np.testing.assert_allclose(forces, data["forces"], rtol=1e-10, atol=1e-10)
    assert energies.sum() == pytest.approx(float(data["potential_energy"]), rel=1e-12)


def test_forces_are_the_gradient_of_the_energy():
    data = np.load(REFERENCE / "liquid_T1.0_N1080.npz")
    pairs, positions, species, box = kob_andersen_pairs(), data["positions"], data["types"], data["box"]
    _, forces = pair_energies_and_forces(pairs, positions, species, box, (True, True))
    particle, axis, h = 17, 1, 1e-6

    def energy(shift):
        moved = positions.copy()
        moved[particle, axis] += shift
        return pair_energies_and_forces(pairs, moved, species, box, (True, True))[0].sum()

    # No pair of particle 17 crosses its cut-off within h: the jump there would show as an error of some 1e4.
    assert -(energy(h) - energy(-h)) / (2 * h) == pytest.approx(forces[particle, axis], rel=1e-6)


def test_triangular_lattice_energy_is_the_lattice_sum():
    spacing, rows = 1.12, 8
    i, j = np.mgrid[:rows, :rows]
    positions = np.column_stack([((i + 0.5 * (j % 2)) * spacing).ravel(), (j * spacing * np.sqrt(3) / 2).ravel()])
    box = np.array([rows * spacing, rows * spacing * np.sqrt(3) / 2])
    energies, forces = pair_energies_and_forces(kob_andersen_pairs(), positions, np.full(rows**2, A), box, (True, True))
    shells = [(6, 1.0), (6, np.sqrt(3)), (6, 2.0)]  # up to 2.5 sigma; the next shell lies at sqrt(7) spacings = 2.96
    u = sum(count / 2 * 4 * ((d * spacing) ** -12 - (d * spacing) ** -6) for count, d in shells)
    np.testing.assert_allclose(energies, u, rtol=1e-12)
    np.testing.assert_allclose(forces, 0, atol=1e-12)


def test_energy_is_truncated_and_not_shifted():
    pairs, box = kob_andersen_pairs(), np.array([20.0, 20.0])

    def pair(distance, s):
        positions = np.array([[0.0, 0.0], [distance, 0.0]])
        return pair_energies_and_forces(pairs, positions, np.array(s), box, (True, True))[0].sum()

    assert pair(2.5 - 1e-9, [A, A]) == pytest.approx(4 * (2.5**-12 - 2.5**-6), rel=1e-6)
    assert pair(2.5 + 1e-9, [A, A]) == 0
    assert pair(2.2 + 1e-9, [B, B]) == 0
    assert pair(2.0 + 1e-9, [A, B]) == 0


def test_empty_slots_and_open_axes_do_not_interact():
    pairs, box = kob_andersen_pairs(), np.array([10.0, 10.0])
    positions = np.array([[0.0, 0.2], [0.0, 9.8], [0.5, 0.2]])
    open_y, _ = pair_energies_and_forces(pairs, positions, np.array([A, A, EMPTY]), box, (True, False))
    assert open_y.tolist() == [0, 0, 0]
    closed, _ = pair_energies_and_forces(pairs, positions, np.array([A, A, EMPTY]), box, (True, True))
    assert closed[0] > 1000
    assert closed[2] == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"density": 0.0}, "density: got 0.0"),
        ({"density": 9.0}, "density: got 9.0"),
        ({"density": float("nan")}, "density: got nan"),
        ({"particles": 0}, "particles: got 0"),
        ({"particles": 20}, "at least twice the cut-off"),
        ({"fraction_a": 1.5}, "fraction_a: got 1.5"),
    ],
)
def test_impossible_models_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        KobAndersen2D(**wrong)


def test_published_composition():
    model = KobAndersen2D()
    assert (model.count_a, model.count_b, model.box_length) == (2808, 1512, 60.0)
    assert np.bincount(model.species).tolist() == [2808, 1512]
