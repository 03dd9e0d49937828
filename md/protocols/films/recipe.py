"""Vapour deposition: every number of a film that grows particle by particle on a cold substrate.

The box is periodic in x and open in y. S particles tethered to sites make the substrate at its bottom, batches of A and
B fall from a slab above the film, a soft wall above that slab turns back what flies up. Only the substrate has a
thermostat; the film is NVE and cools through the substrate.

Sources: Reid, Lyubimov, Ediger and de Pablo, Nat. Commun. 7, 13062 (2016), and the scripts of its authors (preset
``reid``); the research log behind Swanson et al., Soft Matter 16, 435 (2020) (preset ``log``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from vitrify.md.engines.base import TIME_STEP
from vitrify.md.model import A, B, PairTable, kob_andersen_pairs
from vitrify.md.protocols.spec import Settings, Spec, require_at_least, require_positive


@dataclass(frozen=True, kw_only=True)
class SubstrateRecipe(Settings):
    """What a film grows on: S particles drawn to a line, then each held at the site where it came to rest.

    Attributes:
        particles: number of S.
        layers: 0 places S at random in its slab; n in n staggered rows.
        slab: thickness of the slab S is placed in, before it is drawn to its mid-line [sigma_AA].
        base: height of the slab's lower face [sigma_AA].
        min_distance: least distance between S particles placed at random [sigma_AA].
        relax_stiffnesses: springs that draw S to the mid-line, one after the other [eps_AA / sigma_AA^2].
        relax_steps: time steps under each of them.
        tether_stiffness: spring of each S to its relaxed site afterwards [eps_AA / sigma_AA^2].
        kt: temperature of the substrate's thermostat [eps_AA].
    """

    particles: int
    layers: int = 0
    slab: float
    base: float = 1.0
    min_distance: float = 0.6
    relax_stiffnesses: tuple[float, ...]
    relax_steps: int = 20_000
    tether_stiffness: float = 1000.0
    kt: float

    def __post_init__(self):
        super().__post_init__()
        require_at_least(self, particles=1, layers=0, relax_steps=1, base=0)
        for name in ("slab", "min_distance", "tether_stiffness", "kt"):
            require_positive(name, getattr(self, name))
        if not self.relax_stiffnesses or not min(self.relax_stiffnesses) > 0:
            raise ValueError(f"relax_stiffnesses: got {self.relax_stiffnesses}, expected positive springs, one or more")

    @property
    def midline(self) -> float:
        """Height of the mid-line [sigma_AA]."""
        return self.base + self.slab / 2


@dataclass(frozen=True, kw_only=True)
class InteractionRecipe(Settings):
    """How S interacts, and where every pair is cut; A and B among themselves are those of the mixture.

    Attributes:
        epsilon_ss: S-S well depth [eps_AA].
        epsilon_as: A-S well depth [eps_AA].
        epsilon_bs: B-S well depth [eps_AA].
        sigma_ss: S-S diameter [sigma_AA].
        sigma_as: A-S diameter [sigma_AA].
        sigma_bs: B-S diameter [sigma_AA].
        cutoff: where every pair is cut, truncated and not shifted [sigma_AA, or sigma_ab of the pair].
        cutoff_in_pair_sigma: whether ``cutoff`` counts in sigma_ab of each pair.
    """

    epsilon_ss: float = 0.1
    epsilon_as: float = 1.0
    epsilon_bs: float = 1.0
    sigma_ss: float = 0.6
    sigma_as: float = 0.75
    sigma_bs: float = 0.70
    cutoff: float = 2.5
    cutoff_in_pair_sigma: bool

    def __post_init__(self):
        super().__post_init__()
        for entry in fields(self):
            if entry.name != "cutoff_in_pair_sigma":
                require_positive(entry.name, getattr(self, entry.name))

    @property
    def pairs(self) -> PairTable:
        """The pair table of A, B and S."""
        bulk = kob_andersen_pairs()
        epsilon, sigma = np.empty((3, 3)), np.empty((3, 3))
        epsilon[:2, :2], sigma[:2, :2] = bulk.epsilon, bulk.sigma
        epsilon[2] = epsilon[:, 2] = self.epsilon_as, self.epsilon_bs, self.epsilon_ss
        sigma[2] = sigma[:, 2] = self.sigma_as, self.sigma_bs, self.sigma_ss
        cut = self.cutoff * sigma if self.cutoff_in_pair_sigma else np.full((3, 3), self.cutoff)
        return PairTable(epsilon=epsilon, sigma=sigma, r_cut=cut)


@dataclass(frozen=True, kw_only=True)
class VapourRecipe(Settings):
    """What is injected, and from where.

    Attributes:
        batch: particles injected at a time.
        fraction_a: fraction of A in the film, exact after every injection to the nearest particle.
        kt: temperature of the injected particles [eps_AA].
        least_fall_speed: an injected particle falls at least this fast, v_y <= -least_fall_speed [sigma_AA / tau].
        rescale: whether each batch is then rescaled to exactly ``kt``.
        slab_gap: height of the injection slab's lower face above the film's top [sigma_AA].
        slab_thickness: its thickness [sigma_AA].
        min_distance: least distance of an injected particle to every other particle [sigma_AA].
        recover_strays: whether particles that left the film and fly up above its top are taken out and injected again
            with the next batch.
        stray_patience: a film that has not gained a particle for this many injections in a row has failed.
    """

    batch: int
    fraction_a: float = 0.65
    kt: float
    least_fall_speed: float = 0.2
    rescale: bool
    slab_gap: float = 10.0
    slab_thickness: float = 5.0
    min_distance: float = 1.0
    recover_strays: bool = True
    stray_patience: int = 10

    def __post_init__(self):
        super().__post_init__()
        require_at_least(self, batch=1, stray_patience=1, fraction_a=0, least_fall_speed=0)
        for name in ("kt", "slab_gap", "slab_thickness", "min_distance"):
            require_positive(name, getattr(self, name))
        if self.fraction_a > 1:
            raise ValueError(f"fraction_a: got {self.fraction_a}, expected 0 to 1")


@dataclass(frozen=True, kw_only=True)
class WallRecipe(Settings):
    """The harmonic wall above the injection slab, which it never reaches into.

    Attributes:
        stiffness: k [eps_AA / sigma_AA^2].
        gap: height at which the wall begins to act above the slab's upper face [sigma_AA].
        range: height of the box above that [sigma_AA].
    """

    stiffness: float = 10.0
    gap: float = 1.0
    range: float = 10.0

    def __post_init__(self):
        super().__post_init__()
        require_at_least(self, gap=0)
        for name in ("stiffness", "range"):
            require_positive(name, getattr(self, name))


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
        if recipe not in PRESETS:
            raise ValueError(f"preset: got {recipe!r}, expected one of {', '.join(PRESETS)}")
        table: dict[str, Any] = {"recipe": recipe}
        for name, value in PRESETS[recipe].items():
            table[name] = dict(value) if isinstance(value, Mapping) else value
        for name, value in changes.items():
            if name in GROUPS and isinstance(value, Mapping):
                unknown = [f"{name}.{one}" for one in value if one not in _names(GROUPS[name])]
                table[name] = table.get(name, {}) | dict(value)
            else:
                group, one = _place(name)
                unknown = [] if one else [name]
                (table.setdefault(group, {}) if group else table)[one] = value
            if unknown:
                raise ValueError(f"{unknown[0]}: got a change to preset {recipe}, expected a field of it")
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


GROUPS: dict[str, type[Settings]] = {
    "substrate": SubstrateRecipe,
    "interactions": InteractionRecipe,
    "vapour": VapourRecipe,
    "wall": WallRecipe,
}


def _names(settings: type) -> list[str]:
    return [entry.name for entry in fields(settings)]


def _place(name: str) -> tuple[str, str]:
    """Group and field that one name stands for; ("", "") where there is no such field, or more than one."""
    if name in _names(DepositionSpec):
        return "", name
    found = [
        (group, one)
        for group, settings in GROUPS.items()
        for one in _names(settings)
        if name in (f"{group}_{one}", f"{one}_{group}", one)
    ]
    return found[0] if len(found) == 1 else ("", "")


PRESETS: dict[str, dict[str, Any]] = {
    "reid": {
        "box_length": 30.0,
        "injections": 120,
        "steps_per_injection": 86_000,
        "substrate": {"particles": 212, "slab": 7.0, "relax_stiffnesses": (1.0,), "kt": 0.14},
        "interactions": {"cutoff_in_pair_sigma": False},
        "vapour": {"batch": 10, "kt": 1.0, "rescale": False},
    },
    "log": {
        "box_length": 66.0,
        "injections": 55,
        "steps_per_injection": 1_000_000,
        "bulk_slab": (25.0, 65.0),
        "substrate": {"particles": 330, "layers": 5, "slab": 5.0, "relax_stiffnesses": (10.0, 1.0), "kt": 0.25},
        "interactions": {"cutoff_in_pair_sigma": True},
        "vapour": {"batch": 100, "kt": 0.5, "rescale": True},
    },
}
"""The published numbers; what a preset does not name has the default of its field in both.

The log gives its substrate as c Tg, c from 0.7 to 1.1, without the Tg: 0.25 is 0.8 of the 0.31 (95 % interval 0.23 to
0.34) that two films melted and cooled in 1.2e6 steps on the substrate of ``reid`` gave here."""
