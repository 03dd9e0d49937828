"""Configurations of others as runs, and a run's as files for others."""

from pathlib import Path

import gsd.hoomd
import numpy as np
import pytest

from vitrify.md.model import kob_andersen_pairs, single_point
from vitrify.md.protocols.annealing import AnnealingSpec, anneal
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.protocols.importing import import_gsd
from vitrify.md.protocols.sources import Source
from vitrify.md.store.exporting import export_gsd
from vitrify.md.store.naming import TABLE
from vitrify.md.store.rundir import RunDirectory

LAMMPS = Path(__file__).parents[2] / "reference" / "lammps"


@pytest.fixture(scope="module")
def liquid(tmp_path_factory):
    spec = AnnealingSpec(
        kt=0.9, steps=600, frames=3, equilibration_steps=200, particles=100, replicas=3, store="all", seed=4
    )
    return anneal(spec, tmp_path_factory.mktemp("importing") / "liquid")


@pytest.fixture
def lammps(tmp_path):
    """A configuration that LAMMPS made, as a converter would write it, and LAMMPS's numbers."""
    data = np.load(LAMMPS / "liquid_T1.0_N1080.npz")
    one = gsd.hoomd.Frame()
    one.configuration.box, one.configuration.dimensions = [*data["box"], 1, 0, 0, 0], 3
    one.particles.N, one.particles.types = len(data["types"]), ["1", "2"]
    one.particles.typeid = data["types"]
    one.particles.position = np.pad(data["positions"], ((0, 0), (0, 1)))
    with gsd.hoomd.open(str(tmp_path / "lammps.gsd"), "w") as file:
        file.append(one)
    return tmp_path / "lammps.gsd", data


def test_a_configuration_of_lammps_has_its_energy_and_comes_to_rest(lammps, tmp_path):
    path, data = lammps
    run = import_gsd([path], tmp_path / "run", names=("1", "2"), kt=1.0, inherent=True)
    table, box = run.table, data["box"]
    # Positions are in single precision, 2e-6 apart at 15, where a force is some 10.
    assert table["potential_energy"][0] == pytest.approx(data["potential_energy"] / 1080, abs=1e-5)
    assert run.spec["density"] == pytest.approx(1080 / np.prod(box), rel=1e-5)
    assert run.spec["fraction_a"] == np.mean(data["types"] == 0)
    virial = single_point(kob_andersen_pairs(), data["positions"], data["types"], box, (True, True)).virials.sum()
    assert table["pressure"][0] == pytest.approx((1080 * 1.0 + virial / 2) / np.prod(box), abs=1e-4)
    assert np.isnan(table["kt"][0])
    rest = run.configuration(0, 1, inherent=True)
    found = single_point(kob_andersen_pairs(), rest.positions, rest.species, rest.box, rest.periodic)
    assert np.linalg.norm(found.forces, axis=1).max() < 1e-5
    assert table["inherent_energy"][0] == pytest.approx(found.energies.mean(), abs=1e-9)
    assert table["converged"].all()
    assert run.finished


def test_without_a_temperature_nothing_is_invented(lammps, tmp_path):
    run = import_gsd([lammps[0]], tmp_path / "run", names=("1", "2"))
    for name in ("kt_set", "kt", "pressure", "inherent_energy"):
        assert np.isnan(run.table[name]).all(), name
    assert not run.table["converged"].any()
    with pytest.raises(ValueError, match="kt: got 2 for 1 frames"):
        import_gsd([lammps[0]], tmp_path / "other", names=("1", "2"), kt=[1.0, 0.5])


def test_what_is_exported_and_imported_again_is_the_same_run(liquid, tmp_path):
    """One file a replica, its frames in time; positions to the last bit, kT and displacements known from the files."""
    for replica in liquid.replicas:
        assert export_gsd(liquid, replica, tmp_path / f"{replica}.gsd") == [1, 2, 3]
    again = import_gsd([tmp_path / f"{replica}.gsd" for replica in liquid.replicas], tmp_path / "run", inherent=True)
    assert again.spec["kts"] == [0.9, 0.9, 0.9]
    for name in ("replica", "frame", "step", "kt_set"):
        np.testing.assert_array_equal(again.table[name], liquid.table[name])
    for name in ("potential_energy", "inherent_energy"):
        np.testing.assert_allclose(again.table[name], liquid.table[name], rtol=1e-12)
    for replica in liquid.replicas:
        begun = liquid.configuration(replica, 1).images
        for frame in (1, 2, 3):
            one, other = again.configuration(replica, frame), liquid.configuration(replica, frame)
            np.testing.assert_array_equal(one.positions, other.positions)
            np.testing.assert_array_equal(one.images, other.images - begun)


