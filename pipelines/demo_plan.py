"""What the demo runs: sizes and lessons, chosen so that two CPU cores tell the whole story in a few minutes."""

from __future__ import annotations

from dataclasses import dataclass

from vitrify.md.protocols.cooling import CoolingSpec
from vitrify.md.protocols.films.recipe import DepositionSpec

PARTICLES, FRAMES = 1080, 40
FAST = CoolingSpec(particles=PARTICLES, ramp_steps=20_000, replicas=80, frames=FRAMES, store=(1, 20, 28, 40), seed=1)
SLOW = CoolingSpec(particles=PARTICLES, ramp_steps=200_000, replicas=16, frames=FRAMES, seed=2)
FILMS = DepositionSpec.preset("reid", seed=3, replicas=2, injections=60, steps_per_injection=5_000)

GLASS_KT = 0.05
FAR_KT, MIDDLE_KT, NEAR_KT = 1.951, 1.025, 0.635
"""Temperatures of the log's liquids, from easy to hard to tell from a glass."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One classifier and what it is asked.

    Attributes:
        name: of its model directory.
        architecture: kind of network.
        taught: liquid kT and positions of its training set.
        asked: liquid kT of each test set, of the same positions.
        epochs: of training, of a network; few, for the sake of a laptop.
    """

    name: str
    architecture: str
    taught: tuple[float, str]
    asked: tuple[float, ...]
    epochs: int = 6


LESSONS = (
    Lesson(
        name="mpnn-far",
        architecture="mpnn",
        taught=(FAR_KT, "instant"),
        asked=(FAR_KT, MIDDLE_KT, NEAR_KT),
    ),
    Lesson(
        name="mpnn-near",
        architecture="mpnn",
        taught=(NEAR_KT, "instant"),
        asked=(NEAR_KT,),
    ),
    Lesson(
        name="mpnn-inherent",
        architecture="mpnn",
        taught=(NEAR_KT, "inherent"),
        asked=(NEAR_KT,),
        epochs=20,
    ),
    Lesson(
        name="energy-inherent",
        architecture="linear",
        taught=(NEAR_KT, "inherent"),
        asked=(NEAR_KT,),
    ),
)

EXPLAINED = "mpnn-inherent"
"""The lesson whose network is asked what it looks at."""
