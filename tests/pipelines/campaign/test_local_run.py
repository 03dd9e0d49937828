"""``run``: what is ready begins, what is killed begins again, what fails stops none but those that need it.

Tasks are stood in for by a program of some lines that keeps their contract; the real ones are killed in tests/e2e.
"""

import json
import os
import signal
import sys
import textwrap
import threading
import time
from collections import Counter

import numpy as np
import pytest

from vitrify.md.protocols.unfinished import Unfinished
from vitrify.pipelines.campaign import local
from vitrify.pipelines.campaign.campaign import parse_campaign
from vitrify.pipelines.campaign.directory import begin
from vitrify.pipelines.campaign.local import Devices, alone, devices_of, is_driven, run_campaign
from vitrify.pipelines.campaign.state import State, survey
from vitrify.pipelines.campaign.status import as_json, in_words, status_of
from vitrify.pipelines.cli import main

TEXT = """
name = "stand-in"
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
[analyze.curves]
runs = "ramp"
[analyze.others]
runs = "other"
[report]
"""

STAND_IN = """
import os, pathlib, signal, sys, time
stage, home = sys.argv[2], pathlib.Path(sys.argv[3])
with open(home / "launches", "a") as file:
    print(os.environ.get("OMP_NUM_THREADS"), file=file)
def leave(*_):
    sys.exit(85)
signal.signal(signal.SIGTERM, leave)
working = home / "working"
working.mkdir(exist_ok=True)
script = (home / "script").read_text() if (home / "script").exists() else ""
exec(script)
(home / "error").unlink(missing_ok=True)
(home / stage).mkdir()
"""


@pytest.fixture
def campaign():
    return parse_campaign("stand-in.toml", TEXT)


@pytest.fixture
def out(campaign, tmp_path, monkeypatch):
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    monkeypatch.setattr(local, "PROGRAM", (sys.executable, str(tmp_path / "stand_in.py")))
    monkeypatch.setattr(local, "POLL", 0.01)
    begin(campaign, tmp_path / "out")
    return tmp_path / "out"


TWO = Devices(kind="cpu", numbers=tuple(sorted(os.sched_getaffinity(0)))[:2])


def script(out, task, text):
    (out / "workspace" / task / "script").write_text(textwrap.dedent(text))


def launches(out, task):
    path = out / "workspace" / task / "launches"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_everything_is_done_once_and_in_order(campaign, out):
    lines = []
    run_campaign(campaign, out, TWO, say=lines.append)
    assert {one.state for one in survey(out, campaign.stages).values()} == {State.DONE}
    names = [line.split()[0] for line in lines]
    assert names.index("curves") > max(names.index(f"ramp-000{batch}") for batch in range(3))
    assert names[-1] == "report"
    assert lines[-1].endswith("(7 of 7 tasks)")
    run_campaign(campaign, out, TWO)
    assert all(launches(out, task.name) == 1 for stage in campaign.stages for task in stage.tasks)


def test_one_that_is_killed_begins_again_and_progress_is_counted(campaign, out):
    script(out, "ramp-0001", """
        count = len((home / "launches").read_text().splitlines())
        if count < 6:
            (working / "checkpoint").write_text(str(count))
            os.kill(os.getpid(), signal.SIGKILL)
    """)  # fmt: skip
    run_campaign(campaign, out, TWO, retries=1)
    assert launches(out, "ramp-0001") == 6  # each left a new checkpoint, so that one retry is enough


def test_forty_kills_at_random_moments_cost_nothing_but_time(campaign, out):
    """Each task is a chain of a hundred steps, a checkpoint each; what comes out is that of a chain nobody broke."""
    for stage in campaign.stages:
        for task in stage.tasks:
            script(out, task.name, """
                kept = working / "checkpoint"
                step, value = map(int, kept.read_text().split()) if kept.exists() else (0, 1)
                while step < 100:
                    step, value = step + 1, (value * 6364136223846793005 + step) % 2**64
                    (working / "partial").write_text(f"{step} {value}")
                    (working / "partial").replace(kept)
                    time.sleep(0.01)
                (home / "table.csv").write_text(str(value))
            """)  # fmt: skip
    runner = local.Runner(campaign, out, TWO, retries=200)
    rng, hits, over = np.random.default_rng(4), [], threading.Event()

    def shoot():
        seen = Counter()
        while len(hits) < 40 and not over.wait(rng.uniform(0, 0.06)):
            names = {launch.task.name: launch for launch in list(runner.running)}
            begun = [name for name in names if launches(out, name) > seen[name]]  # one that has begun its work
            if begun:
                name = begun[rng.integers(len(begun))]
                seen[name] = launches(out, name)
                names[name].process.kill()
                hits.append(name)

    thread = threading.Thread(target=shoot)
    thread.start()
    runner.run(lambda: False)
    over.set()
    thread.join()
    value = 1
    for step in range(100):
        value = (value * 6364136223846793005 + step) % 2**64
    tables = [path.read_text() for path in out.glob("workspace/*/table.csv")]
    assert tables == [str(value)] * 7
    assert len(hits) == 40
    assert sum(launches(out, task.name) for stage in campaign.stages for task in stage.tasks) >= 40


