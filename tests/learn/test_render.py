import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrify.learn.render import CELLS, ImageSpec, cells_of, equivalent, render
from vitrify.learn.symmetry import Symmetry
from vitrify.md.model import EMPTY, A, B

PERIODIC = np.array([True, True])
BOX = np.array([[8.0, 8.0]])  # with 8 pixels, one pixel is one sigma_AA


def picture(positions, species=None, *, pixels=8, radius=0.0, periodic=PERIODIC, box=BOX, **spec):
    """One configuration, rows and columns as (row, column, channel); True where lit."""
    positions = np.array(positions, dtype=np.float64)[None]
    species = np.zeros(positions.shape[1], np.int8) if species is None else np.array(species, np.int8)
    images = render(positions, species[None], box, periodic, ImageSpec(pixels=pixels, dot_radius=radius, **spec))
    assert images.dtype == np.uint8
    assert set(np.unique(images)) <= {0, 255}
    return images[0] > 0


def lit(image, channel=0):
    return {(int(row), int(column)) for row, column in np.argwhere(image[..., channel])}


def liquid(seed, count=50, box=8.0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-box / 2, box / 2, (count, 2)), rng.integers(2, size=count).astype(np.int8)


def test_rows_run_along_y_and_columns_along_x_from_the_lower_left_corner():
    assert lit(picture([[-3.5, -3.5]])) == {(0, 0)}
    assert lit(picture([[3.5, -3.5]])) == {(0, 7)}
    assert lit(picture([[-3.5, 3.5]])) == {(7, 0)}


def test_a_dot_around_a_pixel_centre_is_a_disc():
    assert lit(picture([[0.5, 0.5]], radius=1.01)) == {(4, 4), (3, 4), (5, 4), (4, 3), (4, 5)}
    assert lit(picture([[0.5, 0.5]], radius=1.42)) == {(row, column) for row in (3, 4, 5) for column in (3, 4, 5)}
    assert lit(picture([[0.5, 0.5]], radius=0.99)) == {(4, 4)}


def test_a_dot_lights_what_the_distance_to_each_pixel_centre_says():
    # The oracle: every pixel against every image of every particle, in floating point.
    positions, species = liquid(seed=1, count=12)
    radius, pixels = 0.7, 32
    image = picture(positions, species, pixels=pixels, radius=radius)
    centre = (np.arange(pixels) + 0.5) * 8 / pixels - 4
    for channel in (A, B):
        chosen = positions[species == channel]
        separation = np.stack(np.meshgrid(centre, centre), axis=-1)[:, :, None] - chosen
        separation -= 8 * np.rint(separation / 8)
        distance = np.sqrt((separation**2).sum(axis=-1)).min(axis=-1)
        clear = np.abs(distance - radius) > 8 / pixels / CELLS  # positions are rounded to a fraction of a pixel
        assert clear.mean() > 0.98
        np.testing.assert_array_equal(image[..., channel][clear], (distance <= radius)[clear])


def test_a_particle_at_the_corner_of_the_box_appears_in_all_four_corners():
    assert lit(picture([[-4.0, -4.0]], radius=0.75)) == {(0, 0), (0, 7), (7, 0), (7, 7)}
    assert lit(picture([[4.0, 4.0]], radius=0.75)) == {(0, 0), (0, 7), (7, 0), (7, 7)}


def test_a_particle_at_an_edge_appears_on_both_sides():
    assert lit(picture([[-3.9, 0.5]], radius=0.7)) == {(4, 0), (4, 7)}


def test_an_open_axis_cuts_dots_and_does_not_wrap():
    film = np.array([True, False])  # an open axis counts from 0
    assert lit(picture([[0.5, 0.1]], radius=1.01, periodic=film)) == {(0, 4)}
    assert lit(picture([[-4.0, 0.5]], radius=0.75, periodic=film)) == {(0, 0), (0, 7)}
    assert lit(picture([[0.5, 8.3]], radius=1.01, periodic=film)) == {(7, 4)}
    assert lit(picture([[0.5, 11.0]], radius=1.01, periodic=film)) == set()


def test_species_have_channels_of_their_own():
    image = picture([[0.5, 0.5], [0.5, 0.5], [2.5, 0.5]], [A, B, B])
    assert lit(image, A) == {(4, 4)}
    assert lit(image, B) == {(4, 4), (4, 6)}


