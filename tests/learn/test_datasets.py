import csv
import json
import shutil
import tomllib
from dataclasses import replace

import numpy as np
import pytest

from vitrify.analysis.structure.energies import particle_energies
from vitrify.learn.datasets import open_dataset, save_dataset, stack
from vitrify.learn.gathered import Gathered
from vitrify.learn.sources import Source, build_dataset, parse_classes
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import EMPTY, kob_andersen_pairs
from vitrify.md.store.product import DONE
from vitrify.md.store.rundir import RunDirectory
from vitrify.md.store.writer import RunWriter

FRAMES = 4
KTS = 2.0 - 1.95 * np.arange(1, FRAMES + 1) / FRAMES  # 1.5125, 1.025, 0.5375, 0.05


def write_run(
    path, *, replicas=10, seed=1, kts=KTS, store=None, inherent=True, unconverged=(), spec=None, box=4.0, sites=None,
    energy=-3.8,
):  # fmt: skip
    """A run directory as ``vitrify cool`` leaves it: random positions, E_IS = -3.8 - replica / 1000 - frame / 100."""
    frames, particles = len(kts), 16 if sites is None else len(sites)
    store = range(1, frames + 1) if store is None else store
    rng, numbers = np.random.default_rng(seed), np.arange(replicas)
    drawn = (
        rng.uniform(-2, 2, (replicas, frames, particles, 2))
        if sites is None
        else np.tile(sites, (replicas, frames, 1, 1))
    )
    with RunWriter.create(path, {"protocol": "cool", "seed": seed, **(spec or {})}, {}) as writer:
        for frame, kt in enumerate(kts, start=1):
            ensemble = Ensemble(
                positions=drawn[:, frame - 1],
                velocities=np.zeros((replicas, particles, 2)),
                species=np.tile(np.arange(particles, dtype=np.int8) % 2, (replicas, 1)),
                box=np.full((replicas, 2), box),
                seed=seed,
                replica=numbers,
                step=np.full(replicas, 1000 * frame),
            )
            if frame in store:
                writer.write_frame(frame, kt, ensemble, inherent=ensemble if inherent else None)
            writer.append_rows(
                {
                    "replica": numbers,
                    "frame": np.full(replicas, frame),
                    "step": np.full(replicas, 1000 * frame),
                    "kt_set": np.full(replicas, kt),
                    "inherent_energy": energy - numbers / 1000 - frame / 100,
                    "converged": ~np.isin(numbers, list(unconverged)),
                }
            )
        writer.finish()
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "fast")


def build(liquid, glass, **options):
    classes = {"liquid": [Source.parse(text) for text in liquid], "glass": [Source.parse(text) for text in glass]}
    return build_dataset(classes, **{"seed": 1, **options})


def test_labels_follow_the_order_of_the_classes(run):
    built = build([f"{run}@1.0"], [f"{run}@0.05"])
    assert built.classes == ("liquid", "glass")
    np.testing.assert_allclose(built.kt_set, np.where(built.label == 1, 0.05, 1.025))
    np.testing.assert_array_equal(built.frame, np.where(built.label == 1, 4, 2))


def test_positions_energy_and_clock_are_those_of_the_run(run):
    built = build([f"{run}@1.0"], [f"{run}@0.05"])
    row = int(np.flatnonzero((built.replica == 3) & (built.label == 1))[0])
    assert built.configurations.inherent_energy[row] == pytest.approx(-3.843, abs=1e-12)
    assert built.step[row] == 4000
    rng = np.random.default_rng(1)
    drawn = [rng.uniform(-2, 2, (1, 16, 2))[0] for _ in range(10 * FRAMES)]
    np.testing.assert_array_equal(built.configurations.positions[row], drawn[3 * FRAMES + 3])


def test_all_configurations_of_a_replica_are_on_one_side(run, tmp_path):
    # Another rate with the same seed sets out from the same positions, so its replica 3 belongs to this replica 3.
    slow = write_run(tmp_path / "slow", replicas=12, spec={"ramp_steps": 2})
    built = build([f"{run}@1.0", f"{slow}@1.5"], [f"{run}@0.05", f"{slow}@0.05"])
    for origin in set(built.origin):
        assert len(set(built.part[built.origin == origin])) == 1
    assert {str(run) for run in built.run} == {"fast", "slow"}
    assert sum(len(set(built.origin[built.rows(part)])) for part in ("train", "validation", "test")) == 12


