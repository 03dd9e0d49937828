"""The cooling curve of N = 4320, M = 2e5 against LAMMPS and against the numbers of the research log."""

from pathlib import Path

import numpy as np
import pytest

from vitrify.md.cooling import CoolingSpec, cool

LAMMPS = Path(__file__).parent.parent / "reference" / "lammps_cooling" / "M2e5_N4320.csv"
REPLICAS, FRAMES = 8, 40


@pytest.fixture(scope="module")
def energies(tmp_path_factory):
    """Inherent-structure energies per particle, truncated and not shifted, (frame, replica): ours, LAMMPS's."""
    spec = CoolingSpec(ramp_steps=200_000, replicas=REPLICAS, frames=FRAMES, store="none", seed=20)
    ours = cool(spec, tmp_path_factory.mktemp("validation") / "run").table
    theirs = np.genfromtxt(LAMMPS, delimiter=",", names=True)
    order = np.lexsort((theirs["replica"], theirs["frame"]))
    np.testing.assert_allclose(np.unique(theirs["kt_set"]), np.unique(ours["kt_set"]), atol=1e-6)
    return ours["inherent_energy"].reshape(REPLICAS, FRAMES).T, theirs["inherent_energy"][order].reshape(FRAMES, -1)


def mean_and_error(values):
    return values.mean(axis=-1), values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1])


@pytest.mark.validation
def test_the_curve_is_that_of_lammps(energies):
    """Every frame, and the mean over all frames, within 5 combined standard errors over independent runs."""
    ours, theirs = energies
    (mean, error), (expected, expected_error) = mean_and_error(ours), mean_and_error(theirs)
    assert (abs(mean - expected) < 5 * np.hypot(error, expected_error)).all()
    (mean, error), (expected, expected_error) = mean_and_error(ours.mean(axis=0)), mean_and_error(theirs.mean(axis=0))
    assert abs(mean - expected) < 5 * np.hypot(error, expected_error)


@pytest.mark.validation
def test_the_glass_is_that_of_the_log(energies):
    """E_IS(kT 0.05) = -3.867 +- 0.005 for M = 2e5."""
    ours, _ = energies
    assert abs(ours[-1].mean() + 3.867) < 0.005
