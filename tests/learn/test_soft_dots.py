import numpy as np
import pytest

from vitrify.learn.datasets import Configurations
from vitrify.learn.soft_dots import CELLS, canvas_of, draw, places

WIDTH = 0.8


def configurations(positions, box=6.0, periodic=(True, True)):
    positions = np.array(positions, dtype=np.float64).reshape(1, -1, 2)
    return Configurations(
        positions=positions,
        species=np.arange(positions.shape[1], dtype=np.int8)[None] % 2,
        box=np.full((1, 2), box),
        periodic=np.array([periodic]),
        inherent_energy=np.full(1, np.nan),
    )


def picture(seen, pixel=0.25):
    canvas = canvas_of(seen, pixel, 1.0)
    weight = np.ones(seen.species.shape, np.float32)
    return np.asarray(draw(places(seen, canvas), seen.species, weight, shape=canvas.shape, width=WIDTH, channels=2))[0]


def liquid(seed, count=30, box=6.0):
    return np.random.default_rng(seed).uniform(-box / 2, box / 2, (count, 2))


def test_a_dot_is_a_gaussian_around_its_particle_across_the_edges():
    positions = liquid(1)
    found = picture(configurations(positions))
    # The oracle: every pixel, every particle, its nearest image, in double precision.
    centre = (np.arange(24) + 0.5) * 0.25 - 3
    for kind in (0, 1):
        x, y = ((centre[:, None] - positions[kind::2, axis] + 3) % 6 - 3 for axis in (0, 1))
        bell = np.exp(-0.5 * ((x[None, :] / 0.25) ** 2 + (y[:, None] / 0.25) ** 2) / WIDTH**2) / (2 * np.pi * WIDTH**2)
        cut = (np.abs(x[None, :]) < 0.5) & (np.abs(y[:, None]) < 0.5)  # what every dot holds
        np.testing.assert_allclose(found[kind], np.where(cut, bell, 0).sum(-1), atol=0.02)
        np.testing.assert_allclose(found[kind], bell.sum(-1), atol=0.006)


def test_the_pixels_of_a_dot_add_up_to_one():
    assert picture(configurations([[0.3, -0.2]])).sum() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (-7, 11), (24, -24)])
def test_a_translation_by_whole_pixels_rolls_the_picture_to_the_bit(shift):
    positions = (np.floor(liquid(2) * 4 * CELLS) + 0.5) / (4 * CELLS)  # not at the edge of a cell
    moved = positions + 0.25 * np.array(shift)
    rolled = np.roll(picture(configurations(positions)), shift[::-1], axis=(1, 2))
    np.testing.assert_array_equal(picture(configurations(moved)), rolled)


def test_a_larger_box_is_drawn_to_the_same_scale():
    canvas = canvas_of(configurations([[0, 0]], box=12.1), 0.25, 1.0)
    assert canvas.shape == (48, 48)
    np.testing.assert_allclose(canvas.pixel, 12.1 / 48)


def test_a_window_stands_in_a_void_wherever_it_was_cut():
    window = liquid(3, box=4.0)
    here, there = (picture(configurations(window + shift, periodic=(False, False))) for shift in (0.0, 77.0))
    np.testing.assert_allclose(here, there, atol=2e-3)  # places are rounded
    empty = here.sum(axis=0) == 0
    assert empty.all(axis=0).any()
    assert empty.all(axis=1).any()


def test_empty_slots_are_not_drawn():
    seen = configurations(liquid(4))
    species = seen.species.copy()
    species[0, 10:] = -1
    fewer = Configurations(**{**seen.__dict__, "species": species})
    assert picture(fewer).sum() == pytest.approx(10, abs=0.1)


def test_boxes_of_different_size_and_kind_are_refused_on_one_canvas():
    one, other = configurations([[0, 0]]), configurations([[0, 0]], box=7.0)
    both = Configurations(**{name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in one.__dict__})
    with pytest.raises(ValueError, match="got edges from 6 to 7, expected one size"):
        canvas_of(both, 0.25, 1.0)
    mixed = Configurations(
        **{**both.__dict__, "box": one.box.repeat(2, 0), "periodic": np.array([[True] * 2, [False] * 2])}
    )
    with pytest.raises(ValueError, match="got periodic and open"):
        canvas_of(mixed, 0.25, 1.0)
