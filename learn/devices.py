"""Where batches go: all devices that JAX has, a part of each batch on each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec


@dataclass(frozen=True)
class Placement:
    """Some devices, and how arrays lie on them.

    Attributes:
        devices: which.
    """

    devices: tuple[Any, ...]

    @classmethod
    def of(cls, batch: int) -> Placement:
        """As many devices as ``batch`` can be shared out evenly among."""
        devices = jax.local_devices()
        share = max(number for number in range(1, len(devices) + 1) if batch % number == 0)
        return cls(tuple(devices[:share]))

    def everywhere(self, tree: Any) -> Any:
        """A copy of every array on every device."""
        return jax.tree.map(lambda leaf: jax.numpy.copy(jax.device_put(leaf, self._sharding())), tree)

    def spread(self, tree: Any) -> Any:
        """The batch, the first axis of every array, shared out."""
        return jax.device_put(tree, self._sharding("batch"))

    def _sharding(self, *axes: str) -> Any:
        if len(self.devices) == 1:
            return self.devices[0]
        return NamedSharding(Mesh(np.array(self.devices), ("batch",)), PartitionSpec(*axes))
