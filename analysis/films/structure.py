"""What films look like inside: density and composition against height, and the descriptors of their bulk.

Films are taken at their end, in their inherent structures. Compare a deposited film with one cooled on the same
substrate: the question of the field is whether films of equal bulk energy have equal structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitrify.analysis.films.film import Film, HeightProfile, height_profile
from vitrify.analysis.films.film_run import FilmRun
from vitrify.analysis.statistics import Estimate, mean_and_error
from vitrify.analysis.structure.descriptors import descriptors

LEAST_COVERED = 0.25
"""Part of a bin that a film must fill to count there: on the tips of a rough surface there is only noise."""


@dataclass(frozen=True, kw_only=True)
class MeanProfile:
    """Density and composition of films made alike against height, each bin up to the local surface.

    A film counts in a bin as long as it fills LEAST_COVERED of it; no film, NaN.

    Attributes:
        height: (K,) middle of each bin above the highest substrate particle [sigma_AA].
        density: mean over films and its standard error, (K,) each [sigma_AA^-2].
        fraction_a: the same of the fraction of A.
        kt: the same of the kinetic temperature at the end of the growth, before the quench [eps_AA]; NaN where no
            velocities were stored.
        bulk: lower and upper face of the bulk slab on this axis, mean over films [sigma_AA].
    """

    height: np.ndarray
    density: Estimate
    fraction_a: Estimate
    kt: Estimate
    bulk: tuple[float, float]


def mean_profile(batches: Sequence[FilmRun], width: float = 1.0) -> MeanProfile:
    """The profile of films at their end.

    Args:
        batches: a deposition or cooled films: one run, or the batches of one ensemble.
        width: height of a bin [sigma_AA].
    """
    films = [(one, replica) for one in batches for replica in one.replicas]
    profiles = [height_profile(one.end(replica)[1], width=width) for one, replica in films]
    moving = [_moving_profile(one, replica, width) for one, replica in films]
    bins = max(len(profile.density) for profile in (*profiles, *moving))
    floors = np.array([one.end(replica)[1].floor for one, replica in films])
    faces = np.array([(one.bulk.low, one.bulk.high) for one, _ in films])
    low, high = (faces - floors[:, None]).mean(axis=0)

    def over_films(name: str, profiles: Sequence[HeightProfile] = profiles) -> Estimate:
        rows = np.full((len(profiles), bins), np.nan)
        for row, (profile, (one, _)) in enumerate(zip(profiles, films, strict=True)):
            covered = profile.area >= LEAST_COVERED * width * one.spec.box_length
            rows[row, : len(covered)] = np.where(covered, getattr(profile, name), np.nan)
        return mean_and_error(rows)

    return MeanProfile(
        height=width * (np.arange(bins) + 0.5),
        density=over_films("density"),
        fraction_a=over_films("fraction_a"),
        kt=over_films("kt", moving),
        bulk=(float(low), float(high)),
    )


def _moving_profile(one: FilmRun, replica: int, width: float) -> HeightProfile:
    """The profile of a film at its end as it moved; where only its inherent structure is stored, of that."""
    if replica not in one.run.stored_replicas(one.last_frame):
        end, film = one.end(replica)
    else:
        end = one.run.configuration(replica, one.last_frame)
        film = Film.of(end.positions, end.species, float(end.box[0]))
    return height_profile(film, velocities=end.velocities, width=width)


def profile_columns(profiles: dict[str, MeanProfile]) -> dict[str, np.ndarray]:
    """The columns of film_profile.csv: a row for each run and bin of height, errors over films."""
    blocks = [
        {
            "run": np.full(len(profile.height), name),
            "height": profile.height,
            "density": profile.density.mean,
            "density_error": profile.density.error,
            "fraction_a": profile.fraction_a.mean,
            "fraction_a_error": profile.fraction_a.error,
            "kt": profile.kt.mean,
            "kt_error": profile.kt.error,
            "films": profile.density.replicas,
        }
        for name, profile in profiles.items()
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def film_structure_columns(runs: Sequence[FilmRun]) -> dict[str, list]:
    """The columns of film_structure.csv: descriptors of the bulk particles of each film, a row a film."""
    rows = []
    for one in runs:
        for replica in one.replicas:
            end, film = one.end(replica)
            members = np.zeros(len(end.species), dtype=bool)
            members[film.slots[one.bulk.members(film)]] = True
            row = {"run": one.name, "replica": replica, "particles": int(members.sum())}
            rows.append(row | descriptors(end, members, pairs=one.spec.pairs, interior=one.depth))
    return {name: [row[name] for row in rows] for name in rows[0]}
