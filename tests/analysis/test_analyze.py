from dataclasses import replace

import numpy as np
import pytest

from vitrify.analysis.analyze import analyze
from vitrify.analysis.curves.equilibrium import equilibrium
from vitrify.analysis.curves.glass_transition import Windows
from vitrify.analysis.report.tables import read_contents, read_table
from vitrify.analysis.results import Options
from vitrify.md.protocols.annealing import AnnealingSpec, anneal
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.store.rundir import RunDirectory
from vitrify.md.store.writer import RunWriter
from vitrify.pipelines.cli import main


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two rates and a liquid at toy size."""
    home = tmp_path_factory.mktemp("runs")
    spec = CoolingSpec(
        particles=140, replicas=3, frames=24, ramp_steps=9_600, equilibration_steps=100, store=(1, 24), seed=11
    )
    liquid = AnnealingSpec(
        particles=140, replicas=2, frames=4, kt=0.9, steps=40, equilibration_steps=200, store="none", seed=3
    )
    return [
        cool(spec, home / "fast"),
        cool(replace(spec, ramp_steps=19_200, seed=12), home / "slow"),
        anneal(liquid, home / "liquid"),
    ]


BEND = 0.02 * np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
"""Where each of five replicas bends, beside their mean."""


def two_lines(path, ramp_steps, tg):
    """Five ramps whose E_IS is two straight lines, of slopes 0.01 and 0.11, that meet at -3.89."""
    spec = CoolingSpec(
        particles=140, replicas=len(BEND), frames=39, ramp_steps=ramp_steps, store="none", seed=ramp_steps
    )
    with RunWriter.create(path, spec.to_dict(), {"engine": "replica"}) as writer:
        for frame, kt in enumerate(spec.frame_kts, start=1):
            beyond = kt - tg - BEND
            energy = -3.89 + np.where(beyond < 0, 0.01, 0.11) * beyond
            writer.append_rows(
                {"replica": np.arange(len(BEND)), "frame": np.full(len(BEND), frame),
                 "step": np.full(len(BEND), spec.frame_steps[frame - 1]), "kt_set": np.full(len(BEND), kt),
                 "kt": np.full(len(BEND), kt), "potential_energy": energy + kt, "inherent_energy": energy,
                 "converged": np.ones(len(BEND), bool)}
            )  # fmt: skip
        return writer.finish()


def test_every_ramp_has_its_tg_with_an_interval_and_says_so(tmp_path, capsys):
    ramps = [two_lines(tmp_path / "fast", 200_000, 0.42), two_lines(tmp_path / "slow", 2_000_000, 0.38)]
    windows = ["--glass-window", "0.05,0.3", "--liquid-window", "0.5,1.0"]
    with pytest.raises(SystemExit) as status:
        main(["analyze", *(str(run.path) for run in ramps), "--out", str(tmp_path / "analysis"), *windows])
    assert status.value.code == 0
    tg = read_table(tmp_path / "analysis" / "tg.csv")
    assert tg["ramp_steps"].tolist() == [2_000_000, 200_000]
    assert tg["tg"] == pytest.approx([0.38, 0.42], abs=1e-9)
    assert tg["energy_at_tg"] == pytest.approx([-3.89, -3.89], abs=1e-9)
    # The lines of the mean curve cross at the mean of the bends, so its interval is that of five numbers: Student's t
    # of four degrees of freedom is 2.776.
    half = 2.7764 * BEND.std(ddof=1) / np.sqrt(5)
    assert tg["tg_low"] == pytest.approx(tg["tg"] - half, abs=1e-5)
    assert tg["tg_high"] == pytest.approx(tg["tg"] + half, abs=1e-5)
    assert (tg["glass_from"][0], tg["glass_to"][0], tg["liquid_to"][0]) == (0.05, 0.3, 1.0)
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("Tg", "no Tg"))]
    assert said == [
        "Tg = 0.380 (95 % 0.360 to 0.400; two lines, M = 2,000,000, 5 replicas)",
        "Tg = 0.420 (95 % 0.400 to 0.440; two lines, M = 200,000, 5 replicas)",
        "Tg, two lines changes by 0.0400 per decade of the rate (95 % 0.0169 to 0.0631)",  # t of eight: 2.306
    ]
    law = read_table(tmp_path / "analysis" / "rate_law.csv")
    slope = law["slope_per_decade"][law["quantity"] == "Tg, two lines"][0]
    assert slope == pytest.approx(0.04, abs=1e-9)  # a decade apart


def test_everything_a_set_of_runs_shows(runs, tmp_path):
    out = tmp_path / "analysis"
    lines = analyze(runs, out, Options(windows=Windows(glass=(0.05, 0.3), liquid=(0.4, 1.0))))
    assert {file.name for file in out.iterdir()} == {
        "cooling_curve.csv", "tg.csv", "tg_choices.csv", "rate_law.csv", "equilibrium.csv", "equilibrium_line.csv",
        "descriptors.csv", "g_of_r.csv", "s_of_k.csv", "bond_angles.csv", "figures",
        "contents.json", "provenance.json", "DONE",
    }  # fmt: skip
    assert {file.name for file in (out / "figures").glob("*.png")} == {
        "cooling_curve.png", "tg_against_rate.png", "tg_choices.png", "configurations.png", "g_of_r.png",
        "s_of_k.png", "bond_angles.png",
    }  # fmt: skip
    curve = read_table(out / "cooling_curve.csv")
    assert curve["ramp_steps"].tolist() == [19_200] * 24 + [9_600] * 24
    table = runs[0].table
    last = table["frame"] == 24
    assert curve["inherent_energy"][-1] == pytest.approx(table["inherent_energy"][last].mean(), rel=1e-9)
    assert read_table(out / "tg.csv")["replicas"].tolist() == [3, 3]
    # Whether so small ramps have a Tg hangs on the last bits: it is there or it is said why not.
    for steps in ("19,200", "9,600"):
        assert any(f"two lines, M = {steps}, 3 replicas" in line for line in lines) or any(
            line.startswith(f"no Tg for M = {steps.replace(',', '')}: ") for line in lines
        )


def test_every_table_and_figure_has_its_caption(runs, tmp_path):
    out = tmp_path / "analysis"
    analyze(runs, out)
    contents = read_contents(out)
    written = {file.relative_to(out).as_posix() for file in (*out.glob("*.csv"), *out.glob("figures/*.png"))}
    assert set(contents) == written
    assert all(len(entry["caption"]) > 30 and entry["caption"].endswith(".") for entry in contents.values())
    for name, entry in contents.items():
        if name.endswith(".csv"):
            assert set(entry["shown"]) <= set(read_table(out / name))


def test_mixtures_of_two_densities_are_refused_before_anything_is_written(runs, tmp_path):
    spec = AnnealingSpec(
        particles=140, replicas=2, frames=2, kt=0.9, steps=20, equilibration_steps=100, density=1.1, seed=3
    )
    other = anneal(spec, tmp_path / "thin")
    with pytest.raises(ValueError, match=r"thin: density is 1\.1, expected 1\.2 as in"):
        analyze([*runs, other], tmp_path / "analysis")
    assert {file.name for file in tmp_path.iterdir()} == {"thin"}


def test_a_part_that_fails_leaves_nothing(runs, tmp_path):
    with pytest.raises(ValueError, match="its replica 0 of seed 11 is in"):
        analyze([runs[0], runs[0]], tmp_path / "analysis")
    assert not list(tmp_path.iterdir())


def test_stored_configurations_and_the_engines_energies_agree(runs, tmp_path):
    analyze(runs, tmp_path / "analysis")
    columns = read_table(tmp_path / "analysis" / "descriptors.csv")
    # two runs, three replicas, two frames, instantaneous and inherent
    assert len(columns["run"]) == 24
    assert sorted(set(columns["positions"].tolist())) == ["inherent", "instant"]
    assert np.abs(columns["energy_minus_table"]).max() < 1e-6
    inherent = columns["positions"] == "inherent"
    for name in ("run", "replica", "frame"):
        assert columns[name][inherent].tolist() == columns[name][~inherent].tolist()
    assert (columns["energy"][inherent] < columns["energy"][~inherent]).all()


def test_an_analysis_is_left_alone_refused_or_replaced(runs, tmp_path):
    out = tmp_path / "analysis"
    analyze(runs[:1], out, Options(structure=False))
    written = (out / "provenance.json").stat().st_mtime_ns
    assert "there already" in analyze(runs[:1], out, Options(structure=False))[0]
    assert (out / "provenance.json").stat().st_mtime_ns == written
    with pytest.raises(FileExistsError, match="other runs or options"):
        analyze(runs[:2], out, Options(structure=False))
    analyze(runs[:2], out, Options(structure=False), force=True)
    assert len(set(read_table(out / "cooling_curve.csv")["ramp_steps"])) == 2
    assert not (tmp_path / "analysis.partial").exists()


def test_what_is_no_analysis_is_never_replaced(runs, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "love.txt").write_text("dear")
    with pytest.raises(FileExistsError, match="is no analysis"):
        analyze(runs, tmp_path / "letters", force=True)
    assert (tmp_path / "letters" / "love.txt").read_text() == "dear"


def test_a_window_without_frames_is_a_note_and_the_curve_is_there(runs, tmp_path):
    lines = analyze(runs[:1], tmp_path / "a", Options(windows=Windows(glass=(0.05, 0.06)), structure=False))
    assert any(line.startswith("no Tg for M = 9600: glass window 0.05 to 0.06: got 1 frames") for line in lines)
    assert (tmp_path / "a" / "cooling_curve.csv").exists()
    assert np.isnan(read_table(tmp_path / "a" / "tg.csv")["tg"]).all()


def test_energies_of_a_liquid(runs):
    state = equilibrium(runs[2])
    table = runs[2].table
    means = [table["inherent_energy"][table["replica"] == replica].mean() for replica in (0, 1)]
    assert state.inherent.mean == pytest.approx(np.mean(means))
    assert state.inherent.error == pytest.approx(abs(means[0] - means[1]) / 2)
    late, early = (table["inherent_energy"][np.isin(table["frame"], frames)].mean() for frames in ((3, 4), (1, 2)))
    assert state.drift.mean == pytest.approx(late - early)
    with pytest.raises(ValueError, match="expected a run of vitrify anneal"):
        equilibrium(runs[0])


def test_the_verbs(runs, tmp_path, capsys):
    paths = [str(run.path) for run in runs]
    with pytest.raises(SystemExit) as status:
        main(
            [
                "analyze",
                *paths,
                "--out",
                str(tmp_path / "a"),
                "--glass-window",
                "0.05,0.3",
                "--liquid-window",
                "0.4,1.0",
            ]
        )
    assert status.value.code == 0
    assert "E_IS(kT 0.05) = -3." in capsys.readouterr().out
    with pytest.raises(SystemExit) as status:
        main(["report", str(tmp_path / "a"), paths[0], "--out", str(tmp_path / "report.html")])
    assert status.value.code == 0
    text = (tmp_path / "report.html").read_text()
    assert "Run fast" in text
    assert text.count("data:image/png") == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["analyze", "missing", "--out", "a"], "missing: no such run directory"),
        (["analyze", "missing", "--out", "a", "--glass-window", "low"], "expected two temperatures"),
        (["analyze", "missing", "--out", "a", "--glass-window", "0.3,0.1"], "glass window"),
        (["report", "missing", "--out", "report.html"], "missing: no such directory"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as status:
        main(arguments)
    assert status.value.code == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_analysis_directory(runs, tmp_path):
    out = tmp_path / "analysis"
    analyze(runs[:1], out, Options(structure=False))
    (out / "DONE").unlink()  # as after a kill in the middle of a copy: it is made again
    assert "there already" not in analyze(runs[:1], out, Options(structure=False))[0]
    assert (out / "DONE").exists()
    assert RunDirectory.open(runs[0].path).finished
