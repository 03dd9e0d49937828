"""``vitrify check``: does this machine compute what it should, and how fast? One question a module.

References are the NumPy oracle, conservation laws and the canonical distribution, never another run of an engine; only
where there is a GPU is it also held against the CPU.
"""

from vitrify.pipelines.check.checkup import check

__all__ = ["check"]
