"""Films that were grown, as other protocols take them up."""

from __future__ import annotations

import numpy as np

from vitrify.md.ensemble import Ensemble
from vitrify.md.model import EMPTY
from vitrify.md.protocols.films.observables import deposition_spec
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.store.rundir import RunDirectory


def grown_recipe(source: RunDirectory) -> DepositionSpec:
    """The recipe of a finished deposition.

    Raises:
        ValueError: when it is none, or no film came to its end.
    """
    if source.spec["protocol"] != DepositionSpec.protocol or not source.finished:
        raise ValueError(f"{source.path}: expected a finished deposition")
    recipe = deposition_spec(source)
    if not grown_films(source, recipe):
        raise ValueError(f"{source.path}: got no film that came to its end")
    return recipe


def require_source(source: RunDirectory, identity: str) -> None:
    """Raise ValueError unless ``source`` is the finished deposition that a spec names."""
    grown_recipe(source)
    if source.identity != identity:
        raise ValueError(f"{source.path}: got a run of identity {source.identity}, expected {identity}")


def grown_films(source: RunDirectory, recipe: DepositionSpec) -> list[int]:
    """Numbers of the films that came to their end."""
    return source.stored_replicas(recipe.injections)


def read_films(
    source: RunDirectory, replicas: np.ndarray | None = None, *, slots: int = 0, seed: int = 0
) -> tuple[Ensemble, np.ndarray]:
    """Films at the end of a deposition, at step 0 of whatever comes next, and their substrates' sites (R, S, 2).

    Args:
        source: the deposition, finished.
        replicas: (R,) numbers of the films; all that came to their end where not given. One that failed in the
            deposition is marked failed.
        slots: of a film; as many as the recipe has where fewer.
        seed: what the noise of what comes next derives from.

    Raises:
        ValueError: when the deposition is not finished, or no film came to its end.
    """
    recipe = grown_recipe(source)
    held = grown_films(source, recipe)
    replicas = np.array(held if replicas is None else replicas, dtype=np.int64)
    shape, count = (len(replicas), max(slots, recipe.slots)), recipe.substrate.particles
    positions, velocities, sites = np.zeros((*shape, 2)), np.zeros((*shape, 2)), np.zeros((len(replicas), count, 2))
    species = np.full(shape, EMPTY, dtype=np.int8)
    box, failure = np.tile([recipe.box_length, 1.0], (len(replicas), 1)), [""] * len(replicas)
    for row, replica in enumerate(replicas.tolist()):
        if replica not in held:
            failure[row] = f"{source.name} has no film {replica} that came to its end"
            continue
        end = source.configuration(replica, recipe.injections)
        if end.velocities is None:
            raise ValueError(f"{source.path}: got a film without velocities, expected the last frame to have them")
        here = slice(len(end.species))
        positions[row, here], velocities[row, here], species[row, here] = end.positions, end.velocities, end.species
        box[row], sites[row] = end.box, source.configuration(replica, 0).positions
    ensemble = Ensemble(
        positions=positions,
        velocities=velocities,
        species=species,
        box=box,
        periodic=(True, False),
        seed=seed,
        replica=replicas,
        step=np.zeros(len(replicas), dtype=np.int64),
        failure=tuple(failure),
    )
    return ensemble, sites
