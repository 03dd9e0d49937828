"""The seam between data and networks: what an architecture sees of a configuration, and what it makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import flax.linen as nn
import numpy as np

from vitrify.learn.datasets import Configurations

BATCHES_PER_ITERATION = 10
"""One iteration of the log is 10 batches; validation comes after each iteration."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained: Adam on cross entropy + l2 * (sum of squares of all kernels).

    The learning rate follows the log: it drops to ``slow_learning_rate`` while the accuracy on the validation set is
    above ``slow_above``, and comes back when it falls below.

    Attributes:
        iterations: at most so many iterations of 10 batches.
        batch: configurations a batch; all of them where there are fewer.
        learning_rate: of Adam.
        slow_learning_rate: of Adam while the network is good.
        slow_above: validation accuracy above which it is.
        l2: weight of the squared kernels; biases are free.
        symmetry: show each configuration as a random one of its equivalents (shifted, mirrored, turned), always anew.
        patience: stop after so many iterations without a lower validation loss.
    """

    iterations: int
    batch: int
    learning_rate: float
    slow_learning_rate: float
    slow_above: float = 0.90
    l2: float
    symmetry: bool
    patience: int

    def __post_init__(self):
        for name in ("iterations", "batch", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        for name in ("learning_rate", "slow_learning_rate"):
            if not 0 < getattr(self, name) < 10:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected a positive rate below 10")
        if not self.l2 >= 0:
            raise ValueError(f"l2: got {self.l2}, expected 0 or more")


class Architecture(Protocol):
    """A kind of network with its options, which are the fields of a frozen dataclass. All pass tests/learn's contract.

    Data flows ``encode`` (once) -> ``scaling`` (once, from training configurations only) -> ``inputs`` (every batch)
    -> ``network``.
    """

    name: ClassVar[str]

    @property
    def recipe(self) -> Recipe:
        """How it is trained unless told otherwise."""
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
        symmetry: np.random.Generator | None = None,
    ) -> np.ndarray:
        """What the network is shown of the configurations at ``rows``, the batch first.

        With ``symmetry`` each is shown as a random one of its equivalents.
        """
        ...

    def network(self, classes: int) -> nn.Module:
        """A Flax module, ``(inputs, training: bool) -> logits (B, classes)``.

        It may draw from the random stream "dropout", and keep running averages in collections of its own.
        """
        ...
