"""A set of configurations with their inherent-structure energies: of runs of the bulk mixture, or of films' bulk.

Of each replica one configuration is taken, the last one stored at the temperature: replicas are independent, frames of
one replica are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from vitrify.analysis.films.comparison import Preparation
from vitrify.analysis.films.film_run import FilmRun
from vitrify.analysis.origins import origins
from vitrify.analysis.results import BULK, FILMS
from vitrify.analysis.statistics import FEWEST_REPLICAS
from vitrify.analysis.structure.descriptors import Measured
from vitrify.analysis.structure.stored import Stored
from vitrify.md.store.address import Address, stored_frame
from vitrify.md.store.naming import TABLE
from vitrify.md.store.product import sha256
from vitrify.md.store.rundir import RunDirectory

POSITIONS = ("inherent", "instant")
"""Positions that descriptors are measured on: at the local minimum of the energy, or as the dynamics left them."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One frame of a run.

    Attributes:
        run: the run.
        kt: the temperature asked for, whose nearest stored frames are meant [eps_AA]; None for the last frame.
    """

    run: RunDirectory
    kt: float | None = None

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read ``RUN@kT``, or ``RUN`` for its last stored frame.

        Raises:
            FileNotFoundError: when there is no such run.
            ValueError: for something else than a temperature behind the @, or a run that is not finished.
        """
        address = Address.parse(text)
        run = RunDirectory.open(address.path)
        if not run.finished:
            raise ValueError(f"{run.path}: is not finished; expected a finished run (go on with --resume)")
        return cls(run=run, kt=address.kt if address.place else None)

    @property
    def signature(self) -> tuple[str, float | None, str]:
        """Path, temperature and check sum of the table: what a directory remembers that it was made of."""
        return str(self.run.path), self.kt, sha256(self.run.path / TABLE)

    def frame(self, *, inherent: bool) -> int:
        """The last stored frame at the temperature.

        Raises:
            ValueError: where nothing is stored near it.
        """
        run = self.run
        if self.kt is not None:
            return stored_frame(run, self.kt, inherent=inherent)
        stored = run.stored_frames(inherent=inherent)
        if not stored:
            kind = "inherent structures" if inherent else "configurations"
            raise ValueError(f"{run.path}: has no stored {kind}; expected a run made with --store")
        return stored[-1]


@dataclass(frozen=True, kw_only=True)
class Member:
    """One configuration.

    Attributes:
        where: run, frame and replica.
        energy: E_IS per particle, of films that of the bulk, not shifted [eps_AA].
        origin: what the replica began with, :func:`vitrify.analysis.origins.origins`.
        load: reads it, with its neighbours.
        stored: where it stands, of a whole configuration of the bulk mixture; None for the bulk of a film.
    """

    where: tuple[str, int, int]
    energy: float
    origin: str
    load: Callable[[], Measured]
    stored: Stored | None = None


@dataclass(frozen=True, kw_only=True)
class Side:
    """One set of configurations.

    Attributes:
        name: what it is called in tables and figures.
        members: its configurations, each origin once.
        system: what both sides must have in common.
        left_out: how many configurations have no energy: their quench did not converge, or a film has no bulk there.
    """

    name: str
    members: Sequence[Member]
    system: object
    left_out: int

    @property
    def energies(self) -> np.ndarray:
        """(n,) E_IS [eps_AA per particle, not shifted]."""
        return np.array([member.energy for member in self.members])

    @property
    def origins(self) -> np.ndarray:
        """(n,) what each configuration began with."""
        return np.array([member.origin for member in self.members])


def side_of(sources: Sequence[Source], *, positions: str = "inherent", name: str = "") -> Side:
    """Gather one side.

    Args:
        sources: runs and temperatures.
        positions: one of POSITIONS.
        name: what to call it; "" for the names of the runs and the temperature.

    Raises:
        ValueError: for runs that do not belong together, a temperature that was not stored, replicas that are not
            independent, or fewer than four configurations with an energy.
    """
    if positions not in POSITIONS:
        raise ValueError(f"positions: got {positions!r}, expected one of {', '.join(POSITIONS)}")
    if not sources:
        raise ValueError("side: got no run, expected at least one")
    members: list[Member] = []
    systems = []
    for source in sources:
        found, system = _members(source, inherent=positions == "inherent")
        members, systems = members + found, [*systems, system]
        require_one_system(sources[0].run, systems[0], source.run, system)
    kept = [member for member in members if np.isfinite(member.energy)]
    seen: dict[str, Member] = {}
    for member in kept:
        if (other := seen.setdefault(member.origin, member)) is not member:
            raise ValueError(
                f"{member.where[0]}: replica {member.where[2]} began with the same configuration as replica "
                f"{other.where[2]} of {other.where[0]}, expected independent replicas on a side"
            )
    if len(kept) < FEWEST_REPLICAS:
        path = sources[0].run.path
        raise ValueError(
            f"{path}: got {len(kept)} configurations with an inherent-structure energy on this side, expected at "
            f"least {FEWEST_REPLICAS} replicas"
        )
    return Side(name=name or _name(sources), members=kept, system=systems[0], left_out=len(members) - len(kept))


