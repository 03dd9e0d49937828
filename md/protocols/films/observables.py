"""What the tables of depositions and cooled films say, and the recipe their films were grown by.

Columns beyond those every table has, and what the shared ones mean here:

- ``kt`` is the film's own kinetic temperature, ``kt_substrate`` the substrate's; ``kt_set`` the thermostat's.
- ``potential_energy`` and ``inherent_energy`` are means over the film's particles (substrate and vapour left out), pair
  energies only, truncated and not shifted.
- ``pressure`` is that of the film's particles in the area from the highest site to ``film_top`` [eps_AA / sigma_AA^2].
- ``external_energy``: of tethers and wall, and ``total_energy``: kinetic, pair and external energy of everything in the
  box, substrate and vapour included, both sums and not per particle [eps_AA]: what a film without thermostat keeps.
- ``particles``: A and B in the box; ``vapour``: how many of them are not attached to the film.
- ``film_top``: height of the highest attached particle [sigma_AA].
- ``strays``: how many were taken out after this injection, to return with the next.
"""

from __future__ import annotations

import numpy as np

from vitrify.md.engines.base import Engine
from vitrify.md.ensemble import Ensemble, kinetic_temperature
from vitrify.md.external import external_energies
from vitrify.md.model import SUBSTRATE, PairTable
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.protocols.films.surface import attached
from vitrify.md.protocols.stages import Protocol, Wave
from vitrify.md.store.rundir import RunDirectory
from vitrify.md.store.table import COLUMNS

FILM_COLUMNS = (
    *COLUMNS, "kt_substrate", "external_energy", "total_energy", "particles", "vapour", "film_top", "strays",
)  # fmt: skip


class FilmProtocol(Protocol):
    """What depositions and cooled films have in common; ``memory["sites"]`` (R, S, 2) are the substrates' sites.

    Attributes:
        recipe: by which the films were, or are being, grown.
    """

    recipe: DepositionSpec
    columns = FILM_COLUMNS

    @property
    def pairs(self) -> PairTable:
        """That of the recipe."""
        return self.recipe.pairs

    @property
    def time_step(self) -> float:
        """That of the recipe."""
        return self.recipe.time_step

    @property
    def slots(self) -> int:
        """The substrate and the film at its largest."""
        return self.recipe.slots

    def describe(self, wave: Wave, engine: Engine) -> dict[str, np.ndarray]:
        """What the films are at this moment."""
        ensemble, measured = wave.ensemble, engine.measure(wave.ensemble)
        substrate, member = ensemble.species == SUBSTRATE, film_members(ensemble)
        film = ensemble.filled & ~substrate
        squares = np.einsum("rnk,rnk->rn", ensemble.velocities, ensemble.velocities)
        external = external_energies(self.resting(wave), ensemble)
        top = np.where(member | substrate, ensemble.positions[..., 1], -np.inf).max(axis=1)
        area = ensemble.box[:, 0] * (top - wave.memory["sites"][..., 1].max(axis=1))
        twice = np.where(member, squares + measured.virials, 0.0).sum(axis=1)
        pair = np.where(ensemble.filled, measured.energies, 0.0).sum(axis=1)
        none = np.full(ensemble.replicas, np.nan)
        return {
            "kt": kinetic_temperature(ensemble.velocities, member),
            "kt_substrate": kinetic_temperature(ensemble.velocities, substrate),
            "pressure": np.divide(twice, 2 * area, out=none, where=(area > 0) & member.any(axis=1)),
            "potential_energy": mean_over(member, measured.energies),
            "external_energy": external,
            "total_energy": np.where(ensemble.filled, squares, 0.0).sum(axis=1) / 2 + pair + external,
            "particles": film.sum(axis=1),
            "vapour": (film & ~member).sum(axis=1),
            "film_top": top,
        }

    def inherent_energy(self, wave: Wave, energies: np.ndarray) -> np.ndarray:
        """Mean over the film's particles, as the instantaneous configuration tells them."""
        return mean_over(film_members(wave.ensemble), energies)


def deposition_spec(run: RunDirectory) -> DepositionSpec:
    """The recipe by which the films of a run directory were grown, deposited, cooled or struck ones.

    Raises:
        ValueError: when the run has no films, or its spec is damaged.
    """
    table = run.spec if run.spec["protocol"] == DepositionSpec.protocol else run.spec.get("deposition")
    if table is None:
        raise ValueError(f"{run.path}: got a run of protocol {run.spec['protocol']}, expected films")
    try:
        return DepositionSpec.from_table(table)
    except ValueError as error:
        raise ValueError(f"{run.path}: {error}") from error


def film_members(ensemble: Ensemble) -> np.ndarray:
    """A and B that are attached to the substrate by chains of neighbours, (R, N) bool."""
    member = np.zeros(ensemble.species.shape, dtype=bool)
    for row in range(ensemble.replicas):
        member[row] = attached(ensemble.positions[row], ensemble.species[row], float(ensemble.box[row, 0]))
    return member & (ensemble.species != SUBSTRATE)


def mean_over(member: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Mean of the energies (R, N) over each film's particles (R, N) bool, (R,); NaN where there is no film yet."""
    count = member.sum(axis=1)
    total = np.where(member, energies, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
