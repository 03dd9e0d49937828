"""Films: the recipe, the substrate, growth, resuming, failing. Tiny films, each property held against its physics."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from vitrify.md.engines.replica import ReplicaEngine
from vitrify.md.ensemble import kinetic_temperature
from vitrify.md.model import SUBSTRATE, A, B
from vitrify.md.protocols import pace
from vitrify.md.protocols.films.cooled import FilmCoolingSpec, cool_films, film_cooling_spec, resting_wall
from vitrify.md.protocols.films.grown import read_films
from vitrify.md.protocols.films.growth import DepositionProtocol, deposit, externals
from vitrify.md.protocols.films.injection import wall_heights
from vitrify.md.protocols.films.observables import deposition_spec, film_members
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.films.substrate import tether, thermostat
from vitrify.md.protocols.stages import carry
from vitrify.md.protocols.unfinished import Unfinished
from vitrify.md.store.naming import CHECKPOINT, TABLE
from vitrify.md.store.rundir import RunDirectory

TINY = {
    "seed": 7,
    "replicas": 2,
    "box_length": 10.0,
    "substrate_particles": 70,
    "relax_steps": 4000,
    "batch": 5,
    "injections": 6,
    "steps_per_injection": 2000,
    "slab_gap": 3.0,
}


def recipe(**changes) -> DepositionSpec:
    return DepositionSpec.preset("reid", **(TINY | changes))


def engine_for(spec: DepositionSpec) -> ReplicaEngine:
    return ReplicaEngine(pairs=spec.pairs, time_step=spec.time_step)


def bare(spec: DepositionSpec):
    """Substrates drawn together, nothing injected yet."""
    protocol = DepositionProtocol(spec)
    return carry(protocol, engine_for(spec), protocol.begin(spec.numbers), 0, len(protocol.drawing))


def grow(spec: DepositionSpec, wave, injection: int):
    """One injection more."""
    protocol = DepositionProtocol(spec)
    number = len(protocol.drawing) + injection - 1
    return carry(protocol, engine_for(spec), wave, number, number + 1)


@pytest.fixture(scope="module")
def substrate():
    return bare(recipe()).ensemble


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return deposit(recipe(store_every=2), tmp_path_factory.mktemp("film") / "run")


def test_presets_hold_the_published_numbers():
    reid, log = DepositionSpec.preset("reid", seed=0), DepositionSpec.preset("log", seed=0)
    assert (reid.box_length, reid.substrate.particles, reid.substrate.slab, reid.substrate.kt) == (30, 212, 7, 0.14)
    assert (reid.vapour.kt, reid.steps_per_injection, reid.film_particles) == (1.0, 86_000, 1200)
    assert (log.box_length, log.substrate.particles, log.substrate.layers, log.bulk_slab) == (66, 330, 5, (25, 65))
    assert (log.vapour.kt, log.steps_per_injection, log.film_particles) == (0.5, 1_000_000, 5500)
    assert (reid.substrate.relax_stiffnesses, log.substrate.relax_stiffnesses) == ((1.0,), (10.0, 1.0))
    for spec in (reid, log):
        assert spec.pairs.epsilon[SUBSTRATE].tolist() == [1.0, 1.0, 0.1]
        assert spec.pairs.sigma[SUBSTRATE].tolist() == [0.75, 0.7, 0.6]
        assert spec.thermostat_tau == 0.5
    assert (reid.pairs.r_cut == 2.5).all()
    np.testing.assert_allclose(log.pairs.r_cut, 2.5 * log.pairs.sigma)


def test_the_third_script_is_a_set_of_changes():
    spec = DepositionSpec.preset(
        "reid", seed=0, substrate_particles=104, substrate_slab=3.0, sigma_ss=0.76, sigma_bs=0.75, substrate_kt=0.18,
        steps_per_injection=100_000, bulk_slab=(10.0, 25.0),
    )  # fmt: skip
    assert spec.pairs.sigma[SUBSTRATE].tolist() == [0.75, 0.75, 0.76]
    assert DepositionSpec.from_table(spec.to_dict()) == spec


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"substrate_kt": 0.0}, r"substrate\.kt"),
        ({"substrate": {"kt": -0.1}}, r"substrate\.kt"),
        ({"vapour_kt": float("nan")}, r"vapour\.kt"),
        ({"injections": 0}, "injections"),
        ({"fraction_a": 1.5}, "fraction_a"),
        ({"batch": 60}, "injection slab"),
        ({"substrate_particles": 400}, "substrate slab"),
        ({"box_length": 4.0}, "box_length"),
        ({"slab_gap": 1.0}, "slab_gap"),
        ({"bulk_slab": (30.0, 20.0)}, "bulk_slab"),
        ({"relax_stiffnesses": ()}, "relax_stiffnesses"),
        ({"colour": "red"}, "colour"),
        ({"box_length": "wide"}, "box_length"),
        ({"injections": 2.5}, "injections"),
        ({"bulk_slab": 3.0}, "bulk_slab"),
    ],
)
def test_bad_recipes_say_what_came_and_what_was_expected(changes, what):
    with pytest.raises(ValueError, match=rf"{what}.*got.*expected") as error:
        recipe(**changes)
    assert "\n" not in str(error.value)


def test_the_relaxed_substrate_is_tight(substrate):
    """Drawn together it is a dense layer, and no straight way leads through it: gaps are too narrow for a B."""
    spec = recipe()
    sites = substrate.positions[:, : spec.substrate.particles]
    assert (np.ptp(sites[..., 1], axis=1) < 0.6 * spec.substrate.slab).all()
    for own in sites:
        # Every x is shadowed by sites: B meets S at 0.7 sigma, where the pair energy is still zero and rising.
        x = np.sort(own[:, 0])
        gaps = np.diff(np.append(x, x[0] + spec.box_length))
        assert gaps.max() < spec.interactions.sigma_bs


@pytest.mark.parametrize("speed", [1.0, 3.0])
def test_nothing_shot_at_the_substrate_gets_through(substrate, speed):
    spec = recipe(batch=5, injections=4)
    engine = engine_for(spec)
    sites = substrate.positions[:, : spec.substrate.particles]
    positions, velocities, species = (getattr(substrate, n).copy() for n in ("positions", "velocities", "species"))
    for k, slot in enumerate(range(spec.substrate.particles, spec.substrate.particles + 5)):
        positions[:, slot] = (-4.0 + 2 * k, sites[..., 1].max() + 3)
        velocities[:, slot] = (0.0, -speed)
        species[:, slot] = B
    shot = replace(substrate, positions=positions, velocities=velocities, species=species)
    after = engine.integrate(shot, 4000, thermostat(spec), externals(shot, spec, sites))
    film = after.species == B
    assert not after.failed.any()
    assert after.positions[film][:, 1].min() > sites[..., 1].min()


def test_tethers_hold_the_substrate_on_its_sites_at_its_temperature(substrate):
    """A harmonic spring spreads by sqrt(kT / k) along each axis; neighbours add stiffness, so that bounds it above."""
    spec = recipe()
    engine, sites = engine_for(spec), substrate.positions[:, : spec.substrate.particles]
    hot, squares, kts = substrate, [], []
    for _ in range(40):
        hot = engine.integrate(hot, 200, thermostat(spec), (tether(spec, sites),))
        away = hot.positions[:, : spec.substrate.particles] - sites
        away[..., 0] -= spec.box_length * np.rint(away[..., 0] / spec.box_length)
        squares.append((away**2).mean())
        kts.append(kinetic_temperature(hot.velocities, hot.species == SUBSTRATE).mean())
        assert np.sqrt((away**2).sum(axis=-1)).max() < 6 * np.sqrt(spec.substrate.kt / spec.substrate.tether_stiffness)
    width = spec.substrate.kt / spec.substrate.tether_stiffness
    assert 0.3 * width < np.mean(squares[5:]) < 1.1 * width
    # Each sample of 2 x 70 atoms has a relative scatter of 1/sqrt(140); 35 of them, one tau apart, are nearly free.
    assert abs(np.mean(kts[5:]) / spec.substrate.kt - 1) < 5 * np.sqrt(2 / (2 * 140 * 35 / 2))


def test_a_hot_film_cools_through_its_substrate(substrate):
    """The film is NVE: all it loses, the substrate's thermostat takes."""
    spec = recipe(batch=20, injections=1, vapour_min_distance=0.8, steps_per_injection=6000)
    engine = engine_for(spec)
    grown = grow(spec, bare(spec), 1)
    early = kinetic_temperature(grown.ensemble.velocities, film_members(grown.ensemble))
    acting = externals(grown.ensemble, spec, grown.memory["sites"])
    later = engine.integrate(grown.ensemble, 30_000, thermostat(spec), acting)
    late = kinetic_temperature(later.velocities, film_members(later))
    assert (early > 1.5 * spec.substrate.kt).all()
    assert (late < 0.8 * early).all()


