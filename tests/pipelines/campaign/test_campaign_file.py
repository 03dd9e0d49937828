"""CAMPAIGN.toml: what its tables become, and a clear line, with its number, for everything that is wrong."""

import json

import pytest

from vitrify.md.protocols.cooling import CoolingSpec
from vitrify.pipelines.campaign.campaign import check_options, parse_campaign, read_campaign, shipped
from vitrify.pipelines.campaign.directory import begin, open_campaign, task_directory
from vitrify.pipelines.campaign.tasks import read_task

TEXT = """\
name = "story"
seed = 7
batch = 64
[mixture]
particles = 1080
frames = 20
store = "all"
[cool.ramp]
ramp_steps = [2e4, 2e5]
replicas = 200
[anneal.liquid]
kt = 0.547
steps = 4e5
replicas = 64
[deposit.films]
preset = "reid"
substrate_kt = [0.05, 0.14]
replicas = 8
batch = 4
[cool-film.partners]
of = "films"
[analyze.curves]
runs = ["ramp", "liquid"]
structure = false
[dataset.pair]
positions = "inherent"
classes.liquid = "liquid@0.547"
classes.glass = ["ramp-2e5@0.05"]
[train.net]
model = "mpnn"
on = "pair"
seeds = [1, 2]
settings = {epochs = 40}
[evaluate.matrix]
models = ["net"]
on = ["pair"]
[transfer.along]
runs = ["ramp-2e5"]
model = "net-1"
[report]
"""


def line_of(text):
    return next(number for number, line in enumerate(TEXT.splitlines(), start=1) if line.startswith(text))


def test_tables_become_stages_in_an_order_in_which_they_can_be_done():
    campaign = parse_campaign("story.toml", TEXT)
    assert [(stage.name, len(stage.tasks)) for stage in campaign.stages] == [
        ("ramp-2e4", 4), ("ramp-2e5", 4), ("liquid", 1), ("films-0.05", 2), ("films-0.14", 2), ("partners-0.05", 2),
        ("partners-0.14", 2), ("curves", 1), ("pair", 1), ("net-1", 1), ("net-2", 1), ("matrix", 1), ("along", 1),
        ("report", 1),
    ]  # fmt: skip
    done = set()
    for stage in campaign.stages:
        assert set(stage.needs) <= done
        done.add(stage.name)
    assert campaign.stage("partners-0.14").needs == ("films-0.14",)
    assert campaign.stage("report").needs == ("curves", "matrix", "along")


def test_batches_of_a_stage_are_one_ensemble_side_by_side():
    campaign = parse_campaign("story.toml", TEXT)
    specs = [CoolingSpec.from_table(task.asked["spec"]) for task in campaign.stage("ramp-2e5").tasks]
    assert [(spec.first_replica, spec.replicas) for spec in specs] == [(0, 64), (64, 64), (128, 64), (192, 8)]
    assert len({spec.noise_seed for spec in specs}) == 1
    assert {(spec.ramp_steps, spec.particles, spec.store) for spec in specs} == {(200_000, 1080, "all")}
    other = CoolingSpec.from_table(campaign.stage("ramp-2e4").tasks[0].asked["spec"])
    assert other.seed != specs[0].seed


def test_seeds_do_not_depend_on_what_else_the_campaign_holds():
    shorter = TEXT.replace("ramp_steps = [2e4, 2e5]", "ramp_steps = [2e5, 2e6]")
    one, other = (parse_campaign("story.toml", text).stage("ramp-2e5") for text in (TEXT, shorter))
    assert one == other


