"""The page to look into configurations: what it holds is what the run holds, and no text of it becomes markup."""

import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest

from vitrify.analysis.report.view.packing import MISSING, column_scale, pack_column, pack_positions
from vitrify.analysis.report.view.page import SCRIPTS, html, summary, write_view
from vitrify.analysis.report.view.scene import places, scene
from vitrify.analysis.structure.descriptors import Column, particle_columns
from vitrify.md.model import SUBSTRATE, minimum_image
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.protocols.films.growth import deposit
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.cli import main

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NASTY = "</script><script>alert(1)</script>{{DATA}}<!-- & \"'"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    spec = CoolingSpec(
        particles=140, replicas=6, frames=3, ramp_steps=300, equilibration_steps=100, store=(1, 3), seed=1
    )
    return cool(spec, tmp_path_factory.mktemp("runs") / "toy")


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    spec = DepositionSpec.preset("reid", replicas=1, injections=4, steps_per_injection=300, seed=3)
    return deposit(spec, tmp_path_factory.mktemp("films") / "film")


@pytest.fixture(scope="module")
def browser():
    """A function of a page and a script that is run in it: the page as it then stands, and what the console said."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium or Chrome on the path: apt-get install chromium")

    def look(page, script, width, tmp_path):
        probe = tmp_path / "probe.html"
        text = page.read_text(encoding="utf-8")
        probe.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
        command = [
            CHROMIUM, "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
            f"--window-size={width},900", "--virtual-time-budget=4000", "--enable-logging=stderr", "--log-level=0",
            f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", str(probe),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return Page(done.stdout), [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return look


class Page(HTMLParser):
    """The data, the texts, and the attributes by element."""

    def __init__(self, text):
        super().__init__()
        self.inside, self.texts, self.found, self.attributes = "", [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag + "#" + dict(attrs).get("id", "")
        self.found.append(self.inside)
        self.attributes[self.inside] = dict(attrs)

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        self.texts.append((self.inside, data))

    @property
    def data(self):
        (text,) = [data for inside, data in self.texts if inside == "script#data"]
        return json.loads(text)


def integers(text):
    return np.frombuffer(base64.b64decode(text), dtype="<u2")


def positions_of(packed):
    return np.array(packed["low"]) + integers(packed["positions"]).reshape(-1, 2) * np.array(packed["step"])


def test_what_the_page_holds_is_what_the_run_holds(run, tmp_path):
    write_view([run], tmp_path / "view.html", replicas=(0, 4), frames="all")
    data = Page((tmp_path / "view.html").read_text(encoding="utf-8")).data
    (held,) = data["runs"]
    assert (held["replicas"], held["frames"]) == ([0, 4], [1, 3])
    assert len(held["configurations"]) == 2 * 2 * 2
    species = np.frombuffer(base64.b64decode(data["speciesOf"][0]), dtype=np.uint8)
    for name, packed in held["configurations"].items():
        replica, frame, kind = name.split("/")
        configuration = run.configuration(int(replica), int(frame), inherent=kind == "inherent")
        off = minimum_image(positions_of(packed) - configuration.positions, configuration.box)
        assert np.abs(off).max() <= configuration.box[0] / 65536 / 2 * (1 + 1e-9)
        np.testing.assert_array_equal(species, configuration.species)
        expected = particle_columns(configuration)
        for column in data["columns"]:
            values = column["low"] + column["step"] * integers(packed["columns"][column["name"]])
            precision = 0 if column["whole"] else column["step"] / 2
            np.testing.assert_allclose(values, expected[column["name"]], rtol=1e-6, atol=precision + 1e-12)
    row = (run.table["replica"] == 4) & (run.table["frame"] == 3)
    facts = dict(held["configurations"]["4/3/inherent"]["facts"])
    energy = float(facts["inherent-structure energy [ε]"].replace("\N{MINUS SIGN}", "-"))
    assert energy == pytest.approx(run.table["inherent_energy"][row][0], rel=1e-5)


def test_a_column_that_means_something_on_inherent_structures_has_no_values_elsewhere(run, tmp_path):
    mine = Column(label="mine", measure=lambda around: np.arange(140.0), positions="inherent")
    write_view([run], tmp_path / "view.html", replicas=(0,), frames="last", columns={"mine": mine})
    (held,) = Page((tmp_path / "view.html").read_text(encoding="utf-8")).data["runs"]
    codes = {name: integers(packed["columns"]["mine"]) for name, packed in held["configurations"].items()}
    assert (codes["0/3/instant"] == MISSING).all()
    np.testing.assert_array_equal(codes["0/3/inherent"], np.rint(np.arange(140) * 65534 / 139))


def test_the_page_needs_nothing_and_holds_every_file(run, tmp_path):
    shown = write_view([run], tmp_path / "view.html", frames="last")
    text = (tmp_path / "view.html").read_text(encoding="utf-8")
    page = Page(text)
    for name in SCRIPTS:
        assert (files("vitrify.analysis.report.view") / name).read_text(encoding="utf-8") in text
    assert not re.search(r"https?:|@import|url\(|src=|\{\{", text)
    assert "default-src 'none'" in text
    assert {"canvas#particles", "select#column", "input#frame", "input#replica"} <= set(page.found)
    assert re.search(
        r"8 configurations of up to 140 particles from 1 run, 0\.\d MB", summary(shown, tmp_path / "view.html")
    )


def test_every_text_is_data_and_none_is_markup(run):
    shown = {**scene([run], replicas=(0,), frames="last"), "runs": [{"name": NASTY, "facts": [[NASTY, NASTY]]}]}
    text = html(shown, NASTY)
    page = Page(text)
    assert page.data["title"] == page.data["runs"][0]["name"] == page.data["runs"][0]["facts"][0][0] == NASTY
    assert [inside for inside in page.found if inside.startswith("script")] == ["script#data", "script#"]
    assert ("title#", NASTY) in page.texts
    assert "innerHTML" not in text


def test_a_periodic_axis_is_packed_around_the_circle():
    box = np.array([10.0, 10.0])
    positions = np.array([[5.0 - 1e-9, 0.0], [-5.0, 7.5]])
    text, low, step = pack_positions(positions, box, (True, False))
    found = np.array(low) + integers(text).reshape(-1, 2) * np.array(step)
    np.testing.assert_allclose(found, [[-5.0, 0.0], [-5.0, 7.5]], atol=1e-12)


def test_columns_keep_their_gaps_and_their_ends():
    values = np.array([-3.0, np.nan, 1.0])
    scale = column_scale(-3.0, 1.0, whole=False)
    np.testing.assert_allclose(scale.values(integers(pack_column(values, scale))), values, atol=scale.step / 2)
    with pytest.raises(ValueError, match="whole numbers from 0 to 70000"):
        column_scale(0, 70_000, whole=True)


def test_a_film_keeps_its_open_axis_and_its_substrate_apart(films):
    data = scene([films])
    (packed,) = [one for name, one in data["runs"][0]["configurations"].items() if name.endswith("/inherent")][-1:]
    frame = films.stored_frames(inherent=True)[-1]
    configuration = films.configuration(0, frame, inherent=True)
    assert packed["periodic"] == [True, False]
    np.testing.assert_allclose(positions_of(packed)[:, 1], configuration.positions[:, 1], atol=2e-3)
    energy = integers(packed["columns"]["energy"])
    np.testing.assert_array_equal(energy == 65535, configuration.species == SUBSTRATE)


def test_how_much_is_taken_is_bounded(run):
    assert {place.replica for place in places(run)} == {0, 1, 2, 3}
    assert {place.replica for place in places(run, "all", "last")} == set(range(6))
    assert {place.frame for place in places(run, "all", "last")} == {3}
    with pytest.raises(ValueError, match=r"stored no frame 2, expected some of 1, 3"):
        places(run, frames=(2,))
    with pytest.raises(ValueError, match=r"stored no replica 9"):
        places(run, replicas=(9,))


def test_too_much_for_a_browser_is_refused_before_it_is_computed(run, monkeypatch):
    monkeypatch.setattr("vitrify.analysis.report.view.scene.MOST_BYTES", 10_000)
    with pytest.raises(ValueError, match="choose fewer with --replicas and --frames"):
        scene([run])


def test_from_the_command_line(run, tmp_path, capsys):
    out = tmp_path / "view.html"
    asked = ["view", str(run.path), "--replicas", "0", "--frames", "last", "--out", str(out)]
    with pytest.raises(SystemExit) as left:
        main(asked)
    assert left.value.code == 0
    assert "2 configurations of up to 140 particles" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(asked)
    assert left.value.code == 2
    assert "exists already" in capsys.readouterr().err


def test_a_run_without_configurations(tmp_path):
    spec = CoolingSpec(particles=140, replicas=1, frames=1, ramp_steps=10, equilibration_steps=10, store="none", seed=1)
    cool(spec, tmp_path / "bare")
    with pytest.raises(ValueError, match="stored no configuration, expected a run made with --store"):
        scene([RunDirectory.open(tmp_path / "bare")])


LOOK = """
const set = (id, value, event) => {
  element(id).value = value;
  element(id).dispatchEvent(new Event(event));
};
set("column", "energy", "change");
set("replica", 1, "input");
set("frame", 0, "input");
const area = canvas.getBoundingClientRect();
const [px, py] = toPanel(panels[0], ...position(panels[0].shown, 17));
canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: area.left + px, clientY: area.top + py }));
draw();
const gl = canvas.getContext("webgl2");
const pixels = new Uint8Array(4 * canvas.width * canvas.height);
gl.readPixels(0, 0, canvas.width, canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
Object.assign(document.body.dataset, {
  requests: performance.getEntriesByType("resource").length,
  painted: pixels.filter((level, place) => place % 4 === 3 && level > 0).length / (canvas.width * canvas.height),
  across: document.documentElement.scrollWidth,
  window: innerWidth,
});
"""


@pytest.mark.parametrize("width", [500, 1280])
def test_in_a_browser(run, tmp_path, browser, width):
    out = tmp_path / "view.html"
    write_view([run], out)
    page, said = browser(out, LOOK, width, tmp_path)
    assert said == []
    assert page.attributes["html#"]["data-ready"] == "yes"
    shown = page.attributes["body#"]
    assert shown["data-requests"] == "0"
    assert float(shown["data-painted"]) > 0.5  # discs of 1.0 and 0.7 at this density cover two thirds of the area
    assert int(shown["data-across"]) <= int(shown["data-window"])
    texts = [text for _, text in page.texts]
    assert "particle 17, A" in texts
    assert "1 (2 of 4)" in texts
    energy = particle_columns(run.configuration(1, 1))["energy"][17]
    (label,) = [column["short"] for column in page.data["columns"] if column["name"] == "energy"]
    said_energy = float(texts[texts.index(label, texts.index("particle 17, A")) + 1].replace("\N{MINUS SIGN}", "-"))
    assert said_energy == pytest.approx(energy, abs=1e-3)  # a page holds columns in 65,535 steps and says four digits


def test_the_browser_refuses_any_request_of_the_page(run, tmp_path, browser):
    write_view([run], tmp_path / "view.html", frames="last")
    _, said = browser(tmp_path / "view.html", "fetch('http://127.0.0.1:9/').catch(() => 0);", 500, tmp_path)
    assert any("Content Security Policy" in line for line in said)
