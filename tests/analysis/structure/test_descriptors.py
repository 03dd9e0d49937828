"""Every descriptor against a lattice or a sum written out."""

import numpy as np
import pytest

from vitrify.analysis.structure.bonding import bonded, clusters, graph_around_b, ring
from vitrify.analysis.structure.cell_shape import angle_spread, bond_order, local_composition, local_density
from vitrify.analysis.structure.descriptors import (
    COLUMNS,
    CURVES,
    ENERGIES,
    Measured,
    descriptor_vector,
    descriptors,
    particle_columns,
)
from vitrify.analysis.structure.neighbours import Neighbours
from vitrify.analysis.structure.radial import bond_angles, radial_distribution, radial_distribution_around
from vitrify.analysis.structure.surroundings import BOND_LENGTH, Surroundings
from vitrify.md.model import SUBSTRATE, A, B, PairTable

FILM_PAIRS = PairTable(epsilon=np.ones((3, 3)), sigma=np.ones((3, 3)), r_cut=2.5 * np.ones((3, 3)))


def test_square_lattice(square_lattice):
    values = descriptors(square_lattice)
    assert values["psi4_A"] == pytest.approx(1, abs=1e-6)
    assert values["sides4_A"] == 1
    assert values["area_A"] == pytest.approx(1.1**2)
    assert values["angle_spread_A"] == pytest.approx(0, abs=1e-7)
    assert values["density_A"] == pytest.approx(1 / 1.1**2)
    assert values["coordination_AA"] == 4
    assert values["fraction_a_A"] == 1
    assert values["a_outside_k2"] == 1
    assert values["bb_edges_k2"] == values["b_clusters_k2"] == 0
    assert all(values[f"ring{n}_A"] == 0 for n in (3, 4, 5, 6, 7))  # neighbours at right angles are not bonded
    assert np.isnan(values["psi4_B"])


def test_triangular_lattice(triangular_lattice):
    values = descriptors(triangular_lattice)
    assert values["psi6_B"] == pytest.approx(1, abs=1e-6)
    assert values["psi5_B"] == pytest.approx(0, abs=1e-6)
    assert values["sides6_B"] == values["ring6_B"] == 1
    assert values["area_B"] == pytest.approx(np.sqrt(3) / 2)
    assert values["area_std_B"] == pytest.approx(0, abs=1e-6)
    assert values["coordination_BB"] == 6
    assert values["b_clusters_k5"] == pytest.approx(1 / 360)


@pytest.mark.parametrize("k", [4, 5, 6])
@pytest.mark.parametrize("weighted", [False, True])
def test_bond_order_is_the_sum_written_out(inherent, film, k, weighted):
    for configuration in (inherent, film):
        around = Surroundings(configuration)
        cells, found = around.cells, bond_order(around, k, weighted=weighted)
        for i in np.flatnonzero(cells.closed & around.matter)[::25]:
            own = cells.near.i == i
            weight = cells.side[own] if weighted else np.ones(own.sum())
            x, y = cells.near.separation[own].T
            expected = abs((weight * (x + 1j * y) ** k / np.hypot(x, y) ** k).sum()) / weight.sum()
            assert found[i] == pytest.approx(expected, abs=1e-5)
        assert np.isnan(found[~cells.closed]).all()


def test_rotation_and_translation_change_nothing(inherent, configuration):
    values = descriptors(inherent)
    quarter = inherent.positions[:, ::-1] * [-1, 1] + [3.7, -11.2]
    turned = descriptors(configuration(quarter, inherent.species, inherent.box[::-1]))
    assert list(turned) == list(values)
    np.testing.assert_allclose(list(turned.values()), list(values.values()), atol=1e-6)


def test_order_of_the_particles_changes_nothing(inherent, configuration):
    order = np.random.default_rng(3).permutation(len(inherent.species))
    shuffled = configuration(inherent.positions[order], inherent.species[order], inherent.box)
    for name, values in particle_columns(inherent).items():
        np.testing.assert_allclose(particle_columns(shuffled, [name])[name], values[order], atol=1e-6, err_msg=name)


def test_counts_of_a_molecule(configuration):
    """A chain B - B - A - A, an A - B dimer that touches the chain through the periodic edge, and a lonely A."""
    positions = [[0, 0], [1.0, 0], [2.2, 0], [3.6, 0], [-1.15, 0], [-1.2, 1.2], [10, 10]]
    values = descriptors(configuration(positions, [B, B, A, A, A, B, A], [30.0, 30.0]))
    # bonds: B0-B1 (1.0 < 1.1), B1-A2 (1.2 < 1.25), A2-A3 (1.4 < 1.5), B0-A4 (1.15 < 1.25), A4-B5 (1.2 < 1.25)
    assert values["coordination_AB"] == pytest.approx(3 / 4)
    assert values["coordination_BA"] == pytest.approx(3 / 3)
    assert values["coordination_BB"] == pytest.approx(2 / 3)
    assert values["coordination_AA"] == pytest.approx(2 / 4)


