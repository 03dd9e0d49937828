"""kill -9 at any moment: every file stays readable, and --resume ends where an undisturbed run ends, bit for bit."""

import subprocess
import sys
import time

import numpy as np
import pytest

from vitrify.md.rundir import TABLE, RunDirectory

PROGRAM = [sys.executable, "-c", "from vitrify.pipelines.cli import main; main()"]
OPTIONS = [
    "cool", "--particles", "100", "--ramp-steps", "2000", "--frames", "40", "--equilibration-steps", "20",
    "--replicas", "2", "--seed", "3", "--store", "all", "--checkpoint-every", "0", "--resume",
]  # fmt: skip


def readable(path):
    """Read everything a run directory offers; returns how many rows there are."""
    if not (path / "spec.toml").exists():
        return 0
    run = RunDirectory.open(path)
    for replica in run.replicas:
        for inherent in (False, True):
            for frame in run.stored_frames(replica, inherent):
                positions = run.configuration(replica, frame, inherent).positions
                assert positions.shape == (100, 2)
                assert len(np.unique(positions)) == 200
        complete = set(run.table["frame"][run.table["replica"] == replica].tolist())
        assert set(run.stored_frames(replica)) == set(run.stored_frames(replica, inherent=True)) == complete
    return len(run.table["frame"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    subprocess.run([*PROGRAM, *OPTIONS, "--out", out], check=True, capture_output=True)
    return RunDirectory.open(out)


def test_killed_again_and_again(tmp_path, whole):
    out, rng, rows = tmp_path / "run", np.random.default_rng(8), [0]
    for _ in range(3):
        process = subprocess.Popen(
            [*PROGRAM, *OPTIONS, "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        grown = (out / TABLE).stat().st_size if (out / TABLE).exists() else 0
        while process.poll() is None and (not (out / TABLE).exists() or (out / TABLE).stat().st_size <= grown):
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        process.wait()
        rows.append(readable(out))
    assert rows[-1] > 0
    subprocess.run([*PROGRAM, *OPTIONS, "--out", out], check=True, capture_output=True)
    run = RunDirectory.open(out)
    assert run.finished
    assert len(run.provenance["launches"]) > 1
    assert readable(out) == 80
    assert (run.path / TABLE).read_bytes() == (whole.path / TABLE).read_bytes()
    for replica in (0, 1):
        for frame in run.stored_frames(replica):
            for inherent in (False, True):
                np.testing.assert_array_equal(
                    run.configuration(replica, frame, inherent).positions,
                    whole.configuration(replica, frame, inherent).positions,
                )