def test_without_colour_there_is_one_channel():
    image = picture([[0.5, 0.5], [2.5, 0.5]], [A, B], colour=False)
    assert image.shape == (8, 8, 1)
    assert lit(image) == {(4, 4), (4, 6)}


def test_dots_merge_and_empty_slots_are_not_drawn():
    alone = picture([[0.5, 0.5]], radius=1.01)
    np.testing.assert_array_equal(picture([[0.5, 0.5], [0.5, 0.5], [3.0, 3.0]], [A, A, EMPTY], radius=1.01), alone)


@given(
    seed=st.integers(0, 2**32), dx=st.integers(-40, 40), dy=st.integers(-40, 40), radius=st.sampled_from([0, 0.3, 1])
)
def test_a_translation_by_whole_pixels_rolls_the_image(seed, dx, dy, radius):
    positions, species = liquid(seed)
    moved = positions + np.array([dx, dy]) * 8 / 32
    image = picture(positions, species, pixels=32, radius=radius)
    rolled = np.roll(image, (dy, dx), axis=(0, 1))
    np.testing.assert_array_equal(picture(moved, species, pixels=32, radius=radius), rolled)


@given(seed=st.integers(0, 2**32), radius=st.sampled_from([0, 0.3, 1]))
def test_a_quarter_turn_turns_the_image(seed, radius):
    positions, species = liquid(seed)
    turned = np.stack([-positions[:, 1], positions[:, 0]], axis=1)  # counter-clockwise, y upwards
    image = picture(positions, species, pixels=32, radius=radius)
    np.testing.assert_array_equal(picture(turned, species, pixels=32, radius=radius)[::-1], np.rot90(image[::-1]))


@given(seed=st.integers(0, 2**32))
def test_the_order_of_the_particles_does_not_matter(seed):
    positions, species = liquid(seed)
    order = np.random.default_rng(seed).permutation(len(species))
    np.testing.assert_array_equal(picture(positions[order], species[order]), picture(positions, species))


@given(seed=st.integers(0, 2**32))
def test_a_equivalent_has_the_same_distances_between_its_particles(seed):
    positions, _ = liquid(seed, count=10)
    cells = cells_of(positions[None], BOX, PERIODIC[None], 16)
    moved = equivalent(cells, PERIODIC[None], 16 * CELLS, Symmetry.draw(np.random.default_rng(seed), 1))

    def distances(cells):
        separation = (cells[0][:, None] - cells[0]).astype(float)
        separation -= 16 * CELLS * np.rint(separation / (16 * CELLS))
        return (separation**2).sum(axis=-1)

    np.testing.assert_array_equal(distances(moved), distances(cells))


def test_all_eight_symmetries_occur_and_a_film_keeps_its_up_and_down():
    marks = np.array([[[0, 0], [100, 0], [0, 1000]]], dtype=np.int32)
    bulk, film, edge = set(), set(), 16 * CELLS
    for seed in range(200):
        for seen, periodic in ((bulk, [[True, True]]), (film, [[True, False]])):
            cells = equivalent(marks, np.array(periodic), edge, Symmetry.draw(np.random.default_rng(seed), 1))[0]
            axes = (cells[1:] - cells[0] + edge // 2) % edge - edge // 2
            seen.add(tuple(axes.ravel().tolist()))
    assert len(bulk) == 8
    assert film == {(100, 0, 0, 1000), (-100, 0, 0, 1000)}


def test_a_batch_is_its_configurations_one_by_one():
    pairs = [liquid(seed) for seed in range(3)]
    batch = render(
        np.stack([positions for positions, _ in pairs]),
        np.stack([species for _, species in pairs]),
        np.repeat(BOX, 3, axis=0),
        PERIODIC,
        ImageSpec(pixels=16),
    )
    for image, (positions, species) in zip(batch, pairs, strict=True):
        np.testing.assert_array_equal(image > 0, picture(positions, species, pixels=16, radius=0.25))


def test_x_and_y_are_never_drawn_to_different_scales():
    with pytest.raises(ValueError, match="got 8 x 9, expected a square"):
        picture([[0, 0]], box=np.array([[8.0, 9.0]]))


def test_a_species_without_a_channel_is_refused():
    with pytest.raises(ValueError, match="species: got 2, expected 0 to 1"):
        picture([[0, 0]], [2])


@pytest.mark.parametrize("spec", [{"pixels": 0}, {"dot_radius": -1.0}, {"species": 0}])
def test_an_impossible_image_is_refused(spec):
    with pytest.raises(ValueError, match="expected"):
        ImageSpec(**spec)
