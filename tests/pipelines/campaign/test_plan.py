"""What a campaign takes, counted by hand; and what it turns out to take."""

import numpy as np
import pytest

from vitrify.learn.models import ARCHITECTURES, get_architecture
from vitrify.pipelines.campaign.campaign import parse_campaign, read_campaign
from vitrify.pipelines.campaign.directory import begin
from vitrify.pipelines.campaign.perform import perform
from vitrify.pipelines.campaign.plan import as_json, make_plan
from vitrify.pipelines.campaign.rates import Rates, typical_size
from vitrify.pipelines.campaign.work import EPOCHS, amounts
from vitrify.pipelines.cli import main

TEXT = """
name = "counted"
seed = 1
batch = 64
[mixture]
particles = 1080
frames = 20
[cool.ramp]
ramp_steps = [2e4, 2e5]
replicas = 100
store = [1, 20]
[anneal.liquid]
kt = 0.6
steps = 1e5
replicas = 10
inherent = false
[deposit.films]
preset = "reid"
replicas = 2
[cool-film.partners]
of = "films"
[analyze.curves]
runs = ["ramp", "liquid"]
[dataset.pair]
positions = "inherent"
classes.liquid = "ramp-2e5@1.9"
classes.glass = "ramp-2e5@0.05"
[train.net]
model = "mpnn"
on = "pair"
settings = {epochs = 10}
[report]
"""


@pytest.fixture(scope="module")
def rows():
    rates = Rates(particle_steps=1e8, quenched=1e4, measured=1e3, stepped=1e5, start=0.0, source="given")
    plan = make_plan(parse_campaign("counted.toml", TEXT), rates, devices=4)
    return {row.stage.name: row for row in plan.rows}, plan


@pytest.mark.parametrize(
    ("stage", "steps", "particle_steps", "quenched"),
    [
        ("ramp-2e4", 100 * 25_000, 100 * 25_000 * 1080, 100 * 20 * 1080),
        ("ramp-2e5", 100 * 205_000, 100 * 205_000 * 1080, 100 * 20 * 1080),
        ("liquid", 10 * 150_000, 10 * 150_000 * 1080, 0),
        # 20,000 steps draw 212 of the substrate together, then 10, 20, ..., 1,200 fall for 86,000 steps each.
        ("films", 2 * (20_000 + 120 * 86_000), 2 * (20_000 * 212 + 86_000 * (120 * 212 + 10 * 120 * 121 // 2)),
         2 * 1412),
        ("partners", 2 * (20_000 + 10_320_000), 2 * 10_340_000 * 1412, 2 * 100 * 1412),
    ],
)  # fmt: skip
def test_steps_and_quenches(rows, stage, steps, particle_steps, quenched):
    amount = rows[0][stage].amount
    assert (amount.steps, amount.particle_steps, amount.quenched) == (steps, particle_steps, quenched)


def test_what_is_measured_and_learnt(rows):
    assert rows[0]["curves"].amount.measured == 2 * 100 * 2 * 1080  # inherent structures only
    assert rows[0]["net"].amount.stepped == pytest.approx(0.7 * 200 * 1080 * 10)


def test_seconds_follow_from_rates_and_devices(rows):
    found, plan = rows
    ramp = 100 * 205_000 * 1080 / 1e8 + 100 * 20 * 1080 / 1e4
    assert found["ramp-2e5"].seconds == pytest.approx(ramp)
    assert found["ramp-2e5"].longest == pytest.approx(0.64 * ramp)  # the larger of batches of 64 and 36
    assert plan.seconds == pytest.approx(sum(row.seconds for row in plan.rows))
    film = found["films"].longest + found["partners"].longest
    measured = max(found[name].longest for name in ("ramp-2e4", "ramp-2e5", "liquid")) + found["curves"].longest
    assert plan.chain == pytest.approx(max(film, measured) + found["report"].longest * (measured > film))
    assert plan.wall == pytest.approx(max(plan.seconds / 4, plan.chain))
    assert as_json(plan)["device_seconds"] == plan.seconds


def test_epochs_are_those_of_the_recipes():
    recipes = {name: get_architecture(name).recipe for name in ARCHITECTURES}
    assert EPOCHS == {name: recipe.epochs for name, recipe in recipes.items() if recipe}


def test_files_and_bytes_are_those_that_are_there(tmp_path):
    text = """
    name = "real"
    seed = 1
    [cool.ramp]
    particles = 500
    frames = 4
    store = [2, 4]
    ramp_steps = 100
    equilibration_steps = 0
    replicas = 6
    [deposit.films]
    preset = "reid"
    box_length = 12.0
    substrate = {particles = 80, relax_steps = 100}
    vapour = {slab_gap = 4.0}
    injections = 4
    steps_per_injection = 300
    store_every = 2
    replicas = 3
    [cool-film.partners]
    of = "films"
    melt_steps = 100
    ramp_steps = 100
    frames = 2
    """
    campaign = parse_campaign("real.toml", text)
    begin(campaign, tmp_path / "real")
    counted = amounts(campaign.stages)
    for stage in campaign.stages:
        (task,) = stage.tasks
        home = tmp_path / "real" / "workspace" / task.name
        perform(stage.name, home)
        files = [path for path in home.rglob("*") if path.is_file()]
        assert len(files) + 1 == counted[task.name].files  # a log, by whoever runs it
        assert sum(path.stat().st_size for path in files) == pytest.approx(counted[task.name].bytes, rel=0.15)


def test_the_log_is_counted_whole():
    plan = make_plan(read_campaign("log"), Rates(), devices=1000)
    ramps = [row for row in plan.rows if row.stage.table == "cool.ramp"]
    assert [sum(task.asked["spec"]["replicas"] for task in row.stage.tasks) for row in ramps] == [10_000] * 5
    assert [row.amount.steps / 10_000 - 5000 for row in ramps] == [2e4, 2e5, 2e6, 2e7, 2e8]
    assert typical_size(read_campaign("log").stages) == 4320
    assert np.isfinite(plan.wall)


def test_a_plan_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["campaign", "plan", "smoke", "--particle-steps", "5e7", "--quenched", "1e4", "--devices", "2"])
    assert ended.value.code == 0
    assert "rates of one device, given" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SystemExit) as ended:
        main(["campaign", "plan", "smoke", "--particle-steps", "5e7"])
    assert ended.value.code == 2
    assert "expected both" in capsys.readouterr().err
