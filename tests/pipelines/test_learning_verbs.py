"""dataset, train and evaluate from the command line, on a run directory with made-up positions."""

import subprocess
import sys

import numpy as np
import pytest

from vitrify.md.ensemble import Ensemble
from vitrify.md.store.writer import RunWriter
from vitrify.pipelines.cli import main

BOX = 11.0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Ten replicas: disorder at kT 1.0 and a jittered lattice at kT 0.05, with energies to match."""
    path = tmp_path_factory.mktemp("runs") / "ramp"
    rng = np.random.default_rng(1)
    site = np.stack(np.meshgrid(*2 * [np.arange(10)]), axis=-1).reshape(-1, 2) * BOX / 10 - BOX / 2
    with RunWriter.create(path, {"protocol": "cool", "seed": 7}, {}) as writer:
        for replica in range(10):
            for frame, kt in ((1, 1.0), (2, 0.05)):
                disorder = rng.uniform(-BOX / 2, BOX / 2, site.shape)
                ensemble = Ensemble(
                    positions=(disorder if frame == 1 else site + rng.uniform(0, 0.1, site.shape))[None],
                    velocities=np.zeros((1, 100, 2)),
                    species=np.zeros((1, 100), np.int8),
                    box=np.full((1, 2), BOX),
                    seed=7,
                    replica=np.array([replica]),
                    step=np.array([frame]),
                )
                writer.begin_wave(replica)
                writer.write_frame(frame, kt, ensemble)
                columns = {"replica": replica, "frame": frame, "step": frame, "kt_set": kt, "converged": True}
                columns["inherent_energy"] = -3.75 - 0.1 * frame + rng.normal(0, 0.01)
                writer.append_rows({name: np.array([value]) for name, value in columns.items()})
        writer.finish()
    return path


def vitrify(*arguments):
    """Exit status of a command; the command line raises SystemExit at its end."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code


@pytest.fixture
def data(run, tmp_path):
    assert vitrify("dataset", "--liquid", f"{run}@1.0", "--glass", f"{run}@0.05", "--out", tmp_path / "data") == 0
    return tmp_path / "data"


def test_from_a_run_to_scores(data, tmp_path, capsys):
    assert vitrify("train", "linear", data, "--out", tmp_path / "energy") == 0
    assert "linear on data (instant positions)" in capsys.readouterr().out
    short = (
        "--set",
        "pixel=0.5",
        "--set",
        "dot=0.4",
        "--set",
        "epochs=2",
        "--set",
        "batch=4",
        "--set",
        "validate_every=0",
    )
    assert vitrify("train", "cnn", data, "--out", tmp_path / "cnn", *short) == 0
    assert "2 epochs" in capsys.readouterr().out
    out = tmp_path / "scores"
    assert vitrify("evaluate", tmp_path / "energy", tmp_path / "cnn", "--on", data, "--out", out) == 0
    shown = capsys.readouterr().out
    assert "1.000" in shown
    assert "instant" in shown
    assert len((out / "matrix.csv").read_text().splitlines()) == 3


def test_any_classes_windows_matching_and_the_null(run, tmp_path, capsys):
    classes = ("--class", f"cold={run}@0.05", "--class", f"hot={run}@1.0")
    assert vitrify("dataset", *classes, "--window", 25, "--out", tmp_path / "windows") == 0
    assert "cold" in (shown := capsys.readouterr().out)
    assert "28 (7)" in shown  # four windows of each of seven replicas
    matched = ("--match", "energy", "--tolerance", 0.15, "--out", tmp_path / "matched")
    assert vitrify("dataset", *classes, *matched) == 0
    assert "matched by E_IS within 0.15: 10 pairs from 10 of cold and 10 of hot" in capsys.readouterr().out
    assert vitrify("dataset", "--glass", f"{run}@0.05", "--null", "--out", tmp_path / "null") == 0
    assert "glass-1" in capsys.readouterr().out


def test_train_resumes_and_skips(data, tmp_path, capsys):
    recipe = ("pixel = 0.5", "dot = 0.4", "validate_every = 0", "batch = 4", "epochs = 9", 'schedule = "constant"')
    (tmp_path / "recipe.toml").write_text("\n".join(recipe))
    command = ("train", "cnn", data, "--out", tmp_path / "model", "--config", tmp_path / "recipe.toml", "--set")
    assert vitrify(*command, "epochs=2") == 0
    assert vitrify(*command, "epochs=5", "--resume") == 0
    shown = capsys.readouterr().out
    assert "5 epochs" in shown
    assert "train: loss" in shown
    assert vitrify(*command, "epochs=5", "--resume") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dataset", "--liquid", "{run}@0.5", "--glass", "nowhere@0.05", "--out", "{tmp}/x"), "no such run directory"),
        (("dataset", "--liquid", "{run}", "--glass", "{run}@0.05", "--out", "{tmp}/x"), "expected RUN@kT"),
        (("dataset", "--liquid", "{run}@1", "--glass", "{run}@0.05", "--out", "{data}"), "exists already"),
        (
            ("train", "transformer", "{data}", "--out", "{tmp}/x"),
            "got 'transformer', expected one of cnn2018, cnn",
        ),
        (
            ("train", "linear", "{data}", "--set", "pixels=9", "--out", "{tmp}/x"),
            "linear: has no pixels; expected one",
        ),
        (
            ("train", "cnn", "{data}", "--set", "epochs=x", "--out", "{tmp}/x"),
            "epochs: got 'x', expected a whole",
        ),
        (("train", "cnn", "{data}", "--set", "epochs", "--out", "{tmp}/x"), "set: got 'epochs', expected key=value"),
        (("train", "cnn", "{data}", "--config", "{data}/DONE", "--out", "{tmp}/x"), "not a TOML file"),
        (("dataset", "--class", "hot", "--out", "{tmp}/x"), "class: got 'hot', expected NAME=RUN@kT[,RUN@kT]"),
        (("dataset", "--glass", "{run}@1", "--out", "{tmp}/x"), "classes: got glass, expected at least two"),
        (("dataset", "--glass", "{run}@1", "--null", "--window", "0", "--out", "{tmp}/x"), "got 0 particles"),
        (("dataset", "--glass", "{run}@1", "--null", "--match", "size", "--out", "{tmp}/x"), "match: got 'size'"),
        (("train", "linear", "{tmp}/nowhere", "--out", "{tmp}/x"), "no such dataset directory"),
        (("train", "cnn", "{data}", "--seed", "-1", "--out", "{tmp}/x"), "seed: got -1"),
        (("evaluate", "{tmp}/nowhere", "--on", "{data}", "--out", "{tmp}/x"), "no such model directory"),
    ],
)
def test_bad_input_is_one_line_and_status_2(run, data, tmp_path, capsys, arguments, message):
    capsys.readouterr()
    assert vitrify(*(text.format(run=run, data=data, tmp=tmp_path) for text in arguments)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_a_directory_called_as_an_architecture_is_not_mistaken_for_it(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mpnn").mkdir()
    assert vitrify("transfer", "mpnn", run, "--out", tmp_path / "out") == 2
    assert "mpnn: is an architecture and a directory here, expected ./mpnn" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_does_not_wait_for_jax():
    code = "import sys; from vitrify.pipelines.commands import learning; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
