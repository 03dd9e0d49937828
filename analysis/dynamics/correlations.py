"""Mean-square displacement, self-intermediate scattering and overlap, from displacements.

====================  =======================================  ==========================================
mean-square           ``<|u|^2>``                              [sigma_AA^2]
self-intermediate     ``F_s(k, t) = <J_0(k |u|)>``             1 at t = 0, 0 once all is forgotten
overlap               ``Q(t) = <theta(a - |u|)>``              the share of particles within a of their origin
====================  =======================================  ==========================================

u is the displacement in time t, plain or cage-relative. The mean is over particles of a species, origins of time
and, last, replicas. **F_s is isotropic and of a continuous wave vector**: the mean of ``exp(i k u)`` over all
directions of k is the Bessel function ``J_0(k |u|)``. That is exact for unwrapped displacements of single particles,
which need no wave vector of the box, and leaves no scatter of directions.

Sources: W. Kob and H. C. Andersen, Phys. Rev. E 52, 4134 (1995), F_s of the mixture; C. Donati, S. Franz, S. C. Glotzer
and G. Parisi, J. Non-Cryst. Solids 307, 215 (2002), the overlap with a = 0.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import j0

from vitrify.analysis.curves.cooling_curve import curve_from_tables, require_different_replicas
from vitrify.analysis.dynamics.displacements import common_pairs, displacements, require_unwrapped
from vitrify.analysis.statistics import Estimate, mean_and_error
from vitrify.analysis.structure.structure_factor import structure_factor
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.md.model import A, B

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitrify.md.store.rundir import RunDirectory

OVERLAP_RADIUS = 0.3
"""How far a particle may go and still overlap with where it was [sigma_AA]."""

MSD, SCATTERING, OVERLAP = range(3)
QUANTITIES = ("msd", "fs", "overlap")
"""Along the first axis of :func:`correlations`."""

KINDS = ("plain", "cage-relative")
"""Of displacements."""

SPECIES = ("A", "B", "all")

PEAK_RANGE, PEAK_STEP = (4.0, 9.0), 0.25
"""Where the first peak of S_AA(k) is looked for [1/sigma_AA]; at rho = 1.2 it stands at 7.1,
with a shoulder at 5.3."""

PEAK_CONFIGURATIONS = 16
"""Configurations that S_AA(k) is averaged over to find its peak."""

Array = np.ndarray


def correlations(displacement: Array, species: Array, wave_number: float, radius: float = OVERLAP_RADIUS) -> Array:
    """Squared displacement, F_s and overlap of one displacement, each averaged over A, B and all particles.

    Args:
        displacement: (N, 2) [sigma_AA].
        species: (N,).
        wave_number: k of F_s [1/sigma_AA].
        radius: a of the overlap [sigma_AA].

    Returns:
        (3, 3): the quantities of QUANTITIES by the species of SPECIES; NaN for a species that is not there.

    >>> moved = np.array([[0.0, 0.0], [3.0, 4.0], [0.1, 0.0]])
    >>> correlations(moved, np.array([A, A, B]), wave_number=1e-9)[:, :2].round(6).tolist()
    [[12.5, 0.01], [1.0, 1.0], [0.5, 1.0]]
    """
    squared = np.einsum("nk,nk->n", displacement, displacement)
    each = np.stack([squared, j0(wave_number * np.sqrt(squared)), squared < radius**2])
    masks = np.stack([species == A, species == B, np.isin(species, (A, B))]).astype(np.float64)
    count = masks.sum(axis=1)
    return np.divide(each @ masks.T, count, out=np.full((3, 3), np.nan), where=count > 0)


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """How the replicas of one liquid move.

    Attributes:
        kt: its temperature [eps_AA].
        name: of its run, or of the first of its batches.
        time: (L,) lags, shortest first [tau].
        origins: (L,) origins of time that each lag is averaged over.
        values: (R, L, 2, 3, 3) of each replica: lag, KINDS, QUANTITIES, SPECIES.
        wave_number: k of F_s [1/sigma_AA].
        radius: a of the overlap [sigma_AA].
        waited: time at kT before the first origin [tau], after the ramp down from a hot liquid.
        followed: time from the first frame to the last [tau].
        energy: E_IS over all frames [eps_AA per particle, not shifted].
        drift: E_IS of the second half of the frames minus that of the first: zero within its error once settled.
    """

    kt: float
    name: str
    time: Array
    origins: Array
    values: Array
    wave_number: float
    radius: float
    waited: float
    followed: float
    energy: Estimate
    drift: Estimate

    @property
    def replicas(self) -> int:
        """How many replicas there are."""
        return len(self.values)

    def of(self, quantity: str, species: str = "A", kind: str = "plain") -> Array:
        """(R, L) one quantity of one species, by the names of QUANTITIES, SPECIES and KINDS."""
        return self.values[:, :, KINDS.index(kind), QUANTITIES.index(quantity), SPECIES.index(species)]


def dynamics(
    runs: Sequence[RunDirectory],
    wave_number: float,
    radius: float = OVERLAP_RADIUS,
    told: Callable[[], None] | None = None,
) -> Dynamics:
    """Follow the replicas of one liquid, of one run or of the batches of one ensemble.

    Args:
        runs: batches of ``vitrify anneal --spacing log``, alike but for their replicas.
        wave_number: k of F_s [1/sigma_AA].
        radius: a of the overlap [sigma_AA].
        told: called for each displacement measured.

    Raises:
        ValueError: for frames that are not spaced logarithmically or were stored without displacements, or a single
            replica, whose scatter is not known.
    """
    require_followed(runs)
    pairs, spec = common_pairs(runs), runs[0].spec
    place = {lag: number for number, lag in enumerate(pairs)}
    origins = np.array([len(both) for both in pairs.values()])
    sums: dict[tuple[int, int], Array] = {}
    for batch, run in enumerate(runs):
        for moved in displacements(run, pairs):
            total = sums.setdefault((batch, moved.replica), np.zeros((len(pairs), len(KINDS), 3, 3)))
            for kind, way in enumerate((moved.plain, moved.cage_relative)):
                total[place[moved.lag], kind] += correlations(way, moved.species, wave_number, radius)
            if told is not None:
                told()
    energies = curve_from_tables([run.table for run in runs], ramp_steps=0, rate=0.0).inherent_energy
    middle = energies.shape[1] // 2
    halves = [mean_and_error(half.T).mean for half in (energies[:, :middle], energies[:, middle:])]
    tau = float(spec["time_step"])
    ramped = int(spec["equilibration_steps"]) // 2
    return Dynamics(
        kt=float(spec["kt"]),
        name=runs[0].name,
        time=np.array(list(pairs)) * tau,
        origins=origins,
        values=np.array(list(sums.values())) / origins[:, None, None, None],
        wave_number=wave_number,
        radius=radius,
        waited=(int(spec["equilibration_steps"]) - ramped) * tau,
        followed=min(float(np.ptp(run.table["step"])) for run in runs) * tau,
        energy=mean_and_error(mean_and_error(energies.T).mean),
        drift=mean_and_error(halves[1] - halves[0]),
    )


def require_followed(runs: Sequence[RunDirectory]) -> None:
    """Raise ValueError unless the batches of one liquid hold what :func:`dynamics` needs, saying what is missing."""
    require_different_replicas(runs)
    (first, _), *_ = next(iter(common_pairs(runs).values()))
    count = 0
    for run in runs:
        require_unwrapped(run, first)
        count += len(run.stored_replicas(run.stored_frames()[-1]))
    if count < 2:
        raise ValueError(f"{runs[0].path}: got {count} replica(s), expected at least 2: one shows no scatter")


def first_peak(run: RunDirectory) -> float:
    """The k of the first peak of S_AA(k), averaged over replicas at the first stored frame [1/sigma_AA].

    Bins are PEAK_STEP wide; the peak is that of the parabola through the highest and its two neighbours.

    Raises:
        ValueError: when the highest S_AA in PEAK_RANGE is at its edge: there is no peak.
    """
    frame = run.stored_frames()[0]
    replicas = run.stored_replicas(frame)[:PEAK_CONFIGURATIONS]
    found = [
        structure_factor(Surroundings(run.configuration(replica, frame)), k_range=PEAK_RANGE, step=PEAK_STEP)
        for replica in replicas
    ]
    s = mean_and_error(np.array([one.s[0] for one in found])).mean
    if np.isnan(s).any():
        raise ValueError(f"{run.path}: too small a box for S_AA(k) in steps of {PEAK_STEP:g}; give --wave-number")
    top = int(s.argmax())
    if not 0 < top < len(s) - 1:
        raise ValueError(
            f"{run.path}: S_AA(k) has no peak from k {PEAK_RANGE[0]:g} to {PEAK_RANGE[1]:g}; give --wave-number"
        )
    below, peak, above = s[top - 1 : top + 2]
    return float(found[0].k[top] + PEAK_STEP * (below - above) / (2 * (below - 2 * peak + above)))
