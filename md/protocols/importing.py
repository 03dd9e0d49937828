"""Configurations that others made, as a finished run: measured here, and quenched where that is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from vitrify.md.engines.base import TIME_STEP, Engine
from vitrify.md.ensemble import Ensemble, kinetic_temperature
from vitrify.md.model import PairTable, kob_andersen_pairs
from vitrify.md.protocols.loop import run
from vitrify.md.protocols.spec import Spec, require_at_least, require_positive
from vitrify.md.protocols.stages import Frame, Look, Protocol, Wave
from vitrify.md.store.foreign import ForeignFile
from vitrify.md.store.frames import Configuration
from vitrify.md.store.product import sha256
from vitrify.md.store.rundir import RunDirectory
from vitrify.md.store.survey import survey

LOOP = frozenset(signature(run).parameters) - {"protocol", "out"}
"""Options that are the loop's."""

FILES_OPEN = 64
"""Files that are kept open at a time."""


@dataclass(frozen=True, kw_only=True)
class ImportSpec(Spec):
    """Configurations from GSD files; make one with :meth:`of`, which reads all of them.

    What is one independent system is said by ``systems``: "files", each file is a replica and its frames are what was
    seen of it in time, as a trajectory has it; or "frames", each frame of each file is a replica, seen once.

    Attributes:
        files: where the files are; they may move.
        sums: SHA-256 of each: what they are known by.
        systems: "files" or "frames".
        names: what the files call A and B.
        kts: set temperature of each frame [eps_AA]; empty where nobody knows it.
        frames: how many there are of each replica.
        particles: number of particles of each.
        density: number density [sigma_AA^-2], to six digits, what single precision has.
        fraction_a: fraction of A.
        velocities: whether the files have them.
        unwrapped: whether the files say how many boxes particles have travelled.
        inherent: whether each frame is quenched to its inherent structure.
    """

    protocol: ClassVar[str] = "import"

    files: tuple[str, ...]
    sums: tuple[str, ...]
    systems: str
    names: tuple[str, ...] = ("A", "B")
    kts: tuple[float, ...] = ()
    frames: int
    particles: int
    density: float
    fraction_a: float
    velocities: bool
    unwrapped: bool
    inherent: bool = False

    def __post_init__(self):
        super().__post_init__()
        require_at_least(self, frames=1, particles=2)
        for kt in self.kts:
            require_positive("kt", kt)
        if self.kts and len(self.kts) != self.frames:
            raise ValueError(f"kt: got {len(self.kts)} for {self.frames} frames, expected one, or one for each frame")

    @classmethod
    def of(
        cls,
        files: Sequence[str | Path],
        *,
        names: tuple[str, str] = ("A", "B"),
        kt: float | Sequence[float] | None = None,
        systems: str = "auto",
        **fields: Any,
    ) -> Self:
        """Read every configuration of the files, and say what they are.

        Args:
            files: GSD files, in the order of their replicas.
            names: what they call A and B.
            kt: set temperature, one or one for each frame [eps_AA]; None for what the files say, if they do.
            systems: "files", "frames", or "auto": "frames" where a file of this software holds many replicas.
            fields: further fields: ``inherent``, ``fmax``, ``engine``, ``device``, ``first_replica``.

        Raises:
            FileNotFoundError: when a file is missing.
            ValueError: when one is damaged, is no two-dimensional mixture of A and B in a rectangular periodic box, or
                they are not configurations of one system: as many particles, as many A, one box, as many frames.
        """
        if not files:
            raise ValueError("import: got no file, expected one or more GSD files")
        paths = [Path(path) for path in files]
        held = survey(paths, names, systems)
        kts = held.kts if kt is None else [kt] * held.frames if np.ndim(kt) == 0 else kt
        sums = [sha256(path) for path in paths]
        key = "".join([*sums, held.systems, *names])
        return cls(
            files=tuple(str(path) for path in paths),
            sums=tuple(sums),
            systems=held.systems,
            names=names,
            kts=tuple(np.asarray(kts, dtype=np.float64).tolist()),
            frames=held.frames,
            replicas=held.count // held.frames,
            velocities=held.velocities,
            unwrapped=held.images,
            # No random number derives from it, but replicas are told apart by seed and number.
            seed=int(hashlib.sha256(key.encode()).hexdigest()[:12], 16),
            particles=held.particles,
            density=held.density,
            fraction_a=held.fraction_a,
            **fields,
        )

    @property
    def last_frame(self) -> int:
        """The last of the frames."""
        return self.frames


