"""What a deposition is made of, in groups: the substrate, how it interacts, the vapour, the wall above."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from vitrify.md.model import PairTable, kob_andersen_pairs
from vitrify.md.protocols.spec import Settings, require_at_least, require_positive


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


GROUPS: dict[str, type[Settings]] = {
    "substrate": SubstrateRecipe,
    "interactions": InteractionRecipe,
    "vapour": VapourRecipe,
    "wall": WallRecipe,
}
