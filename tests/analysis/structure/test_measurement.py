"""Measuring stored configurations: the numbers of one by one, kept beside the run, whatever is killed or changes."""

import hashlib
import os

import numpy as np
import pytest

from vitrify.analysis.structure import cache, measurement
from vitrify.analysis.structure.descriptors import CURVES, Measured, descriptors
from vitrify.analysis.structure.energies import particle_energies
from vitrify.analysis.structure.stored import stored_configurations
from vitrify.md.model import kob_andersen_pairs
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.store.naming import MEASURED
from vitrify.md.store.rundir import RunDirectory


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "small"
    return cool(CoolingSpec(particles=100, ramp_steps=40, equilibration_steps=10, replicas=9, frames=1, seed=3), path)


@pytest.fixture
def run(made):
    (made.path / MEASURED).unlink(missing_ok=True)
    return RunDirectory.open(made.path)


@pytest.fixture
def counted(monkeypatch):
    """How many configurations were measured, in this process."""
    seen = []
    original = measurement.all_numbers
    monkeypatch.setattr(measurement, "all_numbers", lambda around: seen.append(1) or original(around))
    return seen


def places(run):
    return list(stored_configurations([run]))


def test_the_same_as_one_by_one(run):
    found = measurement.measure(places(run), jobs=1)
    assert len(found.stored) == 18
    for row, place in enumerate(found.stored):
        configuration = place.load()
        alone = descriptors(configuration)
        assert list(found.numbers) == list(alone)
        np.testing.assert_array_equal([found.numbers[name][row] for name in alone], list(alone.values()))
        for name, kind in CURVES.items():
            abscissa, lines = kind.measure(Measured(configuration))
            np.testing.assert_array_equal(found.curves[name][0], abscissa)
            np.testing.assert_array_equal(found.curves[name][1][row], lines)
        parts = configuration.positions, configuration.species, configuration.box, configuration.periodic
        assert found.energy[row] == pytest.approx(particle_energies(kob_andersen_pairs(), *parts).mean(), rel=1e-12)
        assert found.kt_set[row] == configuration.kt_set


def test_processes_find_the_same(run):
    alone = measurement.measure(places(run), jobs=1)
    (run.path / MEASURED).unlink()
    together = measurement.measure(places(run), jobs=2)
    for name, values in alone.numbers.items():
        np.testing.assert_array_equal(together.numbers[name], values)


def test_a_second_call_measures_nothing_and_the_run_stays_whole(run, counted):
    first = measurement.measure(places(run), jobs=1)
    assert len(counted) == 18
    again = measurement.measure(places(RunDirectory.open(run.path)), jobs=1)
    assert len(counted) == 18
    np.testing.assert_array_equal(again.curves["s_of_k"][1], first.curves["s_of_k"][1])
    for line in (run.path / "DONE").read_text().splitlines():
        expected, name = line.split("  ")
        assert hashlib.sha256((run.path / name).read_bytes()).hexdigest() == expected


def test_what_a_killed_measurement_had_is_kept(run, counted):
    told = []

    def kill(done, total):
        told.append((done, total))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measurement.measure(places(run), jobs=1, progress=kill)
    assert told == [(8, 18)]
    with open(run.path / MEASURED, "ab") as file:
        file.write(b"half a record")
    measured = len(counted)
    measurement.measure(places(run), jobs=1)
    assert len(counted) - measured == 10
    measurement.measure(places(run), jobs=1)
    assert len(counted) - measured == 10


def test_a_damaged_record_is_measured_again(run, counted):
    first = measurement.measure(places(run), jobs=1)
    data = bytearray((run.path / MEASURED).read_bytes())
    data[-20] ^= 1
    (run.path / MEASURED).write_bytes(data)
    again = measurement.measure(places(run), jobs=1)
    assert len(counted) == 19
    np.testing.assert_array_equal(again.numbers["psi6_A"], first.numbers["psi6_A"])


def test_other_code_measures_again(run, counted, monkeypatch):
    measurement.measure(places(run), jobs=1)
    monkeypatch.setattr(cache, "_code", lambda: b"another version")
    measurement.measure(places(run), jobs=1)
    assert len(counted) == 36


def test_a_run_that_cannot_be_written_is_kept_elsewhere(run, counted, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != run.path and allowed(path, mode))
    found = measurement.measure(places(run), jobs=1)
    assert f"{run.path}: cannot be written; its descriptors are kept in {tmp_path / 'cache'}" in found.notes[0]
    assert not (run.path / MEASURED).exists()
    measurement.measure(places(run), jobs=1)
    assert len(counted) == 18


def test_a_run_that_is_replaced_takes_its_cache_along(made, tmp_path):
    spec = CoolingSpec(particles=100, ramp_steps=10, equilibration_steps=10, replicas=1, frames=1, seed=3)
    run = cool(spec, tmp_path / "one")
    measurement.measure(places(run), jobs=1)
    assert (run.path / MEASURED).exists()
    cool(spec, tmp_path / "one", force=True)
    assert not (run.path / MEASURED).exists()
