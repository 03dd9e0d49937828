"""Cooling: the published protocol, its frames, its files, and what happens when something goes wrong on the way."""

import numpy as np
import pytest

from vitrify.md.engines.registry import get_engine
from vitrify.md.model import pair_energies_and_forces
from vitrify.md.protocols import gathering, mixture, pace
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.store.naming import CHECKPOINT, SPEC, TABLE
from vitrify.md.store.product import DONE
from vitrify.md.store.rundir import RunDirectory

QUICK = {"particles": 100, "ramp_steps": 300, "frames": 4, "equilibration_steps": 60, "replicas": 3, "seed": 5}


def quick(**changes):
    return CoolingSpec(**(QUICK | {"store": "all"} | changes))


class Killed(Exception):
    """Stands for kill -9."""


def test_frames_stand_where_the_log_put_them():
    """kT_k = 2.0 - 0.00975 k for k = 1..200, at equal intervals of the ramp, after 5,000 steps at kT 2.0."""
    spec = CoolingSpec(ramp_steps=200_000, seed=0)
    k = np.arange(1, 201)
    np.testing.assert_allclose(spec.frame_kts, 2.0 - 0.00975 * k, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(spec.frame_steps, 5_000 + 1_000 * k)
    np.testing.assert_allclose(spec.schedule.kt(spec.frame_steps), spec.frame_kts, rtol=1e-12)
    assert float(spec.schedule.kt(2_500)) == 2.0
    assert (spec.model.count_a, spec.model.count_b) == (2808, 1512)
    assert spec.cooling_rate == pytest.approx(1.95 / (200_000 * 0.005))


def test_a_ramp_that_frames_do_not_divide_is_rounded():
    spec = CoolingSpec(ramp_steps=1_000, frames=7, equilibration_steps=0, seed=0)
    exact = 1_000 * np.arange(1, 8) / 7
    assert (abs(spec.frame_steps - exact) <= 0.5).all()
    assert spec.frame_steps[-1] == 1_000
    assert (np.diff(spec.frame_steps) > 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ramp_steps": 0}, "ramp_steps: got 0"),
        ({"ramp_steps": 3}, "ramp_steps: got 3 for 4 frames"),
        ({"kt_end": 0.0}, "kt_end: got 0.0"),
        ({"kt_start": -1.0}, "kt_start: got -1.0"),
        ({"kt_end": 2.0}, "expected a lower temperature"),
        ({"kt_start": float("nan")}, "kt_start: got nan"),
        ({"density": 0.0}, "density: got 0.0"),
        ({"density": 2.0}, "density: got 2.0"),
        ({"particles": 20}, "at least twice the cut-off"),
        ({"fraction_a": 1.5}, "fraction_a: got 1.5"),
        ({"replicas": 0}, "replicas: got 0"),
        ({"frames": 0}, "frames: got 0"),
        ({"equilibration_steps": -1}, "equilibration_steps: got -1"),
        ({"seed": -1}, "seed: got -1"),
        ({"time_step": 0.0}, "time_step: got 0.0"),
        ({"store": "some"}, "store: got 'some'"),
        ({"store": (0, 4)}, "frame numbers from 1 to 4"),
        ({"store": (5,)}, "frame numbers from 1 to 4"),
    ],
)
def test_a_spec_says_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        quick(**change)


def test_a_random_liquid_is_at_its_temperature_and_free_of_overlaps():
    spec = quick(particles=400)
    engine = get_engine("replica", pairs=spec.model.pairs, particles=400)
    placed = mixture.random_liquid(spec, np.array([4, 9]))
    liquid = engine.minimize(placed, mixture.START_FORCE).ensemble
    assert not liquid.failed.any()
    assert liquid.replica.tolist() == [4, 9]
    for row in range(2):
        species = liquid.species[row]
        assert (np.count_nonzero(species == 0), np.count_nonzero(species == 1)) == (260, 140)
        _, forces = pair_energies_and_forces(
            spec.model.pairs, liquid.positions[row], species, liquid.box[row], liquid.periodic
        )
        assert np.linalg.norm(forces, axis=1).max() < mixture.START_FORCE * (1 + 1e-6)
    np.testing.assert_allclose((liquid.velocities**2).sum(axis=(1, 2)) / (2 * 400 - 2), spec.kt_start)
    np.testing.assert_allclose(liquid.velocities.sum(axis=1), 0, atol=1e-10)
    alone = mixture.random_liquid(spec, np.array([9]))
    np.testing.assert_array_equal(alone.positions[0], placed.positions[1])
    np.testing.assert_array_equal(alone.velocities[0], placed.velocities[1])


