"""PyTorch (``pip install torch``) on our networks: the same layers, on the same batches, its own Adam."""

from __future__ import annotations

import time
from contextlib import closing
from importlib import metadata, util
from typing import Any

import numpy as np

from vitrify.learn.batches import ahead
from vitrify.learn.recipe import Recipe
from vitrify.learn.train import Material, seed_of_weights
from vitrify.learn.update import first_state, kept


class TorchTrainee:
    """A network in PyTorch, trained in rounds on the very batches and from the very weights that the one in JAX gets.

    Args:
        material: what it is trained on.
        recipe: how; its l2 in the loss, weights averaged where it averages them.

    Attributes:
        device: what it runs on, a GPU where PyTorch sees one.
        threads: that PyTorch has for one operation on a CPU.
        updates: done.
        shares: of the time in input, one a round, as :class:`~vitrify.pipelines.benchmark.learning.Trainee` counts it.

    Raises:
        ValueError: for what :func:`has_peer` denies.
    """

    def __init__(self, material: Material, recipe: Recipe):
        import torch

        from vitrify.pipelines.benchmark.torch_networks import network, take_weights

        if not has_peer(material):
            raise ValueError(
                f"{material.architecture.name}: has no peer in PyTorch, expected cnn2018, mpnn, or a cnn on so few "
                "configurations that what its filters see is kept"
            )
        self.material, self.recipe = material, recipe
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        kind, classes = material.architecture, len(material.dataset.classes)
        self.network = network(kind, classes)
        take_weights(self.network, first_state(kind, classes, recipe, seed_of_weights(1)).weights)
        self.network.to(self.device)
        self.weights = list(self.network.parameters())
        self.averaged = [one.detach().clone() for one in self.weights] if recipe.average else []
        rate, decay = recipe.learning_rate, recipe.weight_decay
        self.adam = (
            torch.optim.AdamW(self.weights, lr=rate, weight_decay=decay)
            if recipe.optimiser == "adamw"
            else torch.optim.Adam(self.weights, lr=rate)
        )
        self.threads = torch.get_num_threads()
        self.updates = 0
        self.shares: list[float] = []

    def advance(self, updates: int) -> None:
        """Train for so many updates; return when the device has done the last one."""

        def make(update: int) -> tuple[Any, ...]:
            return tuple(map(as_torch, self.material.batch(update, self.recipe, seed=1)))

        self.network.train()
        waited = 0.0
        with closing(ahead(make, range(self.updates, self.updates + updates))) as batches:
            loss = self.step(*next(batches))
            ready = time.perf_counter()
            for _ in range(updates - 1):
                asked = time.perf_counter()
                batch = next(batches)
                waited += time.perf_counter() - asked
                loss = self.step(*batch)
        float(loss)  # waits for the device
        self.shares.append(waited / (time.perf_counter() - ready))

    def step(self, inputs: Any, label: Any, weight: Any) -> Any:
        """One update; the loss, which the device may still be working on."""
        import torch

        inputs, label, weight = (self._there(one) for one in (inputs, label, weight))
        self.adam.zero_grad(set_to_none=True)
        losses = torch.nn.functional.cross_entropy(self.network(inputs), label.long(), reduction="none")
        loss = (losses * weight).mean()
        if self.recipe.l2:
            loss = loss + self.recipe.l2 * sum((array**2).sum() for array in self.weights if array.ndim > 1)
        loss.backward()
        self.adam.step()
        if self.averaged:
            count = len(self.material.rows["train"])
            keep = float(kept(self.recipe.average * self.recipe.batches(count), self.updates))
            with torch.no_grad():
                torch._foreach_lerp_(self.averaged, self.weights, 1 - keep)
        self.updates += 1
        return loss.detach()

    def _there(self, shown: Any) -> Any:
        """Arrays on the device."""
        if isinstance(shown, dict):
            return {name: self._there(one) for name, one in shown.items()}
        return shown.to(self.device, non_blocking=True)


def as_torch(shown: Any) -> Any:
    """NumPy's arrays as PyTorch's; those that repeat one configuration's numbers are written out, as in JAX."""
    import torch

    if isinstance(shown, dict):
        return {name: as_torch(one) for name, one in shown.items()}
    return torch.from_numpy(np.require(shown, requirements=["C", "W"]))


def has_peer(material: Material) -> bool:
    """Whether a network, on these configurations, is written in PyTorch as well.

    A ``cnn`` is where what its filters see is kept and need not be looked at for every batch.
    """
    name = material.architecture.name
    return name in ("cnn2018", "mpnn") or (name == "cnn" and material.encoded.seen is not None)


def torch_is_installed() -> bool:
    """Whether ``import torch`` would find something."""
    return util.find_spec("torch") is not None


def torch_version() -> str:
    """The installed release."""
    return metadata.version("torch")
