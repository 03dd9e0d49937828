"""Run directories: what goes in comes out, and what a killed process leaves behind is either whole or passed over."""

import json
import shutil

import gsd.hoomd
import numpy as np
import pytest

from vitrify.md.ensemble import Ensemble
from vitrify.md.store.checkpoint import load_checkpoint, save_checkpoint
from vitrify.md.store.naming import CHECKPOINT, PROVENANCE, SPEC, TABLE
from vitrify.md.store.product import DONE
from vitrify.md.store.rundir import RunDirectory
from vitrify.md.store.table import COLUMNS
from vitrify.md.store.writer import RunWriter

SPEC_DICT = {"protocol": "cool", "particles": 5, "density": 1.2, "store": [1, 2], "engine": "auto", "inherent": True}
LAUNCH = {"engine": "replica", "device": "cpu", "seed": 3}


def film(replicas=3, slots=5, seed=0):
    """A film whose last slot is empty, in a box open along y."""
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 1, (replicas, slots, 2)) * [30.0, 40.0] - [15.0, 0.0]
    species = np.tile(np.array([0, 1, 2, 0, -1], dtype=np.int8), (replicas, 1))
    return Ensemble(
        positions=positions,
        velocities=rng.normal(size=(replicas, slots, 2)),
        species=species,
        box=np.tile([30.0, 40.0], (replicas, 1)),
        periodic=(True, False),
        seed=9,
        replica=np.arange(replicas),
        step=np.full(replicas, 123),
        failure=("", "overlap at step 7", ""),
        origin=positions + 0.1,
    )


def rows(ensemble, frame, energy=-3.0):
    count = ensemble.replicas
    return {
        "replica": ensemble.replica,
        "frame": np.full(count, frame),
        "step": ensemble.step,
        "kt_set": np.full(count, 2.0 - frame),
        "kt": np.full(count, 1 / 3),
        "potential_energy": np.full(count, energy),
        "converged": np.ones(count, dtype=bool),
    }


def write_frame(writer, ensemble, frame):
    writer.write_frame(frame, 2.0 - frame, ensemble, inherent=ensemble)
    writer.append_rows(rows(ensemble, frame))


def content(path):
    """Everything a run says, without clocks."""
    run = RunDirectory.open(path)
    table = {name: column.tolist() for name, column in run.table.items() if np.isfinite(column).all()}
    stored = {
        (replica, frame): configuration.positions.tolist()
        for frame in run.stored_frames()
        for replica, configuration in run.configurations(frame)
    }
    return table, stored


def test_a_run_comes_back_as_it_was_written(tmp_path):
    ensemble = film()
    with RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH) as writer:
        writer.write_frame(1, 1.0, ensemble, inherent=ensemble, velocities=True)
        writer.append_rows(rows(ensemble, 1, energy=-3.8670123456789012))
        writer.record_failures([{"replica": 1, "step": 7, "reason": "overlap"}])
        run = writer.finish()
    assert run.finished
    assert run.spec == SPEC_DICT
    assert run.name == "run"
    assert run.provenance["failures"] == [{"replica": 1, "step": 7, "reason": "overlap"}]
    assert run.provenance["launches"][0]["engine"] == "replica"
    assert run.replicas == [0, 1, 2]
    assert run.table["potential_energy"].tolist() == [-3.8670123456789012] * 3
    assert run.table["kt"].tolist() == [1 / 3] * 3
    assert np.isnan(run.table["inherent_energy"]).all()
    assert run.table["converged"].dtype == bool
    assert run.stored_frames() == run.stored_frames(inherent=True) == [1]
    assert run.stored_replicas(1) == [0, 2]  # replica 1 has failed
    assert {path.name for path in run.path.iterdir()} == {
        "spec.toml", "provenance.json", "table.csv", "frame-0001.gsd", "frame-0001.inherent.gsd", "DONE",
    }  # fmt: skip
    configuration = run.configuration(2, 1)
    np.testing.assert_array_equal(configuration.positions, ensemble.positions[2, :4])
    np.testing.assert_array_equal(configuration.species, [0, 1, 2, 0])
    np.testing.assert_array_equal(configuration.box, [30.0, 40.0])
    assert configuration.periodic == (True, False)
    assert (configuration.step, configuration.kt_set) == (123, 1.0)
    np.testing.assert_allclose(configuration.velocities, ensemble.velocities[2, :4], rtol=1e-6)
    assert run.configuration(2, 1, inherent=True).velocities is None


