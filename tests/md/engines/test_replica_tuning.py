"""The choice of skin and block size: the fastest, measured once and remembered."""

import json
import time
from dataclasses import replace

import numpy as np

from vitrify.md.engines.replica import ReplicaEngine, tuning
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import kob_andersen_pairs


def test_the_fastest_is_taken_and_remembered(tmp_path):
    file, calls = tmp_path / "cache" / "replica.json", []

    def run(skin, lanes):
        calls.append((skin, lanes))
        time.sleep(0.001 if (skin, lanes) == (0.5, 512) else 0.02)

    assert tuning.fastest("a device", 100, run, tuning.LANES, file) == (0.5, 512)
    assert len(calls) == 2 * len(tuning.SKINS) * len(tuning.LANES)
    calls.clear()
    assert tuning.fastest("a device", 100, run, tuning.LANES, file) == (0.5, 512)
    assert not calls
    tuning.fastest("a device", 200, run, (512,), file)
    assert len(calls) == 2 * len(tuning.SKINS)
    assert set(json.loads(file.read_text())) == {"a device, 100 particles", "a device, 200 particles"}


def test_a_damaged_memory_is_measured_anew(tmp_path):
    file = tmp_path / "replica.json"
    file.write_text('{"a device, 100 particles": {"skin"')
    assert tuning.fastest("a device", 100, lambda skin, lanes: time.sleep(skin / 50), (512,), file) == (0.3, 512)


def test_a_tuned_engine_keeps_its_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    state = Ensemble(
        positions=np.array([[[0.0, 0.0], [3.0, 0.0]]]),
        velocities=np.zeros((1, 2, 2)),
        species=np.zeros((1, 2), np.int8),
        box=np.full((1, 2), 10.0),
        seed=1,
        replica=np.array([0]),
        step=np.array([0]),
    )
    engine = ReplicaEngine.tuned(state, pairs=kob_andersen_pairs(), device="cpu", threads=1)
    assert (tmp_path / "vitrify" / "replica.json").is_file()
    again = ReplicaEngine(pairs=kob_andersen_pairs(), device="cpu", **engine.settings)
    assert again.skin == engine.skin
    assert again.skin in tuning.SKINS
    assert np.array_equal(
        again.integrate(replace(state, origin=None), 5).positions, engine.integrate(state, 5).positions
    )
