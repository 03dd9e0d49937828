"""Runs of the bulk mixture: a random liquid is brought to temperature, followed along a schedule, seen in frames.

What :mod:`vitrify.md.cooling` and :mod:`vitrify.md.annealing` have in common.
"""

from __future__ import annotations

import tomllib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from vitrify.md.engines.base import TIME_STEP, Engine, Thermostat
from vitrify.md.engines.registry import EngineChoice, choose_engine
from vitrify.md.ensemble import Ensemble, kinetic_temperature, maxwell_boltzmann
from vitrify.md.model import KobAndersen2D
from vitrify.md.placement import place_randomly
from vitrify.md.provenance import to_toml
from vitrify.md.randomness import Purpose, stream
from vitrify.md.rundir import CHECKPOINT, SPEC, RunDirectory, RunWriter
from vitrify.md.schedule import TemperatureSchedule

START_DISTANCE = 0.6
"""Least distance between particles of a random start [sigma_AA]."""

START_FORCE = 10.0
"""max|F| at which a random start counts as free of overlaps; a liquid at kT 2 has larger forces [eps_AA / sigma_AA]."""

REPLICAS_AT_ONCE = 2048
"""Replicas beyond these run after them: enough to fill a GPU, and a checkpoint stays below a gigabyte."""

PARTICLE_STEPS_AT_ONCE, LEAST_STEPS_AT_ONCE = 200_000_000, 1_000
"""How much an engine is asked for between two looks at the clock: half a minute of a CPU core."""

CHECKPOINT_INTERVAL = 60.0
"""Seconds between checkpoints."""

Progress = Callable[[int, int], None]
"""Called with the replica-steps done and their total."""


