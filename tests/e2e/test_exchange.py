"""Configurations that came from another program go wherever a run's own go."""

import csv
from pathlib import Path

import gsd.hoomd
import numpy as np
import pytest

from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.cli import main

REFERENCE = Path(__file__).parents[1] / "reference" / "lammps"


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


def test_a_model_judges_what_lammps_made(files, tmp_path):
    """LAMMPS's inherent structure, in a file as a converter leaves it, through ``import`` and ``predict``.

    A model of the energy alone gives the probability that follows by hand from its weights and the energy LAMMPS found.
    """
    ours, theirs, model = tmp_path / "ours", tmp_path / "theirs", tmp_path / "model"
    assert vitrify("import", *files, "--inherent", "--kt", "1.0,0.1", "--out", ours) == 0
    classes = "--liquid", f"{ours}@1.0", "--glass", f"{ours}@0.1"
    assert vitrify("dataset", *classes, "--positions", "inherent", "--out", tmp_path / "data") == 0
    assert vitrify("train", "linear", tmp_path / "data", "--set", "features=energy", "--out", model) == 0

    with np.load(REFERENCE / "inherent_N1080.npz") as held:
        frame = gsd.hoomd.Frame()
        frame.configuration.box = [*held["box"], 1, 0, 0, 0]
        frame.particles.N, frame.particles.types = len(held["types"]), ["1", "2"]
        frame.particles.typeid = held["types"]
        frame.particles.position = np.column_stack([held["positions"], np.zeros(len(held["types"]))])
        energy = held["energies"].mean()
    with gsd.hoomd.open(str(tmp_path / "lammps.gsd"), "w") as file:
        file.append(frame)
    given = "--species", "A=1,B=2", "--kt", "0.1", "--inherent"
    assert vitrify("import", tmp_path / "lammps.gsd", *given, "--out", theirs) == 0
    assert RunDirectory.open(theirs).table["inherent_energy"][0] == pytest.approx(energy, abs=1e-6)
    table = tmp_path / "table.csv"
    assert vitrify("predict", model, f"{theirs}@0.1", "--table", table) == 0
    with np.load(model / "weights.npz") as held:
        feature = (energy - held["scaling/mean"]) / held["scaling/spread"]
        logits = feature @ held["weights/dense/kernel"] + held["weights/dense/bias"]
    with open(table, newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["p_glass"]) == pytest.approx(1 / (1 + np.exp(logits[0] - logits[1])), abs=1e-4)
    assert 0.001 < float(row["p_glass"]) < 0.999


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
