"""Numbers beside those of the log: the right ones, with their intervals."""

import pytest

from vitrify.analysis.report.chapters import chapter
from vitrify.analysis.report.tables import read_table
from vitrify.pipelines.campaign.published import write_published


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path.parent


def test_what_was_found_stands_beside_what_was_published(tmp_path):
    curves = write(
        tmp_path / "curves" / "tg.csv",
        "ramp_steps,tg,tg_low,tg_high,kt_fictive,kt_fictive_low,kt_fictive_high,glass_energy,glass_energy_low,"
        "glass_energy_high\n20000,0.3,0.2,0.4,0.7,0.6,0.8,-3.83,-3.84,-3.82\n"
        "200000,0.403,0.372,0.424,,,,-3.8675,-3.8690,-3.8660\n",
    )
    write(
        tmp_path / "curves" / "equilibrium.csv",
        "run,kt_set,inherent_energy,inherent_energy_error,replicas\na,0.547,-3.8690,0.0005,4\nb,0.7,-3.84,0.001,4\n",
    )
    along = write(
        tmp_path / "along" / "transfer.csv",
        "run,dots,kt_set,calibrated_accuracy,calibrated_accuracy_low,calibrated_accuracy_high\n"
        "fast,trained once,0.635,0.70,0.60,0.80\nfast,trained once,0.9,0.8,0.7,0.9\n",
    )
    write(tmp_path / "along" / "tg.csv", "run,tg,tg_low,tg_high\nfast,0.5,0.4,0.6\n")
    assert write_published([curves, along], tmp_path / "published")
    table = read_table(tmp_path / "published" / "published.csv")
    rows = {name: row for row, name in enumerate(table["quantity"])}
    assert list(rows) == [
        "E_IS at kT 0.05, M = 200,000", "T_g, two lines, M = 200,000", "E_IS of the liquid, kT 0.547",
        "accuracy on liquids at kT 0.635, fast",
    ]  # fmt: skip
    assert table["published"].tolist() == [-3.867, 0.381, -3.866, 0.624]
    assert table["within_interval"].tolist() == ["True", "True", "False", "True"]
    liquid = rows["E_IS of the liquid, kT 0.547"]
    assert table["here_high"][liquid] - table["here"][liquid] == pytest.approx(3.1824 * 0.0005, rel=1e-4)  # Student, 3
    assert chapter(tmp_path / "published").heading == "Published"


def test_where_no_number_was_published_there_is_nothing(tmp_path):
    assert not write_published([write(tmp_path / "a" / "other.csv", "x\n1\n")], tmp_path / "published")
    assert not (tmp_path / "published").exists()