@dataclass(frozen=True, kw_only=True)
class BulkSpec(ABC):
    """What every run of the bulk mixture needs; its subclasses add the schedule.

    Attributes:
        particles: number of particles N of each replica.
        density: number density rho [sigma_AA^-2].
        fraction_a: fraction of A particles.
        replicas: number of independent systems R.
        frames: how many times the system is looked at, the last time at its end.
        kt_start: temperature of the first velocities [eps_AA].
        equilibration_steps: time steps before the first frame's clock starts.
        store: frames whose configurations are kept: "all", "none", "last" or their numbers.
        inherent: whether each frame is quenched to its inherent structure.
        seed: what every random number of the run derives from.
        time_step: dt [tau].
        engine: "auto", "replica" or "hoomd".
        device: "auto", "cpu", "gpu" or "gpu:0,1".
    """

    protocol: ClassVar[str]

    particles: int = 4320
    density: float = 1.2
    fraction_a: float = 0.65
    replicas: int = 1
    frames: int = 200
    kt_start: float = 2.0
    equilibration_steps: int = 5_000
    store: str | tuple[int, ...] = "last"
    inherent: bool = True
    seed: int
    time_step: float = TIME_STEP
    engine: str = "auto"
    device: str = "auto"

    def __post_init__(self):
        KobAndersen2D(particles=self.particles, density=self.density, fraction_a=self.fraction_a)
        for name, least in (("replicas", 1), ("frames", 1), ("equilibration_steps", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least {least}")
        for name in ("kt_start", "time_step"):
            require_positive(name, getattr(self, name))
        if isinstance(self.store, str):
            if self.store not in ("all", "none", "last"):
                raise ValueError(f"store: got {self.store!r}, expected 'all', 'none', 'last' or frame numbers")
        elif not all(1 <= frame <= self.frames for frame in self.store):
            raise ValueError(f"store: got {list(self.store)}, expected frame numbers from 1 to {self.frames}")

    @property
    @abstractmethod
    def schedule(self) -> TemperatureSchedule:
        """Set temperature against the clock, equilibration included."""

    @property
    @abstractmethod
    def frame_kts(self) -> np.ndarray:
        """(frames,) set temperature of each frame [eps_AA]."""

    @property
    @abstractmethod
    def production_steps(self) -> int:
        """Time steps after equilibration."""

    @property
    def frame_steps(self) -> np.ndarray:
        """(frames,) clock of each frame, equilibration included: equally spaced, to the nearest step."""
        k = np.arange(1, self.frames + 1)
        return self.equilibration_steps + (2 * k * self.production_steps + self.frames) // (2 * self.frames)

    @property
    def stored(self) -> frozenset[int]:
        """Numbers of the frames whose configurations are kept."""
        if isinstance(self.store, tuple):
            return frozenset(self.store)
        named = {"all": range(1, self.frames + 1), "last": [self.frames], "none": ()}
        return frozenset(named[self.store])

    @property
    def model(self) -> KobAndersen2D:
        """The mixture."""
        return KobAndersen2D(particles=self.particles, density=self.density, fraction_a=self.fraction_a)

    def to_dict(self) -> dict:
        """What stands in spec.toml."""
        return {"protocol": self.protocol, **asdict(self)}


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless ``value`` is a positive finite number."""
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name}: got {value}, expected a positive number")


def require_frames_fit(name: str, steps: int, frames: int) -> None:
    """Raise ValueError unless every frame has a time step of its own."""
    if steps < 1:
        raise ValueError(f"{name}: got {steps}, expected at least 1")
    if steps < frames:
        raise ValueError(f"{name}: got {steps} for {frames} frames, expected at least a time step per frame")


def random_liquid(spec: BulkSpec, replicas: np.ndarray, engine: Engine) -> Ensemble:
    """Random places ``START_DISTANCE`` or more apart, relaxed until no overlap is left, velocities at ``kt_start``.

    Args:
        spec: which mixture, and its seed.
        replicas: (R,) numbers of the replicas wanted.
        engine: what relaxes them.
    """
    model, corner = spec.model, np.full(2, spec.model.box_length / 2)
    positions, velocities = np.empty((2, len(replicas), spec.particles, 2))
    for row, replica in enumerate(replicas):
        positions[row] = place_randomly(
            stream(spec.seed, Purpose.POSITIONS, replica),
            spec.particles,
            lower=-corner,
            upper=corner,
            min_distance=START_DISTANCE,
            box=2 * corner,
            periodic=(True, True),
        )
        rng = stream(spec.seed, Purpose.VELOCITIES, replica)
        velocities[row] = maxwell_boltzmann(rng, spec.particles, spec.kt_start)
    placed = Ensemble(
        positions=positions,
        velocities=velocities,
        species=np.tile(model.species, (len(replicas), 1)),
        box=np.full((len(replicas), 2), model.box_length),
        seed=spec.seed,
        replica=np.asarray(replicas, dtype=np.int64),
        step=np.zeros(len(replicas), dtype=np.int64),
    )
    return engine.minimize(placed, fmax=START_FORCE).ensemble


def run_bulk(
    spec: BulkSpec,
    out: str | Path,
    *,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
    announce: Callable[[str], None] | None = None,
    checkpoint_interval: float = CHECKPOINT_INTERVAL,
) -> RunDirectory:
    """Run ``spec`` into a run directory.

    Args:
        spec: what to run.
        out: the directory.
        resume: go on with the run that is there, bit for bit on the same device; hand back a finished one; begin one
            where there is none.
        force: replace the run that is there.
        progress: called now and then.
        announce: told which engine was taken and why.
        checkpoint_interval: seconds between checkpoints.

    Raises:
        FileExistsError: when there is a run and neither ``resume`` nor ``force`` is given.
        ValueError: when the run that is there was made from another spec or is damaged, when the engine is not to be
            had, or when every replica failed.
        OSError: when the disk is full; the last checkpoint stays.
    """
    out = Path(out)
    choice = choose_engine(
        spec.engine,
        pairs=spec.model.pairs,
        time_step=spec.time_step,
        device=spec.device,
        particles=spec.particles,
    )
    engine, launch = choice.engine, launch_facts(choice)
    if resume and is_run_of(spec.to_dict(), out) and RunDirectory.open(out).finished:
        return RunDirectory.open(out)
    ensemble, frame = None, 0
    if resume and (out / CHECKPOINT).exists():
        writer, ensemble, extra = RunWriter.resume(out, launch)
        frame = int(extra["frame"])
    else:
        writer = RunWriter.create(out, spec.to_dict(), launch, force=force or resume)
    if announce is not None:
        announce(choice.reason)
    with writer:
        run = _Run(spec, engine, writer, progress, checkpoint_interval)
        first = 0 if ensemble is None else int(ensemble.replica[0])
        for start in range(first, spec.replicas, REPLICAS_AT_ONCE):
            if ensemble is None:
                replicas = np.arange(start, min(start + REPLICAS_AT_ONCE, spec.replicas))
                ensemble, frame = random_liquid(spec, replicas, engine), 0
            run.follow(ensemble, frame)
            ensemble = None
        if len(writer.failures) == spec.replicas:
            worst = writer.failures[0]
            raise ValueError(
                f"{out}: every replica failed; replica {worst['replica']} at step {worst['step']}: {worst['reason']}"
            )
        return writer.finish()


class _Run:
    """One launch: follows replicas from frame to frame and writes what it sees."""

    def __init__(self, spec: BulkSpec, engine: Engine, writer: RunWriter, progress: Progress | None, interval: float):
        self.spec, self.engine, self.writer, self.progress, self.interval = spec, engine, writer, progress, interval
        self.thermostat = Thermostat(schedule=spec.schedule)

    def follow(self, ensemble: Ensemble, frame: int) -> None:
        """Take replicas from frame ``frame`` (0: the start) to the last."""
        for k in range(frame + 1, self.spec.frames + 1):
            ensemble = self.advance(ensemble, k)
            if ensemble.failed.all():
                return
            self.record(ensemble, k)
            self.writer.checkpoint_when_due(ensemble, {"frame": np.array(k)}, self.interval)

    def advance(self, ensemble: Ensemble, k: int) -> Ensemble:
        """Integrate up to frame ``k``, in pieces, so that checkpoints and progress come at their time."""
        target = int(self.spec.frame_steps[k - 1])
        piece = max(LEAST_STEPS_AT_ONCE, PARTICLE_STEPS_AT_ONCE // (ensemble.replicas * ensemble.slots))
        self.note_failures(ensemble)
        while not ensemble.failed.all() and (step := int(ensemble.step[~ensemble.failed][0])) < target:
            ensemble = self.engine.integrate(ensemble, min(piece, target - step), self.thermostat)
            self.note_failures(ensemble)
            self.report(ensemble)
            self.writer.checkpoint_when_due(ensemble, {"frame": np.array(k - 1)}, self.interval)
        return ensemble

    def note_failures(self, ensemble: Ensemble) -> None:
        """Record replicas that have stopped since the last call."""
        known = {failure["replica"] for failure in self.writer.failures}
        new = [
            {"replica": int(ensemble.replica[row]), "step": int(ensemble.step[row]), "reason": ensemble.failure[row]}
            for row in np.flatnonzero(ensemble.failed)
            if int(ensemble.replica[row]) not in known
        ]
        if new:
            self.writer.record_failures(new)

    def report(self, ensemble: Ensemble) -> None:
        if self.progress is not None:
            steps = int(self.spec.frame_steps[-1])
            before, now = int(ensemble.replica[0]), int(ensemble.step.max())
            self.progress(before * steps + ensemble.replicas * now, self.spec.replicas * steps)

    def record(self, ensemble: Ensemble, k: int) -> None:
        """Measure frame ``k`` of every replica that is well, quench it, store it, and write its rows."""
        spec, kt_set = self.spec, float(self.spec.frame_kts[k - 1])
        well = ensemble.select(~ensemble.failed)
        columns = {
            "replica": well.replica,
            "frame": np.full(well.replicas, k),
            "step": well.step,
            "kt_set": np.full(well.replicas, kt_set),
            "kt": kinetic_temperature(well.velocities, well.filled, conserved=2),
            "potential_energy": self.engine.energies(well).sum(axis=1) / well.particles,
        }
        states = [(well, False)]
        if spec.inherent:
            quenched = self.engine.minimize(well)
            states.append((quenched.ensemble, True))
            columns |= {
                "inherent_energy": quenched.energies.sum(axis=1) / well.particles,
                "max_force": quenched.max_force,
                "converged": quenched.converged,
            }
        if k in spec.stored:
            for state, inherent in states:
                for row in range(well.replicas):
                    self.writer.append_configuration(state, row, k, kt_set, inherent=inherent)
        self.writer.append_rows(columns)


def launch_facts(choice: EngineChoice) -> dict:
    """What the provenance says of an engine: why it was taken, name, device, settings that are numbers or words."""
    engine = choice.engine
    settings = {entry.name: getattr(engine, entry.name) for entry in fields(engine)} if is_dataclass(engine) else {}
    plain = {name: value for name, value in settings.items() if isinstance(value, int | float | str)}
    return {"engine": engine.name, "device": engine.device, "why": choice.reason, "engine_settings": plain}


def is_run_of(settings: dict, out: Path) -> bool:
    """Whether ``out`` holds a run of these settings, those of a spec's ``to_dict``.

    False where there is nothing, ValueError where it is another's.
    Engine and device may change between launches: they say how, not what.
    """
    if not (out / SPEC).exists():
        return False
    there, wanted = RunDirectory.open(out).spec, tomllib.loads(to_toml(settings))
    for name in sorted((set(there) | set(wanted)) - {"engine", "device"}, key=lambda name: (name != "protocol", name)):
        if there.get(name) != wanted.get(name):
            raise ValueError(f"{out}: its run has {name} = {there.get(name)}, this one {wanted.get(name)}")
    return True