def test_the_film_is_65_to_35_to_the_particle(run):
    for replica in run.replicas:
        end = run.configuration(replica, 6)
        counts = np.bincount(end.species, minlength=3)
        assert counts.tolist() == [20, 10, 70]  # 0.65 * 30 = 19.5, halves up
    assert (run.table["particles"][run.table["frame"] == 6] == 30).all()


def test_particles_are_neither_lost_nor_made(run):
    table = run.table
    for replica in run.replicas:
        own = table["replica"] == replica
        injected = 5 * table["frame"][own]
        np.testing.assert_array_equal(table["particles"][own] + table["strays"][own], injected)
    assert (table["strays"][table["frame"] == 6] == 0).all()


def test_everything_stays_between_substrate_and_wall(run):
    spec = deposition_spec(run)
    stiffness = spec.substrate.tether_stiffness
    # Seven thermal widths, and what a blow of 50 eps_AA / sigma_AA from the vapour moves a spring of 1000 by.
    farthest = 7 * np.sqrt(spec.substrate.kt / stiffness) + 50 / stiffness
    for replica in run.replicas:
        sites = run.configuration(replica, 0).positions
        for frame in run.stored_frames()[1:]:
            now = run.configuration(replica, frame)
            film = now.species != SUBSTRATE
            away = now.positions[~film] - sites
            away[:, 0] -= spec.box_length * np.rint(away[:, 0] / spec.box_length)
            assert np.sqrt((away**2).sum(axis=1)).max() < farthest
            assert now.positions[film, 1].min() > sites[:, 1].min()
            assert now.positions[film, 1].max() < now.box[1] - spec.wall.range + 1
            assert now.velocities is not None


