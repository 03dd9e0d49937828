"""Bulk energies of runs of films: made-up run directories whose energies are known from the oracle."""

import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest

from vitrify.analysis.films.comparison import compare_films, pooled_curves
from vitrify.analysis.films.film import Bulk
from vitrify.analysis.films.film_run import FilmRun, film_columns
from vitrify.analysis.films.structure import mean_profile
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import SUBSTRATE, A, B, pair_energies_and_forces
from vitrify.md.protocols.films.cooled import FilmCoolingSpec
from vitrify.md.protocols.films.observables import FILM_COLUMNS
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.store.rundir import RunDirectory
from vitrify.md.store.writer import RunWriter

LX, HEIGHT = 12.0, 18


def recipe(**changes) -> DepositionSpec:
    fields = {"seed": 1, "replicas": 2, "box_length": LX, "substrate_particles": 12, "batch": 12, "injections": HEIGHT}
    return DepositionSpec.preset("reid", **(fields | changes))


def crystals(spec: DepositionSpec, spacing: float) -> Ensemble:
    """Two films, 18 staggered rows of 12 with 65:35 at random on a row of S, rows ``spacing`` apart."""
    replicas, slots = spec.replicas, 12 * (HEIGHT + 1)
    index = np.arange(slots)
    row, place = index // 12, index % 12
    positions = np.column_stack([place + 0.5 * (row % 2) - LX / 2, 1.0 + spacing * row])
    species = np.empty((replicas, slots), dtype=np.int8)
    for replica in range(replicas):
        count_a = spec.injected(HEIGHT)[0]
        mixed = np.repeat(np.array([A, B], dtype=np.int8), [count_a, 12 * HEIGHT - count_a])
        species[replica] = np.concatenate([np.full(12, SUBSTRATE), np.random.default_rng(replica).permutation(mixed)])
    return Ensemble(
        positions=np.tile(positions, (replicas, 1, 1)),
        velocities=np.zeros((replicas, slots, 2)),
        species=species,
        box=np.tile([LX, 60.0], (replicas, 1)),
        periodic=(True, False),
        seed=spec.seed,
        replica=np.arange(replicas),
        step=np.zeros(replicas, dtype=np.int64),
    )


def write_run(path, settings, frames: dict[int, tuple[float, Ensemble]], converged=True) -> RunDirectory:
    with RunWriter.create(path, settings, {}, columns=FILM_COLUMNS) as writer:
        for frame, (kt_set, ensemble) in frames.items():
            moving = bool(ensemble.velocities.any())
            writer.write_frame(frame, kt_set, ensemble, inherent=ensemble, velocities=moving)
            count = ensemble.replicas
            writer.append_rows(
                {
                    "replica": ensemble.replica,
                    "frame": np.full(count, frame),
                    "step": ensemble.step,
                    "kt_set": np.full(count, kt_set),
                    "converged": np.full(count, converged),
                }
            )
        return writer.finish()


@pytest.fixture
def deposited(tmp_path):
    spec = recipe(bulk_slab=(6.0, 11.0))
    return write_run(tmp_path / "run", spec.to_dict(), {HEIGHT: (0.14, crystals(spec, 0.9))})


def test_bulk_energy_is_the_mean_of_the_oracle_over_the_slab(deposited):
    spec, state = recipe(), FilmRun(deposited).state
    assert state.bulk == Bulk(low=6.0, high=11.0, depth=4.0)
    for replica in (0, 1):
        film = deposited.configuration(replica, HEIGHT, inherent=True)
        energies, _ = pair_energies_and_forces(spec.pairs, film.positions, film.species, film.box, film.periodic)
        y = film.positions[:, 1]
        bulk = (y >= 6.0) & (y <= 11.0)
        assert state.particles[replica] == bulk.sum()
        assert state.energy[replica] == pytest.approx(energies[bulk].mean(), rel=1e-12)
        assert state.fraction_a[replica] == pytest.approx((film.species[bulk] == A).mean())
    np.testing.assert_allclose(state.thickness, 0.9 * HEIGHT)
    np.testing.assert_allclose(state.roughness, 0.0, atol=1e-12)


def test_the_slab_is_found_where_none_is_given(tmp_path):
    spec = recipe()
    run = write_run(tmp_path / "run", spec.to_dict(), {HEIGHT: (0.14, crystals(spec, 0.9))})
    bulk = FilmRun(run).bulk
    assert bulk.low >= 1.0 + 4.0
    assert 1.0 < bulk.high - bulk.low
    state = FilmRun(run).state
    np.testing.assert_allclose(state.density, 1 / 0.9, rtol=0.15)


