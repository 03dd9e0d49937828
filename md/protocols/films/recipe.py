"""Vapour deposition: every number of a film that grows particle by particle on a cold substrate.

The box is periodic in x and open in y. S particles tethered to sites make the substrate at its bottom, batches of A and
B fall from a slab above the film, a soft wall above that slab turns back what flies up. Only the substrate has a
thermostat; the film is NVE and cools through the substrate.

Sources: Reid, Lyubimov, Ediger and de Pablo, Nat. Commun. 7, 13062 (2016), and the scripts of its authors (preset
``reid``); the research log behind Swanson et al., Soft Matter 16, 435 (2020) (preset ``log``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from vitrify.md.engines.base import TIME_STEP
from vitrify.md.model import A, B, PairTable, kob_andersen_pairs


@dataclass(frozen=True, kw_only=True)
class DepositionSpec:
    """A deposition run: R films of one recipe, each from its own random numbers.

    Start from a preset and say what differs; a third script of the same group, for instance, is
    ``preset("reid", substrate_particles=104, substrate_slab=3.0, sigma_ss=0.76, sigma_bs=0.75, substrate_kt=0.18,
    injections=120, steps_per_injection=100_000, bulk_slab=(10.0, 25.0), ...)``.

    Attributes:
        recipe: name of the preset this began as.
        replicas: number of films R.
        seed: what every random number of the run derives from.
        time_step: [tau].
        box_length: Lx, the periodic edge [sigma_AA].
        substrate_particles: number of S.
        substrate_layers: 0 places S at random in its slab; n in n staggered rows.
        substrate_slab: thickness of the slab S is placed in, before it is drawn to its mid-line [sigma_AA].
        substrate_base: height of the slab's lower face [sigma_AA].
        substrate_min_distance: least distance between S particles placed at random [sigma_AA].
        relax_stiffnesses: springs that draw S to the mid-line, one after the other [eps_AA / sigma_AA^2].
        relax_steps: time steps under each of them.
        tether_stiffness: spring of each S to its relaxed site afterwards [eps_AA / sigma_AA^2].
        epsilon_ss: S-S well depth [eps_AA].
        epsilon_as: A-S well depth [eps_AA].
        epsilon_bs: B-S well depth [eps_AA].
        sigma_ss: S-S diameter [sigma_AA].
        sigma_as: A-S diameter [sigma_AA].
        sigma_bs: B-S diameter [sigma_AA].
        cutoff: where every pair is cut, truncated and not shifted [sigma_AA, or sigma_ab of the pair].
        cutoff_in_pair_sigma: whether ``cutoff`` counts in sigma_ab of each pair.
        substrate_kt: temperature of the substrate's thermostat [eps_AA].
        thermostat_tau: its relaxation time [tau]. The scripts used a Nose-Hoover chain of 100 time steps; the engines
            have the Bussi thermostat, which samples the same ensemble, at the same time of 0.5 tau.
        batch: particles injected at a time.
        fraction_a: fraction of A in the film, exact after every injection to the nearest particle.
        injections: number of batches.
        steps_per_injection: time steps from one injection to the next.
        vapour_kt: temperature of the injected particles [eps_AA].
        least_fall_speed: an injected particle falls at least this fast, v_y <= -least_fall_speed [sigma_AA / tau].
        rescale_vapour: whether each batch is then rescaled to exactly ``vapour_kt``.
        slab_gap: height of the injection slab's lower face above the film's top [sigma_AA].
        slab_thickness: its thickness [sigma_AA].
        vapour_min_distance: least distance of an injected particle to every other particle [sigma_AA].
        wall_stiffness: k of the wall above the slab [eps_AA / sigma_AA^2].
        wall_gap: height at which the wall begins to act above the slab's upper face [sigma_AA]: it never reaches in.
        wall_range: height of the box above that [sigma_AA].
        recover_strays: whether particles that left the film and fly up above its top are taken out and injected again
            with the next batch.
        stray_patience: a film that has not gained a particle for this many injections in a row has failed.
        bulk_slab: (low, high) heights of the bulk [sigma_AA]; empty: found from the film's profiles.
        store_every: configurations and inherent structures are stored after every so many injections; 0 stores the
            last one only.
        engine: "auto", "replica" or "hoomd".
        device: "auto", "cpu", "gpu" or "gpu:0,1".

    Raises:
        ValueError: for a number outside its range, saying which, what came and what was expected.

    >>> spec = DepositionSpec.preset("reid", seed=1, injections=60)
    >>> spec.film_particles, spec.substrate_kt, spec.pairs.r_cut.max().item()
    (600, 0.14, 2.5)
    """

    protocol: ClassVar[str] = "deposit"

    recipe: str
    replicas: int = 1
    seed: int
    time_step: float = TIME_STEP
    box_length: float
    substrate_particles: int
    substrate_layers: int = 0
    substrate_slab: float
    substrate_base: float = 1.0
    substrate_min_distance: float = 0.6
    relax_stiffnesses: tuple[float, ...]
    relax_steps: int = 20_000
    tether_stiffness: float = 1000.0
    epsilon_ss: float = 0.1
    epsilon_as: float = 1.0
    epsilon_bs: float = 1.0
    sigma_ss: float = 0.6
    sigma_as: float = 0.75
    sigma_bs: float = 0.70
    cutoff: float = 2.5
    cutoff_in_pair_sigma: bool
    substrate_kt: float
    thermostat_tau: float = 100 * TIME_STEP
    batch: int
    fraction_a: float = 0.65
    injections: int
    steps_per_injection: int
    vapour_kt: float
    least_fall_speed: float = 0.2
    rescale_vapour: bool
    slab_gap: float = 10.0
    slab_thickness: float = 5.0
    vapour_min_distance: float = 1.0
    wall_stiffness: float = 10.0
    wall_gap: float = 1.0
    wall_range: float = 10.0
    recover_strays: bool = True
    stray_patience: int = 10
    bulk_slab: tuple[float, ...] = ()
    store_every: int = 0
    engine: str = "auto"
    device: str = "auto"

    def __post_init__(self):
        kinds = {"int": int, "float": int | float, "bool": bool, "str": str}
        for field in fields(self):
            value, kind = getattr(self, field.name), kinds.get(str(field.type), tuple)
            if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
                raise ValueError(f"{field.name}: got {value!r}, expected a value of type {field.type}")
        for name, least in LEAST_COUNTS.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least {least}")
        positive = [field.name for field in fields(self) if field.type == "float" and field.name not in MAY_BE_ZERO]
        for name in positive:
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name}: got {getattr(self, name)}, expected a positive number")
        for name in MAY_BE_ZERO:
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{name}: got {getattr(self, name)}, expected zero or more")
        if not self.relax_stiffnesses or min(self.relax_stiffnesses) <= 0:
            raise ValueError(f"relax_stiffnesses: got {self.relax_stiffnesses}, expected positive springs, one or more")
        if self.fraction_a > 1:
            raise ValueError(f"fraction_a: got {self.fraction_a}, expected 0 to 1")
        if self.box_length < 2 * self.pairs.longest_cutoff:
            raise ValueError(
                f"box_length: got {self.box_length}, expected at least twice the cut-off, "
                f"{2 * self.pairs.longest_cutoff}"
            )
        self._check_geometry()

    def _check_geometry(self) -> None:
        if self.slab_gap < self.pairs.longest_cutoff:
            raise ValueError(
                f"slab_gap: got {self.slab_gap}, expected at least the cut-off, {self.pairs.longest_cutoff}: a "
                "particle must not be born inside the film's reach"
            )
        # Random sequential placement of discs jams at a coverage of 0.547.
        crowding = {
            "the injection slab": (self.batch, self.slab_thickness, self.vapour_min_distance),
            "the substrate slab": (self.substrate_particles, self.substrate_slab, self.substrate_min_distance),
        }
        if self.substrate_layers:
            del crowding["the substrate slab"]
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
    def preset(cls, recipe: str, **changes) -> DepositionSpec:
        """The published recipe ``reid`` or ``log``, with ``changes`` to any field; ``seed`` is required."""
        if recipe not in PRESETS:
            raise ValueError(f"preset: got {recipe!r}, expected one of {', '.join(PRESETS)}")
        unknown = set(changes) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))}: got a change to preset {recipe}, expected a field of it")
        return cls(**{"recipe": recipe, **PRESETS[recipe], **changes})

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> DepositionSpec:
        """A recipe read back from TOML; what is no field of it is passed over.

        Raises:
            ValueError: for a field that is missing.
        """
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {}
        for name in known & set(table):
            values[name] = tuple(table[name]) if isinstance(table[name], list) else table[name]
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(f"damaged recipe of a film ({error})") from error

    def to_dict(self) -> dict:
        """What stands in spec.toml."""
        return {"protocol": self.protocol, **asdict(self)}

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

    @property
    def film_particles(self) -> int:
        """Number of A and B after the last injection."""
        return self.batch * self.injections

    @property
    def slots(self) -> int:
        """Particle slots of a replica: the substrate first, then the film at its largest."""
        return self.substrate_particles + self.film_particles

    @property
    def midline(self) -> float:
        """Height of the substrate's mid-line [sigma_AA]."""
        return self.substrate_base + self.substrate_slab / 2

    def injected(self, injections: int) -> tuple[int, int]:
        """Numbers of A and B injected in the first ``injections`` batches: 65:35 to the nearest particle, halves up.

        >>> spec = DepositionSpec.preset("reid", seed=1)
        >>> [spec.injected(n) for n in range(4)]
        [(0, 0), (7, 3), (13, 7), (20, 10)]
        """
        total = injections * self.batch
        count_a = int(Fraction(self.fraction_a).limit_denominator(1_000_000) * total + Fraction(1, 2))
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
        low = film_top + self.slab_gap
        return low, low + self.slab_thickness

    def wall_start(self, film_top: float) -> float:
        """Height at which the wall begins to act, above the injection slab [sigma_AA]."""
        return self.injection_slab(film_top)[1] + self.wall_gap


