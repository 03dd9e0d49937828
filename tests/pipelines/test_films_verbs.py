"""deposit, cool-film and impact from the command line: what they write, and how they refuse."""

import pytest

from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.cli import main

TINY = (
    "--injections 3 --steps-per-injection 800 --set box_length=10.0 --set substrate_particles=70 "
    "--set relax_steps=1000 --set batch=6 --set slab_gap=3.0 --engine replica"
).split()


def run(*words) -> int:
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    out = tmp_path_factory.mktemp("verbs") / "film"
    assert run("deposit", "--out", out, "--replicas", 2, *TINY) == 0
    return out


def test_deposit_writes_a_run_directory_and_leaves_it_alone(film, capsys):
    table = (film / "table.csv").read_bytes()
    opened = RunDirectory.open(film)
    assert opened.finished
    assert opened.spec["protocol"] == "deposit"
    assert opened.replicas == [0, 1]
    assert run("deposit", "--out", film, "--replicas", 2, *TINY) == 2
    assert "--resume" in capsys.readouterr().err
    assert run("deposit", "--out", film, "--replicas", 2, *TINY, "--resume") == 0
    assert (film / "table.csv").read_bytes() == table


def test_several_temperatures_make_a_run_each(tmp_path):
    assert run("deposit", "--out", tmp_path, "--substrate-kt", "0.1,0.2", *TINY) == 0
    kts = [RunDirectory.open(tmp_path / name).spec["substrate_kt"] for name in ("kt-0.1", "kt-0.2")]
    assert kts == [0.1, 0.2]


def test_cool_film_takes_the_films_of_a_deposition(film, tmp_path):
    words = "--ramp-steps 400 --frames 2 --melt-steps 200 --engine replica".split()
    assert run("cool-film", film, "--out", tmp_path / "cooled", *words) == 0
    cooled = RunDirectory.open(tmp_path / "cooled")
    assert cooled.spec["protocol"] == "cool-film"
    assert cooled.spec["source"] == "film"
    assert cooled.stored_frames(inherent=True) == [1, 2]


def test_impact_writes_a_table_and_a_figure(film, tmp_path):
    words = "--impacts 4 --samples 60 --depth 3 --engine replica".split()
    assert run("impact", film, "--out", tmp_path / "impact", *words) == 0
    assert (tmp_path / "impact" / "cascade.csv").read_text().startswith("time,depth,kt,kt_error,arriving_kt\n")
    assert (tmp_path / "impact" / "cascade.png").stat().st_size > 1000
    assert run("impact", film, "--out", tmp_path / "impact", *words) == 2


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("deposit --substrate-kt 0", "substrate_kt: got 0.0"),
        ("deposit --substrate-kt cold", "substrate-kt: got 'cold'"),
        ("deposit --preset swanson", "preset: got 'swanson'"),
        ("deposit --set batch=200", "the injection slab: got 200 particles"),
        ("deposit --set batch", "set: got 'batch'"),
        ("deposit --set colour='red'", "colour: got"),
        ("deposit --engine lammps", "lammps"),
        ("cool-film nowhere --ramp-steps 100", "no such run directory"),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(words, what, tmp_path, capsys):
    assert run(*words.split(), "--out", tmp_path / "run") == 2
    error = capsys.readouterr().err.strip()
    assert what in error
    assert "\n" not in error
    assert not (tmp_path / "run").exists()
