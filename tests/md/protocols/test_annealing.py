"""An equilibrium liquid at one temperature."""

import numpy as np
import pytest

from vitrify.md.protocols.annealing import AnnealingSpec, anneal


def test_the_liquid_is_brought_down_and_held():
    spec = AnnealingSpec(kt=0.5, steps=1_000, equilibration_steps=400, frames=5, seed=0)
    assert spec.schedule.kt(np.array([0, 100, 200, 400, 1_400])).tolist() == [2.0, 1.25, 0.5, 0.5, 0.5]
    assert spec.frame_steps.tolist() == [600, 800, 1_000, 1_200, 1_400]
    assert spec.frame_kts.tolist() == [0.5] * 5
    assert AnnealingSpec(kt=0.5, steps=9, frames=1, equilibration_steps=0, seed=0).schedule.kt(0) == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [({"kt": 0.0}, "kt: got 0.0"), ({"steps": 0}, "steps: got 0"), ({"steps": 4}, "steps: got 4 for 5 frames")],
)
def test_a_spec_says_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        AnnealingSpec(**({"kt": 0.5, "steps": 100, "frames": 5, "seed": 0} | change))


def test_the_liquid_is_at_its_temperature(tmp_path):
    """Kinetic temperature over frames and replicas against the canonical one, within 5 standard errors.

    Var(kT) = 2 kT^2 / f with f = 2N - 2; frames 200 steps (two relaxation times) apart count as independent within a
    factor of two in the variance.
    """
    spec = AnnealingSpec(
        kt=0.8, steps=4_000, equilibration_steps=2_000, frames=20, particles=144, replicas=6, inherent=False, seed=3
    )
    run = anneal(spec, tmp_path / "run")
    error = np.sqrt(2 * 2 * 0.8**2 / (2 * 144 - 2) / (20 * 6))
    assert abs(run.table["kt"].mean() - 0.8) < 5 * error
    assert run.spec["protocol"] == "anneal"
    assert run.stored_frames() == [20]
    assert run.stored_replicas(20) == run.replicas