LEAST_COUNTS = {
    "replicas": 1,
    "seed": 0,
    "substrate_particles": 1,
    "substrate_layers": 0,
    "relax_steps": 1,
    "batch": 1,
    "injections": 1,
    "steps_per_injection": 1,
    "stray_patience": 1,
    "store_every": 0,
}
MAY_BE_ZERO = ("substrate_base", "fraction_a", "least_fall_speed", "wall_gap")

PRESETS = {
    "reid": {
        "box_length": 30.0,
        "substrate_particles": 212,
        "substrate_slab": 7.0,
        "relax_stiffnesses": (1.0,),
        "cutoff_in_pair_sigma": False,
        "substrate_kt": 0.14,
        "batch": 10,
        "injections": 120,
        "steps_per_injection": 86_000,
        "vapour_kt": 1.0,
        "rescale_vapour": False,
    },
    "log": {
        "box_length": 66.0,
        "substrate_particles": 330,
        "substrate_layers": 5,
        "substrate_slab": 5.0,
        "relax_stiffnesses": (10.0, 1.0),
        "cutoff_in_pair_sigma": True,
        "substrate_kt": 0.25,
        "batch": 100,
        "injections": 55,
        "steps_per_injection": 1_000_000,
        "vapour_kt": 0.5,
        "rescale_vapour": True,
        "bulk_slab": (25.0, 65.0),
    },
}
"""The published numbers; what a preset does not name has the default of its field in both.

The log gives its substrate as c Tg, c from 0.7 to 1.1, without the Tg: 0.25 is 0.8 of the 0.31 (95 % interval 0.23 to
0.34) that two films melted and cooled in 1.2e6 steps on the substrate of ``reid`` gave here."""
