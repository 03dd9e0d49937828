"""The benchmark: the peers simulate the same physics, the arithmetic is right, and the record is complete."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from vitrify.md.engines.registry import choose_engine
from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.ensemble import Ensemble, kinetic_temperature, maxwell_boltzmann
from vitrify.md.model import kob_andersen_pairs, minimum_image, pair_energies_and_forces
from vitrify.pipelines import cli
from vitrify.pipelines.benchmark import benchmark_md, benchmark_quench, benchmark_run, tune
from vitrify.pipelines.benchmark.dynamics import ratios
from vitrify.pipelines.benchmark.jax_md_peer import JaxMdMixture, jax_md_is_installed
from vitrify.pipelines.benchmark.lammps_peer import LammpsMixture, lammps_is_installed
from vitrify.pipelines.benchmark.minimisation import quench_in_turn
from vitrify.pipelines.benchmark.minimisers import Minimiser, Quenched
from vitrify.pipelines.benchmark.race import Contender, Laps, race, ratio

REFERENCE = Path(__file__).parents[1] / "reference" / "lammps"
ROW = {"engine", "device", "threads", "particles", "replicas", "particle_steps_per_second", "settings"}

needs_lammps = pytest.mark.skipif(not lammps_is_installed(), reason="LAMMPS is not installed")


@pytest.fixture(scope="module")
def liquid():
    """The reference liquid at kT 1 as an ensemble of one replica at rest."""
    stored = np.load(REFERENCE / "liquid_T1.0_N1080.npz")
    positions = stored["positions"][None]
    return Ensemble(
        positions=positions,
        velocities=np.zeros_like(positions),
        species=stored["types"][None].astype(np.int8),
        box=stored["box"][None],
        seed=1,
        replica=np.array([0]),
        step=np.array([0]),
    )


def lammps_of(liquid, **options):
    return LammpsMixture(liquid.positions[0], liquid.species[0], liquid.box[0], pairs=kob_andersen_pairs(), **options)


@needs_lammps
@pytest.mark.parametrize("style", ["lj/cut", "lj/cut/opt"])
def test_lammps_has_the_energies_and_forces_of_the_oracle_and_of_the_replica_engine(liquid, style):
    energies, forces = pair_energies_and_forces(
        kob_andersen_pairs(), liquid.positions[0], liquid.species[0], liquid.box[0], (True, True)
    )
    with lammps_of(liquid, pair_style=style) as mixture:
        np.testing.assert_allclose(mixture.energies(), energies, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(mixture.forces, forces, rtol=1e-10, atol=1e-8)
        ours = ReplicaEngine(pairs=kob_andersen_pairs(), device="cpu").energies(liquid)[0]
        np.testing.assert_allclose(mixture.energies(), ours, rtol=1e-10, atol=1e-10)


@needs_lammps
def test_the_shift_lifts_every_pair_by_its_energy_at_the_cutoff_and_leaves_the_forces(liquid):
    pairs, species = kob_andersen_pairs(), liquid.species[0]
    separation = minimum_image(liquid.positions[0][:, None] - liquid.positions[0][None], liquid.box[0])
    inside = np.linalg.norm(separation, axis=2) < pairs.r_cut[species[:, None], species[None]]
    np.fill_diagonal(inside, False)
    at_cutoff = 4 * pairs.epsilon[species[:, None], species[None]] * (2.5**-12 - 2.5**-6)
    lifted = -0.5 * (inside * at_cutoff).sum(axis=1)
    with lammps_of(liquid) as plain, lammps_of(liquid, shifted=True) as shifted:
        np.testing.assert_allclose(shifted.energies() - plain.energies(), lifted, rtol=1e-9)
        np.testing.assert_allclose(shifted.forces, plain.forces, rtol=1e-12, atol=1e-12)


@needs_lammps
def test_lammps_holds_the_temperature_it_is_given(liquid):
    rng = np.random.default_rng(1)
    with lammps_of(liquid, velocities=rng.standard_normal(liquid.positions[0].shape)) as mixture:
        mixture.thermostat(0.4, tau=0.05)
        measured = []
        for _ in range(30):
            mixture.run(50)
            measured.append(kinetic_temperature(mixture.velocities[None], liquid.filled, conserved=2)[0])
    # 20 samples some five relaxation times apart, each with the canonical scatter kT / sqrt(N)
    assert np.mean(measured[10:]) == pytest.approx(0.4, abs=5 * 0.4 / np.sqrt(1080 * 20))


@needs_lammps
@pytest.mark.parametrize("style", ["cg", "fire"])
def test_lammps_minimises_to_the_largest_force_and_counts_evaluations(liquid, style):
    with lammps_of(liquid, shifted=True) as mixture:
        found = mixture.minimize(style, fmax=1e-3)
    _, forces = pair_energies_and_forces(
        kob_andersen_pairs(), found.positions, liquid.species[0], liquid.box[0], (True, True)
    )
    assert np.linalg.norm(forces, axis=1).max() == pytest.approx(found.max_force, rel=1e-6)
    assert found.max_force < 1e-3
    assert found.evaluations >= found.iterations > 10


def test_what_tune_finds_is_what_runs_of_that_size_get(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = io.StringIO()
    best = tune(particles=200, replicas=1, device="cpu", settle_steps=50, console=Console(file=text, width=200))
    assert f"skin {best.skin:g}" in text.getvalue()
    assert str(tmp_path / "vitrify" / "replica.json") in text.getvalue()
    assert choose_engine("auto", pairs=best.pairs, device="cpu", particles=200).engine == best


def test_contenders_take_turns():
    order = []
    contenders = [
        Contender(
            name=name,
            engine="replica",
            device="cpu",
            threads=1,
            particles=2,
            replicas=1,
            settings={},
            advance=lambda steps, name=name: order.append((name, steps)),
        )
        for name in "AB"
    ]
    laps = race(contenders, steps=7, rounds=2)
    assert order == [("A", 7), ("B", 7), ("A", 7), ("B", 7)]
    assert [lap.wall.shape for lap in laps] == [(2,), (2,)]


@pytest.mark.parametrize(("steps", "rounds"), [(0, 1), (1, 0)])
def test_a_race_of_nothing_is_refused(steps, rounds):
    with pytest.raises(ValueError, match="expected at least 1"):
        race([], steps=steps, rounds=rounds)


def test_a_ratio_is_taken_round_by_round():
    # Rounds 1 and 2 took both three times as long on a busy machine: the ratio does not see it.
    spread = ratio(20.0, np.array([1.0, 3.0, 1.0]), 10.0, np.array([1.0, 3.0, 2.0]))
    assert (spread.median, spread.low, spread.high) == (2.0, 2.0, 4.0)


def test_ratios_count_all_replicas_and_leave_cpu_time_out_across_devices():
    def contender(engine, device, replicas):
        return Contender(
            name=engine,
            engine=engine,
            device=device,
            threads=1,
            particles=10,
            replicas=replicas,
            settings={},
            advance=lambda steps: None,
        )

    laps = Laps(wall=np.array([2.0]), cpu=np.array([1.0]))
    pairs = list(ratios([contender("replica", "gpu", 8), contender("lammps", "cpu", 1)], [laps, laps], 5))
    assert len(pairs) == 1
    assert pairs[0]["wall"]["median"] == 8.0
    assert pairs[0]["cpu"] is None
    on_cpu = list(ratios([contender("replica", "cpu", 8), contender("lammps", "cpu", 1)], [laps, laps], 5))
    assert on_cpu[0]["cpu"]["median"] == 8.0


def test_quenches_come_in_batches_of_the_minimisers_own_size(liquid):
    four = liquid.select(np.zeros(4, dtype=int))
    seen = []

    def minimiser(name, replicas):
        def prepare(part):
            seen.append((name, part.replicas))
            return lambda: Quenched(
                positions=part.positions, max_force=np.zeros(part.replicas), evaluations=np.full(part.replicas, 3)
            )

        return Minimiser(
            name=name, engine="replica", device="cpu", threads=1, replicas=replicas, settings={}, prepare=prepare
        )

    one, all_at_once = quench_in_turn([minimiser("one", 1), minimiser("all", 4)], four)
    assert seen == [("one", 1), ("all", 4), ("one", 1), ("one", 1), ("one", 1)]
    assert len(one.wall) == 4
    assert len(all_at_once.wall) == 1
    expected = np.load(REFERENCE / "liquid_T1.0_N1080.npz")["potential_energy"] / 1080
    np.testing.assert_allclose(one.energies, expected, rtol=1e-10)


def test_benchmark_md_runs_and_leaves_a_complete_record(tmp_path):
    page = io.StringIO()
    record = benchmark_md(
        particles=216,
        replicas=2,
        steps=20,
        rounds=2,
        settle_steps=200,
        device="cpu",
        out=tmp_path / "out",
        console=Console(file=page, width=160),
    )
    stored = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert stored["rows"] == record["rows"]
    assert stored["provenance"]["version"]
    assert all(ROW <= set(row) for row in stored["rows"])
    one = stored["rows"][0]
    assert (one["engine"], one["threads"], one["replicas"], one["particles"]) == ("replica", 1, 1, 216)
    assert one["particle_steps_per_second"] == pytest.approx(np.median(216 * 20 / np.array(one["seconds"])))
    assert all({"precision", "skin", "thermostat", "rebuild"} <= set(row["settings"]) for row in stored["rows"])
    text = page.getvalue()
    for stated in ("rho 1.2", "kT 0.4", "truncated and not shifted", "left out of the clock"):
        assert stated in text
    if lammps_is_installed():
        assert {"lammps", "replica"} <= {row["engine"] for row in stored["rows"]}
        assert "replica, one core / LAMMPS lj/cut" in text


def test_benchmark_quench_finds_one_energy_with_every_minimiser(tmp_path):
    record = benchmark_quench(
        sizes=[216],
        replicas=4,
        settle_steps=1000,
        device="cpu",
        out=tmp_path,
        console=Console(file=io.StringIO()),
    )
    for row in record["rows"]:
        assert set(row) >= ROW
        assert row["max_force"] < 1e-6
        assert row["evaluations"] > 10
        assert abs(row["difference"]["mean"]) <= 5 * row["difference"]["error"] + 1e-6
    assert (tmp_path / "benchmark.json").exists()


def test_benchmark_run_sets_a_whole_cooling_beside_the_engine(tmp_path):
    page = io.StringIO()
    record = benchmark_run(
        particles=100, replicas=2, ramp_steps=2_000, rounds=2, device="cpu", out=tmp_path, console=Console(file=page)
    )
    assert [row["name"] for row in record["rows"]] == ["cool, end to end", "engine alone"]
    assert all(ROW <= set(row) for row in record["rows"])
    for row in record["rows"]:
        assert row["particle_steps_per_second"] == pytest.approx(np.median(100 * 2 * 2_050 / np.array(row["seconds"])))
    (one,) = record["ratios"]
    rates = [100 * 2 * 2_050 / np.array(row["cpu_seconds"]) for row in record["rows"]]
    assert one["cpu"]["median"] == pytest.approx(np.median(rates[0] / rates[1]))
    assert one["cpu"]["low"] > 0
    assert "2 measured, 1 stored, none quenched" in page.getvalue()
    assert [path.name for path in tmp_path.iterdir()] == ["benchmark.json"]


def test_a_record_is_never_overwritten(tmp_path, capsys):
    (tmp_path / "benchmark.json").write_text("{}")
    with pytest.raises(SystemExit) as stop:
        cli.main(["benchmark", "md", "--particles", "216", "--out", str(tmp_path)])
    assert stop.value.code == 2
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "benchmark.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["md", "--particles", "4"], "particles"), (["md", "--particles", "216", "--kt", "-1"], "kt_end")],
)
def test_impossible_liquids_are_one_clear_line(arguments, said, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["benchmark", *arguments])
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.skipif(not jax_md_is_installed(), reason="jax-md is not installed")
def test_jax_md_has_the_energy_of_the_oracle_and_holds_the_temperature(liquid):
    energies, _ = pair_energies_and_forces(
        kob_andersen_pairs(), liquid.positions[0], liquid.species[0], liquid.box[0], (True, True)
    )
    velocities = maxwell_boltzmann(np.random.default_rng(1), 1080, 1.0)
    mixture = JaxMdMixture(
        liquid.positions[0], velocities, liquid.species[0], liquid.box[0], pairs=kob_andersen_pairs(), kt=0.4
    )
    assert mixture.energy() == pytest.approx(energies.mean(), rel=1e-5)
    mixture.run(1000)
    kt = kinetic_temperature(mixture.velocities[None], liquid.filled, conserved=2)[0]
    assert kt == pytest.approx(0.4, abs=5 * 0.4 / np.sqrt(1080))


@pytest.mark.hoomd
def test_hoomd_takes_part_where_it_is_installed():
    pytest.importorskip("hoomd")
    record = benchmark_quench(
        sizes=[216], replicas=2, settle_steps=1000, device="cpu", console=Console(file=io.StringIO())
    )
    (row,) = [row for row in record["rows"] if row["engine"] == "hoomd"]
    assert row["max_force"] < 1e-6
    assert abs(row["inherent_energy"]["mean"] - record["rows"][0]["inherent_energy"]["mean"]) < 0.02
