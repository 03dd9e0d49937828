"""Campaigns on a real Slurm: arrays, dependencies, signals, requeues, dead daemons, and nothing run twice."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.campaign.campaign import parse_campaign
from vitrify.pipelines.campaign.directory import begin
from vitrify.pipelines.campaign.perform import perform, read_progress
from vitrify.pipelines.campaign.state import State, survey
from vitrify.pipelines.cli import main

TEXT = """
name = "tiny"
seed = 1
[mixture]
particles = 64
frames = 4
equilibration_steps = 10
inherent = false
[cool.ramp]
ramp_steps = {steps}
replicas = 2
batch = 1
[cool.other]
ramp_steps = 400
replicas = 4
batch = 1
[analyze.curves]
runs = "ramp"
structure = false
"""

OPTIONS = ("--time", "10:00", "--margin", "20")


def campaign_file(tmp_path, steps=400, text=TEXT):
    path = tmp_path / "tiny.toml"
    path.write_text(text.format(steps=steps))
    return path


def submit(path, out, *options, status=0):
    with pytest.raises(SystemExit) as ended:
        main(["campaign", "submit", str(path), "--out", str(out), *OPTIONS, *options])
    assert ended.value.code == status


def states(out, path):
    campaign = parse_campaign(str(path), path.read_text())
    return {name: one.state for name, one in survey(out, campaign.stages).items()}


def under_way(home):
    return read_progress(home).get("done", 0.0) > 0


def numbers(run):
    """What a run is, bit for bit: check sums of all but what says when it was made."""
    return [line for line in (run / "DONE").read_text().splitlines() if "provenance" not in line]


def undisturbed(path, out, name="ramp-0000", stage="ramp"):
    begin(parse_campaign(str(path), path.read_text()), out)
    return numbers(perform(stage, out / "workspace" / name))


def test_from_the_queue_to_the_table(cluster, tmp_path, capsys, until):
    """An array, one of whose tasks is told to leave and comes back; what waits for it goes on waiting."""
    path, out = campaign_file(tmp_path, steps=1_500_000), tmp_path / "out"
    submit(path, out)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "7 tasks submitted in 4 jobs; 0 were in the queue, 0 are done"
    assert [line.split()[1:] for line in said[1:]] == [["ramp:", "2"], ["other:", "3"], ["other+3:", "1"], ["curves:", "1"]]
    jobs = {line.split()[1].rstrip(":"): line.split()[0] for line in said[1:]}
    home = out / "workspace" / "ramp-0000"
    until(lambda: under_way(home), "a task is under way")
    assert states(out, path)["ramp-0000"] is State.RUNNING
    assert f"{jobs['curves']} curves PENDING Dependency" in cluster.jobs()
    submit(path, out)  # again, while all is in the queue
    assert capsys.readouterr().out.startswith("0 tasks submitted in 0 jobs; ")

    assert cluster.succeeds("scancel", "--signal=USR1", "--batch", f"{jobs['ramp']}_0")
    until(lambda: (home / "working" / "ramp" / "checkpoint").exists() and not under_way_still(home), "it has left")
    assert f"{jobs['curves']} curves PENDING Dependency" in cluster.jobs()
    until(lambda: not cluster.jobs(), "the queue is empty")
    assert set(states(out, path).values()) == {State.DONE}
    run = RunDirectory.open(home / "ramp")
    assert len(run.provenance["launches"]) == 2
    assert numbers(home / "ramp") == undisturbed(path, tmp_path / "again")
    assert "is unfinished, back into the queue" in (out / "slurm" / "ramp.log").read_text()
    rows = (out / "workspace" / "curves" / "curves" / "cooling_curve.csv").read_text().splitlines()
    assert len(rows) == 1 + 4
    submit(path, out)
    assert capsys.readouterr().out.splitlines() == ["0 tasks submitted in 0 jobs; 0 were in the queue, 7 are done"]


def under_way_still(home):
    return not read_progress(home).get("ended", True)