def test_another_seed_is_another_origin(run, tmp_path):
    other = write_run(tmp_path / "other", seed=2)
    built = build([f"{run}@1.0"], [f"{other}@0.05"])
    assert len(set(built.origin)) == 20
    counts = {part: {name: n["replicas"] for name, n in found.items()} for part, found in built.balance().items()}
    assert counts == {
        "train": {"liquid": 7, "glass": 7},
        "validation": {"liquid": 2, "glass": 2},
        "test": {"liquid": 1, "glass": 1},
    }


def test_an_equilibrium_run_gives_all_its_frames_or_the_last_ones(run, tmp_path):
    liquid = write_run(tmp_path / "liquid", seed=2, kts=np.full(5, 0.547))
    built = build([f"{liquid}@0.547"], [f"{run}@0.05"])
    assert (built.label == 0).sum() == 50
    last = build([f"{liquid}@0.547"], [f"{run}@0.05"], frames_per_replica=2)
    assert sorted(set(last.frame[last.label == 0])) == [4, 5]
    assert (last.label == 0).sum() == 20


def test_unconverged_quenches_are_left_out_of_inherent_positions_only(tmp_path):
    run = write_run(tmp_path / "run", unconverged=(2, 5))
    instant = build([f"{run}@1.0"], [f"{run}@0.05"])
    inherent = build([f"{run}@1.0"], [f"{run}@0.05"], positions="inherent")
    assert len(instant.configurations) == 20
    assert set(inherent.replica) == set(range(10)) - {2, 5}
    assert [source["stored"] - source["configurations"] for source in inherent.sources] == [2, 2]


def test_a_dataset_comes_back_from_its_directory_exactly(run, tmp_path):
    built = build([f"{run}@1.0"], [f"{run}@0.05"], positions="inherent")
    saved = save_dataset(built, tmp_path / "data")
    for name in ("label", "part", "origin", "run", "replica", "frame", "step", "kt_set"):
        np.testing.assert_array_equal(getattr(saved, name), getattr(built, name), strict=True)
    for name in ("positions", "species", "box", "periodic", "inherent_energy"):
        expected = getattr(built.configurations, name)
        np.testing.assert_array_equal(getattr(saved.configurations, name), expected, strict=True)
    assert (saved.classes, saved.positions_taken, saved.seed, saved.fractions) == (
        built.classes, "inherent", built.seed, built.fractions,
    )  # fmt: skip
    assert saved.name == "data"
    assert len(saved.digest) == 64


def test_the_directory_says_in_words_what_is_in_it(run, tmp_path):
    save_dataset(build([f"{run}@1.0"], [f"{run}@0.05"]), tmp_path / "data")
    head = tomllib.loads((tmp_path / "data" / "dataset.toml").read_text())
    assert head["labels"] == {"liquid": 0, "glass": 1}
    assert head["positions"] == "instant"
    assert head["source"]["1"]["class"] == "glass"
    assert head["source"]["1"]["identity"] == RunDirectory.open(run).identity
    split = json.loads((tmp_path / "data" / "splits.json").read_text())
    assert split["balance"]["train"]["glass"] == {"configurations": 7, "replicas": 7}
    assert len(split["origins"]["train"]) == 7
    with open(tmp_path / "data" / "configurations.csv") as file:
        rows = list(csv.DictReader(file))
    assert {(row["class"], row["label"]) for row in rows} == {("liquid", "0"), ("glass", "1")}


def test_the_digest_is_that_of_the_data_and_not_of_the_day(run, tmp_path):
    one, same = (save_dataset(build([f"{run}@1.0"], [f"{run}@0.05"]), tmp_path / name) for name in ("one", "same"))
    other = save_dataset(build([f"{run}@1.0"], [f"{run}@0.05"], seed=2), tmp_path / "other")
    assert one.digest == same.digest != other.digest


def test_a_dataset_that_is_there_is_not_overwritten(toy, tmp_path):
    first = save_dataset(toy, tmp_path / "data")
    other = replace(toy, label=1 - toy.label)
    with pytest.raises(FileExistsError, match=r"exists already.*--force"):
        save_dataset(other, tmp_path / "data")
    assert open_dataset(tmp_path / "data").digest == first.digest
    assert save_dataset(other, tmp_path / "data", force=True).digest != first.digest


def test_force_replaces_datasets_and_nothing_else(toy, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"has no dataset\.toml"):
        save_dataset(toy, tmp_path, force=True)
    assert (tmp_path / "thesis.tex").exists()


