"""Configurations that came from another program go wherever a run's own go."""

import csv

import numpy as np
import pytest

from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.cli import main


def vitrify(*arguments):
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return left.value.code


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Eight systems of 100 particles, seen twice each, as eight movies."""
    folder = tmp_path_factory.mktemp("exchange")
    arguments = "--particles 100 --ramp-steps 400 --equilibration-steps 50 --frames 2 --replicas 8 --store all".split()
    assert vitrify("cool", *arguments, "--no-inherent", "--out", folder / "run") == 0
    for replica in range(8):
        assert vitrify("export", folder / "run", "--replica", replica, "--out", folder / f"{replica}.gsd") == 0
    return [folder / f"{replica}.gsd" for replica in range(8)]


def test_imported_configurations_are_analysed_learnt_from_looked_at_cooled_and_exported(files, tmp_path, capsys):
    run = tmp_path / "run"
    assert vitrify("import", *files, "--inherent", "--kt", "1.0,0.1", "--out", run) == 0
    assert "8 of 8 systems, 2 frames" in capsys.readouterr().out
    assert vitrify("analyze", run, "--out", tmp_path / "analysis") == 0
    with open(tmp_path / "analysis" / "descriptors.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 * 2 * 2
    assert max(abs(float(row["energy_minus_table"])) for row in rows) < 1e-6
    assert (
        vitrify(
            "dataset", "--liquid", f"{run}@1.0", "--glass", f"{run}@0.1", "--positions", "inherent",
            "--out", tmp_path / "data",
        )
        == 0
    )  # fmt: skip
    assert vitrify("view", run, "--out", tmp_path / "view.html") == 0
    cooling = "--ramp-steps 100 --frames 1 --kt-end 0.02 --no-inherent".split()
    assert vitrify("cool", "--from", f"{run}@0.1", *cooling, "--out", tmp_path / "cooled") == 0
    assert vitrify("cool", "--from", files[3], *cooling, "--out", tmp_path / "one") == 0
    assert RunDirectory.open(tmp_path / "cooled").replicas == list(range(8))
    assert vitrify("export", run, "--replica", 3, "--inherent", "--out", tmp_path / "3.gsd") == 0
    imported = RunDirectory.open(run)
    assert np.isfinite(imported.table["pressure"]).all()
    assert imported.table["converged"].all()


def test_what_cannot_be_imported_is_one_line(files, tmp_path, capsys):
    (tmp_path / "letter.gsd").write_text("dear reader")
    for arguments, said in (
        ([tmp_path / "nowhere.gsd"], "nowhere.gsd: no such file"),
        ([tmp_path / "letter.gsd"], "letter.gsd: damaged, or no GSD file"),
        ([*files, "--species", "A=1,B=2"], "particles called A, B, expected 1 and 2"),
        ([*files, "--kt", "warm"], "kt: got 'warm'"),
        ([*files, "--kt", "1,2,3"], "kt: got 3 for 2 frames"),
        ([*files, "--systems", "boxes"], "systems: got 'boxes', expected one of auto, files, frames"),
    ):
        assert vitrify("import", *arguments, "--out", tmp_path / "run") == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
        assert not (tmp_path / "run").exists()
