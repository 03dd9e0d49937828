"""Tables that make runs: ramps, equilibrium liquids, films, and films melted and cooled on their substrates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from vitrify.md.protocols.annealing import AnnealingSpec
from vitrify.md.protocols.cooling import CoolingSpec
from vitrify.md.protocols.films.cooled import FilmCoolingSpec
from vitrify.md.protocols.films.ingredients import GROUPS
from vitrify.md.protocols.films.presets import names_of
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.mixture import MixtureSpec
from vitrify.md.protocols.spec import Spec
from vitrify.pipelines.campaign.tables import Outline, Table, batches, short
from vitrify.pipelines.campaign.tasks import Stage, Task

RUNS = ("cool", "anneal", "deposit", "cool-film")
"""What makes run directories."""

MIXTURES, FILMS = RUNS[:2], RUNS[2:]

LATER = "known when its films are grown"
"""Stands for the identity of a deposition that has not been run."""


def spec_keys(spec: type[Spec], *without: str) -> frozenset[str]:
    """Fields of a spec that a table may give as they are."""
    own = {"replicas", "first_replica", "seed", "source", "source_frame", *without}
    return frozenset(entry.name for entry in fields(spec)) - own


@dataclass(frozen=True, kw_only=True)
class Runs(Table):
    """What tables of runs have in common.

    Attributes:
        replicas: independent systems of each stage.
        batch: replicas of a batch; that of the campaign where 0.
        first_replica: number of the first, where another campaign has made those before it.
        seed: of each stage; from the campaign's seed and the stage's name where -1.
    """

    replicas: int
    batch: int = 0
    first_replica: int = 0
    seed: int = -1

    def named(self, values: tuple[float, ...]) -> list[tuple[str, Any]]:
        """A stage's name for each of these values: the table's own where there is one only."""
        if len(set(values)) < len(values):
            raise ValueError(f"{self.name}: got a value twice, expected each once")
        return [(self.name if len(values) == 1 else f"{self.name}-{short(value)}", value) for value in values]

    def seed_of(self, stage: str, outline: Outline) -> int:
        """The seed of a stage."""
        return self.seed if self.seed >= 0 else outline.seed(stage)

    def batched(self, stage: str, spec: Spec, outline: Outline) -> Stage:
        """A stage of one spec, in batches."""
        held = spec.to_dict()
        tasks = [
            Task(
                name=f"{stage}-{number:04d}",
                stage=stage,
                action=self.action,
                batch=number,
                asked={"spec": {**held, "replicas": count, "first_replica": self.first_replica + first}},
            )
            for number, (first, count) in enumerate(batches(self.replicas, self.batch or outline.common.batch))
        ]
        return Stage(name=stage, action=self.action, table=f"{self.action}.{self.name}", tasks=tuple(tasks))

    def fields(self, outline: Outline, known: frozenset[str]) -> dict[str, Any]:
        """Fields of the spec of a mixture: those of ``[mixture]`` that it has, then the table's own."""
        shared = {key: value for key, value in outline.common.mixture.items() if key in known}
        return {**shared, **self.free, "replicas": self.replicas, "first_replica": self.first_replica}


@dataclass(frozen=True, kw_only=True)
class Cool(Runs):
    """``[cool.NAME]``: liquids cooled on linear ramps, a stage for each length M, named NAME-M where there are several.

    Any other field of :class:`~vitrify.md.protocols.cooling.CoolingSpec` may be given: particles, frames, store, ...

    Attributes:
        ramp_steps: lengths M of the ramps [time steps].
    """

    action: ClassVar[str] = "cool"
    ramp_steps: tuple[int, ...]

    @classmethod
    def free_keys(cls) -> frozenset[str]:
        """Fields of the spec."""
        return spec_keys(CoolingSpec, "ramp_steps")

    def stages(self, outline: Outline) -> list[Stage]:
        """A stage a length."""
        return [
            self.batched(stage, CoolingSpec(ramp_steps=steps, seed=self.seed_of(stage, outline), **given), outline)
            for given in [self.fields(outline, self.free_keys())]
            for stage, steps in self.named(self.ramp_steps)
        ]


@dataclass(frozen=True, kw_only=True)
class Anneal(Runs):
    """``[anneal.NAME]``: equilibrium liquids, a stage for each temperature, named NAME-KT where there are several.

    Any other field of :class:`~vitrify.md.protocols.annealing.AnnealingSpec` may be given.

    Attributes:
        kt: temperatures [eps_AA].
        steps: time steps that are followed.
    """

    action: ClassVar[str] = "anneal"
    kt: tuple[float, ...]
    steps: int

    @classmethod
    def free_keys(cls) -> frozenset[str]:
        """Fields of the spec."""
        return spec_keys(AnnealingSpec, "kt", "steps")

    def stages(self, outline: Outline) -> list[Stage]:
        """A stage a temperature."""
        return [
            self.batched(
                stage, AnnealingSpec(kt=kt, steps=self.steps, seed=self.seed_of(stage, outline), **given), outline
            )
            for given in [self.fields(outline, self.free_keys())]
            for stage, kt in self.named(self.kt)
        ]


