"""The seam between data and networks: what an architecture sees of a configuration, and what it makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from flax import nnx

from vitrify.learn.datasets import Configurations
from vitrify.learn.recipe import Recipe
from vitrify.learn.symmetry import Symmetry


class Architecture(Protocol):
    """A kind of network with its options, which are the fields of a frozen dataclass. All pass tests/learn's contract.

    Data flows ``encode`` (once) -> ``scaling`` (once, from training configurations only) -> ``inputs`` (every batch,
    on the host, ahead of the device) -> ``network`` (on the device). Pictures may be drawn and graphs be built on
    either side.
    """

    name: ClassVar[str]

    @property
    def recipe(self) -> Recipe | None:
        """How it is trained unless told otherwise; None where nothing is stepped (:class:`Solved`)."""
        ...

    def encode(self, configurations: Configurations) -> Any:
        """What the inputs are made from: the configurations themselves, or features that are slow to compute."""
        ...

    def scaling(self, encoded: Any, rows: np.ndarray) -> Mapping[str, np.ndarray]:
        """Numbers the inputs are scaled with, taken from the configurations at ``rows``; kept with the weights."""
        ...

    def inputs(
        self,
        encoded: Any,
        rows: np.ndarray,
        scaling: Mapping[str, np.ndarray],
        symmetry: Symmetry | None = None,
    ) -> Any:
        """What the network is shown of the configurations at ``rows``: any pytree of arrays, the batch first.

        With ``symmetry`` each is shown as that one of its equivalents.
        """
        ...

    def network(self, classes: int, rngs: nnx.Rngs) -> nnx.Module:
        """A Flax NNX module, ``module(inputs) -> logits (B, classes)``, with first weights from ``rngs``.

        Dropout and the like follow ``module.train()`` and ``module.eval()``.
        """
        ...


@runtime_checkable
class Solved(Protocol):
    """What an architecture has beside the rest where its weights are found at one go and not by small steps."""

    def solve(self, inputs: Any, label: np.ndarray, origin: np.ndarray, classes: int) -> Mapping[str, np.ndarray]:
        """The weights of its network, by path (``dense/kernel``), from all training configurations at once.

        Args:
            inputs: of all training configurations.
            label: (C,) of them.
            origin: (C,) of them: configurations of one origin are not independent.
            classes: how many.
        """
        ...
