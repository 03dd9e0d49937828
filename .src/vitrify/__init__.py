"""Two-dimensional Kob-Andersen glasses in bulk: cooled, vapour-deposited, measured, and told apart by networks.

The folders beside this file are the repository's own: :mod:`vitrify.md`, :mod:`vitrify.analysis`, :mod:`vitrify.learn`,
:mod:`vitrify.pipelines`. Nothing of them is imported until it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitrify.pipelines.campaign.released import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """``vitrify.load``, :func:`vitrify.pipelines.campaign.released.load`."""
    if name != "load":
        raise AttributeError(f"module 'vitrify' has no attribute {name!r}")
    from vitrify.pipelines.campaign.released import load

    return load