@dataclass(frozen=True, kw_only=True)
class Deposit(Runs):
    """``[deposit.NAME]``: films grown from the vapour, a stage for each substrate temperature.

    Any other field of :class:`~vitrify.md.protocols.films.recipe.DepositionSpec` may be given, groups as tables.

    Attributes:
        preset: "reid" or "log".
        substrate_kt: temperatures of the substrate [eps_AA]; that of the preset where not given.
    """

    action: ClassVar[str] = "deposit"
    preset: str
    substrate_kt: tuple[float, ...] = ()

    @classmethod
    def free_keys(cls) -> frozenset[str]:
        """Fields of the spec, and of its groups by one name."""
        flat = {f"{group}_{name}" for group, kind in GROUPS.items() for name in names_of(kind)}
        return spec_keys(DepositionSpec, "recipe") | flat - {"substrate_kt"}

    def stages(self, outline: Outline) -> list[Stage]:
        """A stage a temperature."""
        numbers = {"replicas": self.replicas, "first_replica": self.first_replica}
        kts = self.substrate_kt or (DepositionSpec.preset(self.preset, seed=0).substrate.kt,)
        return [
            self.batched(
                stage,
                DepositionSpec.preset(
                    self.preset, **self.free, **numbers, substrate_kt=kt, seed=self.seed_of(stage, outline)
                ),
                outline,
            )
            for stage, kt in self.named(kts)
        ]


@dataclass(frozen=True, kw_only=True)
class CoolFilm(Table):
    """``[cool-film.NAME]``: films of a deposition, each melted and cooled on its own substrate.

    A stage for each stage of films and each length, a batch for each batch of films. Any other field of
    :class:`~vitrify.md.protocols.films.cooled.FilmCoolingSpec` may be given.

    Attributes:
        of: a table or a stage of films.
        ramp_steps: lengths M of the ramps [time steps]; as many as the films took to grow where not given.
        seed: of each stage; from the campaign's seed and the stage's name where -1.
    """

    action: ClassVar[str] = "cool-film"
    of: str
    ramp_steps: tuple[int, ...] = ()
    seed: int = -1

    @classmethod
    def free_keys(cls) -> frozenset[str]:
        """Fields of the spec."""
        return spec_keys(FilmCoolingSpec, "ramp_steps", "deposition")

    def stages(self, outline: Outline) -> list[Stage]:
        """A stage for each stage of films and each length."""
        films = outline.refer("of", self.of, "deposit")
        asked = [(film, steps) for film in films for steps in self.ramp_steps or (0,)]
        return [
            self.stage(film, steps, name, outline)
            for (film, steps), name in zip(asked, partner_names(self.name, asked), strict=True)
        ]

    def stage(self, films: Stage, steps: int, name: str, outline: Outline) -> Stage:
        """The partners of the films of one stage."""
        recipe = DepositionSpec.from_table(films.tasks[0].asked["spec"])
        frames = self.free.get("frames", FilmCoolingSpec.frames)
        own = {
            **self.free,
            "ramp_steps": steps or grown_in(recipe, frames),
            "seed": self.seed if self.seed >= 0 else outline.seed(name),
        }
        FilmCoolingSpec(source=LATER, deposition=recipe, **own)
        tasks = [
            Task(
                name=f"{name}-{film.batch:04d}",
                stage=name,
                action=self.action,
                batch=film.batch,
                inputs={films.name: (film.name,)},
                asked={"spec": own},
            )
            for film in films.tasks
        ]
        return Stage(name=name, action=self.action, table=f"{self.action}.{self.name}", tasks=tuple(tasks))


def grown_in(recipe: DepositionSpec, frames: int) -> int:
    """Time steps in which films are grown, to the nearest multiple of the frames of a ramp.

    >>> grown_in(DepositionSpec.preset("reid", seed=1), 100)
    10320000
    """
    return max(1, round(recipe.injections * recipe.steps_per_injection / frames)) * frames


def partner_names(table: str, asked: list[tuple[Stage, int]]) -> list[str]:
    """Names of the stages of cooled films: what tells their films apart, and the lengths of their ramps."""
    films = list(dict.fromkeys(stage.name for stage, _ in asked))
    lengths = {steps for _, steps in asked}
    names = []
    for stage, steps in asked:
        of = stage.table.partition(".")[2]
        own = stage.name.removeprefix(of).removeprefix("-") or stage.name
        parts = [table, *([own] if len(films) > 1 else []), *([short(steps)] if len(lengths) > 1 else [])]
        names.append("-".join(parts))
    return names


def mixture_spec(task: Task) -> MixtureSpec:
    """The spec of a batch of ramps or liquids."""
    kind = CoolingSpec if task.action == CoolingSpec.protocol else AnnealingSpec
    return kind.from_table(task.asked["spec"])


def film_spec(task: Task) -> DepositionSpec:
    """The spec of a batch of films."""
    return DepositionSpec.from_table(task.asked["spec"])


def film_cooling_spec(task: Task, deposition: Spec, source: str = LATER) -> FilmCoolingSpec:
    """The spec of a batch of cooled films, of films of a known recipe."""
    return FilmCoolingSpec(source=source, deposition=deposition, **task.asked["spec"])  # type: ignore[arg-type]


def mixture_keys() -> frozenset[str]:
    """Keys that ``[mixture]`` may have: what ramps and liquids have in common."""
    return Cool.free_keys() & Anneal.free_keys()


TABLES: Mapping[str, type[Table]] = {kind.action: kind for kind in (Cool, Anneal, Deposit, CoolFilm)}
"""By the first word of their headers."""
