"""What depositions and cooled films have in common as runs: how they begin, their recipe, what their tables say.

Columns beyond those every table has, and what the shared ones mean here:

- ``kt`` is the film's own kinetic temperature, ``kt_substrate`` the substrate's; ``kt_set`` the thermostat's.
- ``potential_energy`` and ``inherent_energy`` are means over the film's particles (substrate and vapour left out), pair
  energies only, truncated and not shifted.
- ``particles``: A and B in the box; ``vapour``: how many of them are not attached to the film.
- ``film_top``: height of the highest attached particle [sigma_AA].
- ``strays``: how many were taken out after this injection, to return with the next.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vitrify.md.engines.base import Engine
from vitrify.md.ensemble import Ensemble, kinetic_temperature
from vitrify.md.model import SUBSTRATE
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.films.surface import attached
from vitrify.md.protocols.launch import Announce, Launch, Spec, launch
from vitrify.md.store.rundir import COLUMNS, RunDirectory

FILM_COLUMNS = (*COLUMNS, "kt_substrate", "particles", "vapour", "film_top", "strays")


def launch_films(
    spec: Spec, recipe: DepositionSpec, out: Path, *, resume: bool, force: bool, announce: Announce | None
) -> Launch:
    """:func:`vitrify.md.launch.launch` for films of ``recipe``."""
    return launch(
        spec,
        out,
        pairs=recipe.pairs,
        time_step=recipe.time_step,
        particles=recipe.slots,
        columns=FILM_COLUMNS,
        resume=resume,
        force=force,
        announce=announce,
    )


def deposition_spec(run: RunDirectory) -> DepositionSpec:
    """The recipe by which the films of a run directory were grown, deposited ones or cooled ones.

    Raises:
        ValueError: when the run has no films, or its spec is damaged.
    """
    table = {"deposit": run.spec, "cool-film": run.spec.get("deposition", {})}.get(run.spec["protocol"])
    if table is None:
        raise ValueError(f"{run.path}: got a run of protocol {run.spec['protocol']}, expected films")
    try:
        return DepositionSpec.from_table(table)
    except ValueError as error:
        raise ValueError(f"{run.path}: {error}") from error


def describe_films(ensemble: Ensemble, mover: Engine) -> dict[str, np.ndarray]:
    """The columns of the table that say what the films are at this moment."""
    substrate = ensemble.species == SUBSTRATE
    member = film_members(ensemble)
    film = ensemble.filled & ~substrate
    return {
        "kt": kinetic_temperature(ensemble.velocities, member),
        "kt_substrate": kinetic_temperature(ensemble.velocities, substrate),
        "potential_energy": mean_over_film(ensemble, mover.energies(ensemble)),
        "particles": film.sum(axis=1),
        "vapour": (film & ~member).sum(axis=1),
        "film_top": np.where(member | substrate, ensemble.positions[..., 1], -np.inf).max(axis=1),
    }


def film_members(ensemble: Ensemble) -> np.ndarray:
    """A and B that are attached to the substrate by chains of neighbours, (R, N) bool."""
    member = np.zeros(ensemble.species.shape, dtype=bool)
    for row in range(ensemble.replicas):
        member[row] = attached(ensemble.positions[row], ensemble.species[row], float(ensemble.box[row, 0]))
    return member & (ensemble.species != SUBSTRATE)


def mean_over_film(ensemble: Ensemble, energies: np.ndarray) -> np.ndarray:
    """Mean of the energies (R, N) over each film's particles, (R,); NaN where there is no film yet."""
    member = film_members(ensemble)
    count = member.sum(axis=1)
    total = np.where(member, energies, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)


def failures(ensemble: Ensemble, before: np.ndarray) -> list[dict]:
    """Replicas that have failed and had not ``before`` (R,) bool, as a run's provenance records them."""
    return [
        {"replica": int(ensemble.replica[row]), "step": int(ensemble.step[row]), "reason": ensemble.failure[row]}
        for row in np.flatnonzero(ensemble.failed & ~before)
    ]
