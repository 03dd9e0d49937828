"""The choice of skin and block size: the fastest, measured once, remembered, and kept by a run."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest

from vitrify.md.engines.registry import choose_engine
from vitrify.md.engines.replica import ReplicaEngine, tuning
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import kob_andersen_pairs

PAIRS = kob_andersen_pairs()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "vitrify" / "replica.json"


@pytest.fixture
def state():
    return Ensemble(
        positions=np.array([[[0.0, 0.0], [3.0, 0.0]]]),
        velocities=np.zeros((1, 2, 2)),
        species=np.zeros((1, 2), np.int8),
        box=np.full((1, 2), 10.0),
        seed=1,
        replica=np.array([0]),
        step=np.array([0]),
    )


def test_the_fastest_is_taken():
    calls = []

    def run(settings):
        calls.append(tuple(settings.values()))
        time.sleep(0.001 if calls[-1] == (0.5, 512) else 0.02)

    assert tuning.fastest(run, tuning.LANES) == {"skin": 0.5, "lanes": 512}
    assert len(calls) == 2 * len(tuning.SKINS) * len(tuning.LANES)


def test_each_hardware_and_size_is_remembered(cache):
    tuning.remember("a device", 100, {"skin": 0.3, "lanes": 256})
    tuning.remember("a device", 200, {"skin": 0.4, "lanes": 512})
    assert tuning.remembered("a device", 100) == {"skin": 0.3, "lanes": 256}
    assert tuning.remembered("a device", 300) == tuning.remembered("another", 100) == {}
    assert set(json.loads(cache.read_text())) == {"a device, 100 particles", "a device, 200 particles"}


@pytest.mark.parametrize("damage", ['{"a device, 100 particles": {"skin"', '{"a device, 100 particles": {"skin": 1}}'])
def test_a_damaged_memory_is_none(cache, damage):
    cache.parent.mkdir()
    cache.write_text(damage)
    assert tuning.remembered("a device", 100) == {}


def test_the_width_of_registers_is_the_processors_or_what_the_environment_says_and_runs_keep_theirs(monkeypatch):
    asked = ReplicaEngine(pairs=PAIRS, device="cpu").vector_bytes
    assert asked in (64, 32)
    for width in (64, 32):
        monkeypatch.setenv("VITRIFY_VECTOR_BYTES", str(width))
        begun = choose_engine("replica", pairs=PAIRS, device="cpu", particles=2)
        assert begun.facts["engine_settings"]["vector_bytes"] == width
        monkeypatch.setenv("VITRIFY_VECTOR_BYTES", str(96 - width))
        facts = begun.facts["engine_settings"]
        resumed = choose_engine("replica", pairs=PAIRS, device="cpu", particles=2, settings=facts).engine
        assert resumed == begun.engine
    monkeypatch.setenv("VITRIFY_VECTOR_BYTES", "16")
    with pytest.raises(ValueError, match="VITRIFY_VECTOR_BYTES: got '16', expected 64 or 32"):
        ReplicaEngine(pairs=PAIRS, device="cpu")
    with pytest.raises(ValueError, match="vector_bytes: got 48"):
        ReplicaEngine(pairs=PAIRS, device="cpu", vector_bytes=48)


def test_runs_that_begin_take_what_was_found_and_runs_that_go_on_keep_theirs(cache, state):
    default = ReplicaEngine(pairs=PAIRS, device="cpu", threads=1)
    tuned = default.tuned(state)
    assert cache.is_file()
    assert tuned.skin in tuning.SKINS
    assert default.as_tuned(2) == tuned
    assert default.as_tuned(3) == default

    tuning.remember(ReplicaEngine(pairs=PAIRS, device="cpu").hardware, 2, {"skin": 0.3, "lanes": 256})
    begun = choose_engine("replica", pairs=PAIRS, device="cpu", particles=2)
    assert isinstance(begun.engine, ReplicaEngine)
    assert begun.engine.skin == 0.3
    tuning.remember(begun.engine.hardware, 2, {"skin": 0.8, "lanes": 256})
    facts = begun.facts["engine_settings"]
    resumed = choose_engine("replica", pairs=PAIRS, device="cpu", particles=2, settings=facts).engine
    assert resumed == begun.engine
    ends = [engine.integrate(replace(state, origin=None), 5).positions for engine in (resumed, begun.engine)]
    np.testing.assert_array_equal(*ends)