class ImportProtocol(Protocol):
    """Nothing moves: each stage puts the next frame of every replica in its place, to be measured and quenched."""

    def __init__(self, spec: ImportSpec):
        self.spec = spec
        self.open = lru_cache(maxsize=FILES_OPEN)(
            lambda number: ForeignFile(Path(spec.files[number]), (spec.names[0], spec.names[1]))
        )

    @property
    def pairs(self) -> PairTable:
        """The mixture's pair table."""
        return kob_andersen_pairs()

    @property
    def time_step(self) -> float:
        """Nothing moves; an engine wants one."""
        return TIME_STEP

    @property
    def slots(self) -> int:
        """Particles of a replica."""
        return self.spec.particles

    @cached_property
    def stages(self) -> tuple[Look, ...]:
        """From frame to frame."""
        return tuple(Look(frame=frame) for frame in range(1, self.spec.frames + 1))

    @cached_property
    def places(self) -> list[tuple[int, int]]:
        """Number of the file and of its frame, from 0, where each replica begins."""
        if self.spec.systems == "files":
            return [(file, 0) for file in range(len(self.spec.files))]
        return [(file, place) for file in range(len(self.spec.files)) for place in range(len(self.open(file)))]

    def begin(self, replicas: np.ndarray) -> Wave:
        """The first frame."""
        found = self.configurations(replicas, 1)
        start = {"start": np.array([unwrapped(one) for one in found])} if self.spec.unwrapped else {}
        return self.labelled(Wave(ensemble=self.ensemble(replicas, found), memory=start), found, 1)

    def enter(self, number: int, wave: Wave) -> Wave:
        """The frame of this stage."""
        if number == 0:
            return wave
        found = self.configurations(wave.ensemble.replica, number + 1)
        here = replace(self.ensemble(wave.ensemble.replica, found), failure=wave.ensemble.failure)
        return self.labelled(replace(wave, ensemble=here), found, number + 1)

    def configurations(self, replicas: np.ndarray, frame: int) -> list[Configuration]:
        """Those of one frame, replica by replica."""
        at = [self.places[replica] for replica in (replicas - self.spec.first_replica).tolist()]
        return [self.open(file).configuration(place + frame - 1) for file, place in at]

    def ensemble(self, replicas: np.ndarray, found: Sequence[Configuration]) -> Ensemble:
        """Configurations side by side; at rest where velocities are not known."""
        positions = np.array([one.positions for one in found])
        moving = [one.velocities if one.velocities is not None else np.zeros_like(one.positions) for one in found]
        return Ensemble(
            positions=positions,
            velocities=np.array(moving),
            species=np.array([one.species for one in found]),
            box=np.array([one.box for one in found]),
            seed=self.spec.seed,
            replica=np.asarray(replicas, dtype=np.int64),
            step=np.array([one.step for one in found], dtype=np.int64),
        )

    def labelled(self, wave: Wave, found: Sequence[Configuration], frame: int) -> Wave:
        """With the frame's set kT; with displacements since the first where the files say how many boxes they span."""
        kt = np.full(len(found), self.frame(frame).kt_set)
        wave = replace(wave, memory={**wave.memory, "kt_set": kt})
        if not self.spec.unwrapped:
            return wave
        gone = np.array([unwrapped(one) for one in found]) - wave.memory["start"]
        return replace(wave, ensemble=replace(wave.ensemble, travelled=gone))

    def frame(self, number: int) -> Frame:
        """All of them are stored."""
        spec = self.spec
        kt = spec.kts[number - 1] if spec.kts else float("nan")
        return Frame(kt_set=kt, store=True, inherent=spec.inherent, velocities=spec.velocities)

    def describe(self, wave: Wave, engine: Engine) -> dict[str, np.ndarray]:
        """What the table says of them: kT from velocities; the pressure's ideal part from these, or from the set kT."""
        states, measured = wave.ensemble, engine.measure(wave.ensemble)
        kt, twice_kinetic = np.full(states.replicas, np.nan), 2 * states.particles * wave.memory["kt_set"]
        if self.spec.velocities:
            kt = kinetic_temperature(states.velocities, states.filled, conserved=2)
            twice_kinetic = np.einsum("rnk,rnk,rn->r", states.velocities, states.velocities, states.filled)
        return {
            "kt": kt,
            "pressure": (twice_kinetic + measured.virials.sum(axis=1)) / (2 * states.box.prod(axis=1)),
            "potential_energy": measured.energies.sum(axis=1) / states.particles,
        }

    def inherent_energy(self, wave: Wave, energies: np.ndarray) -> np.ndarray:
        """Per particle."""
        return energies.sum(axis=1) / wave.ensemble.particles


def unwrapped(one: Configuration) -> np.ndarray:
    """Positions as if there were no box, (N, 2) [sigma_AA]."""
    return one.positions if one.images is None else one.positions + one.images * one.box


def import_gsd(files: Sequence[str | Path], out: str | Path, **options: Any) -> RunDirectory:
    """Make a finished run directory of configurations that others made.

    Args:
        files: GSD files of the HOOMD schema.
        out: the directory.
        options: those of :meth:`ImportSpec.of` and of :func:`vitrify.md.protocols.loop.run`.

    >>> import tempfile
    >>> from vitrify.md.protocols.cooling import CoolingSpec, cool
    >>> folder = Path(tempfile.mkdtemp())
    >>> spec = CoolingSpec(particles=64, ramp_steps=200, frames=2, equilibration_steps=10, replicas=3, seed=1)
    >>> ran = cool(spec, folder / "run")
    >>> there = import_gsd([folder / "run" / "frame-0002.gsd"], folder / "again", inherent=True)
    >>> there.replicas, there.spec["kts"], there.spec["density"]
    ([0, 1, 2], [0.05], 1.2)
    >>> bool(np.allclose(there.table["inherent_energy"], ran.table["inherent_energy"][1::2], atol=1e-6))
    True
    """
    how = {
        name: options.pop(name)
        for name in ("resume", "force", "progress", "announce", "checkpoint_every", "stop")
        if name in options
    }
    return run(ImportProtocol(ImportSpec.of(files, **options)), out, **how)
