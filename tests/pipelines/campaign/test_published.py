"""Numbers beside published ones: the right ones, with their intervals, and only where they can be compared."""

import pytest
from scipy.stats import t as student

from vitrify.analysis.report.chapters import chapter
from vitrify.analysis.report.tables import read_table
from vitrify.pipelines.campaign.published import write_published

RAMPS = (
    "ramp_steps,particles,tg,tg_low,tg_high,kt_fictive,kt_fictive_low,kt_fictive_high,glass_energy,glass_energy_low,"
    "glass_energy_high\n20000,1080,0.3,0.2,0.4,0.7,0.6,0.8,-3.83,-3.84,-3.82\n"
    "200000,1080,0.403,0.372,0.424,,,,-3.8695,-3.8700,-3.8690\n"
)
LIQUIDS = (
    "run,particles,kt_set,inherent_energy,inherent_energy_error,replicas\n"
    "a,1080,0.547,-3.86,0.001,4\nb,1080,0.547,-3.88,0.003,2\nc,1080,0.7,-3.84,0.001,4\n"
)
ALONG = (
    "run,dots,kt_set,particles,calibrated_accuracy,calibrated_accuracy_low,calibrated_accuracy_high\n"
    "fast,trained once,0.635,1080,0.70,0.60,0.80\nfast,trained once,0.9,1080,0.8,0.7,0.9\n"
)
SCORES = (
    "model,architecture,positions,paired,auc,auc_low,auc_high\n"
    "cnn,cnn,inherent,energy,0.91,0.85,0.95\nmpnn,mpnn,instant,energy,0.995,0.985,1\nmpnn,mpnn,instant,,1,0.99,1\n"
    "yardstick,linear on radial,inherent,energy,0.93,0.88,0.97\n"
)
FILMS = (
    "first,second,difference,difference_low,difference_high\n"
    '"deposited at 0.17 in 4e6 steps","cooled",-0.002,-0.009,0.005\n'
    '"deposited at 0.05 in 4e6 steps","cooled",0.02,0.01,0.03\n'
    '"deposited at 0.05 in 4e6 steps","deposited at 0.17 in 4e6 steps",0.02,0.01,0.03\n'
)


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path.parent


def published(tmp_path, **tables):
    """published.csv as rows by quantity, of tables in a directory each."""
    directories = [write(tmp_path / name / f"{name}.csv", text) for name, text in tables.items()]
    assert write_published(directories, tmp_path / "published")
    assert chapter(tmp_path / "published").heading == "Published"
    table = read_table(tmp_path / "published" / "published.csv")
    rows = [dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True)]
    return {row["quantity"]: row for row in rows}


def test_what_was_found_stands_beside_what_was_published(tmp_path):
    found = published(tmp_path, tg=RAMPS, equilibrium=LIQUIDS, transfer=ALONG, scores=SCORES, film_differences=FILMS)
    assert {name: (row["published"], row["agrees"]) for name, row in found.items()} == {
        "E_IS at kT 0.05, M = 200,000": ("-3.867", "yes, to 0.005"),
        "T_g, two lines, M = 200,000": ("0.381", "yes"),
        "E_IS of the liquid, kT 0.547": ("-3.866", "yes"),
        "accuracy on liquids at kT 0.635, fast": ("0.624", "yes"),
        "AUC at one energy, inherent positions, cnn": ("> 0.98", "no"),
        "AUC at one energy, instant positions, mpnn": ("> 0.98", "yes"),
        "bulk E_IS of films at one composition, deposited at 0.17 in 4e6 steps less cooled": ("< 0", "open"),
    }


def test_batches_of_one_liquid_are_one(tmp_path):
    """Six replicas in batches of four and two, against the formula of the whole sample."""
    row = published(tmp_path, equilibrium=LIQUIDS)["E_IS of the liquid, kT 0.547"]
    mean = (4 * -3.86 + 2 * -3.88) / 6
    squares = 4 * 3 * 0.001**2 + 2 * 1 * 0.003**2 + 4 * (-3.86 - mean) ** 2 + 2 * (-3.88 - mean) ** 2
    half = student.ppf(0.975, 5) * (squares / 5 / 6) ** 0.5
    assert (row["here"], row["here_high"] - row["here"]) == pytest.approx((mean, half), rel=1e-6)


def test_small_systems_are_held_beside_nothing(tmp_path):
    assert not write_published([write(tmp_path / "a" / "tg.csv", RAMPS.replace("1080", "100"))], tmp_path / "published")


def test_where_no_number_was_published_there_is_nothing(tmp_path):
    assert not write_published([write(tmp_path / "a" / "other.csv", "x\n1\n")], tmp_path / "published")
    assert not (tmp_path / "published").exists()