def test_a_movie_holds_what_gsd_reads(liquid, tmp_path):
    export_gsd(liquid, 2, tmp_path / "movie.gsd", inherent=True)
    with gsd.hoomd.open(str(tmp_path / "movie.gsd")) as file:
        assert [one.configuration.step for one in file] == liquid.table["step"][liquid.table["replica"] == 2].tolist()
        for frame, one in enumerate(file, start=1):
            stored = liquid.configuration(2, frame, inherent=True)
            np.testing.assert_allclose(one.particles.position[:, :2], stored.positions, atol=1e-6)
            assert [one.particles.types[kind] for kind in one.particles.typeid] == ["A"] * 65 + ["B"] * 35
    with pytest.raises(FileExistsError, match="exists already"):
        export_gsd(liquid, 2, tmp_path / "movie.gsd")
    with pytest.raises(ValueError, match="no stored configurations of replica 7"):
        export_gsd(liquid, 7, tmp_path / "other.gsd")


def test_a_frame_file_of_this_software_holds_replicas(liquid, tmp_path):
    run = import_gsd([liquid.path / "frame-0003.gsd"], tmp_path / "run", first_replica=5)
    assert run.replicas == [5, 6, 7]
    mine, theirs = run.configuration(6, 1), liquid.configuration(1, 3)
    np.testing.assert_array_equal(mine.positions, theirs.positions)
    np.testing.assert_array_equal(mine.velocities, theirs.velocities)
    np.testing.assert_allclose(run.table["kt"], liquid.table["kt"][2::3], rtol=1e-6)
    np.testing.assert_allclose(run.table["pressure"], liquid.table["pressure"][2::3], rtol=1e-6)


def test_an_import_that_was_left_goes_on(liquid, tmp_path):
    for replica in liquid.replicas:
        export_gsd(liquid, replica, tmp_path / f"{replica}.gsd")
    files = [tmp_path / f"{replica}.gsd" for replica in liquid.replicas]
    whole = import_gsd(files, tmp_path / "whole", inherent=True)
    asked = 0

    class Killed(Exception):
        pass

    def progress(done, total):
        nonlocal asked
        asked += 1
        if asked == 3:
            raise Killed

    with pytest.raises(Killed):
        import_gsd(files, tmp_path / "run", inherent=True, progress=progress, checkpoint_every=0)
    moved = [path.rename(path.with_name(f"moved-{path.name}")) for path in files]
    again = import_gsd(moved, tmp_path / "run", inherent=True, resume=True)
    assert (again.path / TABLE).read_bytes() == (whole.path / TABLE).read_bytes()
    assert again.identity == whole.identity


def test_runs_begin_with_a_file(liquid, tmp_path):
    """A file is one system: its last frame; a frame file of this software is all its replicas, as the run itself is."""
    export_gsd(liquid, 1, tmp_path / "one.gsd")
    given = {"ramp_steps": 200, "frames": 1, "equilibration_steps": 0, "seed": 2, "inherent": False}
    ran = {}
    for name, text in (
        ("run", str(liquid.path)),
        ("frames", str(liquid.path / "frame-0003.gsd")),
        ("one", str(tmp_path / "one.gsd")),
    ):
        source = Source.parse(text)
        ran[name] = cool(CoolingSpec(**source.fields(given)), tmp_path / name, source=source)
        assert ran[name].spec["kt_start"] == 0.9
    assert ran["frames"].replicas == ran["run"].replicas
    assert ran["one"].replicas == [0]
    for replica in liquid.replicas:
        before, after = liquid.configuration(replica, 3), ran["frames"].configuration(replica, 1)
        np.testing.assert_array_equal(before.species, after.species)
    assert ran["one"].spec["source"] != ran["frames"].spec["source"] != ran["run"].spec["source"]
    with pytest.raises(FileNotFoundError, match="no such file"):
        Source.parse(str(tmp_path / "nowhere.gsd"))
    assert isinstance(ran["one"], RunDirectory)
