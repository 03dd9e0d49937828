"""Random places keep their distance, from each other, from what is there, and through every periodic image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrify.md.placement import place_randomly


def least_distance(r, box, periodic):
    """Brute force over all pairs and the nine nearest images."""
    images = [(i, j) for i in ((-1, 0, 1) if periodic[0] else (0,)) for j in ((-1, 0, 1) if periodic[1] else (0,))]
    least = np.inf
    for image in images:
        distance = np.linalg.norm(r[:, None] - r[None] + np.array(image) * box, axis=2)
        if image == (0, 0):
            np.fill_diagonal(distance, np.inf)
        least = min(least, distance.min())
    return least


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    count=st.integers(1, 60),
    box=st.tuples(st.floats(4, 12), st.floats(4, 12)),
    periodic=st.tuples(st.booleans(), st.booleans()),
    crowding=st.floats(0.05, 0.45),
    there=st.integers(0, 20),
)
def test_everything_keeps_its_distance(seed, count, box, periodic, crowding, there):
    rng, box = np.random.default_rng(seed), np.array(box)
    distance = min(np.sqrt(4 * crowding * np.prod(box) / np.pi / (count + 4 * there)), box.min())
    lower = np.where(periodic, -box / 2, 0.0)
    existing = lower + rng.random((there, 2)) * box
    places = place_randomly(
        rng, count, lower=lower, upper=lower + box, min_distance=distance, box=box, periodic=periodic, existing=existing
    )
    assert places.shape == (count, 2)
    assert ((places >= lower) & (places < lower + box)).all()
    if count > 1:
        assert least_distance(places, box, periodic) >= distance * (1 - 1e-12)
    images = np.where(periodic, box, 0.0)
    for old in existing:
        separation = places - old
        separation -= images * np.rint(separation / box)
        assert np.linalg.norm(separation, axis=1).min() >= distance * (1 - 1e-12)


def test_existing_particles_anywhere_count_across_the_boundary():
    """The only room left is seen through the periodic boundary: a neighbour one image away blocks the rest."""
    box = np.array([10.0, 10.0])
    blockers = np.array([[x, y] for x in np.arange(-5, 5, 0.9) for y in np.arange(-5, 5, 0.9) if x < 3.5])
    shifted = blockers + np.array([20.0, -10.0])
    places = place_randomly(
        np.random.default_rng(0), 3, lower=-box / 2, upper=box / 2, min_distance=0.7, box=box, periodic=(True, True),
        existing=shifted,
    )  # fmt: skip
    assert (places[:, 0] > 3.5 - 0.9 + 0.5).all()
    assert (places[:, 0] <= 5 - 0.5).all()


def test_places_are_uniform():
    """Mean and variance of 4,000 coordinates of a dilute set: uniform on [-5, 5), within 5 standard errors."""
    corner = np.array([5.0, 5.0])
    x = np.concatenate(
        [
            place_randomly(
                np.random.default_rng(seed), 20, lower=-corner, upper=corner, min_distance=0.01, box=2 * corner,
                periodic=(True, True),
            )
            for seed in range(200)
        ]
    )  # fmt: skip
    variance = 100 / 12
    assert (abs(x.mean(axis=0)) < 5 * np.sqrt(variance / len(x))).all()
    fourth = 10**4 / 80
    assert (abs((x**2).mean(axis=0) - variance) < 5 * np.sqrt((fourth - variance**2) / len(x))).all()


def test_the_state_of_the_generator_decides():
    def draw(seed):
        return place_randomly(
            np.random.default_rng(seed), 50, lower=[-5, 0], upper=[5, 7], min_distance=0.6, box=[10, 40],
            periodic=(True, False),
        )  # fmt: skip

    np.testing.assert_array_equal(draw(3), draw(3))
    assert not np.array_equal(draw(3), draw(4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": -1}, "count: got -1"),
        ({"min_distance": 0.0}, "min_distance: got 0.0"),
        ({"min_distance": float("nan")}, "min_distance: got nan"),
        ({"upper": [-5.0, 5.0]}, "expected lower < upper"),
        ({"upper": [6.0, 5.0]}, "inside"),
        ({"existing": np.zeros(3)}, "existing: got shape"),
        ({"count": 80, "min_distance": 1.0}, "jam"),
        ({"count": 5, "existing": np.mgrid[-5:5:0.5, -5:5:0.5].reshape(2, -1).T}, "placed 0 in"),
    ],
)
def test_impossible_requests_say_what_is_wrong(change, message):
    arguments = {
        "count": 10, "lower": [-5.0, -5.0], "upper": [5.0, 5.0], "min_distance": 0.6, "box": [10.0, 10.0],
        "periodic": (True, True),
    } | change  # fmt: skip
    with pytest.raises(ValueError, match=message):
        place_randomly(np.random.default_rng(0), arguments.pop("count"), **arguments)
