"""The state: R independent replicas held side by side as arrays, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from vitrify.md.model import EMPTY


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """R replicas of one system. Arrays are never changed in place: an engine returns a new ensemble.

    A slot with species EMPTY (-1) holds no particle, so that films of different size fit one array.
    Positions lie in [-box/2, box/2) on a periodic axis and in [0, box) on an open one.

    Attributes:
        positions: (R, N, 2) float64 [sigma_AA].
        velocities: (R, N, 2) float64 [sigma_AA / tau].
        species: (R, N) int8, indices into the pair table, EMPTY for an empty slot.
        box: (R, 2) float64, edge lengths of each replica's box [sigma_AA].
        periodic: which axes are periodic; bulk (True, True), film (True, False).
        seed: what all randomness of the run derives from.
        replica: (R,) int64, the number each replica keeps for life: its random streams and its files.
        step: (R,) int64, each replica's clock [time steps].
        failure: one string a replica: "" while it is well, else why it stopped; its clock says when.
        origin: (R, N, 2) float64 or None, the positions at which the engine last built its neighbour list. With them a
            restarted run sums forces in the same order, so that it goes on bit for bit. Engines may ignore it.
        travelled: (R, N, 2) float64 or None, how far each particle has gone since this was set to zero, over the edges
            of the box and not wrapped [sigma_AA]. None where nobody asks.
    """

    positions: np.ndarray
    velocities: np.ndarray
    species: np.ndarray
    box: np.ndarray
    periodic: tuple[bool, bool] = (True, True)
    seed: int
    replica: np.ndarray
    step: np.ndarray
    failure: tuple[str, ...] = ()
    origin: np.ndarray | None = field(default=None, repr=False)
    travelled: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self):
        replicas, slots = self.species.shape
        if not self.failure:
            object.__setattr__(self, "failure", ("",) * replicas)
        expected = {
            "positions": (replicas, slots, 2),
            "velocities": (replicas, slots, 2),
            "box": (replicas, 2),
            "replica": (replicas,),
            "step": (replicas,),
        }
        for name in ("origin", "travelled"):
            if getattr(self, name) is not None:
                expected[name] = (replicas, slots, 2)
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: got shape {getattr(self, name).shape}, expected {shape}")
        if len(self.failure) != replicas:
            raise ValueError(f"failure: got {len(self.failure)} entries, expected {replicas}")

    @property
    def replicas(self) -> int:
        """Number of replicas R."""
        return self.species.shape[0]

    @property
    def slots(self) -> int:
        """Number of particle slots N, filled and empty."""
        return self.species.shape[1]

    @property
    def filled(self) -> np.ndarray:
        """(R, N) bool, True where a slot holds a particle."""
        return self.species != EMPTY

    @property
    def particles(self) -> np.ndarray:
        """(R,) number of particles of each replica."""
        return self.filled.sum(axis=1)

    @property
    def failed(self) -> np.ndarray:
        """(R,) bool, True for a replica that stopped."""
        return np.array([bool(reason) for reason in self.failure])

    def select(self, rows: np.ndarray) -> Ensemble:
        """The replicas at ``rows`` (indices or a mask), in that order."""
        every = np.arange(self.replicas)
        rows = every[rows]
        if np.array_equal(rows, every):
            return self
        arrays = ("positions", "velocities", "species", "box", "replica", "step")
        optional = [name for name in ("origin", "travelled") if getattr(self, name) is not None]
        taken = {name: getattr(self, name)[rows] for name in (*arrays, *optional)}
        return replace(self, **taken, failure=tuple(self.failure[row] for row in rows))


def kinetic_temperature(velocities: np.ndarray, members: np.ndarray, conserved: int = 0) -> np.ndarray:
    """Kinetic temperature of a group in two dimensions, ``kT = sum m v^2 / (2 n - conserved)``.

    Args:
        velocities: (R, N, 2) [sigma_AA / tau]; m = 1.
        members: (R, N) bool, the group.
        conserved: degrees of freedom held fixed: 2 where the centre of mass is at rest, 0 where it is free.

    Returns:
        (R,) kT [eps_AA]; NaN for a group without degrees of freedom.

    >>> float(kinetic_temperature(np.ones((1, 8, 2)), np.ones((1, 8), bool))[0])
    1.0
    """
    freedom = 2.0 * members.sum(axis=1) - conserved
    twice_kinetic = np.einsum("rnk,rnk,rn->r", velocities, velocities, members)
    return np.divide(twice_kinetic, freedom, out=np.full(len(freedom), np.nan), where=freedom > 0)


def maxwell_boltzmann(rng: np.random.Generator, count: int, kt: float) -> np.ndarray:
    """Velocities of ``count`` particles at exactly kT with the centre of mass at rest, (count, 2) [sigma_AA / tau].

    >>> v = maxwell_boltzmann(np.random.default_rng(1), 100, 0.5)
    >>> bool(abs(v.sum()) < 1e-12), round(float((v**2).sum() / (2 * 100 - 2)), 12)
    (True, 0.5)
    """
    velocities = rng.standard_normal((count, 2))
    velocities -= velocities.mean(axis=0)
    return velocities * np.sqrt(kt * (2 * count - 2) / (velocities**2).sum())
