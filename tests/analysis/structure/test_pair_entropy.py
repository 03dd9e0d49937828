"""Local pair entropy against the integral written out, and in its limits."""

import numpy as np
import pytest

from vitrify.analysis.structure.pair_entropy import RANGE, STEP, WIDTH, local_pair_entropy
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.md.model import A, B


def written_out(configuration, i):
    """One particle's entropy, a Gaussian for each neighbour."""
    separation = configuration.positions - configuration.positions[i]
    separation -= configuration.box * np.rint(separation / configuration.box)
    distance = np.hypot(*separation.T)
    rho, r = len(distance) / np.prod(configuration.box), STEP * (np.arange(round(RANGE / STEP)) + 0.5)
    entropy = 0.0
    for kind in (A, B):
        own = (configuration.species == kind) & (distance > 0)
        fraction = (configuration.species == kind).mean()
        smooth = np.exp(-((r[:, None] - distance[own]) ** 2) / (2 * WIDTH**2)).sum(axis=1) / np.sqrt(
            2 * np.pi * WIDTH**2
        )
        g = smooth / (2 * np.pi * r * rho * fraction)
        integrand = np.where(g > 1e-300, g * np.log(np.maximum(g, 1e-300)), 0.0) - g + 1
        entropy -= np.pi * rho * fraction * (integrand * r).sum() * STEP
    return entropy


def test_against_the_integral_written_out(inherent):
    found = local_pair_entropy(Surroundings(inherent))
    for i in (0, 333, 1079):
        assert found[i] == pytest.approx(written_out(inherent, i), rel=2e-3)


def test_order_lowers_it(liquid, inherent, square_lattice, configuration):
    gas = configuration(np.random.default_rng(1).uniform(0, 22, (400, 2)), np.zeros(400), [22.0, 22.0])
    means = [local_pair_entropy(Surroundings(each)).mean() for each in (square_lattice, inherent, liquid, gas)]
    assert means == sorted(means)
    assert means[-1] < 0


def test_every_site_of_a_crystal_has_the_same(square_lattice):
    found = local_pair_entropy(Surroundings(square_lattice))
    assert np.ptp(found) < 1e-9


def test_nothing_near_a_surface(square_lattice, configuration):
    """A lattice cut open along y: what is farther than RANGE from the surface is the lattice, the rest is not said."""
    cut = configuration(square_lattice.positions, square_lattice.species, square_lattice.box, (True, False))
    middle = np.abs(cut.positions[:, 1]) < 6
    found = local_pair_entropy(Surroundings(cut, middle))
    height = cut.positions[:, 1]
    edge = np.minimum(height - height.min(), height.max() - height)
    deep = edge > RANGE + 0.1
    assert deep.sum() > 100
    np.testing.assert_allclose(found[deep], local_pair_entropy(Surroundings(square_lattice))[deep], rtol=1e-9)
    assert np.isnan(found[edge < RANGE - 0.1]).all()


def test_a_box_that_is_too_small(configuration):
    small = configuration(np.random.default_rng(1).uniform(0, 6, (40, 2)), np.zeros(40), [6.0, 6.0])
    assert np.isnan(local_pair_entropy(Surroundings(small))).all()
