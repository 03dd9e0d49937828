"""What surrounds a particle, as numbers that do not change when the configuration is moved, turned or mirrored.

Two kinds, both sums over the neighbours of a particle within a cutoff, each species apart:

- radial: ``sum_j g_n(r_ij)``, Gaussians g_n equally spaced in distance, so that their mean over particles is a smoothed
  partial g(r);
- angular: ``sum_jk w_n(r_ij) w_n(r_ik) cos(l theta_jik)``, the bond angle between every two neighbours, by wide shells
  w_n, for l = 1 ... L and for the pairs of species AA, AB, BB of j and k. Only cosines of angles between bonds occur:
  the sum is the real part of ``q_l* q_l'`` with ``q_l = sum_j w(r_ij) (exp(i theta_j))^l``, which needs no triplets.

All fade to zero at the cutoff, and are smooth in the positions.

Source: J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007); A. P. Bartok, R. Kondor and G. Csanyi, Phys.
Rev. B 87, 184115 (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from vitrify.md.model import EMPTY

SHORTEST = 0.5
"""Distance below which the first radial function fades [sigma_AA]: no two particles of the mixture come closer."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentSpec:
    """Which numbers.

    Attributes:
        cutoff: reach [sigma_AA].
        spacing: of the radial functions and their width [sigma_AA].
        shells: number of wide shells of the angular functions.
        harmonics: L.
        species: number of species that may occur.
    """

    cutoff: float = 2.5
    spacing: float = 0.1
    shells: int = 4
    harmonics: int = 8
    species: int = 2

    @property
    def radial(self) -> np.ndarray:
        """Centres of the radial functions [sigma_AA]."""
        return np.arange(SHORTEST + self.spacing, self.cutoff, self.spacing)

    @property
    def size(self) -> int:
        """Numbers a particle."""
        pairs = self.species * (self.species + 1) // 2
        return self.species * len(self.radial) + self.shells * pairs * self.harmonics


@dataclass(frozen=True, kw_only=True)
class Edges:
    """The edges of a batch of graphs, (B, N, K) each.

    Attributes:
        distance: [sigma_AA]; 1 for no edge.
        direction: complex64, ``exp(i theta)`` of the bond in the frame of the box; 0 for no edge.
        species: of the neighbour; EMPTY for no edge.
        fade: from 1 at contact to 0 at the cutoff; 0 for no edge.
    """

    distance: Array
    direction: Array
    species: Array
    fade: Array


def edges_of(positions: Array, species: Array, box: Array, neighbours: Array, cutoff: float) -> Edges:
    """The edges of a batch.

    Args:
        positions: (B, N, 2) [sigma_AA].
        species: (B, N).
        box: (B, 2) edges, infinite along an open axis [sigma_AA].
        neighbours: (B, N, K), the particle itself where there is none.
        cutoff: where edges fade out [sigma_AA].
    """
    batch = jnp.arange(len(positions))[:, None, None]
    separation = positions[batch, neighbours] - positions[:, :, None]
    period = box[:, None, None]
    open_axis = jnp.isinf(period)
    shift = jnp.where(open_axis, 0.0, jnp.where(open_axis, 1.0, period) * jnp.rint(separation / period))
    separation = separation - shift
    edge = neighbours != jnp.arange(positions.shape[1])[:, None]
    # A particle is at distance 1 from itself: square roots and angles keep finite slopes.
    x = jnp.where(edge, separation[..., 0], 1.0)
    y = jnp.where(edge, separation[..., 1], 0.0)
    distance = jnp.sqrt(x**2 + y**2)
    inside = edge & (distance < cutoff)
    fade = jnp.where(inside, 0.5 * (1 + jnp.cos(jnp.pi * jnp.minimum(distance / cutoff, 1.0))), 0.0)
    direction = jnp.where(inside, (x + 1j * y) / distance, 0.0)
    return Edges(
        distance=distance,
        direction=direction,
        species=jnp.where(inside, species[batch, neighbours], EMPTY),
        fade=fade,
    )


def environments(edges: Edges, spec: EnvironmentSpec) -> Array:
    """(B, N, spec.size) the numbers of every particle."""
    parts = []
    radial = jnp.asarray(spec.radial, edges.distance.dtype)
    shape = -0.5 * ((edges.distance[..., None] - radial) / spec.spacing) ** 2
    gaussians = jnp.exp(shape) * jnp.minimum(1.0, 4 * edges.fade)[..., None]
    middles, width = np.linspace(1.0, spec.cutoff, spec.shells, retstep=True) if spec.shells > 1 else ([1.0], 1.0)
    powers = []
    for kind in range(spec.species):
        own = (edges.species == kind).astype(edges.distance.dtype)
        parts.append(jnp.einsum("bnkr,bnk->bnr", gaussians, own))
        waves = []
        for middle in middles:
            weight = own * edges.fade * jnp.exp(-0.5 * ((edges.distance - middle) / (0.6 * float(width))) ** 2)
            wave, turn = [], weight.astype(edges.direction.dtype)
            for _ in range(spec.harmonics):
                turn = turn * edges.direction
                wave.append(turn.sum(axis=-1))
            waves.append(jnp.stack(wave, axis=-1))
        powers.append(jnp.stack(waves, axis=-2))  # (B, N, shells, harmonics)
    for one in range(spec.species):
        for other in range(one, spec.species):
            product = (powers[one] * jnp.conj(powers[other])).real
            parts.append(product.reshape(*product.shape[:2], -1))
    return jnp.concatenate(parts, axis=-1)
