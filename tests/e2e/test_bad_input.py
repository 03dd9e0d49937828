"""Whatever is wrong: one clear line on stderr, exit status 2, and nothing lost."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vitrify.md.protocols import mixture
from vitrify.md.store.naming import CHECKPOINT, SPEC, TABLE
from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.cli import main

QUICK = ["--particles", "100", "--ramp-steps", "200", "--frames", "2", "--equilibration-steps", "20", "--seed", "3"]


def vitrify(capsys, *arguments):
    """Run the command line in this process: exit status, stdout, stderr."""
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return left.value.code, captured.out, captured.err


def refused(capsys, *arguments):
    """The one line with which a command is refused."""
    status, _, err = vitrify(capsys, *arguments)
    assert status == 2
    assert err.startswith("vitrify: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.fixture
def run(tmp_path, capsys):
    """A finished run."""
    assert vitrify(capsys, "cool", *QUICK, "--out", tmp_path / "run")[0] == 0
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (["--density", "0"], "density: got 0.0, expected 0 < rho <= 1.6"),
        (["--density", "7"], "density: got 7.0, expected 0 < rho <= 1.6"),
        (["--density", "nan"], "density: got nan"),
        (["--density", "dense"], "Invalid value for '--density': got 'dense', expected a number"),
        (["--particles", "4"], "at least twice the cut-off"),
        (["--particles", "-4"], "particles: got -4, expected at least 2"),
        (["--particles", "4.5"], "got '4.5', expected a whole number"),
        (["--particles", "inf"], "got 'inf', expected a whole number"),
        (["--fraction-a", "2"], "fraction_a: got 2.0, expected 0 to 1"),
        (["--kt-end", "0"], "kt_end: got 0.0, expected a positive number"),
        (["--kt-end", "-0.1"], "kt_end: got -0.1, expected a positive number"),
        (["--kt-start", "0"], "kt_start: got 0.0, expected a positive number"),
        (["--kt-start", "0.01"], "expected a lower temperature"),
        (["--ramp-steps", "0"], "ramp_steps: got 0, expected at least 1"),
        (["--ramp-steps", "1"], "ramp_steps: got 1 for 2 frames"),
        (["--ramp-steps", "many"], "got 'many', expected a whole number"),
        (["--replicas", "0"], "replicas: got 0, expected at least 1"),
        (["--frames", "0"], "frames: got 0, expected at least 1"),
        (["--seed", "-1"], "seed: got -1, expected at least 0"),
        (["--time-step", "0"], "time_step: got 0.0, expected a positive number"),
        (["--store", "3"], "expected frame numbers from 1 to 2"),
        (["--store", "some"], "expected all, none, last or frame numbers"),
        (["--engine", "gromacs"], "engine: got 'gromacs', expected one of auto, replica, hoomd"),
        (["--device", "tpu"], "device: got 'tpu', expected auto, cpu, gpu"),
        (["--rate", "1"], "No such option: --rate"),
        (["surplus"], "surplus"),
    ],
)
def test_a_cooling_that_cannot_be(capsys, tmp_path, changed, line):
    assert line in refused(capsys, "cool", *QUICK, "--out", tmp_path / "run", *changed)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (["--kt", "0"], "kt: got 0.0, expected a positive number"),
        (["--kt", "-1"], "kt: got -1.0, expected a positive number"),
        (["--steps", "0"], "steps: got 0, expected at least 1"),
    ],
)
def test_an_annealing_that_cannot_be(capsys, tmp_path, changed, line):
    good = ["--particles", "100", "--kt", "0.5", "--steps", "100", "--frames", "2", "--out", tmp_path / "run"]
    assert line in refused(capsys, "anneal", *good, *changed)
    assert not (tmp_path / "run").exists()


def test_what_is_missing_on_the_command_line(capsys):
    assert "Missing option '--ramp-steps'" in refused(capsys, "cool", "--out", "x")
    assert "No such command 'freeze'" in refused(capsys, "freeze")


def test_an_engine_that_is_not_installed(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("vitrify.md.engines.registry.find_spec", lambda name: None)
    line = refused(capsys, "cool", *QUICK, "--out", tmp_path / "run", "--engine", "hoomd")
    assert "not installed" in line
    assert "conda install -c conda-forge hoomd" in line


def test_a_run_that_is_there(capsys, run):
    before = (run / TABLE).read_bytes()
    line = refused(capsys, "cool", *QUICK, "--out", run)
    assert "--resume goes on with it, --force replaces it" in line
    assert (run / TABLE).read_bytes() == before


def test_a_directory_that_is_something_else(capsys, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for option in ([], ["--force"], ["--resume"]):
        assert "no run wrote" in refused(capsys, "cool", *QUICK, "--out", tmp_path, *option)
    (tmp_path / "file").write_text("a file")
    assert "file" in refused(capsys, "cool", *QUICK, "--out", tmp_path / "file")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_resuming_another_run(capsys, run):
    line = refused(capsys, "cool", *QUICK, "--density", "1.1", "--out", run, "--resume")
    assert "its run has density = 1.2, this one 1.1" in line
    line = refused(capsys, "anneal", "--kt", "1", "--steps", "999", "--particles", "100", "--out", run, "--resume")
    assert "its run has protocol = cool, this one anneal" in line


@pytest.mark.parametrize("name", [SPEC, TABLE, CHECKPOINT, "provenance.json"])
def test_resuming_a_damaged_run(capsys, run, name):
    """An unfinished run in which one file was cut in half: the file is named, and no file is touched."""
    (run / "DONE").unlink()
    shutil.copy(next(run.glob("frame-*.gsd")), run / CHECKPOINT)
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[: len(content) // 2])
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    line = refused(capsys, "cool", *QUICK, "--out", run, "--resume")
    assert "damaged" in line
    assert str(run) in line
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_overlapping_particles(capsys, tmp_path, monkeypatch):
    start = mixture.random_liquid

    def overlapping(spec, replicas):
        liquid = start(spec, replicas)
        liquid.velocities[:, 0] = 1e6
        return liquid

    monkeypatch.setattr(mixture, "random_liquid", overlapping)
    line = refused(capsys, "cool", *QUICK, "--out", tmp_path / "run")
    assert "every replica failed; replica 0 at step" in line
    assert "overlap" in line


def test_debug_shows_the_traceback_wherever_it_stands(tmp_path):
    for arguments in (["--debug", "cool"], ["cool", "--debug"]):
        with pytest.raises(ValueError, match="ramp_steps: got 0"):
            main([*arguments, "--ramp-steps", "0", "--out", str(tmp_path / "run")])


def test_an_interrupt_says_how_to_go_on(capsys, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(mixture, "random_liquid", interrupt)
    status, _, err = vitrify(capsys, "cool", *QUICK, "--out", tmp_path / "run")
    assert status == 130
    assert err == "vitrify: interrupted; what was finished is kept, go on with --resume\n"


def test_a_full_log_leaves_the_exit_status(tmp_path):
    """Where not even the line can be written, as in a campaign's log on a full disk, the status still tells."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    program = [sys.executable, "-c", "from vitrify.pipelines.cli import main; main()"]
    with open("/dev/full", "w") as full:
        left = subprocess.run([*program, "analyze", tmp_path / "nowhere"], stdout=full, stderr=full, check=False)
    assert left.returncode == 2


