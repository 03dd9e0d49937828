"""Smooth counts of neighbours in shells, against lattices whose shells are known and sums written out."""

import numpy as np
import pytest

from vitrify.analysis.structure.radial import Shells, radial_distribution, shell_counts
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.md.model import A, B

SHELLS = Shells(reach=2.5, spacing=0.05)


def bells(radii, width, shells):
    """The sum over shells of a lattice, (neighbours, distance) each."""
    return sum(
        count * np.exp(-((radii - distance) ** 2) / (2 * width**2)) / np.sqrt(2 * np.pi * width**2)
        for count, distance in shells
    )


def test_triangular_lattice(triangular_lattice):
    """Of B 1 apart: six neighbours at 1, six at sqrt 3, six at 2, twelve at sqrt 7."""
    shells = [(6, 1.0), (6, np.sqrt(3)), (6, 2.0), (12, np.sqrt(7))]
    n_aa, n_ab, n_bb = shell_counts(Surroundings(triangular_lattice), SHELLS)
    np.testing.assert_allclose(n_bb, bells(SHELLS.radii, 0.05, shells), atol=1e-6)
    assert not n_aa.any()
    assert not n_ab.any()


def test_columns_of_two_species(configuration):
    """A square lattice 1 apart, its columns A and B in turn: like ones above and below, unlike ones to both sides."""
    column, row = np.meshgrid(np.arange(10.0), np.arange(10.0), indexing="ij")
    sites = np.stack([column, row], axis=-1).reshape(-1, 2)
    striped = configuration(sites, sites[:, 0] % 2, [10.0, 10.0])
    n_aa, n_ab, n_bb = shell_counts(Surroundings(striped), SHELLS)
    like = [(2, 1.0), (4, 2.0), (4, np.sqrt(5))]  # (0, 1); (2, 0), (0, 2); (2, 1)
    unlike = [(2, 1.0), (4, np.sqrt(2)), (4, np.sqrt(5))]  # (1, 0); (1, 1); (1, 2)
    np.testing.assert_allclose(n_aa, bells(SHELLS.radii, 0.05, like), atol=1e-6)
    np.testing.assert_allclose(n_bb, n_aa, atol=1e-12)
    np.testing.assert_allclose(n_ab, bells(SHELLS.radii, 0.05, unlike), atol=1e-6)


def test_one_centre_and_one_cut_neighbour(configuration):
    """An A with a B at 1.2 and a B at 2.65, beyond the last shell but less than four widths: by hand."""
    three = configuration([[0, 0], [1.2, 0], [0, 2.65]], [A, B, B], [20.0, 20.0])
    _, n_ab, _ = shell_counts(Surroundings(three), SHELLS)
    np.testing.assert_allclose(n_ab, bells(SHELLS.radii, 0.05, [(1, 1.2), (1, 2.65)]), atol=1e-6)
    assert n_ab[-1] == pytest.approx(np.exp(-4.5) / (0.05 * np.sqrt(2 * np.pi)), rel=1e-6)


def test_they_are_a_smoothed_g(liquid):
    """2 pi r rho_b g_ab(r), counted in bins of 0.005 by freud and smoothed by hand."""
    wide = Shells(reach=2.0, spacing=0.1)
    fine = radial_distribution(liquid, radius_range=(0.5, 3.0), step=0.005)
    number = np.bincount(liquid.species)
    area = np.prod(liquid.box)
    density = np.array([number[A] - 1, number[B], number[B] - 1]) / area
    counted = fine.g * 2 * np.pi * fine.radius * density[:, None] * 0.005
    bell = np.exp(-0.5 * ((fine.radius[:, None] - wide.radii) / 0.1) ** 2) / (0.1 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(shell_counts(Surroundings(liquid), wide), counted @ bell, atol=2e-2)


def test_moving_turning_and_numbering_anew_change_nothing(liquid, configuration):
    order = np.random.default_rng(3).permutation(len(liquid.species))
    turned = liquid.positions[order][:, ::-1] * [-1, 1] + [3.7, -11.2]
    turned -= liquid.box[::-1] * np.rint(turned / liquid.box[::-1])
    other = configuration(turned, liquid.species[order], liquid.box[::-1])
    found = shell_counts(Surroundings(other), SHELLS)
    np.testing.assert_allclose(found, shell_counts(Surroundings(liquid), SHELLS), atol=1e-9)


def test_the_middle_of_a_cut_crystal_has_the_crystals(triangular_lattice, configuration):
    whole = shell_counts(Surroundings(triangular_lattice), SHELLS)
    cut = configuration(triangular_lattice.positions, triangular_lattice.species, triangular_lattice.box, (False, True))
    along = cut.positions[:, 0]
    inside = (along > along.min() + SHELLS.farthest) & (along < along.max() - SHELLS.farthest)
    np.testing.assert_allclose(shell_counts(Surroundings(cut, inside), SHELLS), whole, atol=1e-9)
    assert not np.allclose(shell_counts(Surroundings(cut), SHELLS), whole, atol=1e-3)


def test_shells_that_cannot_be(liquid, configuration):
    with pytest.raises(ValueError, match=r"got a spacing of 0 and a reach of 2.5 sigma_AA, expected a positive"):
        Shells(reach=2.5, spacing=0.0)
    with pytest.raises(ValueError, match=r"a reach of 0.6 sigma_AA, expected"):
        Shells(reach=0.6, spacing=0.05)
    with pytest.raises(ValueError, match=r"got neighbours up to 4.2 sigma_AA, expected at most 4, as far as pairs"):
        shell_counts(Surroundings(liquid), Shells(reach=4.0, spacing=0.05))
    narrow = configuration([[0.0, 0.0], [1.0, 0.0]], [A, B], [5.0, 30.0])
    with pytest.raises(ValueError, match=r"got neighbours up to 2.7 sigma_AA, expected at most 2.5"):
        shell_counts(Surroundings(narrow), SHELLS)