def test_the_table_tells_film_and_substrate_apart(run):
    table = run.table
    grown = table["frame"] > 1
    assert abs(table["kt_substrate"][grown].mean() / 0.14 - 1) < 5 / np.sqrt(70 * grown.sum())
    assert table["kt"][grown].mean() > 1.5 * 0.14  # 5 particles every 10 tau, each with some 2 eps to lose
    stored = grown & (table["frame"] % 2 == 0)
    assert table["converged"][stored].all()
    assert (table["inherent_energy"][stored] < table["potential_energy"][stored]).all()
    assert np.isnan(table["inherent_energy"][~stored]).all()


def test_inherent_energies_are_those_of_the_film(run):
    from vitrify.md.model import pair_energies_and_forces
    from vitrify.md.protocols.films.surface import attached

    spec = deposition_spec(run)
    last = run.configuration(1, 6, inherent=True)
    energies, _ = pair_energies_and_forces(spec.pairs, last.positions, last.species, last.box, last.periodic)
    now = run.configuration(1, 6)
    film = attached(now.positions, now.species, spec.box_length) & (now.species != SUBSTRATE)
    row = (run.table["replica"] == 1) & (run.table["frame"] == 6)
    assert run.table["inherent_energy"][row][0] == pytest.approx(energies[film].mean(), rel=1e-9)


class Killed(Exception):
    """Stands for a process that ends."""


def kill_at(share):
    def progress(done, total):
        if done >= share * total:
            raise Killed

    return progress


def stop_at(share):
    """Progress, and a stop that is asked for once so much is done."""
    seen = [0.0]
    return {"progress": lambda done, total: seen.append(done / total), "stop": lambda: seen[-1] >= share}


def test_a_killed_run_goes_on_bit_for_bit(run, tmp_path):
    spec = recipe(store_every=2)
    with pytest.raises(Killed):
        deposit(spec, tmp_path / "run", progress=kill_at(0.6), checkpoint_every=0)
    again = deposit(spec, tmp_path / "run", resume=True)
    assert (again.path / TABLE).read_bytes() == (run.path / TABLE).read_bytes()
    for replica, frame in itertools.product(run.replicas, (0, 2, 4, 6)):
        whole, resumed = run.configuration(replica, frame), again.configuration(replica, frame)
        np.testing.assert_array_equal(whole.positions, resumed.positions)
        np.testing.assert_array_equal(whole.velocities, resumed.velocities)
    assert deposit(spec, tmp_path / "run", resume=True).finished


