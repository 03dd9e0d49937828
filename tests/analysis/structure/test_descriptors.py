import freud
import numpy as np
import pytest

from vitrify.analysis.structure.descriptors import (
    BOND_LENGTH,
    bond_order,
    bonds,
    cluster_labels,
    descriptor_vector,
    descriptors,
    radial_distribution,
)
from vitrify.analysis.structure.neighbours import voronoi_neighbours
from vitrify.md.model import SUBSTRATE, A, B


def test_square_lattice(square_lattice):
    values = descriptors(square_lattice)
    assert values["psi4_A"] == pytest.approx(1, abs=1e-6)
    assert values["sides4_A"] == 1
    assert values["coordination_AA"] == 4
    assert values["a_without_b"] == 1
    assert values["bb_bonds"] == values["b_clusters"] == 0
    assert np.isnan(values["psi4_B"])


def test_triangular_lattice(triangular_lattice):
    values = descriptors(triangular_lattice)
    assert values["psi6_B"] == pytest.approx(1, abs=1e-6)
    assert values["psi5_B"] == pytest.approx(0, abs=1e-6)
    assert values["sides6_B"] == 1
    assert values["coordination_BB"] == 6
    assert values["bb_bonds"] == 3
    assert values["b_clusters"] == pytest.approx(1 / 360)


@pytest.mark.parametrize("k", [4, 5, 6])
def test_bond_order_is_that_of_freud(liquid, k):
    points = np.zeros((len(liquid.positions), 3), dtype=np.float32)
    points[:, :2] = liquid.positions - liquid.box * np.rint(liquid.positions / liquid.box)
    box = freud.box.Box(Lx=liquid.box[0], Ly=liquid.box[1], is2D=True)
    voronoi = freud.locality.Voronoi()
    voronoi.compute((box, points))
    expected = np.abs(freud.order.Hexatic(k=k).compute((box, points), voronoi.nlist).particle_order)
    near = voronoi_neighbours(liquid.positions, liquid.box, liquid.periodic)
    np.testing.assert_allclose(bond_order(near, len(points), k), expected, atol=2e-5)


def test_rotation_and_translation_change_nothing(inherent, configuration):
    values = descriptors(inherent)
    quarter = inherent.positions[:, ::-1] * [-1, 1] + [3.7, -11.2]
    turned = descriptors(configuration(quarter, inherent.species, inherent.box[::-1]))
    assert list(turned) == list(values)
    np.testing.assert_allclose(list(turned.values()), list(values.values()), atol=1e-6)


def test_counts_of_a_molecule(configuration):
    """A chain B - B - A - A, an A - B dimer that touches the chain through the periodic edge, and a lonely A."""
    positions = [[0, 0], [1.0, 0], [2.2, 0], [3.6, 0], [-1.15, 0], [-1.2, 1.2], [10, 10]]
    species = [B, B, A, A, A, B, A]
    values = descriptors(configuration(positions, species, [30.0, 30.0]))
    # bonds: B0-B1 (1.0 < 1.1), B1-A2 (1.2 < 1.25), A2-A3 (1.4 < 1.5), B0-A4 (1.15 < 1.25), A4-B5 (1.2 < 1.25)
    assert values["bb_bonds"] == pytest.approx(1 / 7)
    assert values["a_without_b"] == pytest.approx(2 / 4)
    assert values["coordination_AB"] == pytest.approx(3 / 4)
    assert values["coordination_BA"] == pytest.approx(3 / 3)
    assert values["coordination_AA"] == pytest.approx(2 / 4)
    assert values["b_clusters"] == pytest.approx(1 / 7)  # 5-4-0-1-2; 3 and 6 touch no B


def test_bonds_end_at_the_first_minimum_of_g(inherent):
    distribution = radial_distribution(inherent)
    for row, (a, b) in enumerate(((A, A), (A, B), (B, B))):
        first_shell = distribution.g[row, distribution.radius < BOND_LENGTH[a, b]].max()
        at_the_end = distribution.g[row, np.abs(distribution.radius - BOND_LENGTH[a, b]).argmin()]
        assert at_the_end < 0.35 * first_shell


def test_clusters_of_a_long_chain():
    """A chain in scrambled order: labels must travel its whole length."""
    order = np.random.default_rng(4).permutation(500)
    one, other = np.concatenate([order[:-1], order[1:]]), np.concatenate([order[1:], order[:-1]])
    near = type("Pairs", (), {"i": one, "j": other})
    assert (cluster_labels(near, 502) == np.concatenate([np.zeros(500), [500, 501]])).all()


def test_radial_distribution_of_an_ideal_gas_is_one(configuration):
    rng = np.random.default_rng(8)
    gas = configuration(rng.uniform(0, 60, (4320, 2)), np.arange(4320) % 3 == 0, [60.0, 60.0])
    g = radial_distribution(gas, radius_range=(0.0, 5.0), step=1.0).g
    pairs = np.array([[2880 * 2879 / 2], [2880 * 1440], [1440 * 1439 / 2]])
    expected = pairs * np.pi * np.diff(np.arange(6.0) ** 2) / 3600
    assert (np.abs(g - 1) < 5 / np.sqrt(expected)).all()


def test_radial_distribution_is_that_of_freud(liquid):
    points = np.zeros((len(liquid.positions), 3), dtype=np.float32)
    points[:, :2] = liquid.positions - liquid.box * np.rint(liquid.positions / liquid.box)
    points_a, points_b = points[liquid.species == A], points[liquid.species == B]
    box = freud.box.Box(Lx=liquid.box[0], Ly=liquid.box[1], is2D=True)
    rdf = freud.density.RDF(bins=100, r_max=5.0)
    mine = radial_distribution(liquid, radius_range=(0.0, 5.0), step=0.05)
    rdf.compute((box, points_b), query_points=points_a)
    np.testing.assert_allclose(mine.g[1], rdf.rdf, rtol=0.01, atol=0.02)


def test_radial_distribution_needs_a_bulk(film, liquid):
    with pytest.raises(ValueError, match="periodic"):
        radial_distribution(film)
    with pytest.raises(ValueError, match="half of the box"):
        radial_distribution(liquid, radius_range=(0.0, 20.0))
    with pytest.raises(ValueError, match="at least one bin"):
        radial_distribution(liquid, radius_range=(2.0, 1.0))


def test_members_are_averaged_over_and_others_still_neighbours(square_lattice, configuration):
    """A lattice cut open along y: its rim has other cells, the interior is the lattice."""
    cut = configuration(square_lattice.positions, square_lattice.species, square_lattice.box, (True, False))
    assert descriptors(cut)["coordination_AA"] < 4
    interior = np.abs(cut.positions[:, 1]) < 6
    values = descriptors(cut, interior)
    assert values["coordination_AA"] == 4
    assert values["psi4_A"] == pytest.approx(1, abs=1e-6)


def test_substrate_is_no_neighbour_and_no_member(film):
    assert (film.species[bonds(film).i] != SUBSTRATE).all()
    with pytest.raises(ValueError, match="no A or B"):
        descriptors(film, film.species == SUBSTRATE)
    with pytest.raises(ValueError, match="members: got shape"):
        descriptors(film, np.ones(3, dtype=bool))


def test_vector_has_one_length_and_no_hole(liquid, inherent, square_lattice):
    names, values = descriptor_vector(liquid)
    assert len(names) == len(values) == len(set(names))
    for other in (inherent, square_lattice):
        other_names, other_values = descriptor_vector(other)
        assert other_names == names
        assert np.isfinite(other_values).all()
    assert values[names.index("g_AA(1.075)")] == radial_distribution(liquid).g[0, 9]
