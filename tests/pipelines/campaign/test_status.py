"""The time that is left: what tasks that run did lately counts, not how slow the machine was before."""

import json

import pytest

from vitrify.pipelines.campaign import local, status
from vitrify.pipelines.campaign.campaign import parse_campaign
from vitrify.pipelines.campaign.directory import begin
from vitrify.pipelines.campaign.local import Devices, Runner
from vitrify.pipelines.campaign.perform import done_lately, read_progress, signs_of_life

TEXT = """
name = "half-way"
seed = 1
[cool.ramp]
particles = 100
ramp_steps = 1000
replicas = 3
batch = 1
[cool.other]
particles = 100
ramp_steps = 2000
replicas = 1
"""

PLANNED = {"ramp-0000": 100.0, "ramp-0001": 100.0, "ramp-0002": 100.0, "other-0000": 400.0}
"""Seconds of each task."""


@pytest.fixture
def campaign(monkeypatch):
    monkeypatch.setattr(status, "weights", lambda stages: PLANNED)
    return parse_campaign("half-way.toml", TEXT)


@pytest.fixture
def out(campaign, tmp_path):
    begin(campaign, tmp_path / "out")
    return tmp_path / "out"


def sign_of_life(out, task, **facts):
    common = {"host": "another", "pid": 1, "earlier": 0.0, "ended": False, "marks": []}
    (out / "workspace" / task / "progress.json").write_text(json.dumps(common | facts))


def left(campaign, out):
    found = status.status_of(campaign, out)
    return {row.stage.name: row.left for row in found.stages}, found.measured


def test_where_nothing_has_run_the_plan_stands(campaign, out):
    assert left(campaign, out) == ({"ramp": pytest.approx(300.0), "other": pytest.approx(400.0)}, False)


def test_what_is_left_goes_at_the_speed_of_now(campaign, out):
    (out / "workspace" / "ramp-0000" / "ramp").mkdir()
    sign_of_life(out, "ramp-0000", seconds=5000.0, done=1, total=1, ended=True)  # on a busy machine: 50 times too slow
    assert left(campaign, out)[0] == pytest.approx({"ramp": 200 * 50, "other": 400 * 50})
    # Half of it took 8,900 s; since then a quarter, planned for 25 s, took 100: 4 times too slow.
    sign_of_life(out, "ramp-0001", seconds=9000.0, done=3, total=4, marks=[[8900.0, 0.5], [8950.0, 0.6]])
    found, measured = left(campaign, out)
    assert measured
    assert found == pytest.approx({"ramp": (100 + 25) * 4, "other": 400 * 4})
    # Another stage's own tasks say more of it: 40 planned seconds in 20.
    sign_of_life(out, "other-0000", seconds=70.0, done=1, total=8, marks=[[50.0, 0.025]])
    assert left(campaign, out)[0] == pytest.approx({"ramp": 125 * 4, "other": 350 / 2})
    # One that has not moved lately says nothing.
    sign_of_life(out, "other-0000", seconds=7000.0, done=1, total=8, marks=[[50.0, 0.125]])
    assert left(campaign, out)[0] == pytest.approx({"ramp": 125 * 4, "other": 350 * 4})


def test_where_nothing_runs_all_that_ran_counts(campaign, out):
    (out / "workspace" / "ramp-0000" / "ramp").mkdir()
    sign_of_life(out, "ramp-0000", seconds=300.0, done=1, total=1, ended=True)
    # Left by an earlier version, which knew no marks: half of 100 planned seconds in 150.
    sign_of_life(out, "ramp-0001", seconds=150.0, done=1, total=2, marks=None, ended=True)
    assert left(campaign, out)[0] == pytest.approx({"ramp": 150 * 3, "other": 400 * 3})


def test_marks_follow_a_task_and_begin_anew_with_every_launch(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    with signs_of_life(tmp_path) as progress:
        for wait, done in ((0, 10), (300, 20), (400, 40), (700, 45), (100, 50)):
            now[0] += wait
            progress(done, 100)
    # Marks at 700 and 1,400 s; it ends at 1,500.
    assert done_lately(read_progress(tmp_path)) == pytest.approx((800.0, 0.1))
    now[0] += 1e6
    with signs_of_life(tmp_path) as progress:
        for wait, done in ((50, 50), (100, 70)):  # 50 s until its work begins do not count
            now[0] += wait
            progress(done, 100)
    assert done_lately(read_progress(tmp_path)) == pytest.approx((100.0, 0.2))


def test_a_run_says_what_is_left_at_the_speed_of_the_last_minutes(campaign, out, monkeypatch):
    monkeypatch.setattr(local, "weights", lambda stages: PLANNED)
    runner = Runner(campaign, out, Devices(kind="cpu", numbers=(0,)))
    runner.marks = [[1000.0, 50.0], [1500.0, 80.0]]
    runner.done = {"ramp-0000", "ramp-0001"}
    monkeypatch.setattr("time.monotonic", lambda: 1600.0)
    assert runner.so_far() == "(2 of 4 tasks, about 33 min left)"  # 150 planned seconds in 600, 500 are left
