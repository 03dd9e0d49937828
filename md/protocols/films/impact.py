"""One vapour particle hits a film, and the film is watched: how its heat spreads.

Source: Reid et al., Nat. Commun. 7, 13062 (2016), who followed the kinetic temperature of the particles below the spot.

A replica is an impact, on a copy of one of the films, in turn. Its table says at each frame: ``kt`` of the film's
particles, the falling one left out; ``arrived``, whether that has touched the film; ``arriving_kt``, its kinetic
energy, which in two dimensions is its kT; and ``below_01``, ``below_02``, ...: from the contact on, kT of the film's
particles in a column below the spot, bin by bin downwards, NaN for a bin without particles [eps_AA].
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vitrify.md.engines.base import Engine
from vitrify.md.ensemble import Ensemble, kinetic_temperature
from vitrify.md.external import External
from vitrify.md.model import EMPTY, SUBSTRATE, A, B
from vitrify.md.protocols.films.grown import grown_films, read_films, require_source
from vitrify.md.protocols.films.growth import externals
from vitrify.md.protocols.films.injection import vapour_velocities
from vitrify.md.protocols.films.observables import FilmProtocol
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.films.substrate import thermostat
from vitrify.md.protocols.films.surface import attached
from vitrify.md.protocols.loop import run
from vitrify.md.protocols.spec import Spec, require_at_least, require_positive
from vitrify.md.protocols.stages import Advance, Frame, Stage, Wave
from vitrify.md.randomness import Purpose, stream
from vitrify.md.store.rundir import RunDirectory
from vitrify.md.store.table import COLUMNS


@dataclass(frozen=True, kw_only=True)
class ImpactSpec(Spec):
    """Let one vapour particle fall on each of R copies of a deposition's films, each at a place of its own.

    The particle starts just outside the film's reach, as hot as the recipe's vapour; vapour left from the growth is
    taken out first.

    Attributes:
        source: identity of the run the films come from.
        deposition: their recipe.
        frames: how many times the films are looked at.
        steps_per_frame: time steps between.
        half_width: of the column that is looked at, to either side of the spot [sigma_AA].
        depth: how far down it reaches [sigma_AA].
        bin_depth: height of a bin [sigma_AA].
    """

    protocol: ClassVar[str] = "impact"

    source: str
    deposition: DepositionSpec
    frames: int = 200
    steps_per_frame: int = 20
    half_width: float = 3.0
    depth: float = 15.0
    bin_depth: float = 1.5

    def __post_init__(self):
        super().__post_init__()
        require_at_least(self, frames=1, steps_per_frame=1)
        for name in ("half_width", "depth", "bin_depth"):
            require_positive(name, getattr(self, name))

    @property
    def depth_edges(self) -> np.ndarray:
        """(D + 1,) edges of the bins, below the height of contact [sigma_AA]."""
        return np.arange(0.0, self.depth + self.bin_depth / 2, self.bin_depth)

    @property
    def depth_columns(self) -> tuple[str, ...]:
        """Names of the table's columns of bins."""
        return tuple(f"below_{number:02d}" for number in range(1, len(self.depth_edges)))

    @property
    def noise_key(self) -> tuple:
        """Protocol, and the noise the films were grown with."""
        return (self.protocol, self.deposition.noise_seed)


class ImpactProtocol(FilmProtocol):
    """Impacts watched frame by frame; ``spot`` (R, 2) is remembered of each, where it touched the film, NaN before."""

    def __init__(self, spec: ImpactSpec, source: RunDirectory):
        require_source(source, spec.source)
        self.spec, self.recipe, self.source = spec, spec.deposition, source
        self.films = np.array(grown_films(source, self.recipe))
        self.columns = (*COLUMNS, "kt_substrate", "arrived", "arriving_kt", *spec.depth_columns)

    @property
    def slots(self) -> int:
        """A film and the particle that falls, in the last slot."""
        return self.recipe.slots + 1

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """From frame to frame."""
        steps, bath = self.spec.steps_per_frame, thermostat(self.recipe)
        return tuple(
            Advance(start=(k - 1) * steps, until=k * steps, thermostat=bath, frame=k)
            for k in range(1, self.spec.frames + 1)
        )

    def begin(self, replicas: np.ndarray) -> Wave:
        """Films dealt out in turn, a particle above each."""
        films, sites = read_films(self.source, self.films[replicas % len(self.films)])
        films = replace(films, replica=np.asarray(replicas, dtype=np.int64), seed=self.spec.noise_seed)
        return Wave(
            ensemble=aimed(films, self.recipe), memory={"sites": sites, "spot": np.full((len(replicas), 2), np.nan)}
        )

    def resting(self, wave: Wave) -> tuple[External, ...]:
        """Tethers and wall, as while the film grew."""
        return externals(wave.ensemble, self.recipe, wave.memory["sites"])

    def end(self, number: int, wave: Wave) -> Wave:
        """A particle that is attached for the first time marks its spot."""
        return Wave(ensemble=wave.ensemble, memory={**wave.memory, "spot": spots(wave)})

    def frame(self, number: int) -> Frame:
        """A row of the table."""
        return Frame(kt_set=self.recipe.substrate.kt, store=False, inherent=False)

    def describe(self, wave: Wave, engine: Engine) -> dict[str, np.ndarray]:
        """Temperatures of film, substrate, falling particle and the bins below the spot."""
        ensemble, film = wave.ensemble, film_of_impacts(wave.ensemble)
        below = heat_below(wave, self.spec)
        return {
            "kt": kinetic_temperature(ensemble.velocities, film),
            "kt_substrate": kinetic_temperature(ensemble.velocities, ensemble.species == SUBSTRATE),
            "arrived": np.isfinite(wave.memory["spot"][:, 0]),
            "arriving_kt": (ensemble.velocities[:, -1] ** 2).sum(axis=1) / 2,
            **dict(zip(self.spec.depth_columns, below.T, strict=True)),
        }


