"""Architectures by name. Each is a small frozen dataclass of options that satisfies :class:`~.base.Architecture`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from vitrify.learn.models.base import Architecture
from vitrify.learn.models.cnn import Cnn
from vitrify.learn.models.cnn2018 import Cnn2018
from vitrify.learn.models.linear import Linear
from vitrify.learn.models.mpnn import Mpnn

ARCHITECTURES: dict[str, type] = {kind.name: kind for kind in (Cnn2018, Cnn, Mpnn, Linear)}


def get_architecture(name: str, **options: Any) -> Architecture:
    """An architecture with its options.

    Raises:
        ValueError: for an unknown name or option.

    >>> get_architecture("linear", features="energy")
    Linear(features='energy', folds=5, reach=1.75, spacing=0.1, whitened=True)
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"model: got {name!r}, expected one of {', '.join(ARCHITECTURES)}")
    known = [field.name for field in fields(ARCHITECTURES[name])]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(f"{name}: has no option {', '.join(unknown)}; expected {', '.join(known)}")
    return ARCHITECTURES[name](**options)
