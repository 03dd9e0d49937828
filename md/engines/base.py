"""The seam between protocols and engines: whole segments and whole ensembles, never a Python call per step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vitrify.md.ensemble import Ensemble
from vitrify.md.external import External
from vitrify.md.model import PairTable
from vitrify.md.schedule import TemperatureSchedule

TIME_STEP = 0.005
"""The published time step [tau]."""

MINIMUM_FORCE = 1e-6
"""max|F| below which a configuration counts as an inherent structure [eps_AA / sigma_AA]."""


@dataclass(frozen=True, kw_only=True)
class Thermostat:
    """Bussi's stochastic velocity rescaling, applied to a group of each replica on its own.

    Samples the canonical ensemble of the group's kinetic energy with the right number of degrees of freedom: 2 n, less
    2 where the group is the whole system and nothing outside acts on it, so that its centre of mass stays at rest.

    Source: Bussi, Donadio and Parrinello, J. Chem. Phys. 126, 014101 (2007).

    Attributes:
        schedule: set temperature against absolute step.
        tau: relaxation time [tau].
        species: the group, as species; None for every particle.
    """

    schedule: TemperatureSchedule
    tau: float = 0.5
    species: tuple[int, ...] | None = None

    def __post_init__(self):
        if not (np.isfinite(self.tau) and self.tau > 0):
            raise ValueError(f"thermostat tau: got {self.tau}, expected a positive time")


@dataclass(frozen=True, kw_only=True)
class Minimized:
    """Inherent structures, one a replica.

    Attributes:
        ensemble: the minimised positions, everything else as before.
        energies: (R, N) per particle, truncated and not shifted, pair energies only, in double precision [eps_AA].
        max_force: (R,) largest ``|F|`` over particles, tethers and walls included [eps_AA / sigma_AA].
        converged: (R,) bool, whether max_force reached the criterion.
        evaluations: (R,) int, force evaluations spent.
    """

    ensemble: Ensemble
    energies: np.ndarray
    max_force: np.ndarray
    converged: np.ndarray
    evaluations: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What every particle's pairs add up to, half of each pair to each partner, in double precision.

    The pressure in two dimensions is ``(sum m v^2 + sum virials) / (2 A)``. Like energies, virials end at the cut-off:
    what the jump of the energy there would add to a pressure is left out, as in every molecular dynamics of this model.

    Attributes:
        energies: (R, N) pair energies, truncated and not shifted [eps_AA].
        virials: (R, N) sums of r . F [eps_AA].
    """

    energies: np.ndarray
    virials: np.ndarray


class Engine(Protocol):
    """What moves the particles of an ensemble. Every engine passes tests/contract.

    Where an ensemble has ``travelled``, an engine hands it back advanced; where it is None, it stays None.

    A replica that fails (NaN, a lost particle, an overlap) is marked in ``ensemble.failure`` with the step it failed
    at, stays as it was when it failed, and is passed over from then on; the others go on.
    """

    @property
    def name(self) -> str:
        """``replica`` or ``hoomd``."""
        ...

    @property
    def device(self) -> str:
        """What it runs on: ``cpu`` or ``gpu``."""
        ...

    @property
    def pairs(self) -> PairTable:
        """The pair table it was made for."""
        ...

    @property
    def time_step(self) -> float:
        """The time step [tau]."""
        ...

    @property
    def splits_exactly(self) -> bool:
        """Whether n steps and n more are 2n steps bit for bit, wherever the cut is."""
        ...

    @property
    def replicas_at_once(self) -> int:
        """How many replicas keep all of it busy."""
        ...

    def beside(self, replicas: int) -> Engine | None:
        """An engine of the cores that ``replicas`` replicas leave idle, the same bit for bit; None where none are."""
        ...

    def integrate(
        self, ensemble: Ensemble, steps: int, thermostat: Thermostat | None = None, externals: Sequence[External] = ()
    ) -> Ensemble:
        """Advance every replica by ``steps`` time steps: NVT with a thermostat, NVE without one."""
        ...

    def minimize(
        self, ensemble: Ensemble, fmax: float = MINIMUM_FORCE, externals: Sequence[External] = ()
    ) -> Minimized:
        """Bring every replica to its local potential-energy minimum, by forces."""
        ...

    def measure(self, ensemble: Ensemble) -> Measured:
        """Pair energies and virials of every particle; 0 in empty slots, NaN without finite positions."""
        ...

    def energies(self, ensemble: Ensemble) -> np.ndarray:
        """Pair energy of each particle, (R, N) float64, truncated and not shifted [eps_AA]."""
        ...

    def forces(self, ensemble: Ensemble, externals: Sequence[External] = ()) -> np.ndarray:
        """Force on each particle, (R, N, 2) float64 [eps_AA / sigma_AA]."""
        ...


EngineFactory = Callable[..., Engine]