def test_trajectory_is_a_two_dimensional_hoomd_file(tmp_path):
    """Lz = 0, dimensions 2, particles inside a centred box: what OVITO and HOOMD-blue expect."""
    with RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH) as writer:
        writer.write_frame(1, 1.0, film())
        writer.finish()
    with gsd.hoomd.open(str(tmp_path / "run" / "frame-0001.gsd")) as trajectory:
        assert trajectory.file.schema_version == (2, 0)
        assert [int(system.log["replica"][0]) for system in trajectory] == [0, 2]
        np.testing.assert_array_equal(trajectory[1].log["particles/position64"], film().positions[2, :4])
        assert trajectory[1].particles.typeid.tolist() == [0, 1, 2, 0]
        frame = trajectory[0]
    assert frame.configuration.dimensions == 2
    assert frame.configuration.box.tolist() == [30, 40, 0, 0, 0, 0]
    assert frame.particles.types == ["A", "B", "S"]
    assert (abs(frame.particles.position) <= [15, 20, 0]).all()
    np.testing.assert_allclose(frame.particles.position[:, 1] + 20, film().positions[0, :4, 1], atol=1e-5)


def test_resume_gives_state_and_cuts_off_what_came_after_the_checkpoint(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    states = [film(seed=frame) for frame in range(5)]
    with RunWriter.create(whole, SPEC_DICT, LAUNCH) as writer:
        for frame in range(1, 5):
            write_frame(writer, states[frame], frame)
        writer.finish()
    with RunWriter.create(broken, SPEC_DICT, LAUNCH) as writer:
        for frame in (1, 2):
            write_frame(writer, states[frame], frame)
        writer.checkpoint(states[2], {"frame": np.array(2)})
        write_frame(writer, film(seed=99), 3)
        writer.write_frame(4, 1.0, film(seed=98))
    (part,) = broken.glob("frame-0004.part-*.gsd")
    part.write_bytes(part.read_bytes()[:100])  # cut off beyond what the checkpoint knows: it goes, unread
    with open(broken / TABLE, "a") as table:
        table.write("0,4,12")
    with RunWriter.resume(broken, LAUNCH)[0]:
        pass
    writer, ensemble, extra = RunWriter.resume(broken, LAUNCH)
    with writer:
        assert extra["frame"] == 2
        for name in ("positions", "velocities", "species", "box", "replica", "step", "origin"):
            np.testing.assert_array_equal(getattr(ensemble, name), getattr(states[2], name))
            assert getattr(ensemble, name).dtype == getattr(states[2], name).dtype
        assert (ensemble.failure, ensemble.periodic, ensemble.seed) == (states[2].failure, (True, False), 9)
        assert content(broken)[1].keys() == {(replica, frame) for replica in (0, 2) for frame in (1, 2)}
        for frame in (3, 4):
            write_frame(writer, states[frame], frame)
        run = writer.finish()
    assert content(whole) == content(broken)
    assert (whole / TABLE).read_bytes() == (broken / TABLE).read_bytes()
    assert len(run.provenance["launches"]) == 2


def test_a_torn_row_is_passed_over_and_a_configuration_without_its_row(tmp_path):
    with RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH) as writer:
        for frame in (1, 2):
            write_frame(writer, film(seed=frame), frame)
    with open(tmp_path / "run" / TABLE, "r+b") as table:
        table.truncate((tmp_path / "run" / TABLE).stat().st_size - 3)
    run = RunDirectory.open(tmp_path / "run")
    assert run.table["frame"].tolist() == [1, 2, 1, 2, 1]
    assert (run.stored_replicas(1), run.stored_replicas(2)) == ([0, 2], [0])
    with pytest.raises(ValueError, match="no configuration of replica 2 at frame 2"):
        run.configuration(2, 2)


