"""What a dataset takes of one run at one temperature: whole configurations, windows of them, or the bulk of films."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.films.film_run import FilmRun
from vitrify.analysis.structure.energies import particle_energies
from vitrify.learn.configurations import stack
from vitrify.learn.windows import Piece, film_windows, tiles
from vitrify.md.model import kob_andersen_pairs
from vitrify.md.store.address import stored_kt
from vitrify.md.store.frames import Configuration
from vitrify.md.store.rundir import RunDirectory

FILMS = ("deposit", "cool-film")
IN_MEMORY = 1 << 28
"""Bytes of positions beyond which those of one run and temperature are put aside on the disk."""

Key = tuple[int, int, int]
"""Replica, frame, and row of the table."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """B configurations of one run at one temperature.

    Attributes:
        run: the run.
        stored: how many frames it has stored at that temperature, unconverged quenches included.
        replica: (B,) int64.
        frame: (B,) int64.
        step: (B,) int64.
        kt_set: (B,) [eps_AA].
        energy: (B,) E_IS per particle, of a window or a film that of its own particles; NaN where not computed.
        box: (B, 2) [sigma_AA].
        periodic: (B, 2) bool.
        positions: (B, N, 2) float64 [sigma_AA].
        species: (B, N) int8, EMPTY for an empty slot.
    """

    run: RunDirectory
    stored: int
    replica: np.ndarray
    frame: np.ndarray
    step: np.ndarray
    kt_set: np.ndarray
    energy: np.ndarray
    box: np.ndarray
    periodic: np.ndarray
    positions: np.ndarray
    species: np.ndarray

    def __len__(self) -> int:
        return len(self.replica)


def take(
    run: RunDirectory, kt: float, *, inherent: bool, frames_per_replica: int | None, window: float | None
) -> Taken:
    """Read the configurations of a run at the temperature nearest to ``kt``.

    Args:
        run: finished.
        kt: temperature [eps_AA]; of a deposition that of its substrate, and its films are taken at their end.
        inherent: inherent structures, unconverged ones left out, or instantaneous configurations.
        frames_per_replica: at most so many of each replica, the last ones.
        window: edge of the windows to cut out [sigma_AA]; None for whole configurations, of films their bulk.

    Raises:
        ValueError: when nothing was stored there, no quench converged, or nothing is large enough for a window.
    """
    keys = _frames_at(run, kt, inherent=inherent)
    stored = len(keys)
    if run.spec["protocol"] in FILMS:
        films = FilmRun(run)
        keys = [key for key in keys if key[1] == films.last_frame]
        pieces = [_film_pieces(films, key, inherent, window) for key in _converged(run, keys)]
    else:
        keys = _last_frames(_converged(run, keys) if inherent else keys, frames_per_replica)
        quenched = _quenched(run, keys) if window is not None else set()
        pieces = [_mixture_pieces(run, key, inherent, window, key in quenched) for key in keys]
    found = [entry for entries in pieces for entry in entries]
    if not found:
        raise ValueError(
            f"{run.path}: its bulk holds no window of edge {window:g}; expected thicker films or a smaller one"
        )
    positions, species = stack([one.positions for _, one, _ in found], [one.species for _, one, _ in found])
    return Taken(
        run=run,
        stored=stored,
        replica=np.array([key[0] for key, _, _ in found]),
        frame=np.array([key[1] for key, _, _ in found]),
        step=np.array([one.step for _, one, _ in found]),
        kt_set=np.array([one.kt_set for _, one, _ in found]),
        energy=np.array([energy for _, _, energy in found]),
        box=np.array([one.box for _, one, _ in found], dtype=np.float64),
        periodic=np.array([one.periodic for _, one, _ in found], dtype=bool),
        positions=_put_aside(positions),
        species=species,
    )


def density_of(run: RunDirectory) -> float:
    """Number density of a run's configurations, of films that of their bulk [sigma_AA^-2]."""
    if run.spec["protocol"] in FILMS:
        return float(np.mean(FilmRun(run).state.density))
    frame = [*run.stored_frames(), *run.stored_frames(inherent=True)][:1]
    if not frame:
        raise ValueError(f"{run.path}: has no stored configurations; expected a run made with --store")
    inherent = not run.stored_frames()
    one = run.configuration(run.stored_replicas(frame[0], inherent=inherent)[0], frame[0], inherent=inherent)
    return len(one.species) / float(np.prod(one.box))