@pytest.mark.parametrize("share", [0.0, 0.2, 0.35, 0.6, 0.9])
def test_a_stopped_run_goes_on_bit_for_bit(run, tmp_path, monkeypatch, share):
    """Stops while the substrate is made, in the middle of injections, and before the last quench."""
    monkeypatch.setattr(pace, "PARTICLE_STEPS_OF_A_PIECE", 0)
    spec = recipe(store_every=2)
    with pytest.raises(Unfinished, match="go on with --resume"):
        deposit(spec, tmp_path / "run", **stop_at(share))
    again = deposit(spec, tmp_path / "run", resume=True)
    assert (again.path / TABLE).read_bytes() == (run.path / TABLE).read_bytes()


def test_films_in_waves_are_the_same_films(run, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "REPLICAS_AT_ONCE", 1)
    apart = deposit(recipe(store_every=2), tmp_path / "run")
    for name, column in run.table.items():
        np.testing.assert_array_equal(column, apart.table[name], err_msg=name)
    assert len(list(apart.path.glob("*.gsd"))) == len(list(run.path.glob("*.gsd")))


def test_batches_of_one_ensemble_hold_its_films(run, tmp_path):
    second = deposit(recipe(store_every=2, replicas=1, first_replica=1), tmp_path / "run")
    own = run.table["replica"] == 1
    for name, column in second.table.items():
        np.testing.assert_array_equal(column, run.table[name][own], err_msg=name)
    assert second.ensemble_identity == run.ensemble_identity
    assert second.identity != run.identity


def test_a_substrate_that_does_not_come_to_rest_costs_one_film(run, tmp_path, monkeypatch):
    minimize = ReplicaEngine.minimize

    def stuck(self, ensemble, fmax=1e-6, externals=()):
        found = minimize(self, ensemble, fmax, externals)
        return replace(found, converged=found.converged & (ensemble.replica != 0))

    with monkeypatch.context() as patch:
        patch.setattr(ReplicaEngine, "minimize", stuck)
        one = deposit(recipe(store_every=2), tmp_path / "run")
    assert one.finished
    assert one.replicas == [1]
    (failure,) = one.provenance["failures"]
    assert "substrate did not come to rest: max|F|" in failure["reason"]
    np.testing.assert_array_equal(one.table["kt"], run.table["kt"][run.table["replica"] == 1])


def test_two_recipes_with_one_seed_share_no_noise():
    one = recipe()
    assert one.noise_seed == recipe(injections=9, replicas=5, first_replica=3).noise_seed
    others = [recipe(substrate_kt=0.15), recipe(steps_per_injection=2001), recipe(vapour_kt=0.9), recipe(seed=8)]
    assert len({one.noise_seed, *(other.noise_seed for other in others)}) == 5


def test_the_energy_of_a_film_without_thermostat_is_kept(substrate):
    """Kinetic, pair and external energy together, through a column of the table, over 5,000 steps of NVE."""
    spec = recipe()
    grown, engine = grow(spec, bare(spec), 1), engine_for(spec)
    protocol = DepositionProtocol(spec)
    before = protocol.describe(grown, engine)
    later = engine.integrate(grown.ensemble, 5_000, externals=protocol.resting(grown))
    after = protocol.describe(replace(grown, ensemble=later), engine)
    assert (np.abs(after["external_energy"] - before["external_energy"]) > 0.05).any()
    np.testing.assert_allclose(after["total_energy"], before["total_energy"], atol=0.02 * spec.substrate.particles)


def test_a_damaged_checkpoint_is_one_clear_line_and_nothing_is_lost(tmp_path):
    spec = recipe()
    with pytest.raises(Killed):
        deposit(spec, tmp_path / "run", progress=kill_at(0.5), checkpoint_every=0)
    checkpoint = tmp_path / "run" / CHECKPOINT
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2])
    before = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir() if file.name != "provenance.json"}
    with pytest.raises(ValueError, match=r"checkpoint: damaged"):
        deposit(spec, tmp_path / "run", resume=True)
    after = {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir() if file.name != "provenance.json"}
    assert after == before


def test_another_recipe_does_not_go_on_with_this_run(run):
    with pytest.raises(ValueError, match=r"substrate"):
        deposit(recipe(store_every=2, substrate_kt=0.2), run.path, resume=True)
    with pytest.raises(FileExistsError):
        deposit(recipe(store_every=2), run.path)


