"""A classifier along a made-up ramp whose glass is told from hot liquids alone, and on files of others."""

import csv

import numpy as np
import pytest

from vitrify.analysis.curves.equilibrium import Equilibrium
from vitrify.analysis.statistics import mean_and_error
from vitrify.learn.datasets import save_dataset
from vitrify.learn.evaluate import log_odds
from vitrify.learn.fit import fit
from vitrify.learn.leaving import leaving_point, leaving_with_interval
from vitrify.learn.models import get_architecture
from vitrify.learn.prediction import predict, prediction_columns
from vitrify.learn.sources import Source, build_dataset
from vitrify.learn.transfer import best_threshold, transfer_each, transfer_once
from vitrify.learn.transfers import write_transfers
from vitrify.md.ensemble import Ensemble
from vitrify.md.protocols.cooling import CoolingSpec
from vitrify.md.store.rundir import RunDirectory
from vitrify.md.store.writer import RunWriter

FRAMES, PARTICLES = 12, 36
ENERGY = "linear"


def write_ramp(path, *, seed=1, replicas=40, density=1.0):
    """E_IS = -3.9 + 0.1 kT, scattered by 0.01 over replicas and by 0.005 over frames: hot liquids are told for sure."""
    spec = CoolingSpec(
        particles=PARTICLES,
        density=density,
        ramp_steps=12_000,
        frames=FRAMES,
        replicas=replicas,
        store="all",
        seed=seed,
    )
    rng, numbers = np.random.default_rng(seed), np.arange(replicas)
    of_replica = rng.normal(0, 0.01, replicas)
    edge = np.sqrt(PARTICLES / density)
    with RunWriter.create(path, spec.to_dict(), {"engine": "replica"}) as writer:
        for frame, kt in enumerate(spec.frame_kts, start=1):
            ensemble = Ensemble(
                positions=rng.uniform(-edge / 2, edge / 2, (replicas, PARTICLES, 2)),
                velocities=np.zeros((replicas, PARTICLES, 2)),
                species=np.tile(np.arange(PARTICLES, dtype=np.int8) % 2, (replicas, 1)),
                box=np.full((replicas, 2), edge),
                seed=seed,
                replica=numbers,
                step=np.full(replicas, 1000 * frame),
            )
            writer.write_frame(frame, kt, ensemble, inherent=ensemble)
            columns = {"replica": numbers, "frame": np.full(replicas, frame), "step": np.full(replicas, 1000 * frame)}
            columns |= {
                "kt_set": np.full(replicas, kt),
                "kt": np.full(replicas, kt),
                "converged": np.ones(replicas, bool),
            }
            energy = -3.9 + 0.1 * kt + of_replica + rng.normal(0, 0.005, replicas)
            writer.append_rows({**columns, "inherent_energy": energy, "potential_energy": energy})
        writer.finish()
    return path


@pytest.fixture(scope="module")
def ramp(tmp_path_factory):
    return write_ramp(tmp_path_factory.mktemp("runs") / "ramp")


@pytest.fixture(scope="module")
def model(ramp, tmp_path_factory):
    path = tmp_path_factory.mktemp("models")
    classes = {"liquid": [Source(path=ramp, kt=1.8)], "glass": [Source(path=ramp, kt=0.05)]}
    data = save_dataset(build_dataset(classes, positions="inherent", seed=1), path / "data")
    return fit(data, get_architecture(ENERGY), path / "energy", seed=1)


def test_a_score_leaves_its_plateau_where_a_broken_line_breaks():
    kt = np.linspace(0.1, 2.0, 39)
    noise = np.random.default_rng(1).normal(0, 0.005, 39)
    found = leaving_point(kt, 1.0 - 0.9 * np.clip(0.62 - kt, 0, 0.5) + noise)
    assert (found.kt, found.level, found.slope) == pytest.approx((0.62, 1.0, 0.9), abs=0.02, rel=0.05)


@pytest.mark.parametrize(
    ("score", "note"),
    [(np.ones(9), "falls by 0.00 only"), (np.linspace(0.5, 1, 9), "from the hottest"), (np.ones(3), "got 3")],
)
def test_a_score_without_a_plateau_or_an_end_of_it_gives_no_temperature(score, note):
    found = leaving_point(np.linspace(0.1, 2, len(score)), score)
    assert np.isnan(found.kt)
    assert note in found.note


def test_the_interval_of_the_temperature_covers_it():
    rng, kt, hits = np.random.default_rng(2), np.linspace(0.1, 2.0, 20), []
    for _ in range(25):
        scores = 1.0 - 0.9 * np.clip(0.62 - kt, 0, 0.5) + rng.normal(0, 0.05, (12, 20))
        found = leaving_with_interval(kt, 12, lambda rows, own=scores: own[rows].mean(axis=0))[1]
        hits.append(found.low <= 0.62 <= found.high)
    assert np.mean(hits) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 25)


def test_a_classifier_that_takes_hot_liquids_for_the_glass_gives_no_temperature():
    kt = np.linspace(0.1, 2.0, 20)
    found = leaving_point(kt, np.clip(0.5 - 0.4 * kt, 0, 1))
    assert np.isnan(found.kt)
    assert "the hottest liquids score 0.00, below one half" in found.note


