"""Stored configurations of several runs: which run each is of, whatever the folders are called."""

import numpy as np

from vitrify.analysis.report.tables import read_table, write_table
from vitrify.analysis.structure.measurement import measure
from vitrify.analysis.structure.radial import radial_distribution
from vitrify.analysis.structure.stored import run_labels, stored_configurations
from vitrify.analysis.structure.tables import mean_curves, structure_columns
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.protocols.importing import import_gsd


def ran(path, **changes):
    asked = {"particles": 100, "ramp_steps": 60, "frames": 1, "equilibration_steps": 10, "replicas": 2, **changes}
    return cool(CoolingSpec(**asked, inherent=False), path)


def test_runs_in_folders_of_one_name_are_not_pooled(tmp_path):
    """fast/batch-0 and slow/batch-0 used to share their g(r)."""
    runs = [ran(tmp_path / name / "batch-0", seed=seed) for seed, name in enumerate(("fast", "slow"))]
    assert list(run_labels(runs).values()) == ["fast/batch-0", "slow/batch-0"]
    found = measure(list(stored_configurations(runs)), jobs=1)
    means = mean_curves(found, "g_of_r")
    assert len(means) == 2
    expected = np.mean([radial_distribution(runs[1].configuration(replica, 1)).g for replica in (0, 1)], axis=0)
    np.testing.assert_allclose(means["slow/batch-0", 0.05, 1, "instant"][1].mean, expected)
    assert structure_columns(found)["run"] == ["fast/batch-0"] * 2 + ["slow/batch-0"] * 2


def test_batches_of_one_ensemble_are_averaged_together(tmp_path):
    runs = [ran(tmp_path / f"batch-{first}" / "fast", seed=1, first_replica=first) for first in (0, 2)]
    assert list(run_labels(runs).values()) == ["fast", "fast"]
    found = measure(list(stored_configurations(runs)), jobs=1)
    ((_, estimate),) = mean_curves(found, "g_of_r").values()
    every = [radial_distribution(run.configuration(k, 1)).g for run in runs for k in run.replicas]
    assert len(every) == 4
    np.testing.assert_allclose(estimate.mean, np.mean(every, axis=0))
    assert structure_columns(found)["replica"] == [0, 1, 2, 3]


def test_a_run_whose_temperature_nobody_knows_is_one_group(tmp_path):
    run = ran(tmp_path / "run", seed=1)
    again = import_gsd([run.path / "frame-0001.gsd"], tmp_path / "again", kt=0.05)
    unknown = import_gsd([run.path / "frame-0001.gsd"], tmp_path / "unknown", kt=[])
    for one in (again, unknown):
        found = measure(list(stored_configurations([one])), jobs=1)
        ((_, estimate),) = mean_curves(found, "g_of_r").values()
        assert np.isfinite(estimate.error).any()  # errors of two replicas, not two groups of one


def test_a_run_named_like_a_number_keeps_its_name(tmp_path):
    write_table(tmp_path / "tg.csv", {"run": ["2e5", "2e6"], "tg": [0.41, 0.38]})
    table = read_table(tmp_path / "tg.csv")
    assert table["run"].tolist() == ["2e5", "2e6"]
    assert table["tg"].tolist() == [0.41, 0.38]
