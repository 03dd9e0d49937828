"""What a run is known by: never its folder's name, which people change and repeat."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

HOW = frozenset({"engine", "device", "files"})
"""Fields of a spec that say how a run is made, not what it is: the engine counts as the one that was taken, imported
files by their check sums."""

BATCH = frozenset({"replicas", "first_replica"})
"""Fields that may differ between batches of one ensemble."""


def run_identity(spec: Mapping[str, Any], engine: str) -> str:
    """What a run is, in 32 hexadecimal digits: its spec without the device, and the engine that was taken.

    >>> spec = {"protocol": "cool", "seed": 1, "engine": "auto", "device": "gpu"}
    >>> run_identity(spec, "replica") == run_identity({**spec, "device": "cpu"}, "replica")
    True
    >>> run_identity(spec, "replica") == run_identity({**spec, "seed": 2}, "replica")
    False
    """
    return _digest(_without(spec, HOW), engine)


def ensemble_identity(spec: Mapping[str, Any], engine: str) -> str:
    """The same for all batches of one ensemble: runs that differ in their replicas' numbers only.

    >>> spec = {"protocol": "cool", "seed": 1, "replicas": 64}
    >>> ensemble_identity(spec, "replica") == ensemble_identity({**spec, "first_replica": 64}, "replica")
    True
    """
    return _digest(_without(spec, HOW | BATCH), engine)


def _without(table: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {
        name: _without(value, names) if isinstance(value, Mapping) else value
        for name, value in table.items()
        if name not in names
    }


def _digest(spec: Mapping[str, Any], engine: str) -> str:
    text = json.dumps({"spec": spec, "engine": engine}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