def test_graph_around_b_by_hand(configuration):
    """Seven particles B B A A A A B on a line, 1.0, 1.1, 1.3, 2, 1.2, 1.25 apart, far from their images.

    Nearest ones (k = 1): 0-1, 1-0, 2-1, 3-2, 4-5, 5-4, 6-5. Edges 0-1 (BB), 1-2, 2-3 (AA), 4-5 (AA), 5-6.
    Those that touch a B: 0-1, 1-2 | 5-6: two clusters; A outside: 3 and 4.
    """
    x = np.cumsum([0, 1.0, 1.1, 1.3, 2.0, 1.2, 1.25])
    line = configuration(np.stack([x, np.zeros(7)], axis=1), [B, B, A, A, A, A, B], [60.0, 60.0])
    assert graph_around_b(Surroundings(line), 1) == {"b_clusters": 2 / 7, "bb_edges": 1 / 7, "a_outside": 2 / 7}
    # k = 2 adds 0-2, 3-4 and 4-6: now 4 touches a B and 3 still none; the halves meet in 3-4 only, which has no B.
    assert graph_around_b(Surroundings(line), 2) == {"b_clusters": 2 / 7, "bb_edges": 1 / 7, "a_outside": 1 / 7}
    # In a box that ends 0.9 behind the last particle, B6 and B0 are nearest to each other: one cluster, 6-0-1-2.
    ringed = configuration(line.positions, line.species, [x[-1] + 0.9, 60.0])
    assert graph_around_b(Surroundings(ringed), 1)["bb_edges"] == 2 / 7
    assert graph_around_b(Surroundings(ringed), 1)["b_clusters"] == 1 / 7


def test_clusters_of_a_long_chain():
    """A chain in scrambled order: labels must travel its whole length."""
    order = np.random.default_rng(4).permutation(500)
    one, other = np.concatenate([order[:-1], order[1:]]), np.concatenate([order[1:], order[:-1]])
    chain = Neighbours(i=one, j=other, separation=np.ones((998, 2)), distance=np.ones(998))
    label = clusters(chain, 502)
    assert len(set(label[:500])) == 1
    assert len(set(label)) == 3


@pytest.mark.parametrize("size", [3, 4, 5, 6])
def test_a_ring_around_a_particle(configuration, size):
    """A B in a regular ring of A of radius 1.1, whose corners are bonded from four on; the ring's own ends are open."""
    angle = 2 * np.pi * np.arange(size) / size
    radius = 1.1 if size > 3 else 0.8
    corners = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    motif = configuration(np.concatenate([[[0, 0]], corners]) + 10, [B] + [A] * size, [30.0, 30.0])
    bonded_corners = 2 * radius * np.sin(np.pi / size) < BOND_LENGTH[A, A]
    found = ring(Surroundings(motif))
    assert found[0] == (size if bonded_corners else 0)
    broken = configuration(motif.positions[:-1], motif.species[:-1], motif.box)  # one corner taken away
    assert ring(Surroundings(broken))[0] == 0


def test_bonded_counts_are_those_written_out(liquid):
    separation = liquid.positions[None] - liquid.positions[:, None]
    separation -= liquid.box * np.rint(separation / liquid.box)
    distance = np.hypot(*np.moveaxis(separation, -1, 0))
    joined = (distance < BOND_LENGTH[liquid.species[:, None], liquid.species[None]]) & (distance > 0)
    around = Surroundings(liquid)
    for kind in (A, B):
        np.testing.assert_array_equal(bonded(kind)(around), (joined & (liquid.species[None] == kind)).sum(axis=1))


def test_rings_are_those_written_out(liquid):
    """Particle by particle, with sets."""
    near = Surroundings(liquid).bonds
    friends = {i: set() for i in range(len(liquid.species))}
    angle = {}
    for i, j, r in zip(near.i.tolist(), near.j.tolist(), near.separation, strict=True):
        friends[i].add(j)
        angle[i, j] = np.arctan2(r[1], r[0])
    expected = []
    for i, own in friends.items():
        around = sorted(own, key=lambda j, i=i: angle[i, j])
        closed = len(around) >= 3 and all(b in friends[a] for a, b in zip(around, around[1:] + around[:1], strict=True))
        expected.append(len(around) if closed else 0)
    np.testing.assert_array_equal(ring(Surroundings(liquid)), expected)
    assert len(set(expected)) > 3


