"""Rows of several arrays on disk, looked at as one array: read when they are asked for, and only those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin


class Gathered(NDArrayOperatorsMixin):
    """(C, N, ...) array whose row c is row ``row[c]`` of ``blocks[block[c]]``, filled up to N slots.

    Indexing gives plain arrays. Everything else that NumPy does with it reads all of it first.

    Args:
        blocks: arrays (B, n, ...) of one type, n up to N; mapped ones stay on the disk.
        block: (C,) which of them.
        row: (C,) which of its rows.
        fill: what fills slots that a block does not have.

    >>> rows = Gathered([np.array([[1, 2]]), np.array([[3], [4]])], np.array([1, 0]), np.array([1, 0]), fill=-1)
    >>> rows.shape, rows[0].tolist(), rows[[1, 0]].tolist(), (rows == -1).sum().tolist()
    ((2, 2), [4, -1], [[1, 2], [4, -1]], 1)
    """

    def __init__(self, blocks: Sequence[np.ndarray], block: np.ndarray, row: np.ndarray, *, fill: float):
        self.blocks, self.block, self.row, self.fill = list(blocks), np.asarray(block), np.asarray(row), fill
        self.dtype = self.blocks[0].dtype
        slots = max(one.shape[1] for one in self.blocks)
        self.shape = (len(self.row), slots, *self.blocks[0].shape[2:])

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def view(self, rows: np.ndarray) -> Gathered:
        """The rows at these places, in that order, not read."""
        return Gathered(self.blocks, self.block[rows], self.row[rows], fill=self.fill)

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, key: Any) -> np.ndarray:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        chosen = np.arange(len(self))[first]
        if np.ndim(chosen) == 0:
            return self._read(np.array([chosen]))[0][rest]
        return self._read(chosen)[(slice(None), *rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("gathered array: got copy=False, expected True or None: it lies in several places")
        return self._read(np.arange(len(self))).astype(dtype or self.dtype, copy=False)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [np.asarray(value) if isinstance(value, Gathered) else value for value in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def _read(self, chosen: np.ndarray) -> np.ndarray:
        flat = chosen.ravel()
        found = np.full((len(flat), *self.shape[1:]), self.fill, dtype=self.dtype)
        for number in np.unique(self.block[flat]):
            own = self.block[flat] == number
            source = self.blocks[number]
            found[own, : source.shape[1]] = source[self.row[flat[own]]]
        return found.reshape(*chosen.shape, *self.shape[1:])