def test_the_fictive_temperature_is_read_from_the_liquids_given(model, ramp):
    """Liquids on E = -3.7 - 0.1 / kT; the made-up glass lies near -3.895, so that T_f is near 0.1 / 0.195 = 0.513."""
    rng, kts = np.random.default_rng(5), (0.5, 0.7, 0.9)
    liquids = []
    for kt in kts:
        energies = -3.7 - 0.1 / kt + rng.normal(0, 1e-4, 8)
        mean = mean_and_error(energies)
        still = mean_and_error(np.zeros(8) + rng.normal(0, 1e-5, 8))
        rest = {"drift": still, "replica_energies": energies, "waited": 1, "followed": 1}
        liquids.append(Equilibrium(kt_set=kt, inherent=mean, instantaneous=mean, **rest))
    run = RunDirectory.open(ramp)
    glass = run.table["inherent_energy"][run.table["frame"] == FRAMES].mean()
    found = transfer_once(model, [run], liquids=liquids).fictive
    assert found.value == pytest.approx(0.1 / (-3.7 - glass), rel=0.005)
    assert found.low < found.value < found.high


def test_trained_once_it_is_tested_on_replicas_it_has_not_seen(model, ramp):
    found = transfer_once(model, [RunDirectory.open(ramp)])
    assert len(found.liquid) == 6  # of forty, 28 and 6 had their say
    assert found.kt.tolist() == sorted(found.kt)
    assert found.auc(len(found.kt) - 1).value == 1.0
    assert found.calibrated(len(found.kt) - 1).value == 1.0
    assert found.auc(0).value < 1.0
    assert found.areas(np.arange(6)).tolist() == [found.auc(column).value for column in range(len(found.kt))]


def test_trained_at_each_temperature_its_models_are_found_again(ramp, tmp_path):
    runs, options = [RunDirectory.open(ramp)], {"positions": "inherent", "seed": 1}
    first = transfer_each(get_architecture(ENERGY), runs, tmp_path / "models", **options)
    assert len(list((tmp_path / "models").iterdir())) == FRAMES - 1
    again = transfer_each(get_architecture(ENERGY), runs, tmp_path / "models", **options)
    np.testing.assert_array_equal(first.liquid, again.liquid)
    assert first.learnt.all()
    with pytest.raises(ValueError, match="data: is of other batches or another seed"):
        transfer_each(get_architecture(ENERGY), runs, tmp_path / "models", positions="inherent", seed=2)


def test_tables_and_a_figure(model, ramp, tmp_path):
    found = [transfer_once(model, [RunDirectory.open(ramp)])]
    tg = write_transfers(found, tmp_path / "out", {"model": "energy"})
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "transfer.csv", "tg.csv", "transfer.png", "transfer.svg", "transfer.toml", "contents.json", "DONE",
    }  # fmt: skip
    with open(tmp_path / "out" / "transfer.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == FRAMES - 1
    assert all(float(row["auc_low"]) <= float(row["auc"]) <= float(row["auc_high"]) for row in rows)
    assert 0.1 < tg["tg"][0] < 1.0
    with pytest.raises(FileExistsError):
        write_transfers(found, tmp_path / "out", {})
    assert write_transfers([*found, *found], tmp_path / "both", {})["run"] == ["ramp 1", "ramp 2"]


def test_runs_that_are_no_ramps_are_refused(model, tmp_path):
    with RunWriter.create(tmp_path / "anneal", {"protocol": "anneal", "seed": 1}, {}) as writer:
        writer.finish()
    with pytest.raises(ValueError, match="is a run of anneal, expected one of cool"):
        transfer_once(model, [RunDirectory.open(tmp_path / "anneal")])


def test_the_best_threshold_is_best():
    rng = np.random.default_rng(3)
    score, positive = rng.normal(size=30), rng.random(30) < 0.5
    at = best_threshold(score, positive)

    def balanced(threshold):
        return ((score > threshold)[positive].mean() + (score <= threshold)[~positive].mean()) / 2

    assert balanced(at) == max(balanced(threshold) for threshold in [-9.0, *score])


def test_probabilities_of_a_run_are_those_of_its_configurations(model, ramp):
    found = predict(model, f"{ramp}@1.8")
    assert len(found.replica) == 40
    assert (log_odds(found.probability) < 0).all()  # liquids, hot ones
    table = prediction_columns([found], model.classifier.classes)
    assert list(table) == ["source", "replica", "frame", "kt_set", "predicted", "p_liquid", "p_glass"]
    assert set(table["predicted"]) == {"liquid"}


def test_another_density_is_a_clear_line(model, tmp_path):
    dilute = write_ramp(tmp_path / "dilute", seed=2, replicas=4, density=0.8)
    with pytest.raises(ValueError, match=r"dilute@1\.8: density: got 0\.8, expected 1 per sigma_AA\^2, as in training"):
        predict(model, f"{dilute}@1.8")


def test_a_file_of_somebody_elses_is_read(ramp, tmp_path):
    classes = {"liquid": [Source(path=ramp, kt=1.8)], "glass": [Source(path=ramp, kt=0.05)]}
    data = save_dataset(build_dataset(classes, positions="instant", seed=1), tmp_path / "data")
    energy = fit(data, get_architecture(ENERGY), tmp_path / "energy", seed=1)
    file = ramp / "frame-0001.gsd"
    with pytest.raises(ValueError, match=r"frame-0001\.gsd: linear: 40 of 40 configurations have no inherent energy"):
        predict(energy, str(file))
    with pytest.raises(FileNotFoundError):
        predict(energy, str(tmp_path / "nowhere.gsd"))
