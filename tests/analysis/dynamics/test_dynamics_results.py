"""What an analysis says of dynamics, and of runs that have none."""

import numpy as np
import pytest

from vitrify.analysis.analyze import analyze
from vitrify.analysis.dynamics.results import results
from vitrify.analysis.report.tables import read_contents, read_table
from vitrify.analysis.results import Options
from vitrify.md.protocols.annealing import AnnealingSpec, anneal
from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.cli import main

TABLES = {
    "dynamics.csv", "tau_alpha.csv", "relaxation_times.csv", "settling.csv", "relaxation_laws.csv", "falling_out.csv",
}  # fmt: skip
FIGURES = {"msd.png", "fs.png", "overlap.png", "tau_alpha.png"}


def test_tables_figures_and_captions(liquids, tmp_path):
    out, seen = tmp_path / "out", []
    options = Options(structure=False, wave_number=5.0)
    lines = analyze(liquids, out, options, progress=lambda done, total: seen.append((done, total)))
    contents = read_contents(out)
    assert TABLES | {f"figures/{name}" for name in FIGURES} <= set(contents)
    assert all(contents[name]["caption"].endswith(".") for name in TABLES)
    assert all((out / "figures" / name).with_suffix(".svg").exists() for name in FIGURES)
    assert seen[-1] == (5 * 6 * 25, 5 * 6 * 25)
    times = read_table(out / "relaxation_times.csv")
    assert len(times["kt"]) == 5 * 2 * 3 * 2
    chosen = (times["correlation"] == "fs") & (times["species"] == "all") & (times["displacement"] == "plain")
    truth = 0.3 * np.exp(1.5 / (times["kt"][chosen] - 0.25))
    assert (np.abs(times["tau"][chosen] - truth) < 4 * times["tau_error"][chosen] + 0.01 * truth).all()
    settling = read_table(out / "settling.csv")
    assert settling["kt"].tolist() == [0.5, 0.6, 0.8, 1.0, 1.2]
    assert settling["waited"].tolist() == [2.5] * 5
    laws = read_table(out / "relaxation_laws.csv")
    kt_0 = (laws["parameter"] == "kt_0") & (laws["correlation"] == "fs") & (laws["displacement"] == "plain")
    assert laws["value_low"][kt_0] < 0.25 < laws["value_high"][kt_0]
    of_a = read_table(out / "tau_alpha.csv")
    chosen = (
        (times["correlation"] == "overlap") & (times["species"] == "A") & (times["displacement"] == "cage-relative")
    )
    assert of_a["overlap_cage_relative"].tolist() == times["tau"][chosen].tolist()
    assert any(line.startswith("M = 20,000 falls out at kT 0.") for line in lines)
    assert any("kT 0.5: waited 2.5 tau before it was followed, " in line for line in lines)


def test_a_liquid_that_drifts_is_said_and_no_law_goes_through_it(liquids, tmp_path, written):
    run = liquids[0]
    steps = np.unique(run.table["step"])
    rng = np.random.default_rng(3)
    energies = -3.8 - 0.01 * np.arange(25.0) + 0.001 * rng.normal(size=(6, 25))
    places = rng.normal(size=(6, 25, 60, 2))
    ageing = written(
        tmp_path / "ageing", steps, places, np.zeros(60), [10.0, 10.0], kt=0.4, origins=2, energies=energies
    )
    found = results([*liquids, ageing], Options(wave_number=5.0))
    assert any(line.startswith("kT 0.4: E_IS still drifts, by -0.1") for line in found.notes)
    assert min(found.tables["relaxation_laws.csv"].columns["kt_from"]) == 0.5


@pytest.mark.parametrize(
    ("fields", "replicas", "said"),
    [
        ({"unwrapped": False}, 2, "frame 1 was stored without unwrapped displacements"),
        ({}, 1, "got 1 replica(s), expected at least 2"),
        ({"spacing": "linear"}, 2, "got frames equally spaced in time"),
    ],
)
def test_a_run_that_cannot_be_followed_is_a_note(liquids, tmp_path, fields, replicas, said, written):
    places = np.random.default_rng(13).uniform(-2, 2, (replicas, 2, 9, 2))
    run = written(tmp_path / "other", np.array([0, 10]), places, np.zeros(9), [4.0, 4.0], kt=0.3, **fields)
    alone = results([run], Options())
    assert [said in line for line in alone.notes] == [True]
    assert not alone.tables
    assert not alone.figures
    beside = results([run, liquids[0]], Options(wave_number=5.0))
    assert [said in line for line in beside.notes if line.startswith("no dynamics: ")] == [True]
    assert beside.tables["settling.csv"].columns["kt"] == [0.5]


def test_a_run_under_way_is_said(liquids):
    (liquids[0].path / "DONE").unlink()
    found = results([RunDirectory.open(liquids[0].path)], Options(wave_number=5.0))
    assert "kt-0.5: not finished, dynamics are of the frames stored so far" in found.notes
    assert found.tables["settling.csv"].columns["kt"] == [0.5]


def test_a_run_of_the_engine_by_the_command_line(tmp_path, capsys):
    """In one time step particles fly: the mean square is 2 kT t^2, of N particles with 2N - 2 degrees of freedom."""
    spec = AnnealingSpec(
        particles=140, replicas=4, frames=9, kt=1.0, steps=60, equilibration_steps=400, spacing="log", origins=2,
        store="all", inherent=False, seed=3,
    )  # fmt: skip
    run = anneal(spec, tmp_path / "run")
    arguments = ["analyze", str(tmp_path / "run"), "--out", str(tmp_path / "a"), "--no-structure"]
    with pytest.raises(SystemExit) as status:
        main([*arguments, "--wave-number", "7.1"])
    assert status.value.code == 0
    assert "not reached" in capsys.readouterr().out
    found = read_table(tmp_path / "a" / "dynamics.csv")
    first = found["displacement"] == "plain"
    assert found["time"][first][0] == 0.005
    table = run.table
    kt = table["kt"][np.isin(table["frame"], (1, 5))].mean()  # at the two origins
    assert found["msd_all"][first][0] == pytest.approx(2 * kt * 138 / 140 * 0.005**2, rel=0.03)
    with pytest.raises(SystemExit) as status:
        main([*arguments, "--force", "--wave-number", "-1"])
    assert status.value.code == 2
    assert "wave_number: got -1.0, expected a positive number" in capsys.readouterr().err
