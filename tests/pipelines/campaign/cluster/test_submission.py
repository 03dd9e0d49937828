"""What is handed to a cluster, and what a job does, without a cluster."""

import os
import signal
import sys
import tomllib

import pytest

from vitrify.pipelines.campaign import job
from vitrify.pipelines.campaign.campaign import parse_campaign
from vitrify.pipelines.campaign.directory import begin
from vitrify.pipelines.campaign.resources import Resources, read_requests
from vitrify.pipelines.campaign.slurm import Array
from vitrify.pipelines.campaign.submission import Queue, arrays_of, missing_tasks
from vitrify.pipelines.campaign.tasks import WORKING
from vitrify.pipelines.cli import main

FILMS = """
name = "films"
seed = 1
[deposit.grown]
preset = "reid"
substrate_kt = 0.17
replicas = 3
batch = 1
[cool-film.cooled]
of = "grown"
[analyze.curves]
runs = ["grown", "cooled"]
"""


@pytest.fixture
def films():
    return parse_campaign("films.toml", FILMS)


def test_a_partner_waits_for_its_own_films_alone(films):
    grown, cooled, curves = films.stages
    queue = Queue(jobs={})
    for number, stage in zip(("7", "8"), (grown, cooled), strict=True):
        (array,) = arrays_of(stage, {task.name for task in stage.tasks}, 1001)
        assert queue.dependency(array) == ("" if stage is grown else "aftercorr:7")
        queue.add(number, array)
    (array,) = arrays_of(curves, {"curves"}, 1001)
    assert (array.numbers, queue.dependency(array)) == ((), "afterok:7:8")


def test_part_of_an_array_is_named_by_its_numbers(films):
    grown, cooled, _ = films.stages
    queue = Queue(jobs={})
    (array,) = arrays_of(grown, {"grown-0001", "grown-0002"}, 1001)  # grown-0000 is done
    queue.add("7", array)
    (array,) = arrays_of(cooled, {task.name for task in cooled.tasks}, 1001)
    assert queue.dependency(array) == "afterok:7"
    (array,) = arrays_of(cooled, {"cooled-0000", "cooled-0002"}, 1001)
    assert queue.dependency(array) == "afterok:7_2"


def test_batches_beyond_the_largest_array_go_into_another(films):
    arrays = arrays_of(films.stages[0], {"grown-0000", "grown-0001", "grown-0002"}, 2)
    assert [(array.name, array.numbers) for array in arrays] == [("grown", (0, 1)), ("grown+2", (0,))]


def test_what_waits_for_a_task_that_is_submitted_again_is_too(films):
    queue = Queue(jobs={})
    for number, stage in enumerate(films.stages):
        for array in arrays_of(stage, {task.name for task in stage.tasks}, 1001):
            queue.add(str(number), array)
    del queue.jobs["grown-0001"]  # it has failed
    missing, stale = missing_tasks(films.stages, set(), queue.jobs)
    assert missing == {"grown-0001", "cooled-0001", "curves"}
    assert [str(one) for one in stale] == ["1_1", "2"]


def test_a_dry_run_prints_scripts_and_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))  # no Slurm here
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films.toml").write_text(FILMS)
    (tmp_path / "cluster.toml").write_text('gpus = 1\npartition = "gpu"\n[analyze]\ncpus = 4\npartition = "cpu"\n')
    words = ["--time", "1-00:00:00", "--account", "glass", "--option=--qos=long", "--setup", "module load cuda"]
    with pytest.raises(SystemExit) as ended:
        main(["campaign", "submit", "films.toml", "--dry-run", "--resources", "cluster.toml", "--at-once", "2", *words])
    assert ended.value.code == 0
    grown, cooled, curves = capsys.readouterr().out.split("#!/bin/bash\n")[1:]
    for line in ("--job-name=grown", "--array=0-2%2", "--time=1-00:00:00", "--signal=B:USR1@180", "--requeue",
                 "--gres=gpu:1", "--partition=gpu", "--account=glass", "--qos=long"):  # fmt: skip
        assert f"#SBATCH {line}\n" in grown
    assert "\nmodule load cuda\n" in grown
    assert "#SBATCH --dependency=aftercorr:<grown>\n#SBATCH --kill-on-invalid-dep=yes\n" in cooled
    assert "gpu" not in curves.replace(str(tmp_path), "")
    assert "#SBATCH --cpus-per-task=4\n" in curves
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cluster.toml", "films.toml"]


def test_without_slurm_nothing_is_begun(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films.toml").write_text(FILMS)
    with pytest.raises(SystemExit) as ended:
        main(["campaign", "submit", "films.toml"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "vitrify: sbatch: not found on this machine; expected one that submits to Slurm, or vitrify campaign run\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["films.toml"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"time": "tomorrow"}, "time-limit: got 'tomorrow'"),
        ({"time": "30"}, "time: got 30, expected a minute at least"),
        ({"time": "2:00", "margin": 119}, "margin: got 119 s, expected 10 s to nine tenths"),
        ({"cpus": 0}, "cpus, gpus: got 0 and 0"),
        ({"options": ("qos=long",)}, "option: got 'qos=long'"),
        ({"partition": "a b"}, "partition: got 'a b', expected no space"),
    ],
)
def test_what_cannot_be_asked_for(fields, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        Resources(**fields)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[grwon]\ncpus = 2", r"\[grwon\] is no stage or action, expected one of analyze, cool-film, cooled, curves"),
        ("cores = 2", "has no cores, expected one of time, margin"),
        ("[curves]\ncpus = 'two'", r"\[curves\]: cpus: got 'two'"),
        ("cpus =", "no TOML file"),
    ],
)
def test_a_file_of_resources_is_checked(films, tmp_path, text, said):
    (tmp_path / "cluster.toml").write_text(text)
    with pytest.raises(ValueError, match=f"cluster.toml: {said}"):
        read_requests(tmp_path / "cluster.toml", {}, films.stages)


