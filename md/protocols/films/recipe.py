"""Vapour deposition: every number of a film that grows particle by particle on a cold substrate.

The box is periodic in x and open in y. S particles tethered to sites make the substrate at its bottom, batches of A and
B fall from a slab above the film, a soft wall above that slab turns back what flies up. Only the substrate has a
thermostat; the film is NVE and cools through the substrate.

Sources: Reid, Lyubimov, Ediger and de Pablo, Nat. Commun. 7, 13062 (2016), and the scripts of its authors (preset
``reid``); the research log behind Swanson et al., Soft Matter 16, 435 (2020) (preset ``log``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from vitrify.md.engines.base import TIME_STEP
from vitrify.md.model import A, B, PairTable
from vitrify.md.protocols.films.ingredients import InteractionRecipe, SubstrateRecipe, VapourRecipe, WallRecipe
from vitrify.md.protocols.films.presets import preset_table
from vitrify.md.protocols.spec import Spec, require_at_least, require_positive


@dataclass(frozen=True, kw_only=True)
class DepositionSpec(Spec):
    """A deposition run: R films of one recipe, each from its own random numbers.

    Start from a preset and say what differs; a third script of the same group, for instance, is
    ``preset("reid", substrate={"particles": 104, "slab": 3.0, "kt": 0.18}, interactions={"sigma_ss": 0.76,
    "sigma_bs": 0.75}, steps_per_injection=100_000, bulk_slab=(10.0, 25.0))``.

    Attributes:
        recipe: name of the preset this began as.
        time_step: [tau].
        box_length: Lx, the periodic edge [sigma_AA].
        substrate: what the film grows on.
        interactions: how the substrate interacts.
        vapour: what is injected.
        wall: what turns back what flies up.
        injections: number of batches.
        steps_per_injection: time steps from one injection to the next.
        thermostat_tau: relaxation time of the substrate's thermostat [tau]. The scripts used a Nose-Hoover chain of 100
            time steps; the engines have the Bussi thermostat, which samples the same ensemble, at the same time of 0.5.
        bulk_slab: (low, high) heights of the bulk [sigma_AA]; empty: found from the film's profiles.
        store_every: configurations and inherent structures are stored after every so many injections; 0 stores the
            last one only.

    Raises:
        ValueError: for a number outside its range, saying which, what came and what was expected.

    >>> spec = DepositionSpec.preset("reid", seed=1, injections=60)
    >>> spec.film_particles, spec.substrate.kt, spec.pairs.r_cut.max().item()
    (600, 0.14, 2.5)
    """

    protocol: ClassVar[str] = "deposit"
    may_grow: ClassVar[tuple[str, ...]] = ("injections",)

    recipe: str
    time_step: float = TIME_STEP
    box_length: float
    injections: int
    steps_per_injection: int
    thermostat_tau: float = 100 * TIME_STEP
    bulk_slab: tuple[float, ...] = ()
    store_every: int = 0
    substrate: SubstrateRecipe
    interactions: InteractionRecipe
    vapour: VapourRecipe
    wall: WallRecipe = field(default_factory=WallRecipe)

    def __post_init__(self):
        super().__post_init__()
        require_at_least(self, injections=1, steps_per_injection=1, store_every=0)
        for name in ("time_step", "box_length", "thermostat_tau"):
            require_positive(name, getattr(self, name))
        if self.box_length < 2 * self.pairs.longest_cutoff:
            raise ValueError(
                f"box_length: got {self.box_length}, expected at least twice the cut-off, "
                f"{2 * self.pairs.longest_cutoff}"
            )
        self._check_geometry()

    @property
    def last_frame(self) -> int:
        """The last injection."""
        return self.injections

    def require_longer_than(self, there: DepositionSpec) -> None:
        """There must be fewer injections."""
        if self.injections < there.injections:
            raise ValueError(f"injections: got {self.injections} after a run of {there.injections}, expected more")

    def _check_geometry(self) -> None:
        substrate, vapour = self.substrate, self.vapour
        if vapour.slab_gap < self.pairs.longest_cutoff:
            raise ValueError(
                f"vapour.slab_gap: got {vapour.slab_gap}, expected at least the cut-off, {self.pairs.longest_cutoff}: "
                "a particle must not be born inside the film's reach"
            )
        # Random sequential placement of discs jams at a coverage of 0.547.
        crowding = {"the injection slab": (vapour.batch, vapour.slab_thickness, vapour.min_distance)}
        if not substrate.layers:
            crowding["the substrate slab"] = (substrate.particles, substrate.slab, substrate.min_distance)
        for place, (count, thickness, distance) in crowding.items():
            coverage = count * np.pi * distance**2 / 4 / (self.box_length * thickness)
            if coverage > 0.5:
                raise ValueError(
                    f"{place}: got {count} particles {distance} apart in {self.box_length} x {thickness}, a coverage "
                    f"of {coverage:.2f}; expected at most 0.5, beyond which they cannot be placed at random"
                )
        if self.bulk_slab and not (len(self.bulk_slab) == 2 and self.bulk_slab[0] < self.bulk_slab[1]):
            raise ValueError(f"bulk_slab: got {self.bulk_slab}, expected two heights, the lower one first")

    @classmethod
    def preset(cls, recipe: str, **changes: Any) -> DepositionSpec:
        """The published recipe ``reid`` or ``log``, with ``changes``; ``seed`` is required.

        Args:
            recipe: its name.
            changes: fields; groups as mappings of what differs, or their fields by one name: ``substrate_kt``,
                ``wall_gap``, ``batch``.

        >>> one = DepositionSpec.preset("reid", seed=1, substrate={"kt": 0.2})
        >>> one == DepositionSpec.preset("reid", seed=1, substrate_kt=0.2), one.substrate.particles
        (True, 212)
        """
        table = preset_table(recipe, changes, own={entry.name for entry in fields(cls)})
        try:
            return cls(**table)
        except TypeError as error:
            raise ValueError(f"preset {recipe}: {error}") from error

    @property
    def pairs(self) -> PairTable:
        """The pair table of A, B and S."""
        return self.interactions.pairs

    @property
    def noise_key(self) -> tuple:
        """Protocol, system and schedule; the number of injections may grow."""
        substrate, vapour = self.substrate, self.vapour
        system = (self.box_length, self.time_step, substrate.particles, substrate.layers, substrate.slab, substrate.kt)
        return (self.protocol, system, vapour.batch, vapour.fraction_a, vapour.kt, self.steps_per_injection)

    @property
    def film_particles(self) -> int:
        """Number of A and B after the last injection."""
        return self.vapour.batch * self.injections

    @property
    def slots(self) -> int:
        """Particle slots of a replica: the substrate first, then the film at its largest."""
        return self.substrate.particles + self.film_particles

    def injected(self, injections: int) -> tuple[int, int]:
        """Numbers of A and B injected in the first ``injections`` batches: 65:35 to the nearest particle, halves up.

        >>> spec = DepositionSpec.preset("reid", seed=1)
        >>> [spec.injected(n) for n in range(4)]
        [(0, 0), (7, 3), (13, 7), (20, 10)]
        """
        total = injections * self.vapour.batch
        count_a = int(Fraction(self.vapour.fraction_a).limit_denominator(1_000_000) * total + Fraction(1, 2))
        return count_a, total - count_a

    def batch_species(self, injection: int) -> np.ndarray:
        """Species of batch ``injection`` = 1, 2, ..., (batch,) int8: what keeps the film at 65:35, no coin thrown.

        >>> spec = DepositionSpec.preset("reid", seed=1)
        >>> spec.batch_species(1).tolist(), int(spec.batch_species(2).sum())
        ([0, 0, 0, 0, 0, 0, 0, 1, 1, 1], 4)
        """
        before, after = self.injected(injection - 1), self.injected(injection)
        return np.repeat(np.array([A, B], dtype=np.int8), [after[0] - before[0], after[1] - before[1]])

    def injection_slab(self, film_top: float) -> tuple[float, float]:
        """Heights between which particles are injected above a film that ends at ``film_top`` [sigma_AA]."""
        low = film_top + self.vapour.slab_gap
        return low, low + self.vapour.slab_thickness

    def wall_start(self, film_top: float) -> float:
        """Height at which the wall begins to act, above the injection slab [sigma_AA]."""
        return self.injection_slab(film_top)[1] + self.wall.gap
