"""S(k) against the sum written out, an ideal gas, a crystal."""

import numpy as np
import pytest

from vitrify.analysis.structure.structure_factor import structure_factor
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.md.model import A, B


def direct_sum(configuration, members, k_range, step):
    """Every wave vector of the box, one at a time, both halves."""
    units = 2 * np.pi / configuration.box
    most = [
        int(k_range[1] / unit) + 1 if wraps else 0 for unit, wraps in zip(units, configuration.periodic, strict=True)
    ]
    bins = round((k_range[1] - k_range[0]) / step)
    total, count = np.zeros((3, bins)), np.zeros(bins)
    own = [configuration.positions[members & (configuration.species == kind)] for kind in (A, B)]
    for n in range(-most[0], most[0] + 1):
        for m in range(-most[1], most[1] + 1):
            k = units * [n, m]
            place = int(np.floor((np.hypot(*k) - k_range[0]) / step))
            if (n, m) == (0, 0) or not 0 <= place < bins:
                continue
            a, b = (np.exp(1j * r @ k).sum() for r in own)
            n_a, n_b = map(len, own)
            cross = (a * b.conjugate()).real / np.sqrt(n_a * n_b)
            total[:, place] += [abs(a) ** 2 / n_a, cross, abs(b) ** 2 / n_b]
            count[place] += 1
    with np.errstate(invalid="ignore"):
        return total / count


def test_against_a_direct_sum(liquid):
    found = structure_factor(Surroundings(liquid), k_range=(0.0, 4.0), step=0.25)
    expected = direct_sum(liquid, np.ones(1080, dtype=bool), (0.0, 4.0), 0.25)
    np.testing.assert_allclose(found.s, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.k[:2], [0.125, 0.375])


def test_against_a_direct_sum_in_a_film(film):
    bulk = (film.positions[:, 1] > 6) & (film.species < 2)
    found = structure_factor(Surroundings(film, bulk), k_range=(0.0, 10.0), step=0.5)
    np.testing.assert_allclose(found.s, direct_sum(film, bulk, (0.0, 10.0), 0.5), rtol=1e-9, atol=1e-9)


def test_an_ideal_gas_scatters_as_one(configuration):
    rng = np.random.default_rng(5)
    runs = [
        structure_factor(
            Surroundings(configuration(rng.uniform(0, 20, (900, 2)), np.arange(900) % 3 == 0, [20.0, 20.0]))
        )
        for _ in range(20)
    ]
    mean = np.nanmean([run.s[:, runs[0].k > 4] for run in runs], axis=0)
    np.testing.assert_allclose(mean[0], 1, atol=0.1)
    np.testing.assert_allclose(mean[1], 0, atol=0.1)
    np.testing.assert_allclose(mean[2], 1, atol=0.1)


def test_a_crystal_has_its_peaks(triangular_lattice):
    """First ring of reciprocal vectors at 4 pi / sqrt(3), six of them, S = N each."""
    found = structure_factor(Surroundings(triangular_lattice), k_range=(7.2550, 7.2555), step=0.0005)
    assert found.s[2, 0] == pytest.approx(360, rel=1e-9)
    below = structure_factor(Surroundings(triangular_lattice), k_range=(0.0, 7.0), step=0.5)
    assert np.nanmax(below.s[2]) < 1e-9
    assert np.isnan(below.s[0]).all()


def test_what_cannot_be_asked(liquid, configuration):
    with pytest.raises(ValueError, match="at least one bin"):
        structure_factor(Surroundings(liquid), k_range=(2.0, 1.0))
    lonely = configuration(liquid.positions, liquid.species, liquid.box, (False, False))
    with pytest.raises(ValueError, match="no periodic axis"):
        structure_factor(Surroundings(lonely))