def test_a_partner_cools_as_long_as_its_film_grew():
    campaign = parse_campaign("story.toml", TEXT)
    film, partner = campaign.stage("films-0.14").tasks[1], campaign.stage("partners-0.14").tasks[1]
    assert partner.inputs == {"films-0.14": (film.name,)}
    assert partner.asked["spec"]["ramp_steps"] == 120 * 86_000


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("seed = 7", "seed = 'x'", "seed", "seed: got 'x', expected a value of type int"),
        ("seed = 7", "seed = -1", "seed", "seed: got -1, expected at least 0"),
        ("batch = 64\n", "batch = 64\nbatches = 3\n", "batch", "has no batches; expected one of name"),
        ('store = "all"', 'store = "some"', "store", "store: got 'some', expected 'all', 'none', 'last' or frame"),
        ("particles = 1080", "particle = 1080", "particles", "[mixture] has no particle; expected one of"),
        ("ramp_steps = [2e4, 2e5]", "ramp_steps = [2e4, 2e4]", "[cool.ramp]", "got a value twice"),
        ("ramp_steps = [2e4, 2e5]", "ramp_steps = 10", "ramp_steps", "ramp_steps: got 10 for 20 frames"),
        ("ramp_steps = [2e4, 2e5]", "", "[cool.ramp]", "[cool.ramp] has no ramp_steps, which it needs"),
        ("replicas = 200", "replicas = 2.5", "replicas", "replicas: got 2.5, expected a value of type int"),
        ("replicas = 200", "replicas = 200\nbatch = 2000", "replicas", "batch: got 2000, expected 1 to 1024"),
        ("replicas = 200", "replicas = 200\nbatch = 2", "replicas", "batch: got 2, which makes 100 batches"),
        ('preset = "reid"', 'preset = "ried"', "preset", "preset: got 'ried', expected one of reid, log"),
        ('of = "films"', 'of = "film"', "of", "of: got 'film', expected a stage of deposit; there are films-0.05"),
        ('runs = ["ramp", "liquid"]', 'runs = ["romp"]', "runs", "runs: got 'romp', expected a stage of cool"),
        ("structure = false", "structures = false", "structure", "[analyze.curves] has no structures"),
        ('positions = "inherent"', 'positions = "here"', "positions", "positions: got 'here', expected one of instant"),
        ("liquid@0.547", "liquid@0.8", "classes.liquid", "classes.liquid: liquid stores no frame near kT 0.8; stored"),
        ("liquid@0.547", "liquid", "classes.liquid", "classes.liquid: got 'liquid', expected STAGE@kT"),
        ('on = "pair"', 'on = "pear"', "on", "on: got 'pear', expected a stage of dataset; there are pair"),
        ("seeds = [1, 2]", "seeds = [1, 1]", "seeds", "seeds: got [1, 1], expected whole numbers"),
        ('model = "net-1"', 'model = "net"', 'model = "net-1"', "model: got 'net', which are 2 models"),
        ("[evaluate.matrix]", "[evaluate.pair]", "[evaluate.matrix]", "name: pair is there twice"),
        ("[evaluate.matrix]", '[evaluate."a/b"]', "[evaluate.matrix]", "got 'a/b', expected letters, digits"),
        ("[evaluate.matrix]", "[evaluated.matrix]", "[evaluate.matrix]", "has no evaluated; expected one of"),
    ],
)  # fmt: skip
def test_bad_input_is_a_line_that_names_its_line(old, new, key, message):
    with pytest.raises(ValueError, match=r"^story\.toml, line \d+: ") as raised:
        parse_campaign("story.toml", TEXT.replace(old, new, 1))
    said = str(raised.value)
    assert message in said
    assert "\n" not in said
    expected = line_of(key) + (1 if "\n" in new else 0)
    assert said.startswith(f"story.toml, line {expected}:")


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("epochs = 40", "epoch = 40", "settings", "mpnn: has no epoch; expected one of"),
        ('model = "mpnn"', 'model = "mppn"', 'model = "mpnn"', "model: got 'mppn', expected one of"),
        ("structure = false", "overlap_radius = -1", "structure", "overlap_radius: got -1, expected a positive"),
    ],
)
def test_options_of_networks_and_analyses_are_checked_before_anything_runs(old, new, key, message):
    campaign = parse_campaign("story.toml", TEXT.replace(old, new))
    with pytest.raises(ValueError, match=rf"^story\.toml, line {line_of(key)}: ") as raised:
        check_options(campaign)
    assert message in str(raised.value)


def test_what_is_no_toml_says_where():
    with pytest.raises(ValueError, match=r"story\.toml: no TOML file: .*line 8"):
        parse_campaign("story.toml", TEXT.replace("[cool.ramp]", "[cool.ramp"))


@pytest.mark.parametrize("name", shipped())
def test_campaigns_that_ship_are_whole(name):
    campaign = read_campaign(name)
    assert campaign.name == name
    assert campaign.stages[-1].action == "report"


def test_a_directory_holds_every_task_as_it_was_asked_for(tmp_path):
    campaign = parse_campaign("story.toml", TEXT)
    begin(campaign, tmp_path / "out")
    begin(campaign, tmp_path / "out")
    assert open_campaign(tmp_path / "out") == campaign
    for stage in campaign.stages:
        for task in stage.tasks:
            held = read_task(task_directory(tmp_path / "out", task))
            assert (held.name, held.stage, held.inputs) == (task.name, task.stage, task.inputs)
            assert held.asked == json.loads(json.dumps(task.asked))


def test_a_campaign_may_gain_stages_but_not_change_them(tmp_path):
    out = tmp_path / "out"
    begin(parse_campaign("story.toml", TEXT), out)
    more = TEXT.replace("[report]", '[compare.sides]\nfirst = "ramp-2e5@0.05"\nsecond = "liquid@0.547"\n[report]')
    begin(parse_campaign("story.toml", more), out)
    assert "compare" in (out / "campaign.toml").read_text()
    for old, new, message in (
        ("particles = 1080", "particles = 500", r"line 5: edited since .*ramp-2e4 had particles = 1080, has 500"),
        ("replicas = 200", "replicas = 100", r"line 10: edited since .*ramp-2e4 had 4 batches, has 2"),
        ("[2e4, 2e5]", "[2e4]", r"edited since .* stage ramp-2e4 of \[cool.ramp\] is gone"),
        ('name = "story"', 'name = "tale"', "holds the campaign story, got tale"),
    ):
        text = more.replace(old, new).replace("ramp-2e5", "ramp") if "2e4" in old else more.replace(old, new)
        with pytest.raises(ValueError, match=message):
            begin(parse_campaign("story.toml", text), out)


def test_another_directory_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="no campaign's directory"):
        begin(parse_campaign("story.toml", TEXT), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
