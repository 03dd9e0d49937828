"""Artificial configurations: what nobody cooled, made of one motif or of none, to ask a network what it makes of it.

``five-fold``: each B in the middle of a regular pentagon of A, as many as random addition finds room for, and the rest
at random between them. ``three-fold``: the same with triangles. ``structureless``: particles at random. All have the
density and the composition of the mixture, and random turns and places.

As built they have overlaps that no liquid has; brought to their local minimum they have the motifs that survived, which
is a fairer question to a network that was trained on inherent structures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrify.learn.configurations import Configurations
from vitrify.md.engines.base import Engine
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import A, B
from vitrify.md.placement import place_randomly
from vitrify.md.randomness import Purpose, stream

MOTIFS = {"five-fold": 5, "three-fold": 3, "structureless": 0}
"""How many A stand around each B of a motif."""

BOND = 0.9
"""From the B to the A of a motif [sigma_AA]: the first peak of g_AB. The sides of a pentagon are then 1.06 long."""

ROOM = 0.5
"""Around the A of a motif, to the next motif [sigma_AA]."""

LEAST = 0.35
"""Between the particles that fill up the rest [sigma_AA]."""


@dataclass(frozen=True, kw_only=True)
class ArtificialSpec:
    """What is built.

    Attributes:
        motif: a name of MOTIFS.
        count: how many configurations.
        particles: N of each.
        density: number density rho [sigma_AA^-2].
        fraction_a: fraction of A.
        seed: what all randomness derives from.
    """

    motif: str
    count: int
    particles: int = 1080
    density: float = 1.2
    fraction_a: float = 0.65
    seed: int

    def __post_init__(self):
        if self.motif not in MOTIFS:
            raise ValueError(f"motif: got {self.motif!r}, expected one of {', '.join(MOTIFS)}")
        for name in ("count", "particles"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")

    @property
    def edge(self) -> float:
        """Of the square box [sigma_AA]."""
        return float(np.sqrt(self.particles / self.density))


def artificial(spec: ArtificialSpec) -> Configurations:
    """Build configurations, overlaps included.

    >>> built = artificial(ArtificialSpec(motif="five-fold", count=2, particles=200, seed=1))
    >>> built.species.shape, int((built.species == A).sum(axis=1)[0])
    ((2, 200), 130)
    """
    built = [_build(spec, number) for number in range(spec.count)]
    return Configurations(
        positions=np.array([positions for positions, _ in built]),
        species=np.array([species for _, species in built], dtype=np.int8),
        box=np.full((spec.count, 2), spec.edge),
        periodic=np.ones((spec.count, 2), dtype=bool),
        inherent_energy=np.full(spec.count, np.nan),
    )


def quenched(configurations: Configurations, engine: Engine) -> Configurations:
    """The same, brought to their local potential-energy minimum, with their E_IS.

    Raises:
        ValueError: when one does not come to rest.
    """
    count = len(configurations)
    minimized = engine.minimize(
        Ensemble(
            positions=configurations.positions,
            velocities=np.zeros_like(configurations.positions),
            species=configurations.species,
            box=configurations.box,
            seed=0,
            replica=np.arange(count),
            step=np.zeros(count, dtype=np.int64),
        )
    )
    if not minimized.converged.all():
        raise ValueError(f"quench: {int((~minimized.converged).sum())} of {count} configurations did not come to rest")
    return Configurations(
        positions=minimized.ensemble.positions,
        species=configurations.species,
        box=configurations.box,
        periodic=configurations.periodic,
        inherent_energy=engine.energies(minimized.ensemble).mean(axis=1),
    )


def _build(spec: ArtificialSpec, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and species of one."""
    rng = stream(spec.seed, Purpose.POSITIONS, replica=number, step=list(MOTIFS).index(spec.motif))
    upper = np.full(2, spec.edge / 2)
    room = {"lower": -upper, "upper": upper, "box": 2 * upper, "periodic": (True, True)}
    number_a = round(spec.fraction_a * spec.particles)
    around = MOTIFS[spec.motif]
    motifs = 0
    positions, species = np.empty((0, 2)), np.empty(0, dtype=np.int8)
    if around:
        apart = 2 * BOND + ROOM
        most = int(0.5 * spec.edge**2 / (np.pi * apart**2 / 4))
        motifs = min(most, number_a // around, spec.particles - number_a)
        centres = place_randomly(rng, motifs, min_distance=apart, **room)
        angle = 2 * np.pi * (np.arange(around) / around + rng.random((motifs, 1)))
        ring = centres[:, None] + BOND * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        positions = np.concatenate([centres, ring.reshape(-1, 2)])
        species = np.concatenate([np.full(motifs, B), np.full(motifs * around, A)])
    rest = np.concatenate([np.full(number_a - motifs * around, A), np.full(spec.particles - number_a - motifs, B)])
    filling = place_randomly(rng, len(rest), min_distance=LEAST, existing=positions, **room)
    positions = np.concatenate([positions, filling])
    wrapped = positions - spec.edge * np.floor(positions / spec.edge + 0.5)
    return wrapped, np.concatenate([species, rest]).astype(np.int8)