def in_a_small_disk(directory: Path, size: str, command: str) -> subprocess.CompletedProcess:
    """Run a shell command with a tiny file system mounted on ``directory``, in a namespace of its own."""
    mount = f"mount -t tmpfs -o size={size} tmpfs {directory} && {command}"
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_disk_that_fills_up(tmp_path):
    """A real full disk: the line says so, and once there is room --resume ends where an undisturbed run ends."""
    small = tmp_path / "small"
    small.mkdir()
    if not shutil.which("unshare") or in_a_small_disk(small, "1m", "true").returncode:
        pytest.skip("this system mounts no private file systems")
    program = [sys.executable, "-c", "from vitrify.pipelines.cli import main; main()"]
    options = ["cool", *QUICK, "--frames", "12", "--store", "all", "--checkpoint-every", "0", "--resume"]
    cool = " ".join([program[0], "-c", f"'{program[2]}'", *options])
    keep = f"cp -r {small}/run {tmp_path}/run"
    result = in_a_small_disk(small, "60k", f"{cool} --out {small}/run; status=$?; {keep}; exit $status")
    assert result.returncode == 2, result.stderr
    *_, line = result.stderr.splitlines()
    assert "No space left on device; nothing that was finished is lost" in line
    assert "Traceback" not in result.stderr
    assert len(RunDirectory.open(tmp_path / "run").table["frame"]) < 12
    for out in ("run", "whole"):
        subprocess.run([*program, *options, "--out", tmp_path / out], check=True, capture_output=True)
    again, whole = RunDirectory.open(tmp_path / "run"), RunDirectory.open(tmp_path / "whole")
    assert (again.path / TABLE).read_bytes() == (whole.path / TABLE).read_bytes()
    for frame in range(1, 13):
        np.testing.assert_array_equal(again.configuration(0, frame).positions, whole.configuration(0, frame).positions)