def test_local_density_and_composition_by_hand(liquid):
    cells = Surroundings(liquid).cells
    density, fraction = local_density(Surroundings(liquid)), local_composition(Surroundings(liquid))
    for i in (0, 500, 1079):
        own = [i, *cells.near.j[cells.near.i == i]]
        assert density[i] == pytest.approx(len(own) / cells.area[own].sum())
        assert fraction[i] == pytest.approx((liquid.species[own] == A).mean())


def test_angle_spread_of_a_stretched_lattice(square_lattice, configuration):
    """Rows 1.1 and columns 1.5 apart: four neighbours at right angles still; sheared, they are not."""
    shear = np.array([[1.0, 0.0], [0.2, 1.0]])
    sites = (square_lattice.positions @ shear.T).copy()
    around = Surroundings(configuration(sites, square_lattice.species, [22.0, 1e3], (False, False)))
    middle = np.hypot(*(sites - sites.mean(axis=0)).T) < 5
    # Sheared by 0.2, a cell has six sides; directions to (1, 0.2), (0, 1), (-1, 0.8) and their opposites.
    directions = np.degrees(np.arctan2([0.2, 1, 0.8], [1, 0, -1]))
    gaps = np.radians(
        [directions[1] - directions[0], directions[2] - directions[1], 180 + directions[0] - directions[2]]
    )
    expected = np.sqrt(np.mean((gaps - np.pi / 3) ** 2))
    np.testing.assert_allclose(angle_spread(around)[middle], expected, rtol=1e-9)


def test_bond_angles_of_a_lattice(triangular_lattice):
    """Six bonds: of 15 pairs six are at 60, six at 120, three at 180 degrees."""
    angle, density = bond_angles(Surroundings(triangular_lattice))
    assert np.isnan(density[0]).all()
    share = density[1] * 5.0
    assert share.sum() == pytest.approx(1)
    # 60 and 120 are edges of bins: rounding puts them on either side.
    assert share[np.abs(angle - 60) < 3].sum() == pytest.approx(6 / 15)
    assert share[np.abs(angle - 120) < 3].sum() == pytest.approx(6 / 15)
    assert share[-1] == pytest.approx(3 / 15)


def test_bonds_end_at_the_first_minimum_of_g(inherent):
    distribution = radial_distribution(inherent)
    for row, (a, b) in enumerate(((A, A), (A, B), (B, B))):
        first_shell = distribution.g[row, distribution.radius < BOND_LENGTH[a, b]].max()
        at_the_end = distribution.g[row, np.abs(distribution.radius - BOND_LENGTH[a, b]).argmin()]
        assert at_the_end < 0.35 * first_shell


def test_radial_distribution_of_an_ideal_gas_is_one(configuration):
    rng = np.random.default_rng(8)
    gas = configuration(rng.uniform(0, 60, (4320, 2)), np.arange(4320) % 3 == 0, [60.0, 60.0])
    g = radial_distribution(gas, radius_range=(0.0, 5.0), step=1.0).g
    pairs = np.array([[2880 * 2879 / 2], [2880 * 1440], [1440 * 1439 / 2]])
    expected = pairs * np.pi * np.diff(np.arange(6.0) ** 2) / 3600
    assert (np.abs(g - 1) < 5 / np.sqrt(expected)).all()


def test_radial_distribution_is_the_one_written_out(liquid):
    separation = liquid.positions[None] - liquid.positions[:, None]
    separation -= liquid.box * np.rint(separation / liquid.box)
    distance = np.hypot(*np.moveaxis(separation, -1, 0))
    mine = radial_distribution(liquid, radius_range=(0.0, 5.0), step=0.05)
    edges = 0.05 * np.arange(101)
    for row, (a, b) in enumerate(((A, A), (A, B), (B, B))):
        between = distance[np.ix_(liquid.species == a, liquid.species == b)]
        others = between.shape[1] - (a == b)
        counts = np.histogram(between[between > 0], edges)[0]
        expected = counts / (between.shape[0] * others / np.prod(liquid.box) * np.pi * np.diff(edges**2))
        one_pair = 1 / (between.shape[0] * others / np.prod(liquid.box) * np.pi * np.diff(edges**2))
        assert (np.abs(mine.g[row] - expected) < 2.5 * one_pair).all()  # a pair at an edge may fall on either side
        assert (np.abs(mine.g[row] - expected) > 0.5 * one_pair).sum() <= 4


