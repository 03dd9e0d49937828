"""Profiles and descriptors of films that are perfect crystals."""

import numpy as np
import pytest

from vitrify.analysis.analyze import analyze
from vitrify.analysis.figures import as_png_bytes, profile_figure
from vitrify.analysis.films.film_run import FilmRun
from vitrify.analysis.films.results import results
from vitrify.analysis.films.structure import film_structure_columns, mean_profile, profile_columns
from vitrify.analysis.results import Options
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import SUBSTRATE, A
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.store.writer import RunWriter

COLUMNS_OF_SITES, ROWS = 20, 25
HEIGHT = np.sqrt(3) / 2  # of a row of the triangular lattice, neighbours 1.0 apart


def written(path, **changed):
    """Two films of A on a row of substrate: a triangular lattice; the second one with a tower on its surface."""
    row, column = np.divmod(np.arange(COLUMNS_OF_SITES * ROWS), COLUMNS_OF_SITES)
    crystal = np.stack([column + 0.5 * (row % 2) - COLUMNS_OF_SITES / 2, 1.0 + HEIGHT * row], axis=1)
    tower = np.stack([np.zeros(6), crystal[:, 1].max() + np.arange(1, 7)], axis=1)
    positions = np.tile(np.concatenate([crystal, tower]), (2, 1, 1))
    species = np.full(positions.shape[:2], A, dtype=np.int8)
    species[:, :COLUMNS_OF_SITES] = SUBSTRATE
    species[0, -6:] = -1
    films = Ensemble(
        positions=positions,
        velocities=np.zeros_like(positions),
        species=species,
        box=np.tile([COLUMNS_OF_SITES, 60.0], (2, 1)),
        periodic=(True, False),
        seed=1,
        replica=np.arange(2) + changed.get("first_replica", 0),
        step=np.zeros(2, dtype=np.int64),
    )
    fields = {"seed": 1, "replicas": 2, "box_length": float(COLUMNS_OF_SITES), "substrate_particles": 20}
    spec = DepositionSpec.preset("reid", **(fields | {"bulk_slab": (6.0, 16.0)} | changed))
    with RunWriter.create(path, spec.to_dict(), {}) as writer:
        writer.write_frame(1, 0.14, films, inherent=films)
        writer.append_rows({"replica": films.replica, "frame": np.ones(2, int), "step": np.zeros(2, int)})
        return writer.finish()


@pytest.fixture
def run(tmp_path):
    return written(tmp_path / "films")


def test_profile_of_a_crystal_is_flat_and_ends_at_its_surface(run):
    profile = mean_profile([FilmRun(run)], width=4 * HEIGHT)
    inside = (profile.height > 4 * HEIGHT) & (profile.height < 20 * HEIGHT)
    assert profile.density.mean[0] == pytest.approx(0.75 / HEIGHT)  # its first row of four is the substrate's
    np.testing.assert_allclose(profile.density.mean[inside], 1 / HEIGHT)
    np.testing.assert_allclose(profile.fraction_a.mean[inside], 1)
    # the tower covers a twentieth of the width and is not counted
    assert np.isnan(profile.density.mean[profile.height > 25 * HEIGHT]).all()
    np.testing.assert_allclose(profile.bulk, [5.0, 15.0])


def test_batches_of_one_name_are_all_there(run, tmp_path):
    """As a campaign leaves them, each in a folder of the stage's name: two batches, and films of another seed."""
    batch = written(tmp_path / "batch" / "films", first_replica=2)
    other = written(tmp_path / "other" / "films", seed=2)
    found = results([run, batch, other], Options())
    table = {name: np.asarray(column) for name, column in found.tables["film_profile.csv"].columns.items()}
    films = {name: int(table["films"][table["run"] == name].max()) for name in table["run"].tolist()}
    assert films == {f"{tmp_path.name}/films": 4, "other/films": 2}
    assert {f"film_{name.replace('/', '-')}.png" for name in films} < set(found.figures)


def test_profile_is_a_table_and_a_figure(run):
    profile = mean_profile([FilmRun(run)])
    columns = profile_columns({"a": profile, "b": profile})
    assert len(set(map(len, columns.values()))) == 1
    assert columns["run"].tolist() == ["a"] * len(profile.height) + ["b"] * len(profile.height)
    figure = profile_figure({"a": profile})
    np.testing.assert_array_equal(figure.axes[0].get_lines()[0].get_ydata(), profile.density.mean)
    assert as_png_bytes(figure, dpi=40).startswith(b"\x89PNG")


def test_descriptors_are_those_of_the_bulk(run):
    columns = film_structure_columns([FilmRun(run)])
    assert columns["replica"] == [0, 1]
    assert columns["psi6_A"] == pytest.approx([1, 1], abs=1e-5)
    assert columns["sides6_A"] == [1, 1]
    assert columns["coordination_AA"] == [6, 6]
    # rows between 6 and 16: 20 particles each
    rows = sum(6.0 <= 1.0 + HEIGHT * row <= 16.0 for row in range(ROWS))
    assert columns["particles"] == [20 * rows] * 2


def test_an_analysis_of_films(run, tmp_path):
    analyze([run], tmp_path / "analysis")
    assert {file.name for file in (tmp_path / "analysis").rglob("*.*")} == {
        "films.csv", "film_energies.csv", "film_structure.csv", "film_profile.csv", "film_profile.png",
        "film_films.png", "film_profile.svg", "film_films.svg", "contents.json", "provenance.json",
    }  # fmt: skip