def test_a_film_that_only_recycles_stops_and_says_so(tmp_path):
    """One particle at a time, with nothing to stick to, under a wall too far away to send it back, flies up again.

    Of 24 such films 23 recycled three times at the first try; 20 injections give the rare other one many more.
    """
    spec = recipe(
        replicas=1, epsilon_as=0.01, epsilon_bs=0.01, vapour_kt=8.0, least_fall_speed=3.5, steps_per_injection=2000,
        wall_gap=100.0, injections=20, stray_patience=3, batch=1,
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"only recycles: 3 injections"):
        deposit(spec, tmp_path / "run")
    run = RunDirectory.open(tmp_path / "run")
    assert not run.finished
    assert "recycles" in run.provenance["failures"][0]["reason"]
    assert run.table["strays"].max() > 0


def test_one_failed_film_leaves_the_others_to_grow(substrate):
    spec = recipe(injections=2)
    begun = bare(spec)
    grown = grow(spec, replace(begun, ensemble=replace(begun.ensemble, failure=("lost", ""))), 1)
    assert grown.ensemble.failed.tolist() == [True, False]
    film = grown.ensemble.filled & (grown.ensemble.species != SUBSTRATE)
    assert film[0].sum() == 0
    assert film[1].sum() + grown.memory["returning"][1].sum() == spec.vapour.batch


def test_walls_stand_above_each_film_of_its_own(run):
    films, sites = read_films(run)
    spec = deposition_spec(run)
    tops = [films.positions[row][film_members(films)[row], 1].max() for row in range(films.replicas)]
    assert (wall_heights(films, spec) > np.array(tops) + spec.vapour.slab_gap).all()
    assert sites.shape == (2, 70, 2)


@pytest.fixture(scope="module")
def cooling(run):
    return FilmCoolingSpec(
        source=run.identity, deposition=deposition_spec(run), melt_steps=1000, ramp_steps=12_000, frames=3, seed=3
    )


@pytest.fixture(scope="module")
def cooled(run, cooling, tmp_path_factory):
    return cool_films(run, cooling, tmp_path_factory.mktemp("cooled") / "run")


def test_a_melted_film_cools_on_its_own_substrate(run, cooling, cooled):
    assert film_cooling_spec(cooled) == cooling
    table = cooled.table
    np.testing.assert_allclose(table["kt_set"][table["replica"] == 0], 1 - 0.95 * np.arange(1, 4) / 3)
    assert table["converged"].all()
    assert (table["particles"] == 30).all()
    cold = table["frame"] == 3
    assert (table["kt"][cold] < 0.15).all()
    for replica in cooled.replicas:
        sites = run.configuration(replica, 0).positions
        end = cooled.configuration(replica, 3)
        assert np.bincount(end.species).tolist() == [20, 10, 70]
        away = end.positions[end.species == SUBSTRATE] - sites
        away[:, 0] -= 10.0 * np.rint(away[:, 0] / 10.0)
        assert np.abs(away).max() < 0.1


def test_the_piston_keeps_the_melt_on_the_substrate(run, cooling, cooled):
    films, sites = read_films(run)
    ceiling = resting_wall(films, sites, cooling)
    for row, replica in enumerate(cooled.replicas):
        hot = cooled.configuration(replica, 1)
        assert hot.positions[:, 1].max() < ceiling[row] + 1.0
        assert hot.positions[(hot.species == A) | (hot.species == B), 1].min() > sites[row, :, 1].min()


def test_cooling_goes_on_bit_for_bit(run, cooling, cooled, tmp_path):
    with pytest.raises(Killed):
        cool_films(run, cooling, tmp_path / "run", progress=kill_at(0.7), checkpoint_every=0)
    again = cool_films(run, cooling, tmp_path / "run", resume=True)
    assert (again.path / TABLE).read_bytes() == (cooled.path / TABLE).read_bytes()


def test_only_finished_depositions_are_cooled(cooled, cooling, tmp_path):
    with pytest.raises(ValueError, match=r"expected a finished deposition"):
        cool_films(cooled, cooling, tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"ramp_steps": 0}, "ramp_steps"), ({"ramp_steps": 12_001}, "ramp_steps"), ({"kt_final": 0.0}, "kt_final"),
     ({"kt_final": 2.0}, "kt_final"), ({"frames": 0}, "frames"), ({"headspace": -1.0}, "headspace")],
)  # fmt: skip
def test_bad_coolings_say_what_came_and_what_was_expected(cooling, changes, what):
    with pytest.raises(ValueError, match=rf"{what}: got .*expected"):
        replace(cooling, **changes)
