"""Releases: a real one, of four systems of 40 particles, is read and checked; made again; and refused where it must be.

``tests/reference/release`` was made by the commands in its ``campaign.toml``.
"""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import gsd.hoomd
import numpy as np
import pytest

from vitrify.md.store.product import seal
from vitrify.pipelines.campaign.campaign import read_campaign
from vitrify.pipelines.campaign.directory import begin, task_directory
from vitrify.pipelines.campaign.released import load
from vitrify.pipelines.cli import main

SAMPLE = Path(__file__).parents[2] / "reference" / "release"


@pytest.fixture
def release():
    return load(SAMPLE)


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(SAMPLE, tmp_path / "release"))


def test_a_release_says_what_it_holds(release):
    assert list(release) == ["ramp", "pair"]
    assert release.manifest["licence"] == "CC-BY-4.0"
    with pytest.raises(KeyError, match="has no films, expected one of ramp, pair"):
        release["films"]
    assert release.check() == len(FILES) - 1  # DONE itself


def test_batches_come_as_one_ensemble_of_arrays(release):
    """Against the files as other programs read them: csv, and gsd with its own reader."""
    ramp = release["ramp"]
    rows = [
        row
        for batch in ("ramp-0000", "ramp-0001")
        for row in csv.DictReader((SAMPLE / "data" / batch / "table.csv").read_text().splitlines())
    ]
    rows.sort(key=lambda row: (int(row["replica"]), int(row["frame"])))
    assert ramp.table["replica"].tolist() == [int(row["replica"]) for row in rows]
    assert ramp.table["inherent_energy"].tolist() == [float(row["inherent_energy"]) for row in rows]
    assert (ramp.frames(), ramp.frames(inherent=True)) == ([1, 10], [1, 10])
    seen = ramp.frame(10, inherent=True)
    assert (seen.positions.shape, seen.replica.tolist()) == ((4, 40, 2), [0, 1, 2, 3])
    with gsd.hoomd.open(SAMPLE / "data" / "ramp-0001" / "frame-0010.inherent.gsd") as file:
        for place, frame in enumerate(file, 2):
            np.testing.assert_array_equal(seen.positions[place], frame.log["particles/position64"])
            np.testing.assert_array_equal(seen.species[place], frame.particles.typeid)
            np.testing.assert_allclose(seen.box[place], frame.configuration.box[:2], rtol=1e-6)


def test_energies_are_those_of_the_positions(release):
    """Per particle, truncated and not shifted."""
    ramp = release["ramp"]
    seen = ramp.frame(10, inherent=True)
    last = ramp.table["frame"] == 10
    for place in range(4):
        found = energy(seen.positions[place], seen.species[place], seen.box[place])
        assert found == pytest.approx(ramp.table["inherent_energy"][last][place], abs=1e-9)


def energy(positions, species, box):
    """Per particle, by hand: Kob-Andersen parameters, each pair up to 2.5 sigma_ab, not shifted."""
    epsilon, sigma = np.array([[1.0, 1.5], [1.5, 0.5]]), np.array([[1.0, 0.8], [0.8, 0.88]])
    total = 0.0
    for i in range(len(positions)):
        for j in range(i):
            separation = positions[i] - positions[j]
            separation -= box * np.round(separation / box)
            a, b = species[i], species[j]
            x = sigma[a, b] / np.hypot(*separation)
            total += 4 * epsilon[a, b] * (x**12 - x**6) if x > 1 / 2.5 else 0.0
    return total / len(positions)


def test_a_data_set_comes_with_labels_and_splits(release):
    pair = release["pair"]
    rows = list(csv.DictReader((SAMPLE / "data" / "pair" / "configurations.csv").read_text().splitlines()))
    assert pair.classes == ("liquid", "glass")
    assert [pair.classes[label] for label in pair.label] == [row["class"] for row in rows]
    assert pair.split.tolist() == [row["part"] for row in rows]
    train = pair.part("train")
    assert train.positions.shape == (4, 40, 2)
    assert type(train.positions) is np.ndarray
    assert not set(train.origin) & set(pair.part("test").origin)
    glasses = release["ramp"].frame(10, inherent=True)
    np.testing.assert_array_equal(pair.positions[pair.label == 1], glasses.positions)