def test_energies_in_the_table_are_those_of_the_stored_configurations(tmp_path):
    """Against the NumPy oracle; a stored inherent structure is at rest to 1e-6."""
    spec = quick()
    run = cool(spec, tmp_path / "run")
    assert run.table["replica"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert run.table["frame"].tolist() == [1, 2, 3, 4] * 3
    np.testing.assert_array_equal(run.table["kt_set"], np.tile(spec.frame_kts, 3))
    np.testing.assert_array_equal(run.table["step"], np.tile(spec.frame_steps, 3))
    assert run.table["converged"].all()
    for row in range(12):
        replica, frame = run.table["replica"][row], run.table["frame"][row]
        for inherent, column in ((False, "potential_energy"), (True, "inherent_energy")):
            c = run.configuration(replica, frame, inherent)
            energies, forces = pair_energies_and_forces(spec.model.pairs, c.positions, c.species, c.box, c.periodic)
            assert energies.mean() == pytest.approx(run.table[column][row], rel=1e-9)
            assert (c.step, c.kt_set) == (run.table["step"][row], run.table["kt_set"][row])
            if inherent:
                assert np.linalg.norm(forces, axis=1).max() < 1.1e-6
                assert run.table["inherent_energy"][row] < run.table["potential_energy"][row]


@pytest.mark.parametrize(
    ("store", "frames"), [("all", [1, 2, 3, 4]), ("none", []), ("last", [4]), ((1, 3), [1, 3]), ((), [])]
)
def test_only_what_was_asked_for_is_stored(tmp_path, store, frames):
    run = cool(quick(store=store, inherent=False, replicas=1), tmp_path / "run")
    assert run.stored_frames() == frames
    assert run.stored_frames(inherent=True) == []
    assert len(list(run.path.glob("*.gsd"))) == len(frames)
    assert np.isnan(run.table["inherent_energy"]).all()
    assert not run.table["converged"].any()


def test_replicas_do_not_depend_on_their_company(tmp_path, monkeypatch):
    together = cool(quick(), tmp_path / "together")
    monkeypatch.setattr(pace, "REPLICAS_AT_ONCE", 2)
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    monkeypatch.setattr(pace, "PARTICLE_STEPS_OF_A_PIECE", 0)
    monkeypatch.setattr(pace, "LEAST_STEPS_OF_A_PIECE", 17)
    apart = cool(quick(), tmp_path / "apart")
    for name, column in together.table.items():
        np.testing.assert_array_equal(column, apart.table[name], err_msg=name)
    assert len(np.unique(together.table["inherent_energy"])) == 12


def test_seeds_differ_and_repeat(tmp_path):
    first, again, other = (
        cool(quick(seed=seed), tmp_path / name).table["potential_energy"]
        for seed, name in ((5, "a"), (5, "b"), (6, "c"))
    )
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first, other).any()