def test_temperature_by_height_is_that_of_the_moving_film(tmp_path):
    spec = recipe(bulk_slab=(6.0, 11.0))
    still = crystals(spec, 0.9)
    velocities = np.zeros_like(still.velocities)
    velocities[..., 1] = np.sqrt(2 * np.where(still.positions[..., 1] > 9.0, 0.3, 0.1))
    run = write_run(tmp_path / "run", spec.to_dict(), {HEIGHT: (0.14, replace(still, velocities=velocities))})
    profile = mean_profile([FilmRun(run)], width=2.0)
    # The last bin is filled to a tenth only: too little to count.
    np.testing.assert_allclose(profile.kt.mean[:-1], np.where(profile.height[:-1] > 8.0, 0.3, 0.1), rtol=1e-6)
    still = write_run(tmp_path / "still", spec.to_dict(), {HEIGHT: (0.14, still)})
    assert np.isnan(mean_profile([FilmRun(still)]).kt.mean).all()


def test_a_slab_outside_the_film_says_so(tmp_path):
    spec = recipe(bulk_slab=(40.0, 50.0))
    run = write_run(tmp_path / "run", spec.to_dict(), {HEIGHT: (0.14, crystals(spec, 0.9))})
    with pytest.raises(ValueError, match=r"no particle from 40.0 to 50.0.*expected a thicker film"):
        _ = FilmRun(run).state


def test_a_run_without_inherent_structures_says_so(tmp_path):
    run = write_run(tmp_path / "run", recipe().to_dict(), {})
    with pytest.raises(ValueError, match="no stored inherent structure"):
        _ = FilmRun(run).state


def test_the_cooling_curve_follows_the_frames_and_leaves_out_failed_quenches(tmp_path):
    spec = recipe(bulk_slab=(6.0, 11.0))
    cooling = FilmCoolingSpec(source="run", deposition=spec, ramp_steps=200, frames=2, seed=1)
    settings = {"protocol": "cool-film", **asdict(cooling)}
    frames = {1: (0.525, crystals(spec, 1.0)), 2: (0.05, crystals(spec, 0.9))}
    curve = FilmRun(write_run(tmp_path / "run", settings, frames)).cooling_curve
    assert curve.inherent_energy.shape == (2, 2)
    assert curve.kt_set.tolist() == [0.525, 0.05]
    assert curve.rate == pytest.approx(0.95 / (200 * 0.005))
    assert np.isfinite(curve.inherent_energy).all()
    failed = FilmRun(write_run(tmp_path / "failed", settings, frames, converged=False)).cooling_curve
    assert np.isnan(failed.inherent_energy).all()


def test_a_table_has_a_row_for_each_run(tmp_path):
    runs = []
    for name, kt, seed in (("a", 0.14, 1), ("b", 0.2, 2)):
        spec = recipe(bulk_slab=(6.0, 11.0), substrate_kt=kt, seed=seed)
        runs.append(write_run(tmp_path / name, spec.to_dict(), {HEIGHT: (kt, crystals(spec, 0.9))}))
    columns = film_columns([FilmRun(run) for run in runs])
    assert columns["run"] == ["a", "b"]
    assert columns["steps"] == [HEIGHT * 86_000] * 2
    assert columns["films"] == [2, 2]


@pytest.fixture
def sweep(tmp_path):
    """Two runs of one way, one of another, one of cooled films; all of the same crystals but for the last, denser."""
    runs = []
    for name, kt, seed in (("a", 0.14, 1), ("b", 0.14, 2), ("c", 0.2, 3)):
        spec = recipe(bulk_slab=(6.0, 11.0), substrate_kt=kt, seed=seed)
        runs.append(write_run(tmp_path / name, spec.to_dict(), {HEIGHT: (kt, crystals(spec, 0.9))}))
    spec = recipe(bulk_slab=(6.0, 11.0))
    cooling = FilmCoolingSpec(source="a", deposition=spec, ramp_steps=200, frames=1, seed=1)
    frames = {1: (0.05, crystals(spec, 0.95))}
    runs.append(write_run(tmp_path / "cooled", {"protocol": "cool-film", **asdict(cooling)}, frames))
    return [FilmRun(run) for run in runs]


