"""kill -9 at any moment: every file stays readable, and --resume ends where an undisturbed run ends, bit for bit."""

import subprocess
import sys
import time

import numpy as np
import pytest

from vitrify.md.store.naming import TABLE
from vitrify.md.store.rundir import RunDirectory

PROGRAM = [sys.executable, "-c", "from vitrify.pipelines.cli import main; main()"]
PROTOCOLS = {
    "cool": [
        "cool", "--particles", "100", "--ramp-steps", "2000", "--frames", "40", "--equilibration-steps", "20",
        "--replicas", "2", "--seed", "3", "--store", "all", "--checkpoint-every", "0",
    ],
    "deposit": [
        "deposit", "--set", "box_length=12.0", "--set", "substrate_particles=80", "--set", "relax_steps=200",
        "--injections", "12", "--steps-per-injection", "4000", "--replicas", "2", "--seed", "3", "--store-every", "1",
        "--checkpoint-every", "0",
    ],
}  # fmt: skip


def launch(protocol, out, **options):
    return subprocess.Popen([*PROGRAM, *PROTOCOLS[protocol], "--resume", "--out", out], **options)


def rows(run):
    """Bytes of its table; 0 where there is none, as while a launch begins anew what had no checkpoint yet."""
    try:
        return (run / TABLE).stat().st_size
    except FileNotFoundError:
        return 0


def configurations(path):
    """Everything stored in a run directory, by replica, kind and frame."""
    if not (path / "spec.toml").exists():
        return {}
    run = RunDirectory.open(path)
    return {
        (replica, inherent, frame): run.configuration(replica, frame, inherent).positions
        for inherent in (False, True)
        for frame in run.stored_frames(inherent=inherent)
        for replica in run.stored_replicas(frame, inherent=inherent)
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_killed_again_and_again(protocol, tmp_path):
    whole, out, rng = tmp_path / "undisturbed", tmp_path / "run", np.random.default_rng(8)
    assert launch(protocol, whole, stdout=subprocess.DEVNULL).wait() == 0
    expected = configurations(whole)
    for _ in range(3):
        process = launch(protocol, out, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        grown = rows(out)
        while process.poll() is None and rows(out) <= grown:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        process.wait()
        for place, positions in configurations(out).items():
            np.testing.assert_array_equal(positions, expected[place])
    assert len(RunDirectory.open(out).table["frame"]) > 0
    assert launch(protocol, out, stdout=subprocess.DEVNULL).wait() == 0
    run = RunDirectory.open(out)
    assert run.finished
    assert len(run.provenance["launches"]) > 1
    assert (out / TABLE).read_bytes() == (whole / TABLE).read_bytes()
    found = configurations(out)
    assert found.keys() == expected.keys()
    for place, positions in found.items():
        np.testing.assert_array_equal(positions, expected[place])
