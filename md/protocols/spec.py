"""What a run was asked for: frozen, strictly typed, written as TOML and read back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, ClassVar, Self, get_args, get_origin, get_type_hints

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A group of numbers and words, converted and checked when it is made.

    NumPy scalars become Python's own, lists become tuples and a whole number given for a real one becomes real, so that
    the same request is always the same text on disk; anything else of a wrong type is refused.

    Raises:
        ValueError: for a value of another type than its field's.
    """

    def __post_init__(self):
        for name, kind in field_types(type(self)).items():
            object.__setattr__(self, name, settled(name, getattr(self, name), kind))

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Read back from TOML. What is no field is passed over; a field added since has its default.

        Raises:
            ValueError: for a field that is missing and has no default, or whose value is refused.
        """
        missing = [
            field.name
            for field in fields(cls)
            if field.default is MISSING and field.default_factory is MISSING and field.name not in table
        ]
        if missing:
            raise ValueError(f"damaged spec of {cls.__name__} (no {', '.join(missing)})")
        return cls(**{field.name: table[field.name] for field in fields(cls) if field.name in table})


@dataclass(frozen=True, kw_only=True)
class Spec(Settings):
    """What one run directory was asked for; ``protocol`` says by which rules.

    Attributes:
        replicas: number of independent systems R.
        first_replica: number of the first. Runs of one spec and seed that differ in this are batches of one ensemble.
        seed: what every random number of the run derives from.
        fmax: max|F| at which a frame counts as an inherent structure [eps_AA / sigma_AA].
        engine: "auto", "replica" or "hoomd".
        device: "auto", "cpu", "gpu" or "gpu:0,1".
    """

    protocol: ClassVar[str]
    may_grow: ClassVar[tuple[str, ...]] = ()
    """Fields by which a finished run may be extended."""

    replicas: int = 1
    first_replica: int = 0
    seed: int
    fmax: float = 1e-6
    engine: str = "auto"
    device: str = "auto"

    def __post_init__(self):
        super().__post_init__()
        require_at_least(self, replicas=1, first_replica=0, seed=0)
        require_positive("fmax", self.fmax)

    @property
    def noise_key(self) -> tuple:
        """What, beside the seed, tells this run's random numbers from another's: protocol, system and schedule."""
        return (self.protocol,)

    @property
    def noise_seed(self) -> int:
        """What positions, velocities, vapour and thermostats derive from: the seed under ``noise_key``, 63 bits.

        Runs of two protocols or two rates with one seed share no noise; batches of one ensemble, and a run that was
        extended, do.
        """
        text = json.dumps([self.seed, self.noise_key])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1

    @property
    def last_frame(self) -> int:
        """Number of the last frame."""
        raise NotImplementedError

    def require_longer_than(self, there: Self) -> None:
        """Raise ValueError where a finished run of the spec ``there`` cannot be extended to this one.

        Called for specs that differ in fields of ``may_grow`` only.
        """
        raise ValueError(f"{self.protocol}: a run of this protocol cannot be extended")

    @property
    def numbers(self) -> np.ndarray:
        """(R,) the replicas' numbers."""
        return np.arange(self.first_replica, self.first_replica + self.replicas)

    def to_dict(self) -> dict:
        """What stands in spec.toml."""
        return {"protocol": self.protocol, **asdict(self)}


@cache
def field_types(cls: type) -> dict[str, Any]:
    """The fields of a dataclass and their types."""
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


def settled(name: str, value: Any, kind: Any) -> Any:
    """``value`` as the type ``kind``: bool, int, float, str, a tuple or a group of settings, or a union of those.

    >>> settled("kt", np.float64(0.5), float), settled("kt", 1, float), settled("heights", [10, 25], tuple[float, ...])
    (0.5, 1.0, (10.0, 25.0))
    >>> settled("frames", 2.5, int)
    Traceback (most recent call last):
    ValueError: frames: got 2.5, expected a value of type int
    """
    if isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, np.ndarray | list):
        value = tuple(value)
    if isinstance(kind, UnionType):
        for choice in get_args(kind):
            try:
                return settled(name, value, choice)
            except ValueError:
                continue
    elif get_origin(kind) is tuple and isinstance(value, tuple):
        return tuple(settled(name, entry, get_args(kind)[0]) for entry in value)
    elif is_dataclass(kind) and isinstance(kind, type):
        if isinstance(value, kind):
            return value
        if isinstance(value, Mapping) and issubclass(kind, Settings):
            try:
                return kind.from_table(value)
            except ValueError as error:
                raise ValueError(f"{name}.{error}") from error
    elif kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif kind in (bool, int, float, str) and isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise ValueError(f"{name}: got {value!r}, expected a value of type {getattr(kind, '__name__', kind)}")


def require_at_least(settings: Settings, **least: float) -> None:
    """Raise ValueError for a number below its least value, or one that is not finite."""
    for name, bound in least.items():
        value = getattr(settings, name)
        if not (np.isfinite(value) and value >= bound):
            raise ValueError(f"{name}: got {value}, expected at least {bound}")


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless ``value`` is a positive finite number."""
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name}: got {value}, expected a positive number")
