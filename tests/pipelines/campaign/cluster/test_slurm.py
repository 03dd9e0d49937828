"""Campaigns on a real Slurm: arrays, dependencies, signals, requeues, dead daemons, and nothing run twice."""

import time

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
replicas = {batches}
batch = 1
[analyze.curves]
runs = "ramp"
structure = false
"""


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
"""


@pytest.fixture
def place(tmp_path):
    """A campaign's file and its directory, which is not there yet."""

    def lay(steps=400, batches=2):
        (tmp_path / "tiny.toml").write_text(TEXT.format(steps=steps, batches=batches))
        return tmp_path / "tiny.toml", tmp_path / "out"

    return lay


def submit(path, out, *options, status=0):
    with pytest.raises(SystemExit) as ended:
        main(["campaign", "submit", str(path), "--out", str(out), "--margin", "20", *options])
    assert ended.value.code == status


def states(out, path):
    campaign = parse_campaign(str(path), path.read_text())
    return {name: one.state for name, one in survey(out, campaign.stages).items()}


def has_begun(home):
    return read_progress(home).get("done", 0.0) > 0


def numbers(run):
    """What a run is, bit for bit: check sums of all but what says when it was made."""
    return [line for line in (run / "DONE").read_text().splitlines() if "provenance" not in line]


def undisturbed(path, tmp_path):
    """The first batch of the ramp, run here from its beginning to its end."""
    begin(parse_campaign(str(path), path.read_text()), tmp_path / "again")
    return numbers(perform("ramp", tmp_path / "again" / "workspace" / "ramp-0000"))


def test_a_task_that_is_told_to_leave_comes_back(cluster, place, tmp_path, until):
    """It ends as if it had never stopped, and what waits for it goes on waiting meanwhile."""
    path, out = place(steps=4_000_000)
    home = out / "workspace" / "ramp-0000"
    submit(path, out)
    until((home / "working" / "ramp" / "spec.toml").exists, "the run has begun")
    assert states(out, path)["ramp-0000"] is State.RUNNING
    assert cluster.succeeds("scancel", "--signal=USR1", "--batch", f"{cluster.number('ramp')}_0")
    until(lambda: "back into the queue" in (out / "slurm" / "ramp.log").read_text(), "it has left")
    assert (home / "working" / "ramp" / "checkpoint").exists()
    assert f"{cluster.number('curves')} curves PENDING Dependency" in cluster.jobs()
    until(lambda: not cluster.jobs(), "the queue is empty")
    assert set(states(out, path).values()) == {State.DONE}
    assert len(RunDirectory.open(home / "ramp").provenance["launches"]) == 2
    assert numbers(home / "ramp") == undisturbed(path, tmp_path)
    rows = (out / "workspace" / "curves" / "curves" / "cooling_curve.csv").read_text().splitlines()
    assert len(rows) == 1 + 4  # both batches, as one


def test_nothing_is_submitted_twice(cluster, place, capsys):
    """Arrays as large as the cluster allows; again, only what has left the queue, and what waited for it."""
    path, out = place(batches=5)
    submit(path, out, "--option=--hold", "--gpus", "1")
    (said, *lines) = capsys.readouterr().out.splitlines()
    assert said == "6 tasks submitted in 3 jobs; 0 were in the queue, 0 are done"
    ramp, more, curves = (line.split()[0] for line in lines)
    assert [line.split()[1:] for line in lines] == [["ramp:", "3"], ["ramp+3:", "2"], ["curves:", "1"]]
    asked = cluster.ask("scontrol", "show", "job", "-dd", curves)
    assert f"Dependency=afterok:{ramp}_*(unfulfilled),afterok:{more}_*(unfulfilled)" in asked
    assert "gres:gpu:1" in cluster.ask("scontrol", "show", "job", ramp)
    assert "gres:gpu" not in asked  # an analysis has no use for one

    submit(path, out, "--option=--hold")
    assert capsys.readouterr().out.splitlines() == ["0 tasks submitted in 0 jobs; 6 were in the queue, 0 are done"]
    with pytest.raises(SystemExit):
        main(["campaign", "status", str(out)])
    assert capsys.readouterr().out.endswith("6 tasks are in Slurm's queue, 0 of them running\n")
    cluster.succeeds("scancel", f"{more}_1")
    submit(path, out, "--option=--hold")
    (said, *lines) = capsys.readouterr().out.splitlines()
    assert said == "2 tasks submitted in 2 jobs; 4 were in the queue, 0 are done"
    again, curves_again = (line.split()[0] for line in lines)
    assert sorted(line.split()[:2] for line in cluster.jobs()) == sorted(
        [*([f"{ramp}_{number}", "ramp"] for number in range(3)), [f"{more}_0", "ramp+3"], [f"{again}_1", "ramp+3"],
         [curves_again, "curves"]]
    )  # fmt: skip
    waits = cluster.ask("scontrol", "show", "job", curves_again)
    for one in (f"{ramp}_0", f"{ramp}_2", f"{more}_0", f"{again}_*"):
        assert f"afterok:{one}(unfulfilled)" in waits


