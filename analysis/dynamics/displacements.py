"""How far particles have gone since an origin of time, read from runs whose frames are spaced logarithmically.

Displacements are those of unwrapped coordinates, ``positions + images * box``, so that a particle may cross the edges
of the box as often as it likes. Frames are read one by one, for some replicas at a time: what is held are the origins
of those, whatever the length of the run.

In two dimensions sound waves as long as the box displace particles together by an amount that grows with the logarithm
of its size, and a liquid seems to relax although no particle has left its neighbours. **Cage-relative** displacements
take this away: that of a particle less the mean displacement of its neighbours at the origin, those with which its
Voronoi cell shares a side, of whatever species.

Sources: S. Mazoyer, F. Ebert, G. Maret and P. Keim, EPL 88, 66004 (2009); B. Illing et al., PNAS 114, 1856 (2017);
H. Shiba, Y. Yamada, T. Kawasaki and K. Kim, Phys. Rev. Lett. 117, 245701 (2016); S. Vivek et al., PNAS 114, 1850
(2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from vitrify.analysis.structure.voronoi import voronoi_neighbours

if TYPE_CHECKING:
    from vitrify.md.store.frames import Configuration
    from vitrify.md.store.rundir import RunDirectory

HELD = 1 << 20
"""Particles of one frame that are held at a time: 16 MB for each origin."""


@dataclass(frozen=True, kw_only=True)
class Displacement:
    """How far the particles of a replica have gone in one lag.

    Attributes:
        replica: which.
        lag: the time between both frames [time steps].
        plain: (N, 2) unwrapped displacement [sigma_AA].
        cage_relative: (N, 2) the same less the mean over the neighbours at the origin [sigma_AA].
        species: (N,) int8.
    """

    replica: int
    lag: int
    plain: np.ndarray
    cage_relative: np.ndarray
    species: np.ndarray


def frame_pairs(run: RunDirectory) -> dict[int, list[tuple[int, int]]]:
    """The pairs of stored frames of a run by the time between them [time steps], shortest first.

    A pair is an origin of time and a frame of the stretch that follows it; and two origins that are 2, 4, 8, ...
    stretches apart.

    Raises:
        ValueError: for a run that is none of ``vitrify anneal --spacing log``, or one that stored no such pair.
    """
    if run.spec["protocol"] != "anneal" or run.spec.get("spacing") != "log":
        raise ValueError(
            f"{run.path}: got frames equally spaced in time, expected a run of vitrify anneal --spacing log --store all"
        )
    step = dict(zip(run.table["frame"].tolist(), run.table["step"].tolist(), strict=True))
    stored, origins = set(run.stored_frames()), int(run.spec["origins"])
    stretch = (int(run.spec["frames"]) - 1) // origins
    begins = [1 + number * stretch for number in range(origins + 1)]
    pairs = [(begin, later) for begin in begins[:-1] for later in range(begin + 1, begin + stretch + 1)]
    apart = 2
    while apart <= origins:
        pairs += zip(begins, begins[apart:], strict=False)
        apart *= 2
    found: dict[int, list[tuple[int, int]]] = {}
    for first, second in pairs:
        if first in stored and second in stored:
            found.setdefault(step[second] - step[first], []).append((first, second))
    if not found:
        raise ValueError(
            f"{run.path}: got {len(stored)} stored frames, no origin of time with one after it, expected --store all"
        )
    return dict(sorted(found.items()))


def common_pairs(runs: Sequence[RunDirectory]) -> dict[int, list[tuple[int, int]]]:
    """The pairs of frames that every batch of an ensemble has stored: some may still be under way.

    Raises:
        ValueError: as :func:`frame_pairs`, or when there is none.
    """
    every = [frame_pairs(run) for run in runs]
    kept = {lag: [pair for pair in both if all(pair in one.get(lag, ()) for one in every)]
            for lag, both in every[0].items()}  # fmt: skip
    found = {lag: both for lag, both in kept.items() if both}
    if not found:
        raise ValueError(f"{runs[0].path}: got no pair of frames that its other batches have stored too")
    return found


def displacements(run: RunDirectory, pairs: Mapping[int, Sequence[tuple[int, int]]]) -> Iterator[Displacement]:
    """The displacements of every pair of frames and every replica that reached all of them.

    Args:
        run: a run that stored these frames.
        pairs: pairs of frames by their lag, :func:`frame_pairs`.

    Raises:
        ValueError: when configurations were stored without displacements.
    """
    wanted: dict[int, list[tuple[int, int]]] = {}
    for lag, both in pairs.items():
        for first, second in both:
            wanted.setdefault(second, []).append((first, lag))
    firsts = {first for both in pairs.values() for first, _ in both}
    frames = sorted(firsts | set(wanted))
    whole = sorted(set.intersection(*(set(run.stored_replicas(frame)) for frame in frames)))
    if not whole:
        return
    batch = max(1, HELD // len(run.configuration(whole[0], frames[0]).species))
    for begin in range(0, len(whole), batch):
        replicas = whole[begin : begin + batch]
        origins: dict[tuple[int, int], _Origin] = {}
        for frame in frames:
            for replica in replicas:
                configuration = run.configuration(replica, frame)
                places = unwrapped(run, frame, configuration)
                for first, lag in wanted.get(frame, ()):
                    origin = origins[first, replica]
                    gone = places - origin.places
                    yield Displacement(
                        replica=replica,
                        lag=lag,
                        plain=gone,
                        cage_relative=gone - origin.neighbour_mean @ gone,
                        species=configuration.species,
                    )
                if frame in firsts:
                    origins[frame, replica] = _Origin(places=places, neighbour_mean=neighbour_mean(configuration))


def require_unwrapped(run: RunDirectory, frame: int) -> None:
    """Raise ValueError when a frame was stored without the number of boxes that its particles have travelled."""
    for _, configuration in run.configurations(frame):
        unwrapped(run, frame, configuration)
        return


def unwrapped(run: RunDirectory, frame: int, configuration: Configuration) -> np.ndarray:
    """(N, 2) coordinates that go on over the edges of the box [sigma_AA]; the run and frame are for the error."""
    if configuration.images is None:
        raise ValueError(
            f"{run.path}: frame {frame} was stored without unwrapped displacements, expected a run of vitrify anneal"
        )
    return configuration.positions + configuration.images * configuration.box


@dataclass(frozen=True, kw_only=True)
class _Origin:
    places: np.ndarray
    neighbour_mean: csr_array


def neighbour_mean(configuration: Configuration) -> csr_array:
    """(N, N) matrix that takes a quantity of each particle to its mean over the particle's Voronoi neighbours.

    >>> from vitrify.md.store.frames import Configuration
    >>> places = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    >>> lattice = Configuration(positions=places, species=np.zeros(36, np.int8), box=np.array([6.0, 6.0]),
    ...     periodic=(True, True), step=0, kt_set=1.0)
    >>> (neighbour_mean(lattice) @ np.ones(36)).round(12).tolist() == [1.0] * 36
    True
    """
    near = voronoi_neighbours(configuration.positions, configuration.box, configuration.periodic)
    count = np.bincount(near.i, minlength=len(configuration.species))
    return csr_array((1 / count[near.i], (near.i, near.j)), shape=(len(count), len(count)))
