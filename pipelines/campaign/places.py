"""STAGE@kT: frames of the runs of a stage, checked against what the stage stores before anything runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitrify.md.store.address import Address
from vitrify.pipelines.campaign.simulating import FILMS, RUNS, film_spec, mixture_spec
from vitrify.pipelines.campaign.tables import Outline
from vitrify.pipelines.campaign.tasks import Stage


@dataclass(frozen=True, kw_only=True)
class Place:
    """The frames of a stage's runs at one temperature.

    Attributes:
        stage: the stage.
        kt: the temperature that was asked for [eps_AA].
        frames: how many frames of each replica are stored there.
    """

    stage: Stage
    kt: float
    frames: int


def place_of(key: str, text: str, outline: Outline) -> list[Place]:
    """Read ``STAGE@kT``; a table of several stages stands for all of them.

    Raises:
        ValueError: for a stage that is not there, or one that stores nothing near the temperature.
    """
    address = Address.parse(text)
    try:
        kt = address.kt
    except ValueError as error:
        raise ValueError(f"{key}: got {text!r}, expected STAGE@kT such as ramp-2e5@0.05") from error
    name = str(address.path)
    return [Place(stage=stage, kt=kt, frames=stored_at(key, stage, kt)) for stage in outline.refer(key, name, *RUNS)]


def stored_at(key: str, stage: Stage, kt: float) -> int:
    """How many frames of each replica are stored at the temperature nearest to kT; films are taken at their end.

    Raises:
        ValueError: when none is within the distance of two frames.
    """
    if stage.action in FILMS:
        if stage.action == "deposit" and abs(film_spec(stage.tasks[0]).substrate.kt - kt) > 0.005:
            raise ValueError(
                f"{key}: got kT {kt:g} of {stage.name}, expected that of its substrate, "
                f"{film_spec(stage.tasks[0]).substrate.kt:g}"
            )
        return 1
    spec = mixture_spec(stage.tasks[0])
    stored = np.array(sorted(spec.stored), dtype=int)
    if not len(stored):
        raise ValueError(f"{key}: {stage.name} stores no frames, expected store = ... in [{stage.table}]")
    kts = spec.frame_kts
    spacing = np.diff(np.unique(kts)).max(initial=0.005)
    away = np.abs(kts[stored - 1] - kt)
    if away.min() > spacing:
        known = ", ".join(f"{value:.4g}" for value in np.unique(kts[stored - 1])[:12])
        raise ValueError(f"{key}: {stage.name} stores no frame near kT {kt:g}; stored at kT {known}")
    return int((away < away.min() + 1e-9).sum())