def test_partners_wait_for_their_own_films(cluster, tmp_path, capsys):
    path = tmp_path / "films.toml"
    path.write_text(FILMS)
    submit(path, tmp_path / "out", "--option=--hold")
    films, partners = (line.split()[0] for line in capsys.readouterr().out.splitlines()[1:])
    asked = cluster.ask("scontrol", "show", "job", f"{partners}_1")
    assert f"Dependency=aftercorr:{films}_*(unfulfilled)" in asked


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--partition", "nowhere"], "partition: got 'nowhere', expected one of main, other"),
        (
            ["--option=--nodelist=nobody"],
            "sbatch: Batch job submission failed: Invalid node name",
        ),
    ],
)
def test_what_slurm_refuses_is_said_in_a_line(cluster, place, capsys, options, said):
    path, out = place()
    submit(path, out, *options, status=2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"vitrify: {said}")
    assert not cluster.jobs()


@pytest.mark.validation
def test_a_task_longer_than_its_wall_time_finishes(cluster, place, tmp_path, until):
    """Slurm's own clock tells it to leave, half a minute to a minute and a half before the two minutes are over."""
    path, out = place(steps=60_000_000, batches=1)
    submit(path, out, "--time", "2:00", "--margin", "60")
    home = out / "workspace" / "ramp-0000"
    until(lambda: not cluster.jobs(), "the queue is empty", 3600)
    assert set(states(out, path).values()) == {State.DONE}
    assert len(RunDirectory.open(home / "ramp").provenance["launches"]) >= 2
    assert numbers(home / "ramp") == undisturbed(path, tmp_path)


@pytest.mark.validation
def test_a_killed_daemon_costs_nothing(cluster, place, tmp_path, until):
    """slurmd is killed and comes back: the task, which never noticed, is in the queue as it was."""
    path, out = place(steps=3_000_000, batches=1)
    submit(path, out)
    home = out / "workspace" / "ramp-0000"
    until(lambda: has_begun(home), "the task is under way")
    cluster.node.kill()
    cluster.node.wait()
    assert states(out, path)["ramp-0000"] is State.RUNNING
    cluster.start_node(cluster.stack)
    until(lambda: not cluster.jobs(), "the queue is empty", 900)
    assert set(states(out, path).values()) == {State.DONE}
    assert numbers(home / "ramp") == undisturbed(path, tmp_path)


@pytest.mark.validation
def test_a_dead_node_costs_only_time(cluster, place, tmp_path, until):
    """Daemon, job and task die at once in the second launch; the third goes on from the checkpoint of the first."""
    path, out = place(steps=12_000_000, batches=1)
    submit(path, out)
    home = out / "workspace" / "ramp-0000"
    until(lambda: has_begun(home), "the task is under way")
    first = read_progress(home)["pid"]
    assert cluster.succeeds("scancel", "--signal=USR1", "--batch", f"{cluster.number('ramp')}_0")
    until(lambda: read_progress(home)["pid"] != first and has_begun(home), "it has come back")
    cluster.cut_power()
    assert not (home / "ramp").exists()
    time.sleep(15)  # Slurm lets a job have so long to begin before it looks for it on a node that comes back
    cluster.start_node(cluster.stack)
    until(lambda: not cluster.jobs(), "the queue is empty", 1800)
    assert set(states(out, path).values()) == {State.DONE}
    assert numbers(home / "ramp") == undisturbed(path, tmp_path)


@pytest.mark.validation
def test_what_fails_takes_along_only_what_waits_for_it(cluster, place, capsys, until):
    path, out = place()
    submit(path, out, "--option=--hold")
    described = out / "workspace" / "ramp-0001" / "task.json"
    text = described.read_text()
    described.write_text("{")
    cluster.succeeds("scontrol", "release", cluster.number("ramp"), cluster.number("curves"))
    until(lambda: not cluster.jobs(), "the queue is empty")
    assert "ramp-0001/task.json: damaged" in (out / "slurm" / "ramp.log").read_text()
    described.write_text(text)
    assert states(out, path) == {"ramp-0000": State.DONE, "ramp-0001": State.READY, "curves": State.WAITING}
    capsys.readouterr()
    submit(path, out)
    assert capsys.readouterr().out.startswith("2 tasks submitted in 2 jobs; 0 were in the queue, 1 are done")
    until(lambda: not cluster.jobs(), "the queue is empty")
    assert set(states(out, path).values()) == {State.DONE}


@pytest.mark.validation
def test_a_cancelled_job_leaves_its_checkpoint_and_the_queue(cluster, place, tmp_path, until):
    path, out = place(steps=4_000_000, batches=1)
    submit(path, out)
    home = out / "workspace" / "ramp-0000"
    until(lambda: has_begun(home), "the task is under way")
    cluster.empty()
    until(lambda: states(out, path)["ramp-0000"] is State.UNFINISHED, "it has left")
    assert (home / "working" / "ramp" / "checkpoint").exists()
    submit(path, out)
    until(lambda: not cluster.jobs(), "the queue is empty", 900)
    assert numbers(home / "ramp") == undisturbed(path, tmp_path)
