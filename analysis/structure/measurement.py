"""Descriptors of many stored configurations: in parallel over cores, streamed, and each measured once a run.

:func:`measure` is what analyses, comparisons and data sets call. Processes, not threads: most of the time goes into
NumPy and freud calls of a millisecond, which threads of one Python would serialise. freud has one thread in each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, cast

import freud
import joblib
import numpy as np

from vitrify.analysis.structure.cache import Cache, Which
from vitrify.analysis.structure.descriptors import CURVES, Measured, descriptors
from vitrify.analysis.structure.stored import Stored
from vitrify.md.model import A, B
from vitrify.md.store.frames import Configuration
from vitrify.md.store.naming import SPEC
from vitrify.md.store.rundir import RunDirectory

Item = TypeVar("Item")
Found = TypeVar("Found")

BATCH = 8
"""Configurations that a process takes at a time, and that are kept together."""

FEW = 16
"""Configurations below which no processes are started: each takes a second or two to import what it needs."""

_FACTS = ("kt_set", "energy")
"""Numbers of a configuration that are kept beside its descriptors."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What the numbers of a configuration are.

    Attributes:
        numbers: names of :func:`vitrify.analysis.structure.descriptors.descriptors`, in order.
        abscissae: (K,) of each family of curves, by its name in CURVES.
    """

    numbers: tuple[str, ...]
    abscissae: dict[str, np.ndarray]

    @property
    def size(self) -> int:
        """Numbers of a configuration, curves written out."""
        curves = sum(len(CURVES[name].lines) * len(x) for name, x in self.abscissae.items())
        return len(_FACTS) + len(self.numbers) + curves


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """Descriptors of C configurations.

    Attributes:
        stored: (C,) which ones.
        kt_set: (C,) their set temperatures [eps_AA].
        energy: (C,) energy per particle, truncated, not shifted, summed apart from the engine [eps_AA].
        numbers: (C,) of each descriptor, by its name.
        curves: abscissa (K,) and lines (C, L, K) of each family, by its name in CURVES.
        notes: where the measurements are kept, if not beside their runs.
    """

    stored: Sequence[Stored]
    kt_set: np.ndarray
    energy: np.ndarray
    numbers: dict[str, np.ndarray]
    curves: dict[str, tuple[np.ndarray, np.ndarray]]
    notes: tuple[str, ...] = ()


def measure(
    stored: Sequence[Stored],
    *,
    progress: Callable[[float, float], None] | None = None,
    jobs: int | None = None,
) -> Measurements:
    """Measure stored configurations of the bulk mixture, those that were not measured before.

    What is found is kept in a file beside its run (:mod:`vitrify.analysis.structure.cache`), batch by batch. Memory
    holds the numbers, some 5 kB a configuration, and a configuration for each process.

    Args:
        stored: the configurations, of any finished runs; those of a run under way are measured and not kept.
        progress: told how many are done, and of how many.
        jobs: processes; None for one a core.

    Raises:
        ValueError: for a damaged frame file, or a configuration without particles.
    """
    shape = layout()
    caches = {place.run.path: Cache(place.run, shape.size) for place in stored}
    missing: dict[Path, list[Which]] = {path: [] for path in caches}
    for place in stored:
        if place.which not in caches[place.run.path].known:
            missing[place.run.path].append(place.which)
    batches = [
        (path, tuple(wanted[start : start + BATCH]))
        for path, wanted in missing.items()
        for start in range(0, len(wanted), BATCH)
    ]
    done = len(stored) - sum(map(len, missing.values()))
    for (path, wanted), rows in zip(
        batches, in_parallel(_measure_batch, batches, jobs=jobs, few=FEW // BATCH), strict=True
    ):
        caches[path].add(dict(zip(wanted, rows, strict=True)))
        done += len(wanted)
        if progress is not None:
            progress(done, len(stored))
    values = np.array([caches[place.run.path].known[place.which] for place in stored]).reshape(len(stored), shape.size)
    notes = tuple(cache.note for cache in caches.values() if cache.note)
    return _taken_apart(stored, values, shape, notes)


def in_parallel(
    function: Callable[[Item], Found], items: Iterable[Item], *, jobs: int | None = None, few: int = FEW
) -> Iterator[Found]:
    """``function`` of each item, in order, as they come: in processes of one core each where there are many items.

    Args:
        function: at the top level of a module; imported anew in each process.
        items: small ones, such as where a configuration stands: they travel to the processes.
        jobs: processes; None for one a core.
        few: fewer items than this are done here.
    """
    items = list(items)
    workers = min(jobs or joblib.cpu_count(), len(items))
    if workers <= 1 or len(items) < few:
        return (_with_one_thread(function, item) for item in items)
    tasks = (joblib.delayed(_with_one_thread)(function, item) for item in items)
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator", pre_dispatch="3*n_jobs")
    return iter(cast(Iterable[Found], parallel(tasks)))


def opened(path: Path) -> RunDirectory:
    """A run, opened once a process, and again where another one has taken its place."""
    return _opened(path, (path / SPEC).stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _opened(path: Path, written: int) -> RunDirectory:
    return RunDirectory.open(path)


@lru_cache(maxsize=1)
def layout() -> Layout:
    """The layout, from a small crystal: names and abscissae are the same for every configuration."""
    sites = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    crystal = Configuration(
        positions=sites,
        species=np.where(np.arange(36) % 3, A, B).astype(np.int8),
        box=np.array([6.0, 6.0]),
        periodic=(True, True),
        step=0,
        kt_set=float("nan"),
    )
    around = Measured(crystal)
    return Layout(
        numbers=tuple(descriptors(around)),
        abscissae={name: kind.measure(around)[0] for name, kind in CURVES.items()},
    )


def all_numbers(around: Measured) -> np.ndarray:
    """Energy, descriptors and curves of a configuration as one row, as :class:`Layout` has it."""
    facts = [around.configuration.kt_set, float(around.energies[around.matter].mean())]
    curves = (np.ravel(kind.measure(around)[1]) for kind in CURVES.values())
    return np.concatenate([facts, list(descriptors(around).values()), *curves])


def _measure_batch(batch: tuple[Path, tuple[Which, ...]]) -> np.ndarray:
    """(batch, size) float64."""
    path, wanted = batch
    run = opened(path)
    return np.array([all_numbers(Measured(run.configuration(*which))) for which in wanted])


def _with_one_thread(function: Callable[[Item], Found], item: Item) -> Found:
    with freud.parallel.NumThreads(1):
        return function(item)


def _taken_apart(stored: Sequence[Stored], values: np.ndarray, shape: Layout, notes: tuple[str, ...]) -> Measurements:
    """Rows of numbers by their names."""
    first = len(_FACTS) + len(shape.numbers)
    numbers = dict(zip(shape.numbers, values[:, len(_FACTS) : first].T, strict=True))
    curves = {}
    for name, abscissa in shape.abscissae.items():
        lines = len(CURVES[name].lines)
        last = first + lines * len(abscissa)
        curves[name] = abscissa, values[:, first:last].reshape(len(values), lines, len(abscissa))
        first = last
    facts = dict(zip(_FACTS, values.T, strict=False))
    return Measurements(stored=stored, numbers=numbers, curves=curves, notes=notes, **facts)
