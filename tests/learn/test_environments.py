import jax
import numpy as np

from vitrify.learn.models.environments import EnvironmentSpec, edges_of, environments

SPEC = EnvironmentSpec(cutoff=2.0, spacing=0.25, shells=2, harmonics=3)


def numbers(positions, species, neighbours, box=np.inf):
    edges = edges_of(positions[None], species[None], np.full((1, 2), box, np.float32), neighbours[None], SPEC.cutoff)
    return np.asarray(environments(edges, SPEC))[0]


def everybody(count):
    """Neighbours: every other particle, and the particle itself as an empty slot."""
    return np.array([[j for j in range(count) if j != i] + [i] for i in range(count)])


def cluster(seed, count=7):
    rng = np.random.default_rng(seed)
    positions = np.stack(np.meshgrid(np.arange(3.0), np.arange(3.0)), -1).reshape(-1, 2)[:count]
    return (positions + rng.uniform(-0.2, 0.2, (count, 2))).astype(np.float32), rng.integers(2, size=count)


def test_they_are_sums_over_pairs_and_triplets():
    positions, species = cluster(1)
    found = numbers(positions, species, everybody(7))
    radial = np.arange(0.75, 2.0, 0.25)
    expected = np.zeros((7, SPEC.size))
    for i in range(7):
        around = []
        for j in range(7):
            x, y = (positions[j] - positions[i]).astype(float)
            if i != j and np.hypot(x, y) < 2.0:
                around.append((np.hypot(x, y), np.arctan2(y, x), species[j]))
        column = 0
        for kind in (0, 1):
            for centre in radial:
                expected[i, column] = sum(
                    np.exp(-0.5 * ((d - centre) / 0.25) ** 2) * min(1, 2 * (1 + np.cos(np.pi * d / 2)))
                    for d, _, k in around
                    if k == kind
                )
                column += 1
        for one, other in ((0, 0), (0, 1), (1, 1)):
            for middle in (1.0, 2.0):
                for order in (1, 2, 3):
                    weight = [
                        0.5 * (1 + np.cos(np.pi * d / 2)) * np.exp(-0.5 * ((d - middle) / 0.6) ** 2) for d, *_ in around
                    ]
                    expected[i, column] = sum(
                        wj * wk * np.cos(order * (tj - tk))
                        for wj, (_, tj, kj) in zip(weight, around, strict=True)
                        for wk, (_, tk, kk) in zip(weight, around, strict=True)
                        if (kj, kk) == (one, other)
                    )
                    column += 1
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_turning_and_mirroring_change_nothing():
    positions, species = cluster(2)
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]], np.float32)
    as_it_was = numbers(positions, species, everybody(7))
    for changed in (positions @ turn.T, positions * np.float32([-1, 1]), positions + np.float32(3)):
        np.testing.assert_allclose(numbers(changed, species, everybody(7)), as_it_was, atol=3e-5)


def test_an_image_is_as_near_as_the_particle_itself():
    positions = np.array([[-3.9, 0.0], [3.9, 0.0]], np.float32)
    near = numbers(positions, np.array([0, 1]), everybody(2), box=8.7)  # 0.9 apart, across the edge
    plain = numbers(np.array([[0.0, 0.0], [0.9, 0.0]], np.float32), np.array([0, 1]), everybody(2))
    np.testing.assert_allclose(near, plain, atol=1e-5)


def test_slopes_are_finite_with_empty_slots_and_vanish_at_the_cutoff():
    species = np.array([0, 1])

    def total(x):
        positions = jax.numpy.stack([jax.numpy.zeros(2), jax.numpy.stack([x, 0.0 * x])])
        edges = edges_of(positions[None], species[None], np.full((1, 2), np.inf), everybody(2)[None], SPEC.cutoff)
        return environments(edges, SPEC).sum()

    assert np.isfinite(jax.grad(total)(1.0))
    assert abs(jax.grad(total)(1.0)) > 0.1
    assert abs(jax.grad(total)(1.9999)) < 1e-2
