"""PyTorch (``pip install torch``) on the network of the log: the same layers, on the same batches, its own Adam."""

from __future__ import annotations

import time
from contextlib import closing
from importlib import metadata, util
from typing import Any

from vitrify.learn.batches import ahead
from vitrify.learn.models.base import Architecture
from vitrify.learn.recipe import Recipe
from vitrify.learn.train import Material


class TorchTrainee:
    """The network of the log in PyTorch, trained in rounds on the very batches that the one in JAX is given.

    Args:
        material: what it is trained on, of a ``cnn2018``.
        recipe: how; adam, with its l2 in the loss.

    Attributes:
        device: what it runs on, a GPU where PyTorch sees one.
        updates: done.
        shares: of the time in input, one a round, as :class:`~vitrify.pipelines.benchmark.learning.Trainee` counts it.

    Raises:
        ValueError: for another network or optimiser.
    """

    def __init__(self, material: Material, recipe: Recipe):
        import torch

        if not has_peer(material.architecture) or recipe.optimiser != "adam":
            raise ValueError(f"{material.architecture.name}: has no peer in PyTorch, expected cnn2018 with adam")
        self.material, self.recipe = material, recipe
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        kind: Any = material.architecture
        self.network = network(kind.pixels, kind.image.channels, len(material.dataset.classes)).to(self.device)
        self.adam = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)
        self.updates = 0
        self.shares: list[float] = []

    def advance(self, updates: int) -> None:
        """Train for so many updates; return when the device has done the last one."""
        import torch

        def make(update: int) -> tuple[Any, ...]:
            return tuple(map(torch.from_numpy, self.material.batch(update, self.recipe, seed=1)))

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
        self.updates += updates

    def step(self, picture: Any, label: Any, weight: Any) -> Any:
        """One update; the loss, which the device may still be working on."""
        import torch

        picture, label, weight = (one.to(self.device, non_blocking=True) for one in (picture, label, weight))
        self.adam.zero_grad(set_to_none=True)
        losses = torch.nn.functional.cross_entropy(self.network(picture), label.long(), reduction="none")
        squares = sum((array**2).sum() for array in self.network.parameters() if array.ndim > 1)
        loss = (losses * weight).mean() + self.recipe.l2 * squares
        loss.backward()
        self.adam.step()
        return loss.detach()


def network(pixels: int, channels: int, classes: int) -> Any:
    """The layers of :class:`vitrify.learn.models.cnn2018.Cnn2018`; takes pictures (B, P, P, C), 255 for a lit pixel."""
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(channels, 6, 10), nn.Conv2d(6, 16, 5)
            self.hidden = nn.Linear((pixels - 13) ** 2 * 16, 80)
            self.dropout, self.read_out = nn.Dropout(0.5), nn.Linear(80, classes)

        def forward(self, pictures):
            x = pictures.permute(0, 3, 1, 2).float() / 255
            x = nn.functional.relu(self.first(x))
            x = nn.functional.relu(self.second(x)).permute(0, 2, 3, 1)  # pixels before channels, as in JAX
            return self.read_out(self.dropout(nn.functional.relu(self.hidden(x.flatten(1)))))

    return Network()


def has_peer(kind: Architecture) -> bool:
    """Whether a network is written here as well."""
    return kind.name == "cnn2018"


def torch_is_installed() -> bool:
    """Whether ``import torch`` would find something."""
    return util.find_spec("torch") is not None


def torch_version() -> str:
    """The installed release."""
    return metadata.version("torch")