class FakeSlurm:
    """A ``scontrol`` that notes what it is asked, and a task that ends as it is told."""

    def __init__(self, place, monkeypatch):
        self.asked, self.place, self.patch = place / "asked", place, monkeypatch
        (place / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {self.asked}\n')
        (place / "scontrol").chmod(0o755)
        monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
        for name, value in {"JOB_ID": "12", "ARRAY_JOB_ID": "12", "ARRAY_TASK_ID": "3"}.items():
            monkeypatch.setenv(f"SLURM_{name}", value)

    def launch(self, home, ends, restart, retries=2):
        self.patch.setenv("SLURM_RESTART_COUNT", str(restart))
        self.patch.setattr(job, "PROGRAM", (sys.executable, "-c", ends))
        return job.work(home, retries=retries)

    def requeues(self):
        return self.asked.read_text().splitlines() if self.asked.exists() else []


@pytest.fixture
def fake(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGTERM)}
    yield FakeSlurm(tmp_path / "bin", monkeypatch)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def home(films, tmp_path):
    begin(films, tmp_path / "films")
    return tmp_path / "films" / "workspace" / "grown-0000"


UNFINISHED, KILLED, FAILED = "raise SystemExit(85)", "import os; os.kill(os.getpid(), 9)", "raise SystemExit(2)"


def test_a_job_that_is_unfinished_requeues_its_own_number(fake, home):
    """The last number of an array has the number of the whole array: it must not requeue all of it."""
    assert fake.launch(home, UNFINISHED, restart=0) == 85
    assert fake.launch(home, KILLED, restart=1) == 85
    assert fake.requeues() == ["requeue 12_3"] * 2


def test_a_task_that_failed_is_not_launched_again(fake, home):
    assert fake.launch(home, FAILED, restart=0) == 2
    assert not fake.requeues()


def test_launches_without_progress_have_a_budget(fake, home):
    for restart in range(3):
        assert fake.launch(home, UNFINISHED, restart) == 85
    assert fake.launch(home, UNFINISHED, restart=3) == 1
    assert (home / "error").read_text().startswith("3 launches in a row without progress; see ")
    assert len(fake.requeues()) == 3
    assert fake.launch(home, UNFINISHED, restart=0) == 85  # submitted again: a new budget


def test_launches_with_progress_have_none(fake, home):
    folder = home / WORKING / "grown"
    folder.mkdir(parents=True)
    for restart in range(6):
        progress = f"open({str(folder / 'checkpoint')!r}, 'w').write('{restart}'); raise SystemExit(85)"
        assert fake.launch(home, progress, restart) == 85
    assert len(fake.requeues()) == 6


def test_a_task_that_does_not_leave_in_time_says_so(fake, home, monkeypatch):
    """Slurm sends USR1 before the wall time, TERM when it is over, and would then kill all."""
    monkeypatch.setattr(job, "GRACE", job.POLL)
    signals = (
        "import os, signal, time; signal.signal(signal.SIGUSR1, signal.SIG_IGN); parent = os.getppid();"
        "os.kill(parent, signal.SIGUSR1); time.sleep(1); os.kill(parent, signal.SIGTERM); time.sleep(60)"
    )
    assert fake.launch(home, signals, restart=0) == 85
    assert (home / "error").read_text().startswith("did not leave before its wall time was over; submit it again with")
    assert not fake.requeues()


def test_a_task_whose_input_failed_is_not_launched(fake, films, home, capsys):
    (home / "error").write_text("no room\n")
    assert fake.launch(home.parent / "cooled-0000", UNFINISHED, restart=0) == 75
    assert "its input grown-0000 failed: no room" in capsys.readouterr().out
    assert not fake.requeues()


def test_a_campaign_becomes_a_project_of_row(films, tmp_path, capsys, monkeypatch):
    """Keys of workflow.toml as row's documentation has them: https://row.readthedocs.io/en/latest/workflow."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films.toml").write_text(FILMS)
    (tmp_path / "cluster.toml").write_text("gpus = 1\n[analyze]\ncpus = 4\n")
    with pytest.raises(SystemExit) as ended:
        main(["campaign", "export-row", "films.toml", "--resources", "cluster.toml", "--time", "25:00:00"])
    assert ended.value.code == 0
    flow = tomllib.loads((tmp_path / "films" / "workflow.toml").read_text())
    assert flow["workspace"] == {"path": "workspace", "value_file": "task.json"}
    assert [one["name"] for one in flow["action"]] == ["grown", "cooled", "curves"]
    grown, _, curves = flow["action"]
    assert grown["products"] == ["grown"]
    assert grown["group"] == {"include": [{"condition": ["/stage", "==", "grown"]}]}
    assert grown["resources"] == {
        "threads_per_process": 1, "gpus_per_process": 1, "walltime": {"per_submission": "1 days, 01:00:00"},
    }  # fmt: skip
    assert curves["resources"]["threads_per_process"] == 4
    assert "gpus_per_process" not in curves["resources"]
    assert " task grown {workspace_path}/{directory} --time-limit $ACTION_WALLTIME_IN_MINUTES:00" in grown["command"]
    assert flow["default"]["action"]["group"]["maximum_size"] == 1


def test_arrays_of_one_task_are_named_by_their_stage(films):
    assert Array(stage="curves", tasks=films.stages[2].tasks).name == "curves"
