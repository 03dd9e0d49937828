import numpy as np
import pytest

from vitrify.learn.gathered import Gathered

BLOCKS = [np.arange(12.0).reshape(3, 2, 2), 100 + np.arange(18.0).reshape(3, 3, 2)]
BLOCK, ROW = np.array([1, 0, 0, 1]), np.array([2, 0, 2, 0])


@pytest.fixture
def gathered():
    return Gathered(BLOCKS, BLOCK, ROW, fill=-1.0)


@pytest.fixture
def plain():
    whole = np.full((4, 3, 2), -1.0)
    for place, (block, row) in enumerate(zip(BLOCK, ROW, strict=True)):
        whole[place, : BLOCKS[block].shape[1]] = BLOCKS[block][row]
    return whole


@pytest.mark.parametrize(
    "key",
    [0, -1, slice(1, 3), np.array([3, 0]), np.array([True, False, True, False]), (2, 1), (slice(None), 0),
     (np.array([1, 3]), slice(0, 2), 1), np.array([], dtype=int), np.array([[0, 1], [2, 3]])],
)  # fmt: skip
def test_it_is_indexed_as_a_plain_array(gathered, plain, key):
    np.testing.assert_array_equal(gathered[key], plain[key], strict=True)


def test_numpy_sees_a_plain_array(gathered, plain):
    np.testing.assert_array_equal(np.asarray(gathered), plain, strict=True)
    np.testing.assert_array_equal(gathered == -1, plain == -1)
    np.testing.assert_array_equal(gathered + 1, plain + 1)
    assert (gathered.shape, gathered.ndim, len(gathered), gathered.dtype) == (plain.shape, 3, 4, plain.dtype)


def test_a_view_is_of_the_chosen_rows(gathered, plain):
    np.testing.assert_array_equal(np.asarray(gathered.view(np.array([2, 2, 0]))), plain[[2, 2, 0]])


def test_a_row_beyond_the_last_is_refused(gathered):
    with pytest.raises(IndexError):
        gathered[4]


def test_only_what_is_asked_for_is_read(tmp_path):
    class Watched(np.ndarray):
        def __getitem__(self, key):
            asked.append(np.asarray(key).tolist())
            return super().__getitem__(key)

    asked = []
    blocks = [block.view(Watched) for block in BLOCKS]
    Gathered(blocks, BLOCK, ROW, fill=-1.0)[[1, 2]]
    assert asked == [[0, 2]]
