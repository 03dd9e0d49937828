"""``vitrify check``: passes on a sound engine, and on a tampered one fails in the rows that say what is wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest
from numba import cuda
from rich.console import Console

from vitrify.md.engines import registry
from vitrify.md.schedule import TemperatureSchedule
from vitrify.pipelines import cli
from vitrify.pipelines.check import check
from vitrify.pipelines.check.checkup import QUESTIONS, Question, failed_rows
from vitrify.pipelines.check.speed import timed
from vitrify.pipelines.check.verdict import at_most, within_errors

FORCE_ROWS = {"energies", "forces", "virials", "first steps, bulk", "first steps, film"}
QUENCH_ROWS = {"quench, max|F|", "quench, energies", "quench, beside L-BFGS"}


class Tampered:
    """An engine in all but what a test changes."""

    def __init__(self, engine):
        self.engine = engine

    def __getattr__(self, name):
        return getattr(self.engine, name)


@pytest.fixture
def tampered(monkeypatch):
    """Let every engine that is built from here on be a tampered one; returns the rows that then fail."""

    def with_change(change) -> set[str]:
        build = registry._BUILDERS["replica"]
        monkeypatch.setitem(registry._BUILDERS, "replica", lambda wanted: change(build, wanted))
        record = check(device="cpu", sizes=(), console=Console(quiet=True))
        assert record["passed"] is False
        return set(failed_rows(record))

    return with_change


def test_a_sound_engine_passes(tmp_path, capsys):
    out = tmp_path / "here" / "check.json"
    record = check(device="cpu", sizes=(64,), out=out)
    assert record["passed"]
    assert failed_rows(record) == []
    told = json.loads(out.read_text())
    assert told == json.loads(json.dumps(record))
    assert {row["name"] for row in told["rows"]} >= FORCE_ROWS | QUENCH_ROWS
    assert told["device"] == "cpu"
    assert told["versions"]["numpy"] == np.__version__
    assert told["provenance"]["host"]["cpus"] >= 1
    rates = [row["particle_steps_per_second"] for row in told["speed"]]
    assert rates == sorted(rates, reverse=True)
    assert min(rates) > 0
    assert sum(row["taken_by_runs"] for row in told["speed"]) == 1
    shown = capsys.readouterr().out
    assert "FAIL │" not in shown
    assert shown.count("│ pass │") == len(told["rows"])


def test_a_wrong_cutoff_is_found(tampered):
    """The AA pair cut at 2.45 instead of 2.5: everything that rests on forces is wrong, and nothing else."""

    def change(build, wanted):
        r_cut = wanted.pairs.r_cut.copy()
        r_cut[0, 0] = 2.45
        return build(wanted._replace(pairs=replace(wanted.pairs, r_cut=r_cut)))

    failed = tampered(change)
    assert failed >= FORCE_ROWS | QUENCH_ROWS
    assert failed <= FORCE_ROWS | QUENCH_ROWS | {"energy drift, NVE"}


class Forgetful(Tampered):
    """Forgets where its neighbour lists were built."""

    def integrate(self, *arguments, **options):
        return replace(self.engine.integrate(*arguments, **options), origin=None)


class Careless(Tampered):
    """Hands one velocity back a bit off."""

    def integrate(self, *arguments, **options):
        moved = self.engine.integrate(*arguments, **options)
        velocities = moved.velocities.copy()
        velocities[:, 0, 0] = np.nextafter(velocities[:, 0, 0].astype(np.float32), np.float32(9))
        return replace(moved, velocities=velocities)


@pytest.mark.parametrize("broken", [Forgetful, Careless])
def test_a_broken_restart_is_found(tampered, broken):
    failed = tampered(lambda build, wanted: broken(build(wanted)))
    assert "restart, liquid" in failed
    assert failed <= {"restart, liquid", "restart, film"}


def test_a_thermostat_of_2n_degrees_of_freedom_is_found(tampered):
    """2N instead of 2N - 2 in a box whose centre of mass is at rest: 40 particles are 2.6 % too hot."""

    class Hot(Tampered):
        def integrate(self, ensemble, steps, thermostat=None, externals=()):
            if thermostat is not None and thermostat.species is None:
                factor = ensemble.particles[0] / (ensemble.particles[0] - 1)
                thermostat = heated(thermostat, factor)
            return self.engine.integrate(ensemble, steps, thermostat, externals)

    failed = tampered(lambda build, wanted: Hot(build(wanted)))
    assert "mean kT / set kT" in failed
    assert failed <= {"mean kT / set kT", "variance of kT / canonical"}


def test_a_group_without_its_centre_of_mass_is_found(tampered):
    """2n - 2 instead of 2n for a tethered group."""

    class Cold(Tampered):
        def integrate(self, ensemble, steps, thermostat=None, externals=()):
            if thermostat is not None and thermostat.species is not None:
                group = np.isin(ensemble.species[0], thermostat.species).sum()
                thermostat = heated(thermostat, (group - 1) / group)
            return self.engine.integrate(ensemble, steps, thermostat, externals)

    assert tampered(lambda build, wanted: Cold(build(wanted))) == {"kT of a tethered group / set kT"}


def heated(thermostat, factor):
    schedule = thermostat.schedule
    kts = tuple(float(factor * kt) for kt in schedule.kts)
    return replace(thermostat, schedule=TemperatureSchedule(steps=schedule.steps, kts=kts))


def test_a_quench_that_stops_early_is_found(tampered):
    class Lazy(Tampered):
        def minimize(self, ensemble, fmax=1e-6, externals=()):
            return self.engine.minimize(ensemble, max(fmax, 1e-3), externals)

    failed = tampered(lambda build, wanted: Lazy(build(wanted)))
    assert {"quench, max|F|", "film, quench max|F|"} <= failed
    assert failed <= {"quench, max|F|", "film, quench max|F|", "quench, beside L-BFGS"}


@pytest.mark.parametrize("sound", [True, False])
def test_a_gpu_is_held_against_the_cpu(monkeypatch, sound):
    """A CPU engine that calls itself a GPU, sums in another order, and has a cut-off of its own if it is not sound."""

    class Card(Tampered):
        device = "gpu:0"

    build = registry._BUILDERS["replica"]

    def card(wanted):
        if wanted.device == "cpu":
            return build(wanted)
        r_cut = wanted.pairs.r_cut * (1.0 if sound else 0.98)
        pairs = replace(wanted.pairs, r_cut=r_cut)
        return Card(build(wanted._replace(device="cpu", pairs=pairs)).with_settings({"skin": 0.35}))

    monkeypatch.setitem(registry._BUILDERS, "replica", card)
    record = check(device="gpu", sizes=(), questions=(), console=Console(quiet=True))
    assert record["device"] == "gpu:0"
    rows = {row["name"]: row["passed"] for row in record["rows"]}
    assert len(rows) == 3
    if sound:
        assert all(rows.values())
    else:
        assert not rows["GPU beside CPU, first steps"]
        assert not rows["GPU beside CPU, one basin"]


def test_a_question_that_ends_in_an_error_is_a_row_that_failed():
    def broken(machine):
        yield at_most("first", 0.0, 1.0, "")
        raise RuntimeError("the card\nfell off")

    questions = [Question("the card", broken), QUESTIONS[5]]
    record = check(device="cpu", sizes=(), questions=questions, console=Console(quiet=True))
    assert failed_rows(record) == ["the card"]
    assert [row["name"] for row in record["rows"]] == ["first", "the card", "restart, liquid", "restart, film"]
    assert record["rows"][1]["measured"] == "RuntimeError: the card fell off"


def test_what_is_not_a_number_does_not_pass():
    assert not at_most("x", float("nan"), 1.0, "").passed
    assert not within_errors("x", float("nan"), 0.1, 0.0, resolution=1.0).passed
    assert not within_errors("x", 0.0, float("nan"), 0.0, resolution=1.0).passed


def test_errors_too_large_to_see_anything_do_not_pass():
    assert not within_errors("kT", 1.0, 0.3, 1.0, resolution=0.5).passed


def test_the_clock_leaves_the_warm_up_out():
    class Engine:
        def integrate(self, liquid, steps, bath):
            return liquid

    ticks = iter([0.0, 10.0, 13.0, 20.0, 22.0])  # the round that warms up reads the clock once
    assert timed(Engine(), None, 1, clock=lambda: next(ticks)) == 2.0


@pytest.mark.parametrize("passes", [True, False])
def test_the_exit_status_says_whether_all_is_well(monkeypatch, capsys, passes):
    record = {"rows": [{"name": "energies", "passed": True}, {"name": "restart, film", "passed": passes}]}
    monkeypatch.setattr("vitrify.pipelines.check.check", lambda **options: record)
    with pytest.raises(SystemExit) as left:
        cli.main(["check"])
    assert left.value.code == (0 if passes else 1)
    assert capsys.readouterr().err == ("" if passes else "vitrify: check failed: restart, film\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "abacus"], "device: got 'abacus'"),
        (["--engine", "gromacs"], "engine: got 'gromacs'"),
        (
            ["--device", "gpu"],
            "device: got 'gpu', but no CUDA GPU can be used here: CUDA driver library cannot be found",
        ),
    ],
)
def test_bad_input(monkeypatch, capsys, options, message):
    monkeypatch.setattr(cuda, "cuda_error", lambda: "CUDA driver library cannot be found")  # on any machine
    with pytest.raises(SystemExit) as left:
        cli.main(["check", *options])
    assert left.value.code == 2
    assert message in capsys.readouterr().err


def test_a_record_that_is_there_is_not_replaced(tmp_path, capsys):
    out = tmp_path / "check.json"
    out.write_text("mine")
    with pytest.raises(SystemExit) as left:
        cli.main(["check", "--device", "cpu", "--out", str(out)])
    assert left.value.code == 2
    assert "exists already" in capsys.readouterr().err
    assert out.read_text() == "mine"


@pytest.mark.hoomd
def test_hoomd_passes():
    record = check(engine="hoomd", device="cpu", sizes=(64,), console=Console(quiet=True))
    assert failed_rows(record) == []
    assert record["versions"]["hoomd"]
