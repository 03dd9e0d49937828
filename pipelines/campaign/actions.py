"""What a task does: the verbs of the command line as plain functions, which read the products of other tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitrify.md.store.checkpoint import write_atomically
from vitrify.pipelines.campaign.tasks import Task, product

if TYPE_CHECKING:
    from vitrify.md.protocols.stages import Protocol
    from vitrify.md.store.rundir import RunDirectory


@dataclass(frozen=True, kw_only=True)
class Work:
    """One task under way.

    Attributes:
        task: what is done.
        home: the task's directory.
        out: where the product is made.
        checkpoint_every: seconds between checkpoints.
        stop: asked every few seconds whether to checkpoint and leave.
        progress: told how much is done, and of how much.
    """

    task: Task
    home: Path
    out: Path
    checkpoint_every: float
    stop: Callable[[], bool]
    progress: Callable[[float, float], None]

    @property
    def asked(self) -> Mapping[str, Any]:
        """What is asked of the action."""
        return self.task.asked

    def products(self, stage: str) -> list[Path]:
        """The products of all tasks of a stage that this one reads, in the order of their batches."""
        return [product(self.home.parent / name, stage) for name in self.task.inputs[stage]]

    def product(self, stage: str) -> Path:
        """The product of a stage that has one task."""
        (path,) = self.products(stage)
        return path

    def runs(self, *stages: str) -> list[RunDirectory]:
        """The runs of some stages, of all inputs where none is named."""
        from vitrify.md.store.rundir import RunDirectory

        return [RunDirectory.open(path) for stage in stages or self.task.inputs for path in self.products(stage)]

    def follow(self, protocol: Protocol) -> None:
        """Carry a protocol out, going on from its checkpoint."""
        from vitrify.md.protocols.loop import run

        run(
            protocol,
            self.out,
            resume=True,
            progress=self.progress,
            announce=print,
            checkpoint_every=self.checkpoint_every,
            stop=self.stop,
        )


def mixture(work: Work) -> None:
    """A batch of ramps or of equilibrium liquids."""
    from vitrify.md.protocols.mixture import MixtureProtocol
    from vitrify.pipelines.campaign.simulating import mixture_spec

    work.follow(MixtureProtocol(mixture_spec(work.task)))


def deposit(work: Work) -> None:
    """A batch of films."""
    from vitrify.md.protocols.films.growth import DepositionProtocol
    from vitrify.pipelines.campaign.simulating import film_spec

    work.follow(DepositionProtocol(film_spec(work.task)))


def cool_film(work: Work) -> None:
    """The films of a batch, melted and cooled."""
    from vitrify.md.protocols.films.cooled import FilmCoolingProtocol
    from vitrify.md.protocols.films.grown import grown_recipe
    from vitrify.pipelines.campaign.simulating import film_cooling_spec

    (films,) = work.runs()
    work.follow(FilmCoolingProtocol(film_cooling_spec(work.task, grown_recipe(films), films.identity), films))


def analyze(work: Work) -> None:
    """Tables and figures of runs."""
    from vitrify.analysis.analyze import analyze
    from vitrify.pipelines.campaign.measuring import analysis_options

    for line in analyze(work.runs(), work.out, analysis_options(work.asked["options"]), progress=work.progress):
        print(line)


def compare(work: Work) -> None:
    """Descriptors of two sides at one energy."""
    from vitrify.analysis.comparison.compare import compare
    from vitrify.analysis.comparison.sides import Source

    def side(places: Sequence) -> list[Source]:
        return [Source(run=run, kt=kt) for stage, kt in places for run in work.runs(stage)]

    lines = compare(
        side(work.asked["first"]),
        side(work.asked["second"]),
        work.out,
        positions=work.asked["positions"],
        tolerance=work.asked["tolerance"] or None,
        names=tuple(work.asked["names"]) or ("", ""),
        progress=work.progress,
    )
    for line in lines:
        print(line)


def dataset(work: Work) -> None:
    """Configurations of named classes."""
    from vitrify.learn.datasets import save_dataset
    from vitrify.learn.sources import Source, build_dataset

    asked = work.asked
    classes = {
        name: [Source(path=path, kt=kt) for stage, kt in places for path in work.products(stage)]
        for name, places in asked["classes"].items()
    }
    built = build_dataset(
        classes,
        positions=asked["positions"],
        seed=asked["seed"],
        frames_per_replica=asked["frames_per_replica"] or None,
        window_particles=asked["window"] or None,
        tolerance=asked["tolerance"] if asked["match"] else None,
        null=asked["null"],
    )
    for note in save_dataset(built, work.out).notes:
        print(note)


def train(work: Work) -> None:
    """A network on a data set."""
    from vitrify.learn.datasets import open_dataset
    from vitrify.learn.fit import fit
    from vitrify.learn.settings import settled

    architecture, recipe = settled(work.asked["model"], work.asked["settings"])
    epochs = recipe.epochs if recipe else 1
    fit(
        open_dataset(work.product(work.asked["on"])),
        architecture,
        work.out,
        seed=work.asked["seed"],
        recipe=recipe,
        resume=True,
        report=lambda now: work.progress(now.epochs, epochs),
        stop=work.stop,
    )


def evaluate(work: Work) -> None:
    """Models on data sets."""
    from vitrify.learn.checkpoint import open_model
    from vitrify.learn.datasets import open_dataset
    from vitrify.learn.evaluations import evaluate_all

    asked, done = work.asked, []
    total = len(asked["models"]) * len(asked["on"])

    def report(one: object) -> None:
        done.append(one)
        work.progress(len(done), total)

    evaluate_all(
        [open_model(work.product(name)) for name in asked["models"]],
        [open_dataset(work.product(name)) for name in asked["on"]],
        work.out,
        part=asked["part"],
        seed=asked["seed"],
        null_permutations=asked["null_permutations"],
        report=report,
    )


def transfer(work: Work) -> None:
    """Scores along cooling curves; data sets and models of each kT stay beside the product."""
    from vitrify.learn.checkpoint import open_model
    from vitrify.learn.settings import settled
    from vitrify.learn.transfer import transfer_each, transfer_once
    from vitrify.learn.transfers import write_transfers

    asked = work.asked
    ramps = [work.runs(stage) for stage in asked["runs"]]
    if asked["model"]:
        model = open_model(work.product(asked["model"]))
        found = [transfer_once(model, runs) for runs in ramps]
    else:
        architecture, recipe = settled(asked["architecture"], asked["settings"])
        positions, seed = asked["positions"], asked["seed"]
        place = work.home / "models"
        found = [
            transfer_each(architecture, runs, place, positions=positions, seed=seed, recipe=recipe) for runs in ramps
        ]
    write_transfers(found, work.out, {"model": asked["model"] or asked["architecture"], "runs": asked["runs"]})


def explain(work: Work) -> None:
    """What a model has learnt."""
    from vitrify.pipelines.commands.explain import explain

    explain(
        work.product(work.asked["model"]),
        work.product(work.asked["on"]),
        work.out,
        artificial=work.asked["artificial"],
        steps=work.asked["steps"],
        seed=work.asked["seed"],
    )


def report(work: Work) -> None:
    """One page of all that is told, and a copy of it where the campaign is."""
    from vitrify.analysis.report.chapters import write_chapters
    from vitrify.md.store.product import whole_directory
    from vitrify.pipelines.campaign.directory import PAGE
    from vitrify.pipelines.campaign.published import write_published

    told = [path for stage in work.task.inputs for path in work.products(stage)]
    with whole_directory(work.out, PAGE, folders=(PUBLISHED,)) as directory:
        if write_published(told, directory / PUBLISHED):
            told.insert(0, directory / PUBLISHED)
        write_chapters(told, directory / PAGE, title=work.asked["title"])
        page = (directory / PAGE).read_bytes()
    write_atomically(work.home.parent.parent / PAGE, page)


PUBLISHED = "published"
"""Folder of a report with what was found beside what was published."""

ACTIONS: Mapping[str, Callable[[Work], None]] = {
    "cool": mixture,
    "anneal": mixture,
    "deposit": deposit,
    "cool-film": cool_film,
    "analyze": analyze,
    "compare": compare,
    "dataset": dataset,
    "train": train,
    "evaluate": evaluate,
    "transfer": transfer,
    "explain": explain,
    "report": report,
}
"""What is done, by the action of a task."""