def test_an_unfinished_run_says_so(tmp_path):
    with RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH) as writer:
        write_frame(writer, film(), 1)
        assert not RunDirectory.open(tmp_path / "run").finished
        writer.checkpoint(film(), {})
        assert (tmp_path / "run" / CHECKPOINT).exists()
        writer.finish()
    assert not (tmp_path / "run" / CHECKPOINT).exists()


def test_what_is_there_is_not_overwritten(tmp_path):
    with RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH) as writer:
        write_frame(writer, film(), 1)
        writer.finish()
    before = content(tmp_path / "run")
    with pytest.raises(FileExistsError, match="--force"):
        RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH)
    assert content(tmp_path / "run") == before
    with RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH, force=True):
        assert not (tmp_path / "run" / DONE).exists()
        assert RunDirectory.open(tmp_path / "run").replicas == []
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="no run wrote"):
        RunWriter.create(tmp_path / "thesis", SPEC_DICT, LAUNCH, force=True)
    assert (tmp_path / "thesis" / "chapter1.tex").exists()


def test_a_directory_of_somebody_elses_trajectories_is_not_cleared(tmp_path):
    (tmp_path / "my-simulation.gsd").write_bytes(b"weeks of work")
    with pytest.raises(FileExistsError, match="no run wrote"):
        RunWriter.create(tmp_path, SPEC_DICT, LAUNCH, force=True)
    assert (tmp_path / "my-simulation.gsd").read_bytes() == b"weeks of work"


@pytest.mark.parametrize("lost", [SPEC, CHECKPOINT, PROVENANCE, TABLE])
def test_a_run_that_lost_a_file_is_not_begun_again_by_resume(tmp_path, lost):
    with RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH) as writer:
        write_frame(writer, film(), 1)
        writer.checkpoint(film(), {})
    (tmp_path / "run" / lost).unlink()
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises((FileNotFoundError, ValueError), match=lost):
        RunWriter.begin_or_resume(tmp_path / "run", SPEC_DICT, LAUNCH, resume=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_resume_begins_a_run_that_was_killed_before_its_first_checkpoint(tmp_path):
    with RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH) as writer:
        write_frame(writer, film(), 1)
    writer, ensemble, extra = RunWriter.begin_or_resume(tmp_path / "run", SPEC_DICT, LAUNCH, resume=True)
    writer.close()
    assert (ensemble, extra) == (None, {})
    assert RunDirectory.open(tmp_path / "run").replicas == []


def test_two_processes_do_not_write_one_run(tmp_path):
    with RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH) as writer:
        writer.checkpoint(film(), {})
        with pytest.raises(BlockingIOError, match="another process"):
            RunWriter.resume(tmp_path / "run", LAUNCH)


def finished_run(path):
    with RunWriter.create(path, SPEC_DICT, LAUNCH) as writer:
        write_frame(writer, film(), 1)
        writer.finish()
    return path


@pytest.mark.parametrize("name", [SPEC, PROVENANCE, TABLE])
def test_a_missing_file_is_named(tmp_path, name):
    path = finished_run(tmp_path / "run")
    (path / name).unlink()
    with pytest.raises(ValueError, match=name):
        RunDirectory.open(path).table  # noqa: B018


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (SPEC, b"protocol = cool"),
        (SPEC, b"particles = 5\n"),
        (SPEC, b"\xff\xfe\x00"),
        (PROVENANCE, b"{"),
        (PROVENANCE, b"[]"),
        (TABLE, b""),
        (TABLE, b"replica,frame\n1,\xff\n"),
        (TABLE, b"replica,frame\n1,1\n"),
        (TABLE, (",".join(COLUMNS) + "\n1,1,1,1,1,1,1,x,1\n").encode()),
        (TABLE, (",".join(COLUMNS) + "\n1,1,1\n").encode()),
        (TABLE, (",".join(COLUMNS) + "\n1,1,1,1,1,1,1,1,1\n1,2,1").encode()),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, damage):
    path = finished_run(tmp_path / "run")
    (path / name).write_bytes(damage)
    with pytest.raises(ValueError, match=rf"{name}: damaged"):
        RunDirectory.open(path).table  # noqa: B018


