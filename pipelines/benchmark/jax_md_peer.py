"""jax-md (``pip install jax-md``) on the mixture this project simulates, as its own tutorials would write it.

A neighbour list that rebuilds once a particle has moved half the skin, forces by differentiation of the pair energy, a
Nose-Hoover chain, the whole segment inside one compiled loop, in single precision: jax-md's default.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata, util

import numpy as np

from vitrify.md.engines.base import TIME_STEP
from vitrify.md.model import PairTable, minimum_image


class JaxMdMixture:
    """One configuration of a periodic two-dimensional mixture inside jax-md, on JAX's default device.

    Args:
        positions: (N, 2) [sigma_AA].
        velocities: (N, 2) [sigma_AA / tau].
        species: (N,) indices into the pair table.
        box: (2,) edge lengths [sigma_AA].
        pairs: Lennard-Jones of every pair; truncated and not shifted.
        kt: set temperature of the Nose-Hoover chain [eps_AA].
        tau: its relaxation time [tau].
        skin: thickness of the neighbour list beyond the longest cut-off [sigma_AA].
        time_step: [tau].

    Raises:
        ValueError: when jax-md isn't installed.
    """

    def __init__(
        self,
        positions: np.ndarray,
        velocities: np.ndarray,
        species: np.ndarray,
        box: np.ndarray,
        *,
        pairs: PairTable,
        kt: float,
        tau: float = 0.5,
        skin: float = 0.5,
        time_step: float = TIME_STEP,
    ):
        if not jax_md_is_installed():
            raise ValueError("jax-md isn't installed: pip install jax-md")
        with _single_precision_meant():
            self._set_up(positions, velocities, species, box, pairs, kt, tau, skin, time_step)

    def _set_up(self, positions, velocities, species, box, pairs, kt, tau, skin, time_step) -> None:
        import jax.numpy as jnp
        from jax import random
        from jax_md import partition, simulate, smap, space

        self.particles, self.box = len(species), np.asarray(box, np.float64)
        displacement, shift = space.periodic(jnp.asarray(self.box))
        energy = smap.pair_neighbor_list(
            _truncated_lennard_jones,
            space.canonicalize_displacement_or_metric(displacement),
            species=jnp.asarray(species, jnp.int32),
            sigma=jnp.asarray(pairs.sigma),
            epsilon=jnp.asarray(pairs.epsilon),
            r_cut=jnp.asarray(pairs.r_cut),
        )
        lists = partition.neighbor_list(
            displacement, self.box, pairs.longest_cutoff, dr_threshold=skin, format=partition.OrderedSparse
        )
        start = jnp.asarray(minimum_image(np.asarray(positions), self.box) % self.box)
        self._neighbours = lists.allocate(start)
        initialize, step = simulate.nvt_nose_hoover(energy, shift, dt=time_step, kT=kt, tau=tau)
        state = initialize(random.PRNGKey(0), start, neighbor=self._neighbours)
        self._state = state.set(momentum=jnp.asarray(velocities, start.dtype))
        self._energy = energy
        self._advance = _compiled(step)

    def run(self, steps: int) -> None:
        """Advance by ``steps`` time steps and wait for the result.

        Raises:
            ValueError: when a neighbour did not fit the list, whose size jax-md fixes at the start.
        """
        with _single_precision_meant():
            self._state, self._neighbours = self._advance(steps, self._state, self._neighbours)
        self._state.position.block_until_ready()
        if bool(self._neighbours.did_buffer_overflow):
            raise ValueError("jax-md lost neighbours: the list it sized at the start is too short for this liquid")

    def energy(self) -> float:
        """Potential energy per particle, truncated and not shifted [eps_AA]."""
        with _single_precision_meant():
            return float(self._energy(self._state.position, neighbor=self._neighbours)) / self.particles

    @property
    def velocities(self) -> np.ndarray:
        """(N, 2) [sigma_AA / tau]."""
        return np.asarray(self._state.momentum, np.float64)


def jax_md_is_installed() -> bool:
    """Whether ``import jax_md`` would find something."""
    return util.find_spec("jax_md") is not None


def jax_md_version() -> str:
    """The installed release."""
    return metadata.version("jax-md")


@contextmanager
def _single_precision_meant() -> Iterator[None]:
    """jax-md asks for double precision in places and JAX warns, while it traces, that it gives single."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Explicitly requested dtype", UserWarning)
        yield


def _truncated_lennard_jones(distance, sigma, epsilon, r_cut, **_):
    import jax.numpy as jnp

    inside = (distance < r_cut) & (distance > 0)
    attraction = (sigma / jnp.where(inside, distance, r_cut)) ** 6
    return jnp.where(inside, 4 * epsilon * (attraction**2 - attraction), 0.0)


def _compiled(step):
    """A segment of any length, rebuilds included, as one compiled loop."""
    import jax

    def one(_, carry):
        state, neighbours = carry
        state = step(state, neighbor=neighbours)
        return state, neighbours.update(state.position)

    return jax.jit(lambda steps, state, neighbours: jax.lax.fori_loop(0, steps, one, (state, neighbours)))