def test_radial_distribution_needs_a_bulk_and_a_bin(film, liquid):
    with pytest.raises(ValueError, match="periodic"):
        radial_distribution(film)
    with pytest.raises(ValueError, match="at least one bin"):
        radial_distribution(liquid, radius_range=(2.0, 1.0))


def test_radial_distribution_ends_at_half_of_the_box(configuration):
    rng = np.random.default_rng(8)
    small = configuration(rng.uniform(0, 6.05, (40, 2)), np.arange(40) % 3 == 0, [6.05, 6.05])
    found = radial_distribution(small)
    known = np.isfinite(found.g[0])
    assert found.radius[known].max() == pytest.approx(2.975)
    assert not known[found.radius > 3.0].any()


def test_the_middle_of_a_cut_crystal_has_the_crystals_g(triangular_lattice, configuration):
    """A slab's g(r): centres in the slab, partners everywhere, as far as the crystal goes on around them."""
    cut = configuration(triangular_lattice.positions, triangular_lattice.species, triangular_lattice.box, (True, False))
    middle = np.abs(cut.positions[:, 1] - np.median(cut.positions[:, 1])) < 3
    bins = {"radius_range": (0.63, 4.9), "step": 0.07}  # whose edges lie between the shells
    slab = radial_distribution_around(Measured(cut, middle, interior=4.0), **bins)
    whole = radial_distribution(triangular_lattice, **bins)
    inside = slab.radius < 4.0 - 0.04
    np.testing.assert_allclose(slab.g[2, inside], whole.g[2, inside] * 359 / 360, rtol=1e-7)
    assert np.isnan(slab.g[2, ~inside]).all()


def test_members_are_averaged_over_and_others_still_neighbours(square_lattice, configuration):
    """A lattice cut open along y: its rim has other cells, the interior is the lattice."""
    cut = configuration(square_lattice.positions, square_lattice.species, square_lattice.box, (True, False))
    assert descriptors(cut)["coordination_AA"] < 4
    assert descriptors(cut)["psi4_A"] == pytest.approx(1, abs=1e-6)  # open cells are left out
    interior = np.abs(cut.positions[:, 1]) < 6
    values = descriptors(cut, interior)
    assert values["coordination_AA"] == 4
    assert values["density_A"] == pytest.approx(1 / 1.1**2)


def test_columns_of_a_film(film):
    columns = particle_columns(film, pairs=FILM_PAIRS)
    assert tuple(columns) == tuple(COLUMNS)
    substrate, top = film.species == SUBSTRATE, film.positions[:, 1] > np.quantile(film.positions[:, 1], 0.995)
    for name, values in columns.items():
        assert values.shape == film.species.shape
        assert name == "energy" or np.isnan(values[substrate]).all()
        # Every A and B whose surroundings end nowhere has a value.
        assert np.isfinite(values[~substrate]).any()
    assert np.isnan(columns["area"][top]).any()
    with pytest.raises(ValueError, match="got 'beauty', expected one of energy"):
        particle_columns(film, ["beauty"])


def test_substrate_is_no_neighbour_and_no_member(film):
    assert (film.species[Surroundings(film).bonds.i] != SUBSTRATE).all()
    assert (film.species[Surroundings(film).nearest(3).i] != SUBSTRATE).all()
    with pytest.raises(ValueError, match="no A or B"):
        descriptors(film, film.species == SUBSTRATE)
    with pytest.raises(ValueError, match="members: got shape"):
        descriptors(film, np.ones(3, dtype=bool))


def test_vector_has_one_length_and_no_hole(liquid, inherent, square_lattice):
    names, values = descriptor_vector(liquid)
    assert len(names) == len(values) == len(set(names))
    assert not set(ENERGIES) & set(names)
    for other in (inherent, square_lattice):
        other_names, other_values = descriptor_vector(other)
        assert other_names == names
        assert np.isfinite(other_values).all()
    assert values[names.index("g_AA(1.075)")] == radial_distribution(liquid).g[0, 9]


@pytest.mark.parametrize("name", CURVES)
def test_every_curve_has_its_lines(liquid, film, name):
    for found in (Surroundings(liquid), Surroundings(film, film.positions[:, 1] > 8, interior=2.0)):
        x, y = CURVES[name].measure(found)
        assert y.shape == (len(CURVES[name].lines), len(x))
        assert np.isfinite(y).any(axis=1).all()