def _frames_at(run: RunDirectory, kt: float, *, inherent: bool) -> list[Key]:
    """The frames stored at the temperature nearest to ``kt``."""
    table = run.table
    row_of = {key: row for row, key in enumerate(zip(table["replica"].tolist(), table["frame"].tolist(), strict=True))}
    stored = [
        (replica, frame, row_of[replica, frame])
        for frame in run.stored_frames(inherent=inherent)
        for replica in run.stored_replicas(frame, inherent=inherent)
    ]
    nearest = stored_kt(run, kt, inherent=inherent)
    return [key for key in stored if abs(table["kt_set"][key[2]] - nearest) < 1e-9]


def _converged(run: RunDirectory, keys: Sequence[Key]) -> list[Key]:
    converged = [key for key in keys if run.table["converged"][key[2]]]
    if not converged:
        raise ValueError(f"{run.path}: none of its {len(keys)} quenches converged; expected inherent structures")
    return converged


def _last_frames(keys: Sequence[Key], count: int | None) -> list[Key]:
    of_replica: dict[int, list[Key]] = {}
    for key in keys:
        of_replica.setdefault(key[0], []).append(key)
    return [key for own in of_replica.values() for key in own[-count if count else 0 :]]


def _mixture_pieces(
    run: RunDirectory, key: Key, inherent: bool, window: float | None, quenched: bool
) -> list[tuple[Key, Configuration, float]]:
    """A configuration of the mixture with its energy, or its windows with theirs."""
    replica, frame, row = key
    seen = run.configuration(replica, frame, inherent=inherent)
    if window is None:
        return [(key, seen, float(run.table["inherent_energy"][row]))]
    at_rest = run.configuration(replica, frame, inherent=True) if quenched else None
    energies = None if at_rest is None else _energies(at_rest)
    return [
        (key, *_cut(piece, seen, at_rest, energies)) for piece in tiles(np.asarray(seen.box, dtype=np.float64), window)
    ]


def _film_pieces(
    films: FilmRun, key: Key, inherent: bool, window: float | None
) -> list[tuple[Key, Configuration, float]]:
    """The bulk of a film with its energy, or windows in it with theirs. Where it is, its inherent structure says."""
    replica, frame, _ = key
    at_rest, film = films.end(replica)
    seen = at_rest if inherent else films.run.configuration(replica, frame)
    energies = particle_energies(films.spec.pairs, at_rest.positions, at_rest.species, at_rest.box, at_rest.periodic)
    here, there = _only(seen, film.slots), _only(at_rest, film.slots)
    if window is not None:
        pieces = film_windows(film, films.bulk, window)
        return [(key, *_cut(piece, here, there, energies[film.slots])) for piece in pieces]
    member = films.bulk.members(film)
    low, high = films.bulk.low, films.bulk.high
    part = _only(here, np.flatnonzero(member))
    bulk = Configuration(
        positions=part.positions - np.array([0.0, low]),
        species=part.species,
        box=np.array([film.box_length, high - low]),
        periodic=(True, False),
        step=seen.step,
        kt_set=seen.kt_set,
    )
    return [(key, bulk, float(energies[film.slots][member].mean()))]


def _cut(
    piece: Piece, seen: Configuration, at_rest: Configuration | None, energies: np.ndarray | None
) -> tuple[Configuration, float]:
    """A window of a configuration, and the mean energy of those that lie in it at rest."""
    inside, local = piece.cut(seen.positions)
    cut = Configuration(
        positions=local,
        species=seen.species[inside],
        box=np.full(2, piece.edge),
        periodic=(False, False),
        step=seen.step,
        kt_set=seen.kt_set,
    )
    if at_rest is None or energies is None:
        return cut, float("nan")
    own = piece.cut(at_rest.positions)[0]
    return cut, float(energies[own].mean()) if own.any() else float("nan")


def _only(whole: Configuration, slots: np.ndarray) -> Configuration:
    return Configuration(
        positions=whole.positions[slots],
        species=whole.species[slots],
        box=whole.box,
        periodic=whole.periodic,
        step=whole.step,
        kt_set=whole.kt_set,
    )


def _quenched(run: RunDirectory, keys: Sequence[Key]) -> set[Key]:
    """Those whose inherent structure is stored and converged."""
    there = {frame: set(run.stored_replicas(frame, inherent=True)) for frame in {frame for _, frame, _ in keys}}
    return {key for key in keys if key[0] in there[key[1]] and run.table["converged"][key[2]]}


def _energies(at_rest: Configuration) -> np.ndarray:
    return particle_energies(kob_andersen_pairs(), at_rest.positions, at_rest.species, at_rest.box, at_rest.periodic)


def _put_aside(array: np.ndarray) -> np.ndarray:
    """A large array on the disk instead of in memory, in a file without a name that goes with it."""
    if array.nbytes <= IN_MEMORY:
        return array
    with tempfile.TemporaryFile() as file:
        aside = np.memmap(file, dtype=array.dtype, mode="w+", shape=array.shape)
    aside[:] = array
    return aside
