"""What every engine refuses, before any replica runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitrify.md.engines.base import Thermostat
from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External, Tether, Wall
from vitrify.md.model import EMPTY, PairTable


def check_ensemble(ensemble: Ensemble, pairs: PairTable) -> None:
    """Raise ValueError for an ensemble that cannot be run with ``pairs``."""
    lowest, highest = ensemble.species.min(initial=EMPTY), ensemble.species.max(initial=EMPTY)
    if lowest < EMPTY or highest >= pairs.species:
        raise ValueError(
            f"species: got {lowest} to {highest}, expected 0 to {pairs.species - 1}, or {EMPTY} for an empty slot"
        )
    if ensemble.periodic not in ((True, True), (True, False)):
        raise ValueError(f"periodic: got {ensemble.periodic}, expected (True, True) or (True, False)")
    if not (np.isfinite(ensemble.box).all() and (ensemble.box > 0).all()):
        raise ValueError(f"box: got {ensemble.box.tolist()}, expected positive finite lengths")
    shortest = ensemble.box[:, np.array(ensemble.periodic)].min(initial=np.inf)
    if shortest < 2 * pairs.longest_cutoff:
        raise ValueError(
            f"box: got a periodic edge of {shortest:g}, expected at least twice the cut-off, "
            f"{2 * pairs.longest_cutoff:g}"
        )
    if not 0 <= ensemble.seed < 1 << 63:
        raise ValueError(f"seed: got {ensemble.seed}, expected 0 to 2^63 - 1")


def check_externals(externals: Sequence[External], ensemble: Ensemble) -> None:
    """Raise ValueError for tethers or walls that do not fit the ensemble."""
    for external in externals:
        if isinstance(external, Tether):
            check_tether(external, ensemble)
        elif isinstance(external, Wall):
            check_wall(external, ensemble)
        else:
            raise ValueError(f"externals: got {type(external).__name__}, expected Tether or Wall")


def check_tether(tether: Tether, ensemble: Ensemble) -> None:
    """Raise ValueError for a tether that does not fit the ensemble."""
    slots = np.asarray(tether.slots)
    if tether.sites.shape[0] != ensemble.replicas:
        raise ValueError(f"tether sites: got {tether.sites.shape[0]} replicas, expected {ensemble.replicas}")
    if len(np.unique(slots)) != len(slots) or ((slots < 0) | (slots >= ensemble.slots)).any():
        raise ValueError(f"tether slots: got {slots.tolist()}, expected different slots from 0 to {ensemble.slots - 1}")
    if not ensemble.filled[~ensemble.failed][:, slots].all():
        raise ValueError("tether slots: got an empty slot, expected a particle in each of them in every replica")
    if not np.isfinite(tether.sites).all():
        raise ValueError("tether sites: got numbers that are not finite")
    if not ensemble.periodic[1] and tether.axes[1]:
        height, top = tether.sites[~ensemble.failed, :, 1], ensemble.box[~ensemble.failed, 1:]
        if ((height < 0) | (height > top)).any():
            raise ValueError(
                f"tether sites: got heights from {height.min():g} to {height.max():g}, expected them within the box, "
                f"0 to {top.min():g}"
            )


def check_wall(wall: Wall, ensemble: Ensemble) -> None:
    """Raise ValueError for a wall that does not fit the ensemble."""
    if len(wall.start) != ensemble.replicas:
        raise ValueError(f"wall start: got {len(wall.start)} replicas, expected {ensemble.replicas}")
    if ensemble.periodic[1]:
        raise ValueError("wall: got a box periodic in y, expected one open in y")
    if not np.isfinite(wall.start).all():
        raise ValueError(f"wall start: got {wall.start.tolist()}, expected finite heights")
    if (wall.start[~ensemble.failed] < 0).any():
        raise ValueError(
            f"wall start: got {wall.start[~ensemble.failed].min():g}, expected 0 or more: a wall below the box would "
            "push every particle out of it"
        )


def check_thermostat(thermostat: Thermostat | None, ensemble: Ensemble, pairs: PairTable) -> None:
    """Raise ValueError for a group outside the pair table."""
    if thermostat is None or thermostat.species is None:
        return
    if not all(0 <= species < pairs.species for species in thermostat.species):
        raise ValueError(f"thermostat species: got {thermostat.species}, expected 0 to {pairs.species - 1}")
