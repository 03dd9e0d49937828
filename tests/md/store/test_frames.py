"""Frame files: in which box a particle is, and who may read what was written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import numpy as np

from vitrify.md.ensemble import Ensemble
from vitrify.md.store.frames import configurations_of, write_frame_file

BOX = 9.7


def ensemble(positions: np.ndarray, travelled: np.ndarray) -> Ensemble:
    """One replica of A particles that came to ``positions`` by ways of ``travelled``."""
    return Ensemble(
        positions=positions[None],
        velocities=np.zeros((1, len(positions), 2)),
        species=np.zeros((1, len(positions)), np.int8),
        box=np.array([[BOX, BOX]]),
        seed=1,
        replica=np.array([0]),
        step=np.array([0]),
        travelled=travelled[None],
    )


def test_a_particle_that_began_on_an_edge_is_read_in_one_box_at_every_frame():
    # Fixed-point ways of 1 to 200 odd steps of 2^-32 boxes: exact as integers, rounded as lengths.
    steps = np.cumsum(np.full(200, 123_456_789))
    places = np.full((200, 2), -BOX / 2)
    travelled, positions = np.zeros_like(places), places.copy()
    travelled[:, 0] = steps * (BOX / 2**32)
    positions[:, 0] = (-(2**31) + steps).astype(np.int32) * (BOX / 2**32)
    ((_, one),) = configurations_of(ensemble(positions, travelled), kt_set=0.5)
    unwrapped = one.positions + one.images * BOX
    # Wherever it has come to, from one and the same beginning: another box would be 9.7 off.
    np.testing.assert_allclose(unwrapped - travelled, places, atol=1e-9)


def test_whoever_may_read_other_files_may_read_configurations(tmp_path):
    before = os.umask(0o022)
    try:
        one = configurations_of(ensemble(np.array([[0.0, 0.0], [1.0, 0.0]]), np.zeros((2, 2))), kt_set=0.5)
        write_frame_file(tmp_path / "frame-1.gsd", 1, one)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "frame-1.gsd").stat().st_mode) == 0o644


def test_a_file_that_is_open_when_the_interpreter_ends_is_closed_before(tmp_path):
    one = configurations_of(ensemble(np.array([[0.0, 0.0], [1.0, 0.0]]), np.zeros((2, 2))), kt_set=0.5)
    write_frame_file(tmp_path / "frame-1.gsd", 1, one)
    # sys goes last of all modules, and with it what it keeps: gsd has no log by then, and would say so.
    code = "import sys, pathlib, vitrify.md.store.frames as f; sys.kept = f.FrameFile(pathlib.Path(sys.argv[1]))"
    ended = subprocess.run([sys.executable, "-c", code, tmp_path / "frame-1.gsd"], capture_output=True, check=True)
    assert (ended.stdout, ended.stderr) == (b"", b"")
