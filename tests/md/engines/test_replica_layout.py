"""Fixed-point coordinates: exact round trips, wraps and nearest images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrify.md.engines.replica.layout import DOUBLE, SINGLE, Geometry
from vitrify.md.model import minimum_image

lengths = st.floats(5.0, 500.0)
coordinates = st.lists(st.integers(-(2**31), 2**31 - 1), min_size=2, max_size=2)


@given(st.tuples(lengths, lengths), st.lists(coordinates, min_size=1, max_size=20), st.booleans())
def test_positions_go_through_a_file_in_float64_without_losing_a_bit(box, steps, open_y):
    geometry = Geometry.of(np.array(box), (True, not open_y), 3.0, SINGLE)
    fixed = np.array(steps, np.int32)
    assert np.array_equal(geometry.encode(geometry.decode(fixed)), fixed)


@given(lengths, st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_integer_overflow_is_the_nearest_image(length, a, b):
    geometry = Geometry.of(np.array([length, length]), (True, True), 3.0, SINGLE)
    fixed = geometry.encode(np.array([[a * length, 0.0], [b * length, 0.0]]))
    with np.errstate(over="ignore"):
        separation = float(fixed[0, 0] - fixed[1, 0]) * length / 2**32
    expected = minimum_image(np.array([a * length - b * length]), np.array([length]))[0]
    away = abs(separation - expected)
    assert min(away, length - away) <= length * 2.0**-31  # half a box apart, either image is nearest


def test_precision_of_coordinates():
    box = np.array([60.0, 60.0])
    positions = np.random.default_rng(3).uniform(-30, 30, (1000, 2))
    error = {}
    for name, precision in (("single", SINGLE), ("double", DOUBLE)):
        geometry = Geometry.of(box, (True, True), 3.0, precision)
        error[name] = abs(geometry.decode(geometry.encode(positions)) - positions).max()
    assert error["single"] <= 60 * 2.0**-33 * 1.001  # half a fixed-point step, 7e-9
    assert error["double"] <= 2e-14


def test_nothing_acts_through_the_ends_of_an_open_axis():
    geometry = Geometry.of(np.array([10.0, 8.0]), (True, False), 3.0, SINGLE)
    low, high = geometry.encode(np.array([[0.0, 0.0], [0.0, 8.0]]))[:, 1].astype(np.int64)
    assert (high - low) * geometry.lengths[1] / 2**32 == pytest.approx(8.0)
    assert geometry.lengths[1] - 8.0 >= 2 * 3.0
