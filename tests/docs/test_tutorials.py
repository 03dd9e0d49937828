"""The tutorials, carried out from end to end: each command as it is written, at a size of seconds."""

import glob
import shlex

import pytest
from pages import ROOT, code, commands_in

from vitrify.pipelines.cli import main

TUTORIALS = ("set-up", "cool", "films", "networks", "exchange", "campaigns")
"""In this order, in one folder: that on exchange asks the model of the one before."""

SMALL = {
    "cool": "--particles 100 --ramp-steps 400 --equilibration-steps 20",
    "anneal": "--particles 100 --steps 400 --equilibration-steps 20",
    "deposit": "--injections 50 --steps-per-injection 3e3 --set box_length=12.0 --set substrate.particles=80 "
    "--set substrate.relax_steps=400 --set vapour.slab_gap=4.0 --set vapour.batch=4 "
    "--set bulk_slab=[5.5,8.5]",
    "cool-film": "--ramp-steps 400 --melt-steps 200 --frames 20",
    "impact": "--impacts 4 --samples 60 --depth 3",
    "campaign": "--particle-steps 3e7 --quenched 5e3",
    "train": "--set epochs=1",
    "explain": "--artificial 1 --steps 2",
}
"""What is put behind the options of each verb, in place of sizes that take minutes."""

FEWER = {"96": "32"}
"""Replicas of the networks' tutorial."""

ELSEWHERE = {("check",), *(("campaign", verb) for verb in ("run", "status", "submit", "export-row", "release"))}
"""Verbs that have nothing to be made smaller, and tests of their own."""

READS_A_RELEASE = "campaigns"
"""The tutorial whose Python reads what only a whole campaign leaves."""

pytestmark = pytest.mark.site


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tutorials")


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_runs(name, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    names = {}
    for language, text in code(ROOT / "docs" / "tutorials" / f"{name}.md"):
        if language == "python" and name != READS_A_RELEASE:
            exec(text, names)
        if language == "toml" and text.startswith("name"):
            (folder / "campaign.toml").write_text(text)
            carry_out(["campaign", "plan", "campaign.toml"], capsys)
        for words in commands_in(text) if language == "console" else ():
            if not {tuple(words[:1]), tuple(words[:2])} & ELSEWHERE:
                carry_out(words, capsys)


def carry_out(words, capsys):
    """A command as a shell would give it, smaller; it must end well."""
    verb = words[0]
    small = SMALL.get(verb, "").split()
    if "--from" in words:
        small = small[2:]  # particles are those of the source
    if verb == "train" and words[1] == "linear":
        small = []
    given = [one for word in words for one in (sorted(glob.glob(word)) if "*" in word else [FEWER.get(word, word)])]
    with pytest.raises(SystemExit) as left:
        main([*given, *small])
    assert left.value.code == 0, f"vitrify {shlex.join(given)}: {capsys.readouterr().err}"
