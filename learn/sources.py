"""From run directories to a dataset: which frames, which class, which side of the split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitrify.learn.configurations import Configurations
from vitrify.learn.datasets import POSITIONS, Dataset
from vitrify.learn.gathered import Gathered
from vitrify.learn.pairing import pair_classes, pairing_notes
from vitrify.learn.splits import FRACTIONS, halves, split_origins
from vitrify.learn.taking import FILMS, Taken, density_of, take
from vitrify.learn.windows import edge_for
from vitrify.md.model import EMPTY
from vitrify.md.store.address import Address
from vitrify.md.store.rundir import RunDirectory

MIXTURE_TOLERANCE, WINDOW_TOLERANCE = 0.001, 0.02
"""Relative difference in density between classes beyond which they are not compared: of whole boxes of the mixture,
where it is given, and of windows, in which it fluctuates and which may be of films, whose own it is."""

COMPOSITION_TOLERANCE = 0.002
"""Difference in the fraction of A between classes that is said."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The frames of one run at one temperature.

    Attributes:
        path: the run directory.
        kt: the temperature; the stored frames nearest to it are taken [eps_AA]. Of a deposition it is that of the
            substrate, and the films are taken at their end.
    """

    path: Path
    kt: float

    @classmethod
    def parse(cls, text: str) -> Source:
        """Read ``RUN@kT``.

        Raises:
            ValueError: for anything else.

        >>> Source.parse("runs/slow@0.05").kt
        0.05
        """
        address = Address.parse(text)
        return cls(path=address.path, kt=address.kt)


def parse_classes(texts: Sequence[str]) -> dict[str, list[Source]]:
    """Read ``NAME=RUN@kT[,RUN@kT]``, in the order of the labels; a name that comes again has more sources.

    Raises:
        ValueError: for a text that is no such thing.

    >>> [(name, len(sources)) for name, sources in parse_classes(["hot=a@2.0", "cold=a@0.05,b@0.05"]).items()]
    [('hot', 1), ('cold', 2)]
    """
    classes: dict[str, list[Source]] = {}
    for text in texts:
        name, given, sources = text.partition("=")
        if not given or not name.strip() or "@" in name:
            raise ValueError(f"class: got {text!r}, expected NAME=RUN@kT[,RUN@kT], as glass=runs/slow@0.05")
        classes.setdefault(name.strip(), []).extend(Source.parse(source) for source in sources.split(","))
    return classes


def build_dataset(
    classes: Mapping[str, Sequence[Source]],
    *,
    positions: str = "instant",
    seed: int,
    fractions: Sequence[float] = FRACTIONS,
    frames_per_replica: int | None = None,
    window: float | None = None,
    window_particles: int | None = None,
    tolerance: float | None = None,
    null: bool = False,
) -> Dataset:
    """Gather stored configurations into a dataset and split it by replica.

    Args:
        classes: the sources of each class; the order of the classes gives their labels.
        positions: ``instant``, as the dynamics left them, or ``inherent``, at their local potential-energy minimum.
        seed: what split and null derive from.
        fractions: of training, validation and test.
        frames_per_replica: take at most so many frames a replica, the last ones; an equilibrium run has many at one
            temperature, and its first ones may not have come to equilibrium yet.
        window: edge of the windows cut out of every configuration [sigma_AA]; None for whole configurations, of films
            their bulk.
        window_particles: the same by how many particles a window holds on average, at the density of the first run.
        tolerance: pair the configurations of two classes by E_IS, to within this [eps_AA], and leave out the others;
            None for no pairing.
        null: split the one class given in two by origin: a set in which nothing can be learnt.

    Returns:
        The dataset, in memory.

    Raises:
        ValueError: for a run that is not finished or has no configurations, a temperature that was not stored, a frame
            that is in two classes, classes of different density, a class that has too few replicas for the split, or
            too few that are matched.
    """
    if positions not in POSITIONS:
        raise ValueError(f"positions: got {positions!r}, expected one of {', '.join(POSITIONS)}")
    if frames_per_replica is not None and frames_per_replica < 1:
        raise ValueError(f"frames per replica: got {frames_per_replica}, expected at least 1")
    _require_classes(classes, null=null)
    taken, names, sources = [], [], []
    for name, source in [(name, source) for name, own in classes.items() for source in own]:
        run = RunDirectory.open(source.path)
        if not run.finished:
            raise ValueError(f"{run.path}: is not finished; expected a finished run (go on with --resume)")
        if window is None and window_particles is not None:
            window = edge_for(window_particles, density_of(run))
        inherent = positions == "inherent"
        found = take(run, source.kt, inherent=inherent, frames_per_replica=frames_per_replica, window=window)
        taken.append(found)
        names.append(name)
        sources.append(_describe(found, name, source.kt))
    label = np.repeat([list(classes).index(name) for name in names], list(map(len, taken)))
    origin = np.concatenate([origins_of(one.run, one.replica, [other.run for other in taken]) for one in taken])
    _require_distinct(taken, names)
    notes = _compare_mixtures(taken, names, sources)
    seen = _side_by_side(taken)
    rows, matching, pairs = np.arange(len(label)), None, []
    if tolerance is not None:
        rows, matching, pairs = pair_classes(seen.inherent_energy, label, origin, tolerance, tuple(classes))
    if null:
        half = halves(origin.tolist(), seed)
        label = np.array([half[one] for one in origin.tolist()])
        classes = {f"{name}-{number}": () for name in classes for number in (1, 2)}
    part_of = split_origins(_classes_of(origin[rows], label[rows], list(classes)), seed, fractions, pairs=pairs)
    if matching is not None:
        divided = sum(part_of[one] != part_of[other] for one, other in pairs)
        matching = {**matching, "divided": divided}
        notes += pairing_notes(matching)
    dataset = Dataset(
        configurations=seen,
        classes=tuple(classes),
        label=label,
        part=np.array([part_of.get(one, "") for one in origin]),
        origin=origin,
        run=np.concatenate([[one.run.name] * len(one) for one in taken]),
        replica=np.concatenate([one.replica for one in taken]),
        frame=np.concatenate([one.frame for one in taken]),
        step=np.concatenate([one.step for one in taken]),
        kt_set=np.concatenate([one.kt_set for one in taken]),
        positions_taken=positions,
        seed=seed,
        fractions=tuple(fractions),
        sources=tuple(sources),
        window=window,
        matching=matching,
        null=null,
        notes=tuple(notes),
    )
    return dataset if tolerance is None else dataset.select(rows)


def _require_classes(classes: Mapping[str, Sequence[Source]], *, null: bool) -> None:
    for name, sources in classes.items():
        if not sources:
            raise ValueError(f"class {name}: is empty, expected at least one RUN@kT")
    if null and len(classes) != 1:
        raise ValueError(f"null: got the classes {', '.join(classes) or 'none'}, expected one, which is split in two")
    if not null and len(classes) < 2:
        raise ValueError(f"classes: got {', '.join(classes) or 'none'}, expected at least two (one with --null)")


def _side_by_side(taken: Sequence[Taken]) -> Configurations:
    block = np.repeat(np.arange(len(taken)), list(map(len, taken)))
    row = np.concatenate([np.arange(len(one)) for one in taken])
    positions: Any = Gathered([one.positions for one in taken], block, row, fill=0.0)
    species: Any = Gathered([one.species for one in taken], block, row, fill=EMPTY)
    return Configurations(
        positions=positions,
        species=species,
        box=np.concatenate([one.box for one in taken]),
        periodic=np.concatenate([one.periodic for one in taken]),
        inherent_energy=np.concatenate([one.energy for one in taken]),
    )


def origins_of(
    run: RunDirectory, replicas: Sequence[int] | np.ndarray, runs: Sequence[RunDirectory] = ()
) -> np.ndarray:
    """(B,) ``seed:replica`` of what these replicas of a run began with, followed through ``runs`` it was begun from.

    Runs of one seed have one origin, whatever else they are: that costs nothing but the freedom to split them apart.
    """
    known = {one.identity: one for one in runs}
    while run.spec.get("source") in known:
        run = known[run.spec["source"]]
    spec = run.spec.get("deposition", run.spec)
    seed = spec.get("seed", run.identity[:12])
    return np.array([f"{seed}:{replica}" for replica in replicas])


def _classes_of(origin: np.ndarray, label: np.ndarray, classes: Sequence[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for one, number in zip(origin.tolist(), label.tolist(), strict=True):
        found.setdefault(str(one), set()).add(classes[int(number)])
    return {one: frozenset(names) for one, names in found.items()}


def _describe(taken: Taken, name: str, kt: float) -> dict:
    run = taken.run
    count = (taken.species != EMPTY).sum(axis=1)
    density = count.mean() / taken.box.prod(axis=1).mean()
    return {
        "class": name,
        "run": str(run.path),
        "identity": run.identity,
        "kt": kt,
        "configurations": len(taken),
        "replicas": len(np.unique(taken.replica)),
        "stored": taken.stored,
        "protocol": run.spec["protocol"],
        "seed": run.spec.get("seed"),
        "density": float(density),
        "fraction_a": float((taken.species == 0).sum() / count.sum()),
    }


def _compare_mixtures(taken: Sequence[Taken], names: Sequence[str], sources: Sequence[Mapping]) -> list[str]:
    """What is said of classes that differ in density or composition; ValueError where they must not."""
    films = [one.run.spec["protocol"] in FILMS for one in taken]
    if any(films) and not all(films):
        odd = taken[films.index(True)].run.path, taken[films.index(False)].run.path
        raise ValueError(f"{odd[0]}: is a film, at zero pressure, {odd[1]} is not; expected films alone or none")
    open_y_alone = bool(taken[0].periodic.any() and not taken[0].periodic.all())  # a film's bulk does not fill its box
    notes = []
    first = sources[0]
    for other in sources[1:]:
        if not open_y_alone:
            difference = abs(other["density"] / first["density"] - 1)
            if difference > (MIXTURE_TOLERANCE if taken[0].periodic.all() else WINDOW_TOLERANCE):
                raise ValueError(
                    f"{other['run']}: has density {other['density']:.4g}, {first['run']} {first['density']:.4g}; "
                    "expected one density, or the classes differ in it"
                )
        if other["class"] != first["class"] and abs(other["fraction_a"] - first["fraction_a"]) > COMPOSITION_TOLERANCE:
            notes.append(
                f"composition differs: {first['class']} has {first['fraction_a']:.3f} of A, {other['class']} "
                f"{other['fraction_a']:.3f} ({other['run']}); a model can tell them by that"
            )
    return notes


def _require_distinct(taken: Sequence[Taken], names: Sequence[str]) -> None:
    seen: dict[tuple[str, int, int], str] = {}
    for one, name in zip(taken, names, strict=True):
        for replica, frame in sorted(set(zip(one.replica.tolist(), one.frame.tolist(), strict=True))):
            key = one.run.identity, replica, frame
            if key in seen:
                raise ValueError(
                    f"{one.run.name}: frame {frame} of replica {replica} was given twice, as {seen[key]} and as "
                    f"{name}; expected every configuration once"
                )
            seen[key] = name