def test_a_writer_that_fails_leaves_nothing_behind(toy, tmp_path, monkeypatch):
    def full_disk(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vitrify.learn.datasets.np.save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_dataset(toy, tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pattern", ["block-*.positions.npy", "configurations.csv", "splits.json"])
def test_a_damaged_dataset_is_refused(toy, tmp_path, pattern):
    path = tmp_path / "data"
    save_dataset(toy, path)
    name = next(path.glob(pattern)).name
    content = bytearray((path / name).read_bytes())
    content[-3] ^= 1
    (path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"damaged dataset directory \({name} is missing or was changed\)"):
        open_dataset(path)


def test_an_unfinished_or_missing_dataset_is_refused(toy, tmp_path):
    save_dataset(toy, tmp_path / "data")
    (tmp_path / "data" / DONE).unlink()
    with pytest.raises(ValueError, match="not a finished dataset directory"):
        open_dataset(tmp_path / "data")
    with pytest.raises(FileNotFoundError, match=r"no such dataset directory: .*nowhere"):
        open_dataset(tmp_path / "nowhere")


def test_configurations_of_different_size_are_padded_with_empty_slots():
    positions, species = stack([np.ones((2, 2)), np.ones((3, 2))], [np.array([0, 1]), np.array([1, 1, 0])])
    assert positions.shape == (2, 3, 2)
    assert species.tolist() == [[0, 1, EMPTY], [1, 1, 0]]
    assert species.dtype == np.int8


@pytest.mark.parametrize("text", ["run", "@0.5", "run@", "run@cold", "run@-1", "run@nan"])
def test_a_source_is_a_run_and_a_temperature(text):
    with pytest.raises(ValueError, match="expected RUN@kT"):
        Source.parse(text)


def test_a_path_may_contain_an_at_sign():
    source = Source.parse("me@home/run@0.5")
    assert (str(source.path), source.kt) == ("me@home/run", 0.5)


def test_a_temperature_that_was_not_stored_is_named(run, tmp_path):
    glass = write_run(tmp_path / "glass", store=[4])
    with pytest.raises(ValueError, match=r"glass: no configuration stored at kT 1\.03; stored at kT 0\.05"):
        build([f"{glass}@1.03"], [f"{run}@0.05"])


def test_a_run_without_configurations_is_named(run, tmp_path):
    bare = write_run(tmp_path / "bare", store=[], replicas=3)
    with pytest.raises(ValueError, match="bare: has no stored configurations; expected a run made with --store"):
        build([f"{bare}@1.03"], [f"{run}@0.05"])


def test_a_run_under_way_is_refused(run, tmp_path):
    half = write_run(tmp_path / "half")
    (half / "DONE").unlink()
    with pytest.raises(ValueError, match="half: is not finished"):
        build([f"{half}@1.03"], [f"{run}@0.05"])


def test_a_film_melted_and_cooled_is_of_one_origin_with_the_film_it_was(tmp_path):
    film = write_run(tmp_path / "film", seed=4)
    cooled = write_run(tmp_path / "cooled", seed=5, spec={"deposition": {"seed": 4}})
    built = build([f"{cooled}@0.05"], [f"{film}@0.05"])
    assert len(set(built.origin)) == 10
    for origin in set(built.origin):
        assert len(set(built.part[built.origin == origin])) == 1


def test_a_run_without_inherent_structures_is_named(run, tmp_path):
    hot = write_run(tmp_path / "hot", inherent=False, replicas=3)
    with pytest.raises(ValueError, match="hot: has no stored inherent structures"):
        build([f"{hot}@1.03"], [f"{run}@0.05"], positions="inherent")
    wild = write_run(tmp_path / "wild", unconverged=range(3), replicas=3)
    with pytest.raises(ValueError, match="wild: none of its 3 quenches converged"):
        build([f"{wild}@1.03"], [f"{run}@0.05"], positions="inherent")


def test_a_configuration_cannot_be_liquid_and_glass(run):
    with pytest.raises(ValueError, match=r"fast: frame 4 of replica 0 was given twice, as liquid and as glass"):
        build([f"{run}@0.05"], [f"{run}@0.05"])


def test_two_replicas_cannot_be_split(run, tmp_path):
    few = write_run(tmp_path / "few", seed=9, replicas=2)
    with pytest.raises(ValueError, match="class glass: got 2 independent replicas"):
        build([f"{run}@1.03"], [f"{few}@0.05"])


def test_a_missing_run_is_named(run, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such run directory"):
        build([f"{tmp_path / 'nowhere'}@1.0"], [f"{run}@0.05"])


@pytest.mark.parametrize("options", [{"positions": "quantum"}, {"frames_per_replica": 0}])
def test_impossible_options_are_refused(run, options):
    with pytest.raises(ValueError, match="expected"):
        build([f"{run}@1.0"], [f"{run}@0.05"], **options)


def test_any_classes_in_the_order_they_are_given(run, tmp_path):
    other = write_run(tmp_path / "other", seed=2)
    classes = parse_classes([f"cold={run}@0.05", f"warm={run}@0.54,{other}@0.54", f"cold={other}@0.05"])
    built = build_dataset(classes, seed=1)
    assert built.classes == ("cold", "warm")
    np.testing.assert_allclose(np.unique(built.kt_set[built.label == 0]), [0.05])
    assert [int((built.label == label).sum()) for label in (0, 1)] == [20, 20]


@pytest.mark.parametrize("text", ["fast@0.05", "=fast@0.05", "glass=", "glass=fast", "glass=fast@0.05,", "a@b=fast@1"])
def test_a_class_is_a_name_and_sources(text):
    with pytest.raises(ValueError, match=r"expected (NAME=)?RUN@kT"):
        parse_classes([text])


def test_an_empty_class_and_a_single_one_are_refused(run):
    with pytest.raises(ValueError, match="class glass: is empty, expected at least one RUN@kT"):
        build([f"{run}@1.0"], [])
    with pytest.raises(ValueError, match="classes: got liquid, expected at least two"):
        build_dataset({"liquid": [Source.parse(f"{run}@1.0")]}, seed=1)


def test_classes_of_two_densities_are_refused(run, tmp_path):
    dilute = write_run(tmp_path / "dilute", seed=2, box=4.2)
    with pytest.raises(ValueError, match=r"dilute: has density 0\.907, .*fast 1; expected one density"):
        build([f"{run}@1.0"], [f"{dilute}@0.05"])


def test_runs_are_known_by_what_they_are_and_not_by_their_folders(run, tmp_path):
    copy = tmp_path / "renamed"
    shutil.copytree(run, copy)
    with pytest.raises(ValueError, match=r"frame 4 of replica 0 was given twice, as liquid and as glass"):
        build([f"{run}@0.05"], [f"{copy}@0.05"])
    (tmp_path / "elsewhere").mkdir()
    namesake = write_run(tmp_path / "elsewhere" / "fast", seed=2)  # another run in a folder of the same name
    assert len(build([f"{run}@0.05"], [f"{namesake}@0.05"]).configurations) == 20


def test_a_run_begun_from_another_is_of_one_origin_with_it(run, tmp_path):
    identity = RunDirectory.open(run).identity
    later = write_run(tmp_path / "later", seed=5, spec={"source": identity})
    built = build([f"{later}@1.0"], [f"{run}@0.05"])
    assert len(set(built.origin)) == 10


def test_the_null_splits_one_class_by_origin(run):
    built = build_dataset(parse_classes([f"glass={run}@0.05", f"glass={run}@0.54"]), seed=1, null=True)
    assert (built.classes, built.null) == (("glass-1", "glass-2"), True)
    assert [len(set(built.origin[built.label == label])) for label in (0, 1)] == [5, 5]
    assert not set(built.origin[built.label == 0]) & set(built.origin[built.label == 1])
    with pytest.raises(ValueError, match="null: got the classes a, b, expected one"):
        build_dataset(parse_classes([f"a={run}@1.0", f"b={run}@0.05"]), seed=1, null=True)


def test_matched_classes_have_one_energy_in_every_part(tmp_path):
    # E_IS = -3.8 - replica / 1000 - frame / 100: at frames 3 and 4 that of replica k is that of replica k + 10.
    runs = [write_run(tmp_path / name, seed=seed, replicas=40) for name, seed in (("one", 1), ("other", 2))]
    built = build([f"{runs[0]}@0.05"], [f"{runs[1]}@0.54"], tolerance=1e-6)
    assert built.matching is not None
    assert (built.matching["pairs"], built.matching["divided"]) == (30, 0)
    assert set(built.replica[built.label == 0]) == set(range(30))
    for part in ("train", "validation", "test"):
        own = built.part == part
        first, second = (np.sort(built.configurations.inherent_energy[own & (built.label == k)]) for k in (0, 1))
        np.testing.assert_allclose(first, second, atol=1e-9)
    assert "30 pairs from 40 of liquid and 40 of glass" in built.notes[0]


def test_pairs_that_chain_all_replicas_together_are_divided_and_it_is_said(tmp_path):
    run = write_run(tmp_path / "run", replicas=40)
    built = build([f"{run}@0.54"], [f"{run}@0.05"], tolerance=1e-6)  # replica k + 10 beside replica k: ten long chains
    assert built.matching is not None
    assert built.matching["divided"] > 0
    assert "are divided between the parts" in built.notes[1]
    for origin in set(built.origin):
        assert len(set(built.part[built.origin == origin])) == 1


def test_a_set_too_small_to_match_is_refused(run, tmp_path):
    other = write_run(tmp_path / "other", seed=2)
    with pytest.raises(
        ValueError, match=r"match: 0 pairs of liquid and glass have E_IS within 1e-06, .*means are -3\.8"
    ):
        build([f"{run}@1.0"], [f"{other}@0.05"], tolerance=1e-6)  # 0.02 apart, replicas differ by 0.009 at most
    blank = write_run(tmp_path / "blank", seed=3, energy=np.nan)
    with pytest.raises(ValueError, match="configurations of liquid have no E_IS"):
        build([f"{blank}@1.0"], [f"{other}@0.05"], tolerance=0.01)


def test_windows_of_a_configuration_are_on_one_side_of_the_split(tmp_path):
    run = write_run(tmp_path / "small", inherent=False)
    built = build([f"{run}@1.0"], [f"{run}@0.05"], window=2.0)
    assert len(built.configurations) == 4 * 20
    assert not built.configurations.periodic.any()
    np.testing.assert_array_equal(built.configurations.box, 2.0)
    for origin in set(built.origin):
        assert len(set(built.part[built.origin == origin])) == 1
    filled = built.configurations.species[:] != EMPTY
    assert filled.sum() == 20 * 16  # every particle in one window
    assert built.configurations.positions[:][filled].min() >= 0
    assert built.configurations.positions[:][filled].max() < 2
    by_number = build([f"{run}@1.0"], [f"{run}@0.05"], window_particles=4)
    np.testing.assert_array_equal(by_number.configurations.positions[:], built.configurations.positions[:])


def test_the_energies_of_windows_add_up_to_that_of_the_whole(tmp_path):
    lattice = (np.stack(np.meshgrid(*2 * [np.arange(12)]), -1).reshape(-1, 2) + 0.5) - 6.0
    run = write_run(tmp_path / "run", box=12.0, sites=lattice)
    built = build([f"{run}@1.0"], [f"{run}@0.05"], window=6.0, positions="inherent")
    count = (built.configurations.species[:] != EMPTY).sum(axis=1)
    whole = particle_energies(
        kob_andersen_pairs(), lattice, np.arange(144) % 2, np.full(2, 12.0), (True, True)
    ).mean()  # fmt: skip
    own = (built.replica == 3) & (built.label == 1)
    energy = (built.configurations.inherent_energy * count)[own].sum() / count[own].sum()
    assert energy == pytest.approx(whole, abs=1e-9)


def test_sets_that_share_a_glass_hold_it_once(run, tmp_path):
    pairs = [("far", f"{run}@1.5"), ("near", f"{run}@0.54")]
    saved = [save_dataset(build([liquid], [f"{run}@0.05"]), tmp_path / name) for name, liquid in pairs]
    null = save_dataset(build_dataset(parse_classes([f"g={run}@0.05"]), seed=1, null=True), tmp_path / "null")
    files = [file for name in ("far", "near", "null") for file in (tmp_path / name).glob("block-*.positions.npy")]
    assert len(files) == 5
    assert len({file.stat().st_ino for file in files}) == 3
    shutil.rmtree(tmp_path / "far")  # each is whole by itself
    assert len(open_dataset(tmp_path / "near").configurations.positions[:]) == 20
    np.testing.assert_array_equal(
        null.configurations.positions[:], saved[1].configurations.positions[np.flatnonzero(saved[1].label == 1)]
    )


def test_positions_are_mapped_and_not_read(run, tmp_path):
    saved = save_dataset(build([f"{run}@1.0"], [f"{run}@0.05"]), tmp_path / "data")
    positions = saved.configurations.positions
    assert isinstance(positions, Gathered)
    assert all(isinstance(block, np.memmap) for block in positions.blocks)
