"""Film geometry on films whose answers are known, and on one grown with LAMMPS."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vitrify.analysis.films.film import PIXEL, Bulk, Film, find_bulk, height_profile
from vitrify.md.model import EMPTY, SUBSTRATE, A, B
from vitrify.md.protocols.films.surface import BOND_REACH, attached, film_top

REFERENCE = Path(__file__).parents[2] / "reference" / "lammps"
LX = 30.0


def lattice_film(height=lambda x: np.full_like(x, 30.0), spacing=1.0, seed=1, jitter=0.0) -> Film:
    """A square lattice of A and B, 65:35 in every row, on a row of S at y = 0, up to ``height(x)``.

    With ``jitter`` all but the highest particles leave their places by up to that many spacings, so that no face of a
    bin or a slab falls on a row.
    """
    count = round(LX / spacing)
    rng = np.random.default_rng(seed)
    x = np.arange(count) * spacing - LX / 2 + spacing / 2
    tops = height(x)
    rows, species = [np.column_stack([x, np.zeros(count)])], [np.full(count, SUBSTRATE)]
    for y in np.arange(1, tops.max() / spacing + 0.5) * spacing:
        here = np.column_stack([x, np.full(count, y)])[y <= tops + 1e-9]
        covered = (tops[y <= tops + 1e-9] > y + spacing)[:, None]
        rows.append(here + covered * rng.uniform(-jitter, jitter, here.shape) * spacing)
        count_a = round(0.65 * len(here))
        species.append(rng.permutation(np.repeat([A, B], [count_a, len(here) - count_a])))
    return Film.of(np.concatenate(rows), np.concatenate(species), LX)


@pytest.fixture(scope="module")
def lammps_film():
    data = np.load(REFERENCE / "film_N404.npz")
    return data, Film.of(data["positions"], data["types"], float(data["box"][0]))


def test_a_flat_film_is_as_thick_as_it_was_made_and_smooth():
    film = lattice_film()
    assert film.thickness() == pytest.approx(30.0)
    assert film.roughness() == pytest.approx(0.0)


def test_roughness_of_a_square_wave_is_its_amplitude():
    film = lattice_film(lambda x: np.where(np.abs(x) < 7.5, 24.0, 16.0))
    assert film.thickness() == pytest.approx(20.0)
    assert film.roughness() == pytest.approx(4.0)


def test_roughness_of_a_sine_is_its_amplitude_over_root_two():
    film = lattice_film(lambda x: 20 + 5 * np.sin(2 * np.pi * x / LX), spacing=0.5)
    # Highest particle of a column of 1.5: steps of the lattice and the slope across a column, below 0.4 in all.
    assert film.roughness() == pytest.approx(5 / np.sqrt(2), abs=0.4)


def test_vapour_is_no_film():
    film = lattice_film(lambda x: np.full_like(x, 5.0))
    positions = np.concatenate([[[0.0, 0.0]], film.positions, [[0.0, 9.0], [0.0, 10.0], [1.0, 9.5]]])
    species = np.concatenate([[SUBSTRATE], film.species, [A, A, B]])
    assert film_top(positions, species, LX) == 5.0
    assert len(Film.of(positions, species, LX).slots) == len(film.species)


def test_attachment_goes_through_the_periodic_side_and_no_further_than_a_bond():
    edge = LX / 2 - 0.3
    positions = np.array([[edge, 1.0], [-edge, 1.5], [-edge, 1.5 + 0.99 * BOND_REACH], [-edge, 1.5 + 2.0 * BOND_REACH]])
    species = np.array([SUBSTRATE, A, A, A])
    assert attached(positions, species, LX).tolist() == [True, True, True, False]
    assert attached(positions[[0, 3]], species[[0, 3]], LX).tolist() == [True, False]


def test_attachment_agrees_with_all_pairs(lammps_film):
    data, _ = lammps_film
    positions, species = data["positions"], data["types"]
    separation = positions[:, None] - positions[None]
    separation[..., 0] -= LX * np.rint(separation[..., 0] / LX)
    bonded = np.hypot(separation[..., 0], separation[..., 1]) < BOND_REACH
    member = species == SUBSTRATE
    while not np.array_equal(member, grown := member | bonded[member].any(axis=0)):
        member = grown
    np.testing.assert_array_equal(attached(positions, species, LX), member)
    padded = np.concatenate([species, [EMPTY, EMPTY]])
    assert attached(np.pad(positions, ((0, 2), (0, 0))), padded, LX)[-2:].tolist() == [False, False]


def test_profile_of_a_lattice_has_its_density_and_composition_everywhere():
    film = lattice_film(lambda x: 20 + 6 * np.sin(2 * np.pi * x / LX), spacing=0.5, jitter=0.5)
    profile = height_profile(film, width=2.0, depth=3.0)
    inside = profile.area > 20
    np.testing.assert_allclose(profile.density[inside][1:], 4.0, rtol=0.05)
    np.testing.assert_allclose(profile.fraction_a[inside], 0.65, atol=0.07)
    # Counted up to the highest particle instead, the groove would look like a thin film: that is the trap.
    raw = np.histogram(film.positions[:, 1], profile.edges)[0] / (2.0 * LX)
    assert raw[np.searchsorted(profile.edges, 20.0)] < 3.0


def test_profile_counts_every_particle_once():
    film = lattice_film(lambda x: np.where(np.abs(x) < 7.5, 24.0, 16.0))
    assert height_profile(film).particles.sum() == len(film.species)


def test_temperature_by_height():
    film = lattice_film()
    film = replace(film, positions=film.positions - [0.0, 0.5])
    velocities = np.zeros((film.slots.max() + 1, 2))
    velocities[film.slots, 0] = np.sqrt(2 * np.where(film.positions[:, 1] > 15, 0.3, 0.1))
    kt = height_profile(film, velocities=velocities).kt
    np.testing.assert_allclose(kt[:15], 0.1)
    np.testing.assert_allclose(kt[15:], 0.3)


def layered_film(seed=0) -> Film:
    """Random A and B: an A-rich layer below 8, the bulk, a thin region above 30, all up to 40."""
    rng = np.random.default_rng(seed)
    film = lattice_film(lambda x: np.full_like(x, 40.0), spacing=0.9375, seed=seed, jitter=0.5)
    species = np.where(rng.random(len(film.species)) < 0.65, A, B)
    y = film.positions[:, 1]
    species[(y < 8) & (rng.random(len(y)) < 0.9)] = A
    kept = (y < 30) | (rng.random(len(y)) < 0.6)
    kept |= y > 39  # a surface on top of the thin region
    return Film(
        positions=film.positions[kept], species=species[kept], slots=np.flatnonzero(kept), floor=0.0, box_length=LX
    )


def test_the_bulk_is_where_density_and_composition_are_flat():
    bulk = find_bulk([layered_film(seed) for seed in range(4)], depth=3.0, width=2.0)
    assert 7.0 <= bulk.low <= 10.0
    assert 28.0 <= bulk.high <= 31.0


def test_the_bulk_leaves_out_the_sides_of_a_groove():
    film = lattice_film(lambda x: np.where(np.abs(x) < 3, 10.0, 30.0), spacing=0.5, jitter=0.5)
    bulk = Bulk(low=5.0, high=25.0, depth=4.0)
    member = bulk.members(film)
    x, y = film.positions[member].T
    beside, below = y > 12.0, y < 6.0 - PIXEL  # of the bottom of the groove, at 10
    assert np.abs(x[beside]).min() >= 3 + 4.0 - PIXEL
    assert np.abs(x[below]).min() < 1.0
    assert member.sum() / bulk.area(film) == pytest.approx(4.0, rel=0.03)


def test_a_pore_is_surface_and_a_missing_particle_is_not():
    film = lattice_film()
    distance = np.hypot(film.positions[:, 0] - 0.5, film.positions[:, 1] - 15.0)
    slab = Bulk(low=5.5, high=25.5, depth=3.0)
    assert film.depth[distance < 0.1] == pytest.approx(30.0 - 15.0, abs=PIXEL)

    def without(near):
        kept = distance > near
        return replace(film, positions=film.positions[kept], species=film.species[kept], slots=film.slots[kept])

    vacancy, pore = without(0.1), without(2.1)
    assert slab.members(vacancy).sum() == slab.members(film).sum() - 1
    assert slab.area(vacancy) == pytest.approx(slab.area(film))
    near = distance[distance > 2.1][slab.members(pore)]
    assert near.min() > 3.0 + 1.0  # 3 from the pore's rim, whose particles lie between 2.1 and 2.9 from its middle
    assert near.min() < 3.0 + 2.9
    assert slab.members(pore).sum() / slab.area(pore) == pytest.approx(1.0, rel=0.03)


def test_a_film_without_interior_says_so():
    with pytest.raises(ValueError, match=r"bulk: got films .* thick, expected"):
        find_bulk([lattice_film(lambda x: np.full_like(x, 5.0))])


def test_the_lammps_film_has_the_density_of_its_interior(lammps_film):
    data, film = lammps_film
    assert len(film.slots) == 300
    np.testing.assert_array_equal(film.species, data["types"][film.slots])
    bulk = Bulk(low=film.floor + 2.0, high=film.floor + 6.0, depth=2.0)
    member = bulk.members(film)
    y = film.positions[:, 1]
    # Its surface lies above 10.3 everywhere: up to 8.3 the whole width is interior, and counting needs no surface.
    plain = (y >= bulk.low) & (y <= bulk.high) & (y <= 8.3)
    assert film.surface().min() > 10.3
    assert (member & (y <= 8.3) == plain).all()
    assert 1.0 < member.sum() / bulk.area(film) < 1.2


def test_films_need_a_substrate_and_something_on_it():
    with pytest.raises(ValueError, match="no substrate particle"):
        Film.of(np.zeros((1, 2)), np.array([A]), LX)
    with pytest.raises(ValueError, match="bare substrate"):
        Film.of(np.zeros((1, 2)), np.array([SUBSTRATE]), LX)
