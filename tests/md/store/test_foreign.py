"""GSD files of others: what is read of them, and what is refused. Files are written here with gsd's own writer."""

import gsd.hoomd
import numpy as np
import pytest

from vitrify.md.store.foreign import ForeignFile, species_names
from vitrify.md.store.survey import survey

BOX, COUNT = 10.0, 100


def frame(**changes):
    """A HOOMD-blue snapshot of 65 A and 35 B on a lattice, in two dimensions."""
    x, y = np.divmod(np.arange(COUNT), 10)
    one = gsd.hoomd.Frame()
    one.configuration.box, one.configuration.dimensions = [BOX, BOX, 0, 0, 0, 0], 2
    one.configuration.step = 7
    one.particles.N, one.particles.types = COUNT, ["A", "B"]
    one.particles.typeid = np.repeat([0, 1], [65, 35])
    one.particles.position = np.stack([x - 5.0, y - 5.0, 0 * x], axis=1)
    for name, value in changes.items():
        group, _, field = name.partition("_")
        setattr(getattr(one, group), field, value)
    return one


def written(path, *frames):
    with gsd.hoomd.open(str(path), "w") as file:
        file.extend(frames)
    return path


def test_what_another_program_wrote(tmp_path):
    """Types in another order and by other names, a box of thickness 1, positions from 0 to L, as converters have it."""
    one = frame(
        particles_types=["2", "1"],
        particles_typeid=np.repeat([1, 0], [65, 35]),
        configuration_box=[BOX, BOX, 1, 0, 0, 0],
        configuration_dimensions=3,
    )
    one.particles.position = one.particles.position + np.array([5.0, 5.0, 0.25])
    read = ForeignFile(written(tmp_path / "a.gsd", one), ("1", "2")).configuration(0)
    assert read.species.tolist() == [0] * 65 + [1] * 35
    x, y = np.divmod(np.arange(COUNT), 10)
    np.testing.assert_array_equal(read.positions, (np.stack([x, y], axis=1) + 5.0) % BOX - 5.0)
    assert read.box.tolist() == [BOX, BOX]
    assert (read.step, read.velocities, read.images) == (7, None, None)
    assert np.isnan(read.kt_set)


def test_boxes_travelled_count_together_with_those_outside_which_a_particle_lies(tmp_path):
    one = frame(particles_image=np.tile([1, 0, 0], (COUNT, 1)))
    one.particles.position[0] = [-5.0 + 2 * BOX, -5.0, 0]
    read = ForeignFile(written(tmp_path / "a.gsd", one)).configuration(0)
    assert read.positions[0].tolist() == [-5.0, -5.0]
    assert read.images[:2].tolist() == [[3, 0], [1, 0]]


def test_a_later_frame_that_says_nothing_new_has_what_the_first_has(tmp_path):
    """As the schema has it; where the number of particles changes, the schema's own defaults."""
    path = written(tmp_path / "a.gsd", frame(), frame(configuration_step=9))
    file = ForeignFile(path)
    np.testing.assert_array_equal(file.configuration(1).positions, file.configuration(0).positions)
    assert file.configuration(1).step == 9
    assert len(file) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"configuration_box": [BOX, BOX, 0, 0.1, 0, 0]}, r"box tilted by 0\.1, 0, 0"),
        ({"particles_types": ["A", "C"]}, r"particles called C, expected A and B; .*--species A=1,B=2"),
        ({"particles_mass": np.full(COUNT, 2.0)}, "masses from 2 to 2, expected 1"),
        ({"particles_position": np.full((COUNT, 3), np.nan)}, "positions are not finite"),
        ({"particles_position": np.random.default_rng(1).uniform(-5, 5, (COUNT, 3))}, "expected two dimensions"),
        ({"configuration_box": [0, BOX, 0, 0, 0, 0]}, "expected positive edges"),
        ({"configuration_box": [4, 25, 0, 0, 0, 0]}, "at least twice the cut-off, 5"),
    ],
)
def test_what_is_no_mixture_in_two_dimensions_is_refused(tmp_path, changes, said):
    path = written(tmp_path / "a.gsd", frame(**changes))
    with pytest.raises(ValueError, match=rf"a\.gsd, frame 0: .*{said}"):
        survey([path])


def test_configurations_of_another_system_are_refused(tmp_path):
    first = written(tmp_path / "a.gsd", frame())
    fewer = frame(particles_N=99, particles_typeid=np.repeat([0, 1], [65, 34]))
    fewer.particles.position = fewer.particles.position[:99]
    for other, said in (
        (fewer, "got 99 particles, expected 100"),
        (frame(particles_typeid=np.repeat([0, 1], [64, 36])), "got 64 A particles, expected 65"),
        (frame(configuration_box=[BOX, 11, 0, 0, 0, 0]), "box of 10 x 11, expected 10 x 10"),
    ):
        with pytest.raises(ValueError, match=said):
            survey([first, written(tmp_path / "b.gsd", other)])
    with pytest.raises(ValueError, match=r"got 2 frames, expected 1 as in .*--systems frames"):
        survey([first, written(tmp_path / "b.gsd", frame(), frame(configuration_step=9))])
    assert survey([first, tmp_path / "b.gsd"], systems="frames").count == 3


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        survey([tmp_path / "nowhere.gsd"])
    (tmp_path / "letter.gsd").write_text("dear reader, " * 100)
    with pytest.raises(ValueError, match=r"letter\.gsd: damaged, or no GSD file"):
        survey([tmp_path / "letter.gsd"])
    with pytest.raises(ValueError, match="got a file without frames"):
        survey([written(tmp_path / "empty.gsd")])


@pytest.mark.parametrize("text", ["A", "C=1", "A=1,B=1", "A="])
def test_names_that_cannot_be(text):
    with pytest.raises(ValueError, match="species: got"):
        species_names(text)
