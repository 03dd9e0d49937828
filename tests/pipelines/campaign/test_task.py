"""One task in its directory: the contract that every scheduler relies on."""

import errno
import json
import os
import signal
import time

import pytest

from vitrify.md.protocols import loop
from vitrify.md.protocols.unfinished import Unfinished
from vitrify.md.store.checkpoint import lock_directory
from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.campaign import actions
from vitrify.pipelines.campaign import perform as performing
from vitrify.pipelines.campaign.campaign import parse_campaign
from vitrify.pipelines.campaign.directory import begin
from vitrify.pipelines.campaign.perform import NotYet, perform
from vitrify.pipelines.campaign.state import State, survey
from vitrify.pipelines.cli import main

TEXT = """
name = "tiny"
seed = 1
[mixture]
particles = 100
frames = 2
[cool.ramp]
ramp_steps = 400
equilibration_steps = 10
replicas = 4
batch = 2
[analyze.curves]
runs = "ramp"
structure = false
[dataset.pair]
positions = "inherent"
classes.glass = "ramp@0.05"
null = true
[report]
"""


@pytest.fixture
def campaign():
    return parse_campaign("tiny.toml", TEXT)


@pytest.fixture
def out(campaign, tmp_path):
    begin(campaign, tmp_path / "tiny")
    return tmp_path / "tiny"


def states(out, campaign):
    return {name: standing.state for name, standing in survey(out, campaign.stages).items()}


def test_a_product_is_there_when_the_task_is_done(campaign, out):
    home = out / "workspace" / "ramp-0001"
    assert perform("ramp", home) == home / "ramp"
    assert sorted(path.name for path in home.iterdir()) == ["progress.json", "ramp", "task.json"]
    run = RunDirectory.open(home / "ramp")
    assert (run.name, run.replicas, run.finished) == ("ramp", [2, 3], True)
    before = (home / "ramp" / "DONE").stat().st_mtime_ns
    perform("ramp", home)
    assert (home / "ramp" / "DONE").stat().st_mtime_ns == before
    assert states(out, campaign) == {
        "ramp-0000": State.READY, "ramp-0001": State.DONE, "curves": State.WAITING, "pair": State.WAITING,
        "report": State.WAITING,
    }  # fmt: skip


def test_a_task_that_was_stopped_goes_on_from_its_checkpoint(campaign, out):
    home, asked = out / "workspace" / "ramp-0000", []

    def stop():
        asked.append(True)
        return len(asked) > 2

    with pytest.raises(Unfinished):
        perform("ramp", home, stop=stop)
    assert not (home / "ramp").exists()
    assert not (home / "error").exists()
    assert states(out, campaign)["ramp-0000"] is State.UNFINISHED
    perform("ramp", home)
    assert len(RunDirectory.open(home / "ramp").provenance["launches"]) == 2


def test_batches_are_read_as_one(campaign, out):
    for name in ("ramp-0000", "ramp-0001"):
        perform("ramp", out / "workspace" / name)
    perform("curves", out / "workspace" / "curves")
    rows = (out / "workspace" / "curves" / "curves" / "cooling_curve.csv").read_text().splitlines()
    assert len(rows) == 1 + 2  # one curve of both batches
    perform("report", out / "workspace" / "report")
    assert "cooling_curve.csv" in (out / "report.html").read_text()


def test_what_waits_writes_nothing(campaign, out, capsys):
    with pytest.raises(NotYet, match=r"curves: waits for ramp-0000 and 2 inputs in all"):
        perform("curves", out / "workspace" / "curves")
    with pytest.raises(SystemExit) as ended:
        main(["task", "curves", str(out / "workspace" / "curves")])
    assert ended.value.code == 75
    assert capsys.readouterr().err.count("\n") == 1
    assert [path.name for path in (out / "workspace" / "curves").iterdir()] == ["task.json"]


def test_an_error_is_kept_and_blocks_what_needs_it(campaign, out, capsys):
    for name in ("ramp-0000", "ramp-0001"):
        perform("ramp", out / "workspace" / name)
    home = out / "workspace" / "ramp-0001" / "ramp"
    table = (home / "table.csv").read_text()
    (home / "table.csv").write_text(table[:-10])
    with pytest.raises(SystemExit) as ended:
        main(["task", "curves", str(out / "workspace" / "curves")])
    assert ended.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    kept = (out / "workspace" / "curves" / "error").read_text()
    assert said == f"vitrify: {kept.strip()}"
    assert "table.csv" in kept
    found = survey(out, campaign.stages)
    assert (found["curves"].state, found["curves"].reason) == (State.FAILED, kept.strip())
    assert (found["report"].state, found["report"].reason) == (State.BLOCKED, "curves")
    with pytest.raises(NotYet, match="its input curves failed: "):
        perform("report", out / "workspace" / "report")
    (home / "table.csv").write_text(table)
    perform("curves", out / "workspace" / "curves")
    assert not (out / "workspace" / "curves" / "error").exists()


def test_a_full_disk_loses_nothing(campaign, out, monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device")

    def refuse(*_, **__):
        raise full

    home = out / "workspace" / "ramp-0000"
    with monkeypatch.context() as patch:
        patch.setattr(loop, "launch", refuse)
        patch.setattr(performing, "write_atomically", refuse)
        with pytest.raises(OSError, match="No space left"):
            perform("ramp", home)
    assert not (home / "ramp").exists()
    perform("ramp", home)
    assert states(out, campaign)["ramp-0000"] is State.DONE


def test_no_permission_is_a_clear_line(out, capsys):
    """Root may do everything: for a moment this process is nobody."""
    (out / "workspace").chmod(0o500)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(SystemExit) as ended:
            main(["task", "ramp", str(out / "workspace" / "ramp-0000")])
    finally:
        os.seteuid(before)
        (out / "workspace").chmod(0o700)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "Permission denied" in said
    assert said.count("\n") == 1


def test_what_has_no_checkpoints_leaves_at_once(campaign, out, monkeypatch, capsys):
    for name in ("ramp-0000", "ramp-0001"):
        perform("ramp", out / "workspace" / name)

    def told_to_leave(work):
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(30)

    monkeypatch.setattr(actions, "ACTIONS", {**actions.ACTIONS, "analyze": told_to_leave})
    began = time.monotonic()
    with pytest.raises(SystemExit) as ended:
        main(["task", "curves", str(out / "workspace" / "curves")])
    assert (ended.value.code, time.monotonic() - began < 20) == (85, True)
    assert "terminated" in capsys.readouterr().err
    assert not (out / "workspace" / "curves" / "error").exists()
    assert states(out, campaign)["curves"] is not State.FAILED


def test_nothing_is_done_twice_at_once(out, monkeypatch):
    monkeypatch.setattr(performing, "PATIENCE", 0.0)
    home = out / "workspace" / "ramp-0000"
    held = lock_directory(home)
    with pytest.raises(NotYet, match="another process is at this task"):
        perform("ramp", home)
    assert held is not None
    assert not (home / "error").exists()


def test_a_task_of_another_stage_or_none_is_refused(out, tmp_path):
    with pytest.raises(ValueError, match="is a task of stage ramp, got curves"):
        perform("curves", out / "workspace" / "ramp-0000")
    with pytest.raises(FileNotFoundError, match=r"no task's directory \(it has no task.json\)"):
        perform("curves", tmp_path)
    path = out / "workspace" / "ramp-0000" / "task.json"
    path.write_text(json.dumps({"name": "x"}))
    with pytest.raises(ValueError, match=r"task.json: damaged"):
        perform("ramp", path.parent)