def test_a_damaged_trajectory_is_named(tmp_path):
    path = finished_run(tmp_path / "run")
    (path / "frame-0001.gsd").write_bytes(b"not a trajectory")
    run = RunDirectory.open(path)
    with pytest.raises(ValueError, match=r"frame-0001\.gsd: damaged"):
        run.configuration(0, 1)
    assert len(run.configuration(0, 1, inherent=True).positions) == 4


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_damaged_checkpoint_is_named(tmp_path, where):
    with RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH) as writer:
        writer.checkpoint(film(), {})
    path = tmp_path / "run" / CHECKPOINT
    whole = path.read_bytes()
    path.write_bytes(whole[: int(where * len(whole))])
    with pytest.raises(ValueError, match="damaged checkpoint"):
        RunWriter.resume(tmp_path / "run", LAUNCH)


def test_a_flipped_bit_in_a_checkpoint_is_found_wherever_it_is(tmp_path):
    """56 of 7,608 used to come out as other errors than a clear line, or not at all."""
    path = tmp_path / "checkpoint"
    save_checkpoint(path, film(), {"frame": np.array(2)})
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match="damaged checkpoint"):
            load_checkpoint(path)


def test_a_flipped_bit_in_a_finished_run_is_found(tmp_path):
    path = finished_run(tmp_path / "run")
    for file in sorted(path.glob("frame-*.gsd")):
        whole = file.read_bytes()
        for place in range(0, len(whole), len(whole) // 7):
            flipped = bytearray(whole)
            flipped[place] ^= 4
            file.write_bytes(flipped)
            with pytest.raises(ValueError, match=rf"{file.name}: damaged"):
                RunDirectory.open(path).configuration(0, 1, inherent="inherent" in file.name)
        file.write_bytes(whole)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    writer = RunWriter.create(tmp_path / "run", SPEC_DICT, LAUNCH)
    with writer:
        write_frame(writer, film(seed=1), 1)
        writer.checkpoint(film(seed=1), {"frame": np.array(1)})

        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(np, "savez", full)
        with pytest.raises(OSError, match="No space left"):
            writer.checkpoint(film(seed=2), {"frame": np.array(2)})
    monkeypatch.undo()
    assert not list((tmp_path / "run").glob("*.partial"))
    writer, ensemble, extra = RunWriter.resume(tmp_path / "run", LAUNCH)
    writer.close()
    assert extra["frame"] == 1
    np.testing.assert_array_equal(ensemble.positions, film(seed=1).positions)


def test_a_configuration_that_was_not_stored_is_asked_for_in_vain(tmp_path):
    run = RunDirectory.open(finished_run(tmp_path / "run"))
    with pytest.raises(ValueError, match=r"replica 0 at frame 7; stored frames: \[1\]"):
        run.configuration(0, 7)
    with pytest.raises(ValueError, match="no inherent structure"):
        run.configuration(1, 1, inherent=True)
    with pytest.raises(FileNotFoundError, match="no such run directory"):
        RunDirectory.open(tmp_path / "elsewhere")


def test_a_run_can_be_moved(tmp_path):
    finished_run(tmp_path / "run")
    before = content(tmp_path / "run")
    shutil.move(tmp_path / "run", tmp_path / "archive")
    assert content(tmp_path / "archive") == before


def test_provenance_holds_no_secrets_of_the_environment(tmp_path):
    facts = json.loads((finished_run(tmp_path / "run") / PROVENANCE).read_text())
    assert set(facts) == {
        "name", "identity", "version", "git_commit", "python", "packages", "wall_time_s",
        "checkpointed", "failures", "launches",
    }  # fmt: skip
    assert set(facts["launches"][0]) == {"started", "host", "wall_time_s", *LAUNCH}
