"""Vectors on the CPU compute what NumPy computes, in every width, operation and type the program uses."""

import numpy as np
import pytest
from numba import njit

from vitrify.md.engines.replica.vectors import any_of, convert, load, places, select, splat, store, sums_of_rows

WIDTHS = (4, 8, 16)


def compiled(width):
    """The operations on vectors of ``width``, a constant to the compiler."""

    @njit
    def arithmetic(a, b, number, out):
        x, y = load(a, width, width), load(b, 0, width)
        store(out, 0, x + y)
        store(out, width, x - number)
        store(out, 2 * width, number * y)
        store(out, 3 * width, x / y)
        store(out, 4 * width, select(x < y, x, splat(number, width)))

    @njit
    def differences(a, number, like, out):
        store(out, 0, convert(load(a, 0, width) - number, like))

    @njit
    def chosen(k, out):
        mask = places(np.int32(0), width) == np.int32(k)
        store(out, 0, select(mask, splat(1.0, width), splat(0.0, width)))
        return any_of(mask)

    return arithmetic, differences, chosen


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_sums_of_rows(width, kind):
    @njit
    def sums(rows, out):
        store(out, 0, sums_of_rows(rows, 3, width))

    rows = np.arange(3 + width * width).astype(kind) ** 2  # whole numbers, so that the order of a sum does not matter
    out = np.zeros(width, kind)
    sums(rows, out)
    np.testing.assert_array_equal(out, rows[3:].reshape(width, width).sum(axis=1))


@pytest.fixture(scope="module", params=WIDTHS)
def vectors(request):
    return request.param, *compiled(request.param)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_arithmetic(vectors, kind):
    width, arithmetic, _, _ = vectors
    rng = np.random.default_rng(1)
    a, b, number = rng.normal(size=2 * width).astype(kind), rng.normal(size=width).astype(kind), kind(2.5)
    out = np.zeros(5 * width, kind)
    arithmetic(a, b, number, out)
    x = a[width:]
    expected = np.concatenate([x + b, x - number, number * b, x / b, np.where(x < b, x, number)])
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(("fixed", "real"), [(np.int32, np.float32), (np.int64, np.float64)])
def test_integer_differences_wrap_round(vectors, fixed, real):
    width, _, differences, _ = vectors
    lowest, highest = np.iinfo(fixed).min, np.iinfo(fixed).max
    a = np.resize(np.array([lowest, highest, 0, 1, -1, 7, lowest + 1, highest - 1], fixed), width)
    out = np.zeros(width, real)
    differences(a, fixed(highest), real(0), out)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(out, (a - fixed(highest)).astype(real))
    assert out[0] == 1.0  # the lowest number is the neighbour of the highest


def test_masks(vectors):
    width, _, _, chosen = vectors
    for k in range(width + 1):
        out = np.zeros(width)
        assert chosen(k, out) == (k < width)
        np.testing.assert_array_equal(out, np.arange(width) == k)
