"""How much a task is, counted by hand from what is asked: time steps, quenches, configurations, bytes and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.mixture import MixtureSpec
from vitrify.pipelines.campaign.places import stored_at
from vitrify.pipelines.campaign.simulating import RUNS, film_cooling_spec, film_spec, mixture_spec
from vitrify.pipelines.campaign.tasks import Stage, Task

PARTICLE_BYTES, VELOCITY_BYTES, CONFIGURATION_BYTES = 28, 12, 310
"""Of a stored configuration: place, image and species of a particle; its velocity, in a run's last frame; the rest."""

ROW_BYTES, RUN_BYTES, FRAME_BYTES, RUN_FILES = 125, 2_500, 5_700, 4
"""Of a run: a row of its table; spec, provenance and check sums; a file of a stored frame, before it holds anything;
these three files and the table."""

BLOCK_BYTES = 17
"""Of a data set, each particle of a configuration: two numbers in double precision and a species."""

TASK_FILES, TASK_BYTES = 3, 2_000
"""``task.json``, ``progress.json`` and ``log`` of every task."""


@dataclass(frozen=True, kw_only=True)
class Amount:
    """How much one task is, or many.

    Attributes:
        steps: time steps, summed over replicas.
        particle_steps: the same summed over particles.
        quenched: particles of all configurations that are quenched.
        measured: particles of all configurations whose descriptors are measured.
        stepped: particles of all configurations that networks are trained on, summed over epochs; of mpnn.
        pictured: the same of cnn and cnn2018.
        files: that stay.
        bytes: that stay on the disk.
    """

    steps: float = 0
    particle_steps: float = 0
    quenched: float = 0
    measured: float = 0
    stepped: float = 0
    pictured: float = 0
    files: int = 0
    bytes: float = 0

    def __add__(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})


def amounts(stages: Sequence[Stage]) -> dict[str, Amount]:
    """How much every task of a campaign is, by the task's name."""
    counting = Counting(stages)
    return {task.name: counting.of(task) for stage in stages for task in stage.tasks}


class Counting:
    """Counts what tasks are; batches of one size are counted once.

    Args:
        stages: of the whole campaign, each after those it needs.
    """

    def __init__(self, stages: Sequence[Stage]):
        self.stages = {stage.name: stage for stage in stages}
        self.known: dict[tuple, Amount] = {}
        self.sets: dict[str, tuple[float, float]] = {}

    def of(self, task: Task) -> Amount:
        """How much one task is."""
        replicas = task.asked.get("spec", {}).get("replicas", 0)
        if task.action == "cool-film":
            ((films, (name,)),) = task.inputs.items()
            replicas = next(one for one in self.stages[films].tasks if one.name == name).asked["spec"]["replicas"]
        key = task.stage, replicas
        if key not in self.known:
            counted = getattr(self, task.action.replace("-", "_"), self.little)(task)
            self.known[key] = counted + Amount(files=TASK_FILES, bytes=TASK_BYTES)
        return self.known[key]

    def cool(self, task: Task) -> Amount:
        """Ramps and liquids."""
        return mixture_amount(mixture_spec(task))

    anneal = cool

    def deposit(self, task: Task) -> Amount:
        """Films."""
        return film_amount(film_spec(task))

    def cool_film(self, task: Task) -> Amount:
        """Films, melted and cooled."""
        ((films, (name,)),) = task.inputs.items()
        recipe = film_spec(next(one for one in self.stages[films].tasks if one.name == name))
        spec = film_cooling_spec(task, recipe)
        steps = recipe.replicas * (spec.melt_steps + spec.ramp_steps)
        configurations = recipe.replicas * spec.frames
        quenched = configurations * recipe.slots
        return Amount(
            steps=steps,
            particle_steps=steps * recipe.slots,
            quenched=quenched,
            files=RUN_FILES + 2 * spec.frames,
            bytes=RUN_BYTES
            + configurations * (2 * ROW_BYTES + 2 * CONFIGURATION_BYTES)
            + 2 * quenched * PARTICLE_BYTES
            + 2 * spec.frames * FRAME_BYTES,
        )

    def analyze(self, task: Task) -> Amount:
        """The inherent structures of all stored configurations are measured."""
        if not task.asked["options"].get("structure", True):
            return self.little(task)
        runs = [stage for stage in map(self.stages.get, task.inputs) if stage is not None]
        return Amount(measured=sum(stored_particles(stage) for stage in runs), files=60, bytes=2e6)

    def compare(self, task: Task) -> Amount:
        """One configuration of each replica of both sides."""
        places = [*task.asked["first"], *task.asked["second"]]
        return Amount(measured=sum(self.taken(stage, kt, 1)[1] for stage, kt in places), files=20, bytes=1e6)

    def dataset(self, task: Task) -> Amount:
        """Configurations are copied; pairs by energy leave out some."""
        configurations, particles = self.set_of(task)
        return Amount(files=10, bytes=particles * BLOCK_BYTES + configurations * 200)

    def train(self, task: Task) -> Amount:
        """The training part, once an epoch."""
        (stage,) = task.inputs
        _, particles = self.set_of(self.stages[stage].tasks[0])
        shown = 0.7 * particles * task.asked["settings"].get("epochs", EPOCHS.get(task.asked["model"], 1))
        return trained(task.asked["model"], task.asked["settings"], shown, particles) + Amount(files=9, bytes=1e6)

    def transfer(self, task: Task) -> Amount:
        """Of an architecture: a training at every stored temperature."""
        counted = Amount(files=8, bytes=1e6)
        for name in task.asked["runs"] if task.asked["architecture"] else ():
            spec = mixture_spec(self.stages[name].tasks[0])
            places, particles = len(spec.stored) - 1, 2 * replicas_of(self.stages[name]) * spec.particles
            kind, settings = task.asked["architecture"], task.asked["settings"]
            shown = 0.7 * particles * settings.get("epochs", EPOCHS.get(kind, 1))
            one = trained(kind, settings, shown, particles) + Amount(files=20, bytes=particles * BLOCK_BYTES)
            for _ in range(places):
                counted += one
        return counted

    def little(self, task: Task) -> Amount:
        """What takes no time that is worth planning."""
        return Amount(files=10, bytes=1e6)

    def set_of(self, task: Task) -> tuple[float, float]:
        """Configurations and particles of a data set, at most."""
        if task.name not in self.sets:
            most = task.asked["frames_per_replica"]
            found = [self.taken(stage, kt, most) for places in task.asked["classes"].values() for stage, kt in places]
            self.sets[task.name] = sum(one for one, _ in found), sum(particles for _, particles in found)
        return self.sets[task.name]

    def taken(self, name: str, kt: float, most: int) -> tuple[float, float]:
        """Configurations of a stage at a temperature, at most so many a replica, and their particles."""
        stage = self.stages[name]
        frames = stored_at("", stage, kt)
        count = replicas_of(stage) * (min(frames, most) if most else frames)
        return count, count * particles_of(stage)


