import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from vitrify.analysis.figures import Series, as_png_bytes, error_bar_figure
from vitrify.analysis.report.chapters import chapter, table_of, write_chapters
from vitrify.analysis.report.page import (
    File,
    Files,
    Link,
    Numbers,
    Picture,
    Prose,
    Section,
    Table,
    with_error,
    write_report,
)
from vitrify.analysis.report.tables import write_table

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Checks that elements close in order, and keeps texts and attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.attributes = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def attributes(page, name):
    return [value for key, value in page.attributes if key == name]


@pytest.fixture
def png():
    points = Series(np.arange(3.0), np.arange(3.0), np.ones(3))
    return as_png_bytes(error_bar_figure({"a": points}, x_label="x", y_label="y"), dpi=40)


def test_a_page_is_well_formed_and_asks_for_nothing(tmp_path, png):
    sections = [
        Section("Cooling", [Prose("Two rates."), Picture(png, "E_IS falls"), Numbers([("T_g", "0.41")])]),
        Section(
            "Numbers",
            [
                Table(("model", "AUC"), [("network", "0.98")], "with intervals", File("auc.csv", b"model,auc\n")),
                Files([File("long.csv", b"frame\n1\n", "Frames.")]),
                Link("view.html", "Look"),
            ],
        ),
    ]
    write_report(tmp_path / "report.html", "Glasses", sections, summary="In short.", facts={"program": "vitrify"})
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    addresses = [value for name, value in page.attributes if name in ("src", "href")]
    own = ("data:image/png;base64,", "data:text/csv;charset=utf-8;base64,", "#section-")
    assert [value for value in addresses if not value.startswith(own)] == ["view.html"]
    assert "<script" not in text
    assert not re.search(r"https?:|url\(|@import", text)
    assert {"Cooling", "network", "0.98", "In short.", "vitrify"} <= set(page.texts)
    assert "<i>E</i><sub>IS</sub> falls" in text


def test_every_text_is_escaped(tmp_path, png):
    nasty = "<script>alert(\"x\")</script> & 'more'"
    blocks = [Prose(nasty), Picture(png, nasty), Numbers([(nasty, nasty)]), Table((nasty,), [(nasty,)], nasty)]
    write_report(tmp_path / "r.html", nasty, [Section(nasty, blocks)], summary=nasty, facts={nasty: nasty})
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert Page(text).texts.count(nasty) >= 9
    assert [value for name, value in Page(text).attributes if name == "alt"] == [nasty]


def test_columns_of_numbers_stand_flush_right():
    html = Table(("name", "value"), [("a", "−0.1 ± 0.2"), ("b", "–")]).html()
    assert html.count('class="number"') == 3
    with pytest.raises(ValueError, match="1 cells, expected 2"):
        Table(("a", "b"), [("1",)])


def test_a_picture_is_a_png():
    with pytest.raises(ValueError, match="no PNG"):
        Picture(b"GIF89a", "a picture")


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(-3.86871, 0.00071, "−3.86871 ± 0.00071"), (123.4, 11.0, "123 ± 11"), (1.0, np.nan, "1"), (np.nan, 1.0, "–")],
)
def test_a_value_has_as_many_digits_as_its_error(value, error, text):
    assert with_error(value, error) == text


def test_errors_and_intervals_join_their_values():
    columns = {
        "run": np.array(["a", "b"]),
        "energy": np.array([-3.9, -3.8]),
        "energy_error": np.array([0.001, np.nan]),
        "auc": np.array([0.9, 0.7]),
        "auc_low": np.array([0.8, np.nan]),
        "auc_high": np.array([0.95, np.nan]),
    }
    table = table_of(columns, "")
    assert table.header == ("run", "energy", "auc")
    assert table.rows == [("a", "−3.9000 ± 0.0010", "0.900 (0.800 to 0.950)"), ("b", "−3.8", "0.700")]


def test_a_directory_of_tables_and_figures(tmp_path, png):
    (tmp_path / "evaluation" / "figures").mkdir(parents=True)
    write_table(tmp_path / "evaluation" / "auc.csv", {"model": ["cnn"], "auc": [0.9]})
    write_table(tmp_path / "evaluation" / "long.csv", {"frame": np.arange(31)})
    (tmp_path / "evaluation" / "figures" / "roc_curve.png").write_bytes(png)
    write_chapters([tmp_path / "evaluation"], tmp_path / "report.html", title="T")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert {"Evaluation", "cnn", "0.9", "Roc curve."} <= set(page.texts)
    assert ": Long. 31 rows." in page.texts
    files = dict(zip(attributes(page, "download"), attributes(page, "href")[-2:], strict=True))
    assert list(files) == ["auc.csv", "long.csv"]
    for name, address in files.items():
        content = base64.b64decode(address.removeprefix("data:text/csv;charset=utf-8;base64,"))
        assert content == (tmp_path / "evaluation" / name).read_bytes()
    with pytest.raises(FileExistsError):
        write_chapters([tmp_path / "evaluation"], tmp_path / "report.html", title="T")
    write_chapters([tmp_path / "evaluation"], tmp_path / "report.html", title="T", force=True)


def test_a_benchmark_is_told(tmp_path):
    record = {
        "benchmark": "md",
        "conditions": {"particles": 4320, "kT": 0.4},
        "rows": [{"name": "replica", "threads": 2, "particle_steps_per_second": 3.2e6, "settings": {"skin": 0.4}}],
        "ratios": [],
    }
    (tmp_path / "benchmark.json").write_text(json.dumps(record))
    contenders, conditions = chapter(tmp_path).blocks
    assert (contenders.header, contenders.rows) == (
        ("name", "threads", "particle steps per second"),
        [("replica", "2", "3.2e+06")],
    )
    assert conditions.rows == [("particles", "4320"), ("kT", "0.4")]


def test_pages_of_configurations_are_linked(tmp_path):
    (tmp_path / "films").mkdir()
    write_table(tmp_path / "films" / "films.csv", {"run": ["a"]})
    (tmp_path / "films-view.html").write_text("<!doctype html>\n<!-- vitrify view -->\n")
    (tmp_path / "films-other.html").write_text("<!doctype html>\n")
    (tmp_path / "out").mkdir()
    write_chapters([tmp_path / "films"], tmp_path / "out" / "report.html", title="T")
    page = Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert [value for value in attributes(page, "href") if "html" in value] == ["../films-view.html"]


def test_a_directory_with_nothing_to_tell(tmp_path):
    with pytest.raises(ValueError, match="holds no run, table or figure"):
        chapter(tmp_path)
    with pytest.raises(FileNotFoundError):
        chapter(tmp_path / "missing")