def test_tables_come_as_columns(tmp_path):
    (tmp_path / "tg.csv").write_text("rate,tg,note\n1e-3,0.31,\n1e-4,,bent\n")
    seal(tmp_path)
    tables = load(tmp_path)
    assert list(tables) == ["tg"]
    np.testing.assert_array_equal(tables["tg"]["tg"], [0.31, np.nan])
    assert tables["tg"]["note"].tolist() == ["", "bent"]
    (tmp_path / "tg.csv").write_text("rate,tg,note\n1e-3,0.32,\n1e-4,,bent\n")
    with pytest.raises(ValueError, match=r"tg.csv: damaged or edited"):
        tables["tg"]


def files(place):
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())


FILES = files(SAMPLE)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found(copy, name):
    path = copy / name
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 1
    path.write_bytes(held)
    with pytest.raises(ValueError, match=r"damaged|manifest.json: ") as found:
        load(copy).check()
    if name != "DONE":
        assert name in str(found.value)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("data/ramp-0001/table.csv", lambda release: release["ramp"].table),
        ("data/ramp-0000/frame-0010.inherent.gsd", lambda release: release["ramp"].frame(10, inherent=True)),
        ("data/pair/configurations.csv", lambda release: release["pair"]),
        ("manifest.json", lambda release: release),
    ],
)
def test_what_is_damaged_is_not_read(copy, name, read):
    held = bytearray((copy / name).read_bytes())
    held[-5] ^= 1
    (copy / name).write_bytes(held)
    with pytest.raises(ValueError, match=Path(name).name):
        read(load(copy))


def test_everybody_can_check_it():
    done = subprocess.run(["sha256sum", "--check", "--quiet", "DONE"], cwd=SAMPLE, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_cannot_be_loaded_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such directory"):
        load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds nothing to load"):
        load(tmp_path)


@pytest.fixture
def campaign(tmp_path):
    """The directory of the campaign that the sample was made from."""
    out = tmp_path / "tiny"
    begin(read_campaign(SAMPLE / "campaign.toml"), out)
    for task in (task for stage in read_campaign(out / "campaign.toml").stages for task in stage.tasks):
        shutil.copytree(SAMPLE / "data" / task.name, task_directory(out, task) / task.stage)
    return out


def command(out, to, *options, status=0):
    with pytest.raises(SystemExit) as ended:
        main(["campaign", "release", str(out), "--to", str(to), "--creator", "A. Glass", *options])
    assert ended.value.code == status


def test_a_campaign_is_released(campaign, tmp_path):
    (campaign / "workspace" / "ramp-0000" / "ramp" / "descriptors.cache").write_bytes(b"no part of the run")
    command(campaign, tmp_path / "new", "--licence", "CC0-1.0", "--identifier", "10.5281/zenodo.1")
    made = load(tmp_path / "new")
    assert files(tmp_path / "new") == FILES
    for name in FILES:
        if name.startswith("data/"):
            assert (tmp_path / "new" / name).read_bytes() == (SAMPLE / name).read_bytes()
    assert made.manifest["creators"] == ["A. Glass"]
    sheet = (tmp_path / "new" / "README.md").read_text()
    for words in (
        "truncated at the cut-off and not shifted", "4 replicas of 40 particles", "ramp_steps = 20000",
        "8 configurations, inherent positions, classes liquid, glass", 'release["pair"]',
        "CC0-1.0. Cite as: A. Glass, *A sample: small glasses and the liquid they were*, ", "10.5281/zenodo.1",
    ):  # fmt: skip
        assert words in sheet


def test_part_of_a_campaign_is_released(campaign, tmp_path):
    command(campaign, tmp_path / "new", "--stage", "pair")
    assert list(load(tmp_path / "new")) == ["pair"]
    assert json.loads((tmp_path / "new" / "manifest.json").read_text())["stages"]["pair"]["needs"] == []


def test_what_is_not_whole_is_not_released(campaign, tmp_path, capsys):
    command(campaign, tmp_path / "new", "--stage", "films", status=2)
    assert "stage: got 'films', expected one of ramp, pair" in capsys.readouterr().err
    table = campaign / "workspace" / "ramp-0001" / "ramp" / "table.csv"
    table.write_text(table.read_text().replace("3.8", "3.9"))
    command(campaign, tmp_path / "new", status=2)
    assert "damaged ramp directory (table.csv is missing or was changed)" in capsys.readouterr().err
    shutil.rmtree(table.parent)
    command(campaign, tmp_path / "new", status=2)
    assert "ramp-0001 and 1 tasks of stage ramp in all are not done" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny"]
    command(campaign, campaign, "--stage", "pair", status=2)
    assert "exists already" in capsys.readouterr().err