def strike(source: RunDirectory, spec: ImpactSpec, out: str | Path, **options: Any) -> RunDirectory:
    """Let particles fall on the films of a finished deposition, and write down what they heat into a run directory.

    Args:
        source: the deposition, finished.
        spec: how many, and how they are watched.
        out: the directory.
        options: those of :func:`vitrify.md.protocols.loop.run`.

    Raises:
        ValueError: as there, and when the source is no finished deposition or not the one the spec names.
    """
    return run(ImpactProtocol(spec, source), out, **options)


def aimed(films: Ensemble, recipe: DepositionSpec) -> Ensemble:
    """Films without vapour, one falling particle each in a slot added behind the last."""
    vapour, edge, reach = recipe.vapour, recipe.box_length, recipe.pairs.longest_cutoff
    wider = ((0, 0), (0, 1), (0, 0))
    positions, velocities = np.pad(films.positions, wider), np.pad(films.velocities, wider)
    species = np.pad(films.species, wider[:2], constant_values=EMPTY)
    box = films.box.copy()
    for row, replica in enumerate(films.replica.tolist()):
        rng = stream(films.seed, Purpose.INJECTION, replica)
        member = attached(positions[row], species[row], edge)
        species[row, ~member] = EMPTY
        x = edge * (rng.random() - 0.5)
        aside = positions[row, :, 0] - x
        aside -= edge * np.rint(aside / edge)
        below = member & (np.abs(aside) < reach)
        height = positions[row, below, 1].max() + reach
        positions[row, -1] = x, height
        velocities[row, -1] = vapour_velocities(rng, 1, vapour.kt, vapour.least_fall_speed, rescale=False)[0]
        species[row, -1] = A if rng.random() < vapour.fraction_a else B
        box[row, 1] = max(box[row, 1], height + recipe.wall.gap + recipe.wall.range)
    positions[species == EMPTY], velocities[species == EMPTY] = 0.0, 0.0
    return replace(
        films, positions=positions, velocities=velocities, species=species, box=box, step=0 * films.step, origin=None
    )


def spots(wave: Wave) -> np.ndarray:
    """Where each falling particle first touched its film, (R, 2) [sigma_AA]; NaN where it has not yet."""
    ensemble, found = wave.ensemble, wave.memory["spot"].copy()
    for row in wave.well:
        if np.isnan(found[row, 0]):
            touching = attached(ensemble.positions[row], ensemble.species[row], float(ensemble.box[row, 0]))[-1]
            found[row] = ensemble.positions[row, -1] if touching else np.nan
    return found


def heat_below(wave: Wave, spec: ImpactSpec) -> np.ndarray:
    """Kinetic temperature of the film in the bins below each spot, (R, D) [eps_AA]; NaN where there is none."""
    ensemble, film, edges = wave.ensemble, film_of_impacts(wave.ensemble), spec.depth_edges
    energy = (ensemble.velocities**2).sum(axis=-1) / 2
    found = np.full((ensemble.replicas, len(edges) - 1), np.nan)
    for row, (x, top) in enumerate(wave.memory["spot"]):
        if np.isnan(x):
            continue
        aside = ensemble.positions[row, :, 0] - x
        aside -= ensemble.box[row, 0] * np.rint(aside / ensemble.box[row, 0])
        column = film[row] & (np.abs(aside) <= spec.half_width)
        place = np.digitize(top - ensemble.positions[row, column, 1], edges) - 1
        inside = (place >= 0) & (place < len(edges) - 1)
        count = np.bincount(place[inside], minlength=len(edges) - 1)
        total = np.bincount(place[inside], weights=energy[row, column][inside], minlength=len(edges) - 1)
        np.divide(total, count, out=found[row], where=count > 0)
    return found


def film_of_impacts(ensemble: Ensemble) -> np.ndarray:
    """The particles of the films, without substrate and falling particle, (R, N) bool."""
    film = ensemble.filled & (ensemble.species != SUBSTRATE)
    film[:, -1] = False
    return film
