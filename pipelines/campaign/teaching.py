"""Tables that learn: data sets of named classes, trainings, evaluations, transfers, explanations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, ClassVar

from vitrify.pipelines.campaign.measuring import alone
from vitrify.pipelines.campaign.places import place_of
from vitrify.pipelines.campaign.tables import Outline, Table, as_kind, inputs_of
from vitrify.pipelines.campaign.tasks import Stage, Task

POSITIONS = ("instant", "inherent")


@dataclass(frozen=True, kw_only=True)
class DataSet(Table):
    """``[dataset.NAME]``: configurations of named classes, split by replica, as ``vitrify dataset``.

    All data sets of a campaign are split with its seed: a replica that one has in its test part is in no other's
    training part, as far as the classes allow it.

    Attributes:
        classes: STAGE@kT, one or several, by name of the class, in the order of the labels.
        positions: "instant" or "inherent".
        match: "energy" pairs the configurations of two classes by E_IS.
        tolerance: largest difference within a pair [eps_AA].
        null: one class, split in two.
        window: particles of a window; whole configurations where 0.
        frames_per_replica: at most so many, the last ones; all where 0.
    """

    action: ClassVar[str] = "dataset"
    classes: Mapping[str, Any]
    positions: str
    match: str = ""
    tolerance: float = 0.0005
    null: bool = False
    window: int = 0
    frames_per_replica: int = 0

    def stages(self, outline: Outline) -> list[Stage]:
        """One task."""
        one_of("positions", self.positions, POSITIONS)
        one_of("match", self.match, ("", "energy"))
        if (len(self.classes) != 1) if self.null else (len(self.classes) < 2):
            expected = "one, which is split in two (null)" if self.null else "two or more"
            raise ValueError(f"classes: got {', '.join(self.classes) or 'none'}, expected {expected}")
        runs: dict[str, Stage] = {}
        classes: dict[str, list] = {}
        for name, given in self.classes.items():
            key = f"classes.{name}"
            found = [place for text in as_kind(key, given, tuple[str, ...]) for place in place_of(key, text, outline)]
            if not found:
                raise ValueError(f"{key}: is empty, expected STAGE@kT, one or several")
            runs |= {place.stage.name: place.stage for place in found}
            classes[name] = [[place.stage.name, place.kt] for place in found]
        asked = {name: getattr(self, name) for name in ("positions", "tolerance", "null", "window", "match")}
        asked |= {"classes": classes, "frames_per_replica": self.frames_per_replica, "seed": outline.common.seed}
        return alone(self, inputs_of(list(runs.values())), asked)


@dataclass(frozen=True, kw_only=True)
class Train(Table):
    """``[train.NAME]``: a network on a data set, as ``vitrify train``.

    A stage for each data set and seed, named NAME-DATASET-SEED, of which what is one only is left out.

    Attributes:
        model: "cnn2018", "cnn", "mpnn" or "linear".
        on: data sets.
        seeds: what weights, batches and dropout derive from.
        settings: options of the network and numbers of its recipe.
    """

    action: ClassVar[str] = "train"
    model: str
    on: tuple[str, ...]
    seeds: tuple[int, ...] = (1,)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def stages(self, outline: Outline) -> list[Stage]:
        """A stage a data set and seed."""
        sets = outline.refer_all("on", self.on, "dataset")
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds: got {list(self.seeds)}, expected whole numbers from 0 on, each once")
        found = []
        for data, seed in product(sets, self.seeds):
            parts = [self.name, *([data.name] if len(sets) > 1 else []), *([str(seed)] if len(self.seeds) > 1 else [])]
            name = "-".join(parts)
            asked = {"model": self.model, "settings": dict(self.settings), "seed": seed, "on": data.name}
            task = Task(name=name, stage=name, action=self.action, inputs=inputs_of([data]), asked=asked)
            found.append(Stage(name=name, action=self.action, table=f"train.{self.name}", tasks=(task,)))
        return found


@dataclass(frozen=True, kw_only=True)
class Evaluate(Table):
    """``[evaluate.NAME]``: every model on every data set, with the null test, as ``vitrify evaluate``.

    Attributes:
        models: tables or stages of trainings.
        on: data sets.
        part: "test", or "all" for data sets that no model was trained on.
        null_permutations: shuffles of the labels.
    """

    action: ClassVar[str] = "evaluate"
    models: tuple[str, ...]
    on: tuple[str, ...]
    part: str = "test"
    null_permutations: int = 1000

    def stages(self, outline: Outline) -> list[Stage]:
        """One task."""
        one_of("part", self.part, ("test", "all"))
        models = outline.refer_all("models", self.models, "train")
        sets = outline.refer_all("on", self.on, "dataset")
        asked = {
            "models": [stage.name for stage in models],
            "on": [stage.name for stage in sets],
            "part": self.part,
            "null_permutations": self.null_permutations,
            "seed": outline.common.seed,
        }
        return alone(self, inputs_of([*models, *sets]), asked)


@dataclass(frozen=True, kw_only=True)
class Transfer(Table):
    """``[transfer.NAME]``: scores along the cooling curve, as ``vitrify transfer``.

    Attributes:
        runs: ramps that store several frames.
        model: a stage of training, tested along the ramps; or
        architecture: a network that is trained at every temperature.
        positions: "instant" or "inherent", of an architecture.
        settings: options and recipe of an architecture.
    """

    action: ClassVar[str] = "transfer"
    runs: tuple[str, ...]
    model: str = ""
    architecture: str = ""
    positions: str = "inherent"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def stages(self, outline: Outline) -> list[Stage]:
        """One task."""
        one_of("positions", self.positions, POSITIONS)
        if bool(self.model) == bool(self.architecture):
            raise ValueError("model: expected a trained model, or an architecture to train at each kT, one of the two")
        runs = outline.refer_all("runs", self.runs, "cool")
        models = []
        if self.model:
            models = outline.refer("model", self.model, "train")
            if len(models) != 1:
                raise ValueError(f"model: got {self.model!r}, which are {len(models)} models; expected one of them")
        asked = {
            "runs": [stage.name for stage in runs],
            "model": models[0].name if models else "",
            "architecture": self.architecture,
            "positions": self.positions,
            "settings": dict(self.settings),
            "seed": outline.common.seed,
        }
        return alone(self, inputs_of([*runs, *models]), asked)


@dataclass(frozen=True, kw_only=True)
class Explain(Table):
    """``[explain.NAME]``: what a model has learnt, as ``vitrify explain``.

    Attributes:
        model: a stage of training.
        on: a data set.
        artificial: artificial configurations of each motif.
        steps: of each walk to higher scores.
    """

    action: ClassVar[str] = "explain"
    model: str
    on: str
    artificial: int = 8
    steps: int = 60

    def stages(self, outline: Outline) -> list[Stage]:
        """One task."""
        models, sets = outline.refer("model", self.model, "train"), outline.refer("on", self.on, "dataset")
        if len(models) != 1 or len(sets) != 1:
            raise ValueError(f"model: got {self.model!r} on {self.on!r}, expected one model and one data set")
        (model,), (data,) = models, sets
        asked = {
            "model": model.name,
            "on": data.name,
            "artificial": self.artificial,
            "steps": self.steps,
            "seed": outline.common.seed,
        }
        return alone(self, inputs_of([model, data]), asked)


def one_of(key: str, value: str, known: tuple[str, ...]) -> None:
    """Raise ValueError for a word that is none of these."""
    if value not in known:
        raise ValueError(f"{key}: got {value!r}, expected one of {', '.join(word for word in known if word)}")


TABLES: Mapping[str, type[Table]] = {kind.action: kind for kind in (DataSet, Train, Evaluate, Transfer, Explain)}
"""By the first word of their headers."""