def require_one_system(run: RunDirectory, system: object, other: RunDirectory, its: object) -> None:
    """Raise ValueError when two runs are of different kinds, densities, compositions, sizes or recipes."""
    if system == its:
        return
    if isinstance(system, tuple) and isinstance(its, tuple):
        for name, one, another in zip(_SYSTEM, system, its, strict=True):
            if one != another:
                raise ValueError(f"{other.path}: {name} is {another}, expected {one} as in {run.path}")
    what = "film recipes that differ in more than temperature, time and size"
    if isinstance(system, tuple) or isinstance(its, tuple):
        what = "the bulk mixture and films, which sit at zero pressure"
    raise ValueError(f"{other.path}: cannot be held against {run.path}: they are {what}")


_SYSTEM = ("density", "fraction_a", "particles")
"""Fields of a mixture that must be the same."""


def _members(source: Source, *, inherent: bool) -> tuple[list[Member], object]:
    run, protocol = source.run, source.run.spec["protocol"]
    if protocol in FILMS:
        return _films(source, inherent=inherent)
    if protocol not in BULK:
        raise ValueError(f"{run.path}: got a run of protocol {protocol!r}, expected one of {', '.join(BULK + FILMS)}")
    frame, table = source.frame(inherent=inherent), run.table
    rows = table["frame"] == frame
    energies = np.where(table["converged"] == 1, table["inherent_energy"], np.nan)[rows]
    energy_of = dict(zip(table["replica"][rows].tolist(), energies.tolist(), strict=True))
    replicas = run.stored_replicas(frame, inherent=inherent)
    places = [Stored(run=run, replica=replica, frame=frame, inherent=inherent) for replica in replicas]
    members = [
        Member(
            where=(run.name, frame, place.replica),
            energy=energy_of[place.replica],
            origin=str(origin),
            load=partial(_load, place),
            stored=place,
        )
        for place, origin in zip(places, origins(run, replicas), strict=True)
    ]
    return members, tuple(run.spec[name] for name in _SYSTEM)


def _films(source: Source, *, inherent: bool) -> tuple[list[Member], object]:
    """Films, of which an inherent structure must be stored: their bulk and its energy are read from it."""
    run, frame = source.run, source.frame(inherent=True)
    one = FilmRun(run)
    state, table = one.state_at(frame), run.table
    settled = set(table["replica"][(table["frame"] == frame) & (table["converged"] == 1)].tolist())
    held = set(run.stored_replicas(frame, inherent=inherent))
    if not held:
        raise ValueError(f"{run.path}: has no stored configurations of frame {frame}, expected --positions inherent")
    members = [
        Member(
            where=(run.name, frame, int(replica)),
            energy=float(energy) if int(replica) in settled else float("nan"),
            origin=str(origin),
            load=partial(_load_film, one, int(replica), frame, inherent),
        )
        for replica, energy, origin in zip(state.replicas, state.energy, origins(run, state.replicas), strict=True)
        if int(replica) in held
    ]
    return members, Preparation.of(run).system


def _load(place: Stored) -> Measured:
    return Measured(place.load())


def _load_film(one: FilmRun, replica: int, frame: int, inherent: bool) -> Measured:
    """A film, its bulk as it is in the inherent structure."""
    quenched, film = one.at(replica, frame)
    members = np.zeros(len(quenched.species), dtype=bool)
    members[film.slots[one.bulk.members(film)]] = True
    found = quenched if inherent else one.run.configuration(replica, frame)
    return Measured(found, members, pairs=one.spec.pairs, interior=one.depth)


def _name(sources: Sequence[Source]) -> str:
    names = ", ".join(dict.fromkeys(source.run.name for source in sources))
    kts = dict.fromkeys(source.kt for source in sources if source.kt is not None)
    return f"{names} at kT {', '.join(f'{kt:g}' for kt in kts)}" if kts else names