def mixture_amount(spec: MixtureSpec) -> Amount:
    """A batch of ramps or liquids.

    >>> from vitrify.md.protocols.cooling import CoolingSpec
    >>> one = mixture_amount(CoolingSpec(particles=1080, ramp_steps=200_000, replicas=256, frames=20, seed=1))
    >>> one.steps, one.quenched, one.files
    (52480000, 5529600, 6)
    """
    steps = spec.replicas * (spec.equilibration_steps + spec.production_steps)
    kinds = 1 + spec.inherent
    stored = spec.replicas * len(spec.stored) * kinds
    last = spec.replicas * (spec.frames in spec.stored)
    return Amount(
        steps=steps,
        particle_steps=steps * spec.particles,
        quenched=spec.replicas * spec.frames * spec.particles * spec.inherent,
        files=RUN_FILES + len(spec.stored) * kinds,
        bytes=RUN_BYTES
        + spec.replicas * spec.frames * ROW_BYTES
        + stored * (spec.particles * PARTICLE_BYTES + CONFIGURATION_BYTES)
        + last * spec.particles * VELOCITY_BYTES
        + len(spec.stored) * kinds * FRAME_BYTES,
    )


def film_amount(spec: DepositionSpec) -> Amount:
    """A batch of films: the substrate is drawn together, then batch after batch falls on a film that grows."""
    substrate, batch = spec.substrate.particles, spec.vapour.batch
    drawing = spec.replicas * spec.substrate.relax_steps * len(spec.substrate.relax_stiffnesses)
    falling = spec.replicas * spec.injections * spec.steps_per_injection
    mean = substrate + batch * (spec.injections + 1) / 2
    every = spec.store_every or spec.injections
    frames = {*range(every, spec.injections, every), spec.injections}
    quenched = spec.replicas * sum(substrate + batch * frame for frame in frames)
    stored = 2 * quenched + spec.replicas * substrate
    return Amount(
        steps=drawing + falling,
        particle_steps=drawing * substrate + falling * mean,
        quenched=quenched,
        files=RUN_FILES + 2 * len(frames) + 1,
        bytes=RUN_BYTES
        + spec.replicas * (spec.injections + 1) * 2 * ROW_BYTES
        + spec.replicas * (2 * len(frames) + 1) * CONFIGURATION_BYTES
        + stored * PARTICLE_BYTES
        + (quenched + spec.replicas * substrate) * VELOCITY_BYTES
        + (2 * len(frames) + 1) * FRAME_BYTES,
    )


def trained(model: str, settings: Mapping, shown: float, particles: float) -> Amount:
    """A training that is shown so many particles in all, of a set of so many."""
    if model == "linear":
        return Amount(measured=particles if settings.get("features", "energy") != "energy" else 0)
    return Amount(stepped=shown) if model == "mpnn" else Amount(pictured=shown)


EPOCHS = {"mpnn": 30, "cnn": 15, "cnn2018": 40}
"""Epochs of the recipes, so that a plan need not wait for JAX; a test holds them against the recipes."""


def replicas_of(stage: Stage) -> int:
    """Replicas of all batches of a stage of runs."""
    return sum(task.asked["spec"]["replicas"] for task in stage.tasks)


def particles_of(stage: Stage) -> int:
    """Particles of one configuration of a stage of runs, of films all of them."""
    first = stage.tasks[0]
    if first.action in ("cool", "anneal"):
        return mixture_spec(first).particles
    return film_spec(first).slots


def stored_particles(stage: Stage) -> float:
    """Particles of all stored inherent structures of a stage of bulk runs; of films little is measured."""
    if stage.action not in RUNS[:2]:
        return 0
    spec = mixture_spec(stage.tasks[0])
    return replicas_of(stage) * len(spec.stored) * spec.particles * spec.inherent