def interrupted(monkeypatch, spec, out, after, **options):
    """Cool until the ``after``-th call of the engine, then die."""
    engine_class = type(get_engine("replica", pairs=spec.model.pairs, particles=spec.particles))
    calls = iter(range(1_000_000))

    def dying(method):
        def call(*args, **kwargs):
            if next(calls) == after:
                raise Killed
            return method(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        for name in ("integrate", "minimize", "measure"):
            patch.setattr(engine_class, name, dying(getattr(engine_class, name)))
        with pytest.raises(Killed):
            cool(spec, out, checkpoint_every=0, **options)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run of all replicas at once, and one of two at a time, by how many at a time."""
    runs = {3: cool(quick(), tmp_path_factory.mktemp("undisturbed") / "run")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "REPLICAS_AT_ONCE", 2)
        runs[2] = cool(quick(), tmp_path_factory.mktemp("undisturbed") / "run")
    return runs


@pytest.mark.parametrize("after", [0, 1, 4, 7, 9, 12, 15])
@pytest.mark.parametrize("batch", [2, 3])
def test_resume_is_bit_for_bit(tmp_path, monkeypatch, undisturbed, after, batch):
    """Die in the middle of anything: what comes out in the end is the same file, byte by byte."""
    monkeypatch.setattr(pace, "REPLICAS_AT_ONCE", batch)
    monkeypatch.setattr(pace, "PARTICLE_STEPS_OF_A_PIECE", 0)
    monkeypatch.setattr(pace, "LEAST_STEPS_OF_A_PIECE", 40)
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    whole = undisturbed[batch]
    interrupted(monkeypatch, quick(), tmp_path / "broken", after)
    again = cool(quick(), tmp_path / "broken", resume=True)
    assert again.finished
    assert not (again.path / CHECKPOINT).exists()
    assert (whole.path / TABLE).read_bytes() == (again.path / TABLE).read_bytes()
    for replica in range(3):
        for frame in range(1, 5):
            for inherent in (False, True):
                np.testing.assert_array_equal(
                    whole.configuration(replica, frame, inherent).positions,
                    again.configuration(replica, frame, inherent).positions,
                )


def test_resume_begins_where_there_is_nothing_and_leaves_a_finished_run_alone(tmp_path):
    run = cool(quick(), tmp_path / "run", resume=True)
    before = {path.name: path.stat().st_mtime_ns for path in run.path.iterdir()}
    again = cool(quick(), tmp_path / "run", resume=True)
    assert {path.name: path.stat().st_mtime_ns for path in again.path.iterdir()} == before


def test_resume_refuses_the_run_of_another_spec(tmp_path, monkeypatch):
    interrupted(monkeypatch, quick(), tmp_path / "run", 9)
    with pytest.raises(ValueError, match=r"its run has density = 1\.2, this one 1\.1"):
        cool(quick(density=1.1), tmp_path / "run", resume=True)
    with pytest.raises(ValueError, match="its run has seed = 5, this one 6"):
        cool(quick(seed=6), tmp_path / "run", resume=True)
    cool(quick(device="cpu"), tmp_path / "run", resume=True)


def test_a_run_begun_before_a_field_was_added_goes_on(tmp_path, monkeypatch, undisturbed):
    """A spec.toml without the newest fields is the same run where their defaults are asked for, at its end too."""
    path = tmp_path / "run"
    interrupted(monkeypatch, quick(), path, 9)
    lines = (path / SPEC).read_text().splitlines(keepends=True)
    (path / SPEC).write_text(
        "".join(line for line in lines if not line.startswith(("thermostat_tau", "first_replica")))
    )
    with pytest.raises(ValueError, match=r"its run has thermostat_tau = 0\.5, this one 0\.1"):
        cool(quick(thermostat_tau=0.1), path, resume=True)
    run = cool(quick(), path, resume=True)
    assert (path / TABLE).read_bytes() == (undisturbed[3].path / TABLE).read_bytes()
    assert cool(quick(), path, resume=True).provenance == run.provenance


def test_a_run_that_is_there_is_kept_without_force(tmp_path):
    cool(quick(), tmp_path / "run")
    with pytest.raises(FileExistsError, match="--force"):
        cool(quick(seed=6), tmp_path / "run")
    assert RunDirectory.open(tmp_path / "run").spec["seed"] == 5
    assert cool(quick(seed=6), tmp_path / "run", force=True).spec["seed"] == 6


def overlapping(monkeypatch, bad):
    """Put two particles of the replicas ``bad`` on top of one another after the start was relaxed."""
    start = mixture.random_liquid

    def spoilt(spec, replicas):
        liquid = start(spec, replicas)
        for row in np.flatnonzero(np.isin(replicas, bad)):
            liquid.velocities[row, 0] = 1e6
        return liquid

    monkeypatch.setattr(mixture, "random_liquid", spoilt)


def test_one_bad_replica_does_not_take_the_others_down(tmp_path, monkeypatch):
    good = cool(quick(), tmp_path / "good")
    overlapping(monkeypatch, [1])
    run = cool(quick(), tmp_path / "bad")
    assert run.finished
    assert run.replicas == [0, 2]
    (failure,) = run.provenance["failures"]
    assert failure["replica"] == 1
    assert "overlap" in failure["reason"]
    assert 0 <= failure["step"] <= 5
    others = good.table["replica"] != 1
    np.testing.assert_array_equal(run.table["inherent_energy"], good.table["inherent_energy"][others])


def test_a_run_without_a_survivor_says_why(tmp_path, monkeypatch):
    overlapping(monkeypatch, [0, 1, 2])
    with pytest.raises(ValueError, match=r"every replica failed; replica 0 at step \d: .*overlap"):
        cool(quick(), tmp_path / "run")
    assert not (tmp_path / "run" / DONE).exists()


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    whole = cool(quick(), tmp_path / "whole")
    append = gathering.RunWriter.append_rows
    calls = iter(range(100))

    def full(self, columns):
        if next(calls) == 2:
            with open(self.path / TABLE, "a") as table:
                table.write("0,3,2")
            raise OSError(28, "No space left on device", str(self.path / TABLE))
        append(self, columns)

    with monkeypatch.context() as patch:
        patch.setattr(gathering.RunWriter, "append_rows", full)
        with pytest.raises(OSError, match="No space left"):
            cool(quick(), tmp_path / "run", checkpoint_every=0)
    unfinished = RunDirectory.open(tmp_path / "run")
    assert unfinished.stored_frames() == [1, 2]
    run = cool(quick(), tmp_path / "run", resume=True)
    assert (run.path / TABLE).read_bytes() == (whole.path / TABLE).read_bytes()


def test_progress_counts_up_to_its_total(tmp_path):
    seen, lines = [], []
    cool(quick(), tmp_path / "run", progress=lambda done, total: seen.append((done, total)), announce=lines.append)
    assert seen[-1] == (3 * 360, 3 * 360)
    assert seen == sorted(seen)
    assert lines == ["replica on cpu: the default"]


def test_provenance_and_spec_say_what_was_run(tmp_path):
    run = cool(quick(store=(2, 4)), tmp_path / "run")
    assert run.spec["protocol"] == "cool"
    assert run.spec["ramp_steps"] == 300
    assert run.spec["store"] == [2, 4]
    (launch,) = run.provenance["launches"]
    assert (launch["engine"], launch["device"]) == ("replica", "cpu")
    assert launch["engine_settings"]["time_step"] == 0.005
    assert (run.path / SPEC).read_text().startswith('protocol = "cool"\n')