def test_restarts_without_progress_run_out(campaign, out):
    script(out, "ramp-0001", "os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(ValueError, match="1 of 7 tasks failed and 2 wait for them; ramp-0001: ended with signal 9"):
        run_campaign(campaign, out, TWO, retries=2)
    assert launches(out, "ramp-0001") == 3
    found = status_of(campaign, out)
    assert not found.well
    assert found.counts[State.BLOCKED] == 2
    assert in_words(found)[0].startswith("ramp-0001 failed: ended with signal 9, 3 launches in a row without progress")
    assert as_json(found)["failures"][0]["task"] == "ramp-0001"


def test_an_error_is_not_tried_again_until_the_next_run(campaign, out, capsys):
    script(out, "ramp-0002", """
        (home / "error").write_text("no space left on device\\n")
        sys.exit(2)
    """)  # fmt: skip
    with pytest.raises(ValueError, match="2 wait for them; ramp-0002: no space left on device"):
        run_campaign(campaign, out, TWO)
    assert launches(out, "ramp-0002") == 1
    assert survey(out, campaign.stages)["others"].state is State.DONE  # it needs none of those
    with pytest.raises(SystemExit) as ended:
        main(["campaign", "status", str(out)])
    assert ended.value.code == 1
    assert "ramp-0002 failed: no space left on device" in capsys.readouterr().out
    (out / "workspace" / "ramp-0002" / "script").unlink()
    run_campaign(campaign, out, TWO)
    assert launches(out, "ramp-0002") == 2
    assert launches(out, "others") == 1


def test_an_error_that_found_no_room_is_not_tried_again_either(campaign, out):
    script(out, "other-0000", "sys.exit(2)")
    with pytest.raises(
        ValueError, match=r"other-0000: ended with exit status 2 and had nowhere to say why; [0-9,]+ bytes"
    ):
        run_campaign(campaign, out, TWO)
    assert launches(out, "other-0000") == 1


def test_a_task_that_says_it_is_done_and_is_not_has_failed(campaign, out):
    script(out, "other-0000", "sys.exit(0)")
    with pytest.raises(ValueError, match=r"other-0000: ended with exit status 0, 1 launches in a row without progress"):
        run_campaign(campaign, out, TWO, retries=0)


def test_a_stop_ends_in_checkpoints(campaign, out):
    for batch in range(3):
        script(out, f"ramp-000{batch}", "time.sleep(60)")
    script(out, "other-0000", "time.sleep(60)")
    begun = time.monotonic()
    with pytest.raises(Unfinished):
        run_campaign(campaign, out, TWO, stop=lambda: launches(out, "ramp-0000") + launches(out, "ramp-0001") == 2)
    assert time.monotonic() - begun < 10
    assert not is_driven(out)
    assert survey(out, campaign.stages)["ramp-0000"].state is State.UNFINISHED


def test_ctrl_c_is_130_and_a_signal_85(out, capsys):
    for batch in range(3):
        script(out, f"ramp-000{batch}", "time.sleep(60)")
    script(out, "other-0000", "time.sleep(60)")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for number, status in ((signal.SIGINT, 130), (signal.SIGUSR1, 85)):
            counts = launches(out, "ramp-0000")

            def send(number=number, counts=counts):
                while launches(out, "ramp-0000") == counts:
                    time.sleep(0.02)
                os.kill(os.getpid(), number)

            thread = threading.Thread(target=send)
            thread.start()
            with pytest.raises(SystemExit) as ended:
                main(["campaign", "run", str(out), "--workers", "2", "--device", "cpu"])
            thread.join()
            assert ended.value.code == status
            assert capsys.readouterr().err == (
                f"vitrify: {out}: left with everything kept; vitrify campaign run {out} goes on\n"
            )
    finally:
        signal.signal(signal.SIGINT, before)


def test_two_runs_of_one_campaign_are_one_too_many(campaign, out):
    with alone(out), pytest.raises(BlockingIOError, match="another vitrify campaign run is at it"):
        run_campaign(campaign, out, TWO)


def test_cores_are_shared_out_where_few_tasks_are_ready(campaign, out):
    if len(TWO.numbers) < 2:
        pytest.skip("one core only")
    run_campaign(campaign, out, TWO)
    threads = (out / "workspace" / "report" / "launches").read_text().split()
    assert threads == ["2"]


def test_devices_that_are_not_there_are_a_clear_line():
    with pytest.raises(ValueError, match=r"workers: got 100000, expected 1 to \d+, the cpus that there are"):
        devices_of("cpu", 100_000)
    with pytest.raises(ValueError, match="device: got 'tpu', expected auto, cpu or gpu"):
        devices_of("tpu", None)


def test_gpus_are_named_as_they_are_visible(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert Devices(kind="gpu", numbers=(0, 1)).environment((1,)) == {"CUDA_VISIBLE_DEVICES": "5"}


def test_status_of_five_thousand_batches_is_fast(tmp_path):
    text = TEXT.replace("replicas = 3\nbatch = 1", "replicas = 320_000\nbatch = 64")
    campaign = parse_campaign("large.toml", text)
    out = tmp_path / "out"
    begin(campaign, out)
    for number, task in enumerate(campaign.stage("ramp").tasks):
        home = out / "workspace" / task.name
        facts = {"host": "another", "pid": 1, "seconds": 10.0, "done": 1, "total": 2, "ended": number % 3 == 1}
        (home / "progress.json").write_text(json.dumps(facts))
        if number % 3 == 0:
            (home / "ramp").mkdir()
    began = time.process_time()
    found = status_of(campaign, out)
    assert time.process_time() - began < 3.0
    assert sum(found.counts.values()) == 5004
    assert found.counts[State.DONE] == 1667
    assert found.counts[State.RUNNING] == 1666
