"""What goes to a card and comes back untouched is what was there, whatever slots are empty and replicas left out."""

from dataclasses import replace

import numpy as np
import pytest

from vitrify.md.engines.replica.layout import DOUBLE, SINGLE, Outcome, Task
from vitrify.md.engines.replica.state import DONE, LIST_FULL
from vitrify.md.engines.replica.wave import Wave
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import EMPTY, kob_andersen_pairs


class OnCard:
    """An array that a card holds."""

    def __init__(self, array):
        self.array = array

    def copy_to_host(self):
        return self.array


@pytest.fixture
def films():
    rng = np.random.default_rng(4)
    species = rng.choice(np.array([0, 1, EMPTY], np.int8), size=(70, 30))
    positions = np.stack([rng.uniform(-10, 10, (70, 30)), rng.uniform(0, 20, (70, 30))], axis=-1)
    return Ensemble(
        positions=positions,
        velocities=rng.normal(size=(70, 30, 2)),
        species=species,
        box=np.array([[20.0, 20.0 + row] for row in range(70)]),
        periodic=(True, False),
        seed=1,
        replica=np.arange(70),
        step=np.arange(70),
        origin=np.where((species == EMPTY)[..., None], np.nan, positions + 0.01),
    )


@pytest.mark.parametrize(("precision", "step"), [(SINGLE, 2e-8), (DOUBLE, 1e-14)])
@pytest.mark.parametrize("tracked", [False, True])
def test_there_and_back(films, precision, step, tracked):
    if tracked:
        films = replace(films, travelled=np.random.default_rng(5).normal(size=films.positions.shape))
    task = Task(ensemble=films, pairs=kob_andersen_pairs(), skin=0.5, time_step=0.005)
    rows = np.setdiff1d(np.arange(70), [3, 40])
    wave = Wave(task, rows, precision, room=8, threads=2)
    batch = wave.on_device(OnCard, lambda shape, kind: OnCard(np.full(shape, 77, kind)))
    sent = sum(array.array.nbytes for array in batch[:15]) - batch.size.array.nbytes
    assert sent == len(rows) * wave.bytes_of_one()
    batch.ended.array[:] = DONE
    batch.ended.array[5] = LIST_FULL
    batch.clock.array[:] += 9
    outcome = Outcome.of(films, rows.tolist())
    assert wave.read(batch, outcome) == [rows[5]]

    back = np.setdiff1d(rows, rows[5])
    np.testing.assert_allclose(outcome.positions[back], films.positions[back], atol=40 * step)
    empty = ~films.filled[back]
    np.testing.assert_array_equal(outcome.positions[back][empty], films.positions[back][empty])
    for left_out in (3, 40):
        np.testing.assert_array_equal(outcome.positions[left_out], films.positions[left_out])
    assert (outcome.ended[back] == DONE).all()
    if precision is SINGLE:
        np.testing.assert_allclose(outcome.velocities[back], films.velocities[back], rtol=1e-6)
        assert films.origin is not None
        np.testing.assert_allclose(outcome.origin[back], films.origin[back], atol=40 * step)
        if tracked:
            np.testing.assert_allclose(outcome.travelled, films.travelled, atol=40 * step)
        assert outcome.step[back].tolist() == (back + 9).tolist()


def test_without_a_known_origin_lists_are_built_where_the_particles_are(films):
    task = Task(ensemble=replace(films, origin=None), pairs=kob_andersen_pairs(), skin=0.5, time_step=0.005)
    particles = Wave(task, np.arange(70), SINGLE, room=8, threads=1).particles()
    slot = particles["slot"][:, None, :]
    np.testing.assert_array_equal(particles["built"], np.take_along_axis(particles["now"], slot, axis=2))
