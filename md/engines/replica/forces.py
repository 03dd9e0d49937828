"""Forces and energies. Every particle gathers its own force, so that no two lanes ever write to one place.

Particles at one place give NaN, very close ones infinity: dynamics.py and minimizer.py end such a replica as failed.
"""

from __future__ import annotations

import numpy as np

from vitrify.md.engines.replica.serial import barrier, fixed, lane, lanes, real
from vitrify.md.pair_law import force_over_distance, half_energy


def pair_forces(particles, neighbours, box, pairs):
    """Set fx, fy to the pair forces."""
    for i in range(lane(), len(particles.slot), lanes()):
        x, y, species = particles.x[i], particles.y[i], particles.species[i]
        fx, fy = real(0), real(0)
        for other in range(neighbours.count.shape[0]):
            cutoff2 = pairs.cutoff2[species, other]
            numerator, offset = pairs.numerator[species, other], pairs.offset[species, other]
            for k in range(neighbours.count[other, i]):
                j = neighbours.ids[other, k, i]
                dx = real(fixed(x - particles.x[j])) * box.scale_x
                dy = real(fixed(y - particles.y[j])) * box.scale_y
                r2 = dx * dx + dy * dy
                strength = force_over_distance(numerator / r2, offset) if r2 < cutoff2 else real(0)
                fx += strength * dx
                fy += strength * dy
        particles.fx[i] = fx
        particles.fy[i] = fy
    barrier()


def external_forces(particles, box, externals):
    """Add the forces of tethers and walls."""
    for t in range(lane(), len(externals.slot), lanes()):
        i = particles.place[externals.slot[t]]
        dx = real(fixed(particles.x[i] - externals.site_x[t])) * box.scale_x
        dy = real(fixed(particles.y[i] - externals.site_y[t])) * box.scale_y
        particles.fx[i] -= externals.stiffness_x[t] * dx
        particles.fy[i] -= externals.stiffness_y[t] * dy
    barrier()
    for w in range(len(externals.wall_start)):
        for i in range(lane(), len(particles.slot), lanes()):
            # In floating point: a 64-bit difference across half the box would overflow and pull up what lies far below.
            if particles.y[i] > externals.wall_start[w]:
                above = real(np.float64(particles.y[i]) - np.float64(externals.wall_start[w])) * box.scale_y
                particles.fy[i] -= externals.wall_stiffness[w] * above
        barrier()


def pair_sums(particles, neighbours, box, pairs, energies, virials):
    """Set ``energies`` and ``virials`` to half of what each particle's pairs have, truncated and not shifted."""
    for i in range(lane(), len(particles.slot), lanes()):
        x, y, species = particles.x[i], particles.y[i], particles.species[i]
        energy, virial = real(0), real(0)
        for other in range(neighbours.count.shape[0]):
            cutoff2 = pairs.cutoff2[species, other]
            numerator, offset = pairs.numerator[species, other], pairs.offset[species, other]
            for k in range(neighbours.count[other, i]):
                j = neighbours.ids[other, k, i]
                dx = real(fixed(x - particles.x[j])) * box.scale_x
                dy = real(fixed(y - particles.y[j])) * box.scale_y
                r2 = dx * dx + dy * dy
                nearness = numerator / r2
                energy += half_energy(nearness, numerator, offset) if r2 < cutoff2 else real(0)
                virial += r2 * force_over_distance(nearness, offset) if r2 < cutoff2 else real(0)
        energies[i] = energy
        virials[i] = real(0.5) * virial
    barrier()