def test_films_of_one_way_are_pooled_and_compared_at_the_composition_of_the_recipe(sweep):
    found = compare_films(sweep)
    assert [str(preparation) for preparation in found.preparations] == [
        "deposited at 0.14 in 18 x 86,000 steps",
        "deposited at 0.2 in 18 x 86,000 steps",
        "cooled in 200 steps",
    ]
    pooled = np.concatenate([one.state.energy for one in sweep[:2]])
    np.testing.assert_array_equal(found.energy[0], pooled)
    columns = found.columns()
    assert columns["films"] == [4, 2, 2]
    assert columns["energy_error"][0] == pytest.approx(pooled.std(ddof=1) / 2)
    # The runs hold the same two crystals, so that composition is all that sets their films apart.
    compositions = np.concatenate(found.fraction_a[:2])
    slope, energy = np.polyfit(compositions - 0.65, np.concatenate(found.energy[:2]), 1)
    two = compare_films(sweep[:3]).at_recipe
    assert two is not None
    assert two.slope == pytest.approx(slope)
    np.testing.assert_allclose(two.mean, energy)
    np.testing.assert_allclose(compare_films(sweep[:3]).differences()["difference"], 0.0, atol=1e-12)
    differences, mean = found.differences(), found.columns()["energy_at_recipe"]
    assert (differences["first"][1], differences["second"][1]) == (
        str(found.preparations[0]),
        str(found.preparations[2]),
    )
    assert differences["difference"][1] == pytest.approx(mean[0] - mean[2])
    assert np.isnan(differences["difference_low"][1])  # two films of the one, two of the other: too few


def test_a_film_and_the_one_cooled_from_it_are_a_pair(tmp_path):
    spec = recipe(bulk_slab=(6.0, 11.0), replicas=4)
    grown = write_run(tmp_path / "grown", spec.to_dict(), {HEIGHT: (0.14, crystals(spec, 0.9))})
    cooling = FilmCoolingSpec(source=grown.identity, deposition=spec, ramp_steps=200, frames=1, seed=1)
    settings = {"protocol": "cool-film", **asdict(cooling)}
    cooled = write_run(tmp_path / "cooled", settings, {1: (0.05, crystals(spec, 0.95))})
    columns = compare_films([FilmRun(grown), FilmRun(cooled)]).differences()
    assert columns["on_one_substrate"] == [4]
    # The same crystals, compressed: what composition they have is common to a pair and drops out.
    assert columns["difference_low"][0] < columns["difference"][0] < columns["difference_high"][0]
    again = FilmRun(grown)
    with pytest.raises(ValueError, match="expected every run once"):
        compare_films([FilmRun(grown), again])


def test_cooling_curves_of_one_preparation_are_pooled(tmp_path):
    runs = []
    for seed in (1, 2, 3):
        spec = recipe(bulk_slab=(6.0, 11.0), seed=seed)
        cooling = FilmCoolingSpec(source=f"run {seed}", deposition=spec, ramp_steps=200, frames=2, seed=seed)
        frames = {1: (0.525, crystals(spec, 1.0)), 2: (0.05, crystals(spec, 0.9))}
        runs.append(write_run(tmp_path / f"{seed}", {"protocol": "cool-film", **asdict(cooling)}, frames))
    (curve,) = pooled_curves([FilmRun(run) for run in runs])
    assert curve.inherent_energy.shape == (6, 2)
    np.testing.assert_array_equal(curve.inherent_energy[2:4], FilmRun(runs[1]).cooling_curve.inherent_energy)
    copied = RunDirectory.open(shutil.copytree(runs[0].path, tmp_path / "a copy"))
    with pytest.raises(ValueError, match=r"a copy: holds the films of .*, expected every run once"):
        pooled_curves([FilmRun(run) for run in (*runs, copied)])


def test_films_of_other_batches_are_not_pooled_and_other_systems_not_compared(tmp_path):
    runs = []
    for name, changes in (("a", {}), ("b", {"batch": 6, "injections": 36, "steps_per_injection": 43_000})):
        spec = recipe(bulk_slab=(6.0, 11.0), **changes)
        films = {spec.injections: (0.14, crystals(recipe(), 0.9))}
        runs.append(write_run(tmp_path / name, spec.to_dict(), films))
    found = compare_films([FilmRun(run) for run in runs])
    assert [len(values) for values in found.energy] == [2, 2]
    assert found.at_recipe is None
    assert "recipes differ" in found.note


def test_the_figure_shows_cooled_films_as_levels(sweep):
    series, levels = compare_films(sweep).sweep()
    assert [one.x.tolist() for one in series.values()] == [[0.14, 0.2]]
    assert list(levels) == ["cooled in 200 steps"]


def test_too_few_films_are_shown_as_they_are_and_not_compared(sweep):
    single = compare_films([sweep[0], sweep[2]])
    assert single.at_recipe is not None
    assert single.at_recipe.difference(0, 1).interval is None
    alone = replace(single, energy=[values[:1] for values in single.energy], at_recipe=None, note="too few")
    series, _ = alone.sweep()
    np.testing.assert_array_equal(series[next(iter(series))].y, np.concatenate(alone.energy))
    with pytest.raises(ValueError, match="too few"):
        alone.differences()
