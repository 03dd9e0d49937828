"""Vectors on the CPU compute what NumPy computes, in every operation and type the program uses."""

import numpy as np
import pytest
from numba import njit

from vitrify.md.engines.replica.vectors import WIDTH, any_of, convert, load, places, select, splat, store


@njit
def arithmetic(a, b, number, out):
    x, y = load(a, WIDTH), load(b, 0)
    store(out, 0, x + y)
    store(out, WIDTH, x - number)
    store(out, 2 * WIDTH, number * y)
    store(out, 3 * WIDTH, x / y)
    store(out, 4 * WIDTH, select(x < y, x, splat(number)))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_arithmetic(kind):
    rng = np.random.default_rng(1)
    a, b, number = rng.normal(size=2 * WIDTH).astype(kind), rng.normal(size=WIDTH).astype(kind), kind(2.5)
    out = np.zeros(5 * WIDTH, kind)
    arithmetic(a, b, number, out)
    x = a[WIDTH:]
    expected = np.concatenate([x + b, x - number, number * b, x / b, np.where(x < b, x, number)])
    np.testing.assert_array_equal(out, expected)


@njit
def differences(a, number, like, out):
    store(out, 0, convert(load(a, 0) - number, like))


@pytest.mark.parametrize(("fixed", "real"), [(np.int32, np.float32), (np.int64, np.float64)])
def test_integer_differences_wrap_round(fixed, real):
    lowest, highest = np.iinfo(fixed).min, np.iinfo(fixed).max
    a = np.array([lowest, highest, 0, 1, -1, 7, lowest + 1, highest - 1], fixed)
    out = np.zeros(WIDTH, real)
    differences(a, fixed(highest), real(0), out)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(out, (a - fixed(highest)).astype(real))
    assert out[0] == 1.0  # the lowest number is the neighbour of the highest


@njit
def chosen(k, out):
    mask = places(np.int32(0)) == np.int32(k)
    store(out, 0, select(mask, splat(1.0), splat(0.0)))
    return any_of(mask)


@pytest.mark.parametrize("k", range(WIDTH + 1))
def test_masks(k):
    out = np.zeros(WIDTH)
    assert chosen(k, out) == (k < WIDTH)
    np.testing.assert_array_equal(out, np.arange(WIDTH) == k)
