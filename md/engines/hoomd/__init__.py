"""The ``hoomd`` engine: HOOMD-blue behind the seam of every engine. HOOMD-blue is imported nowhere else."""

from vitrify.md.engines.hoomd.engine import HoomdEngine, devices, hoomd_version, noise_of, why_no_gpu

__all__ = ["HoomdEngine", "devices", "hoomd_version", "noise_of", "why_no_gpu"]
