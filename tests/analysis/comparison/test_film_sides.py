"""Films as sides of a comparison: their bulk, its energy, and the substrate they share with those melted from them."""

from dataclasses import asdict

import numpy as np
import pytest

from vitrify.analysis.comparison.compare import compare
from vitrify.analysis.comparison.sides import Source, side_of
from vitrify.analysis.films.film_run import FilmRun
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import SUBSTRATE, A, B
from vitrify.md.protocols.films.cooled import FilmCoolingSpec
from vitrify.md.protocols.films.observables import FILM_COLUMNS
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.store.writer import RunWriter

LX, ROWS, FILMS = 12.0, 18, 8


def recipe(seed):
    return DepositionSpec.preset(
        "reid", seed=seed, replicas=FILMS, box_length=LX, substrate_particles=12, batch=12, injections=ROWS,
        bulk_slab=(6.0, 11.0),
    )  # fmt: skip


def write(path, settings, spec, frame, kt, shake):
    """Films of 18 staggered rows of 12 on a row of substrate, moved at random by ``shake``."""
    rng = np.random.default_rng([spec.seed, frame])
    index = np.arange(12 * (ROWS + 1))
    row = index // 12
    positions = np.column_stack([index % 12 + 0.5 * (row % 2) - LX / 2, 1.0 + 0.9 * row])
    count_a = spec.injected(ROWS)[0]
    mixed = np.repeat(np.array([A, B], dtype=np.int8), [count_a, 12 * ROWS - count_a])
    species = np.stack(
        [np.concatenate([np.full(12, SUBSTRATE, np.int8), rng.permutation(mixed)]) for _ in range(FILMS)]
    )
    shaken = np.tile(positions, (FILMS, 1, 1)) + rng.normal(0, shake, (FILMS, len(index), 2))
    shaken[..., 0] = (shaken[..., 0] + LX / 2) % LX - LX / 2
    ensemble = Ensemble(
        positions=shaken, velocities=np.zeros_like(shaken), species=species, box=np.tile([LX, 60.0], (FILMS, 1)),
        periodic=(True, False), seed=spec.seed, replica=np.arange(FILMS), step=np.zeros(FILMS, dtype=np.int64),
    )  # fmt: skip
    with RunWriter.create(path, settings, {}, columns=FILM_COLUMNS) as writer:
        writer.write_frame(frame, kt, ensemble, inherent=ensemble)
        writer.append_rows(
            {"replica": ensemble.replica, "frame": np.full(FILMS, frame), "step": ensemble.step,
             "kt_set": np.full(FILMS, kt), "converged": np.ones(FILMS, dtype=bool)}
        )  # fmt: skip
        return writer.finish()


@pytest.fixture
def films(tmp_path):
    """Deposited films, those melted from them and cooled, and others deposited."""
    runs = []
    for seed, name in ((1, "grown"), (2, "others")):
        spec = recipe(seed)
        runs.append(write(tmp_path / name, spec.to_dict(), spec, ROWS, 0.14, 0.02))
    cooling = FilmCoolingSpec(source=runs[0].identity, deposition=recipe(1), ramp_steps=200, frames=1, seed=1)
    settings = {"protocol": "cool-film", **asdict(cooling)}
    runs.append(write(tmp_path / "cooled", settings, recipe(1), 1, 0.05, 0.02))
    return runs


def test_energies_are_those_of_the_bulk_and_descriptors_are_of_its_particles(films):
    side = side_of([Source(run=films[0], kt=0.14)])
    state = FilmRun(films[0]).state
    np.testing.assert_array_equal(side.energies, state.energy)
    assert [int(member.load().members.sum()) for member in side.members] == state.particles.tolist()
    instant = side_of([Source(run=films[0])], positions="instant")
    np.testing.assert_array_equal(instant.energies, state.energy)


def test_films_on_one_substrate_stand_in_one_pair(films, tmp_path):
    grown, others, cooled = ([Source(run=run)] for run in films)
    lines = compare(grown, cooled, tmp_path / "same", tolerance=1.0)
    assert lines[0].startswith(("4 pairs", "5 pairs", "6 pairs", "7 pairs", "8 pairs"))
    assert any("8 replicas began with the same configuration on both sides" in line for line in lines)
    apart = compare(others, cooled, tmp_path / "apart", tolerance=1.0)
    assert apart[0].startswith("8 pairs")
    assert not any("both sides" in line for line in apart)
