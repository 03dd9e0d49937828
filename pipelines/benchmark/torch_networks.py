"""Our networks in PyTorch: the same layers under the same names, so that weights go from one to the other.

Imports PyTorch, which is an optional peer: only :mod:`vitrify.pipelines.benchmark.torch_peer` imports this, once it is
asked to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitrify.learn.models.base import Architecture
from vitrify.learn.models.cnn import GAIN as CNN_GAIN
from vitrify.learn.models.cnn import Cnn
from vitrify.learn.models.cnn2018 import Cnn2018
from vitrify.learn.models.mpnn import GAIN, MOST, Mpnn


class Log(nn.Module):
    """The layers of :class:`~vitrify.learn.models.cnn2018.Cnn2018`; takes pictures (B, P, P, C), 255 a lit pixel."""

    def __init__(self, options: Cnn2018, classes: int):
        super().__init__()
        self.first, self.second = nn.Conv2d(options.image.channels, 6, 10), nn.Conv2d(6, 16, 5)
        self.hidden = nn.Linear((options.pixels - 13) ** 2 * 16, 80)
        self.dropout, self.read_out = nn.Dropout(0.5), nn.Linear(80, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, classes)."""
        x = pictures.permute(0, 3, 1, 2).float() / 255
        x = F.relu(self.first(x))
        x = F.relu(self.second(x)).permute(0, 2, 3, 1)  # pixels before channels, as in JAX
        return self.read_out(self.dropout(F.relu(self.hidden(x.flatten(1)))))


class Harmonic(nn.Module):
    """The layers of :class:`~vitrify.learn.models.cnn.Harmonic`, where what is seen at the dots is kept."""

    def __init__(self, options: Cnn, classes: int):
        super().__init__()
        self.options = options
        species, angles = options.species, len(options.angles)
        shape = angles, species, options.shells, options.angled_filters
        self.angled = nn.Parameter(torch.randn(shape) / (species * options.shells) ** 0.5)
        self.layer = nn.Linear(species * options.rings + angles * options.angled_filters + species, options.width)
        self.dropout = nn.Dropout(options.dropout)
        self.round = _zero(nn.Linear(species * species * options.rings, classes))
        self.read = _zero(nn.Linear(species * options.width, classes, bias=False))

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(B, classes)."""
        options = self.options
        kinds = _one_hot(inputs["species"], options.species)
        rings, waves = inputs["seen"].split([options.rings, options.parts - options.rings], dim=-1)
        level, slope = (torch.einsum("bns,bstr->bntr", kinds, one) for one in (inputs["mean"], 1 / inputs["spread"]))
        rings = ((rings - level) * slope).flatten(2)
        waves = waves.unflatten(-1, (options.shells, len(options.angles), 2)) / inputs["size"][:, None, ..., None]
        pair = torch.einsum("bnslac,aslf->bnacf", waves, self.angled)
        power = (pair**2).mean(dim=3).flatten(2) - 1
        x = _gelu(self.layer(torch.cat([rings, power, kinds], dim=-1)))
        share = kinds * inputs["counted"][..., None]
        around = _species_means(rings, share) - inputs["centre"]
        white = torch.einsum("bd,bde->be", around, inputs["directions"])
        return self.round(white) + self.read(self.dropout(CNN_GAIN * _species_means(x, share)))


class MessagePassing(nn.Module):
    """The layers of :class:`~vitrify.learn.models.mpnn.MessagePassing`."""

    def __init__(self, options: Mpnn, classes: int):
        super().__init__()
        self.options = options
        width = options.width
        self.embed = nn.Linear(options.environment.size + options.species, width)
        self.rounds = nn.ModuleList([Round(options) for _ in range(options.rounds)])
        self.look = nn.Linear(width, 1)
        self.dropout = nn.Dropout(options.dropout)
        self.read = _zero(nn.Linear(2 * width, classes))

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(B, classes)."""
        kinds, counted = _one_hot(inputs["species"], self.options.species), inputs["counted"]
        distance, fade = _edges(inputs, self.options.cutoff)
        mean = torch.einsum("bns,bsf->bnf", kinds, inputs["mean"])
        slope = torch.einsum("bns,bsf->bnf", kinds, 1 / inputs["spread"])
        numbers = ((inputs["numbers"] - mean) * slope).clip(-MOST, MOST)
        h = _gelu(self.embed(torch.cat([numbers, kinds], dim=-1)))
        for one in self.rounds:
            h = one(h, distance, fade, inputs["neighbours"].long())
        everyone = counted / counted.sum(dim=1, keepdim=True).clip(min=1)
        looked = self.look(h)[..., 0].masked_fill(~counted, -1e9).softmax(dim=1)
        read = torch.cat([torch.einsum("bn,bnf->bf", by, h) for by in (everyone, looked)], dim=-1)
        return self.read(self.dropout(GAIN * read))


class Round(nn.Module):
    """The layers of :class:`~vitrify.learn.models.mpnn.Round`."""

    bumps: Tensor

    def __init__(self, options: Mpnn):
        super().__init__()
        width = options.width
        self.register_buffer("bumps", torch.arange(0.6, options.cutoff, 0.15))
        self.says, self.query, self.key = (nn.Linear(width, width) for _ in range(3))
        self.near = nn.Linear(len(self.bumps), width + 1)
        self.takes = nn.Linear(2 * width, width)

    def forward(self, h: Tensor, distance: Tensor, fade: Tensor, neighbours: Tensor) -> Tensor:
        """(B, N, width)."""
        batch = torch.arange(len(h), device=h.device)[:, None, None]
        by_distance = self.near(torch.exp(-0.5 * ((distance[..., None] - self.bumps) / 0.15) ** 2))
        said = torch.cat([self.says(h), self.key(h)], dim=-1)[batch, neighbours]
        says, key = said.chunk(2, dim=-1)
        match = (key * self.query(h)[:, :, None]).sum(dim=-1) / h.shape[-1] ** 0.5
        weight = match + by_distance[..., -1] + fade.clip(min=1e-9).log()
        attention = weight.softmax(dim=-1) * (fade > 0)
        taken = (attention[..., None] * says * by_distance[..., :-1]).sum(dim=-2)
        return h + _gelu(self.takes(torch.cat([h, taken], dim=-1)))


KINDS: dict[type, Any] = {Cnn2018: Log, Cnn: Harmonic, Mpnn: MessagePassing}
"""The network of each architecture."""


def network(kind: Architecture, classes: int) -> nn.Module:
    """The network of an architecture."""
    return KINDS[type(kind)](kind, classes)


def take_weights(module: nn.Module, weights: Mapping[str, Any]) -> None:
    """Give a network the weights of the one in JAX, by path (``rounds/0/says/kernel``).

    Raises:
        ValueError: where the two have not the same weights.
    """
    found = {}
    for path, array in weights.items():
        *place, last = path.split("/")
        axes = {2: (1, 0), 4: (3, 2, 0, 1)}[np.ndim(array)] if last == "kernel" else None
        name = ".".join([*place, "weight" if last == "kernel" else last])
        found[name] = torch.from_numpy(np.array(array if axes is None else np.transpose(array, axes)))
    own = {name: tuple(array.shape) for name, array in module.named_parameters()}
    if own != (got := {name: tuple(array.shape) for name, array in found.items()}):
        differing = sorted(set(own.items()) ^ set(got.items()))
        raise ValueError(f"weights: got others than those of the network in PyTorch: {differing}")
    with torch.no_grad():
        for name, array in module.named_parameters():
            array.copy_(found[name])


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def _one_hot(species: Tensor, count: int) -> Tensor:
    """(B, N, S) float; nothing in an empty slot."""
    return (species[..., None] == torch.arange(count, device=species.device)).float()


def _species_means(numbers: Tensor, share: Tensor) -> Tensor:
    """(B, S F), means over the particles of each species."""
    return (torch.einsum("bns,bnf->bsf", share, numbers) / share.sum(dim=1).clip(min=1)[..., None]).flatten(1)


def _edges(inputs: Mapping[str, Tensor], cutoff: float) -> tuple[Tensor, Tensor]:
    """Distance and fading of every edge, (B, N, K) each; see :func:`vitrify.learn.models.environments.edges_of`."""
    positions, neighbours, period = inputs["positions"], inputs["neighbours"].long(), inputs["box"][:, None, None]
    batch = torch.arange(len(positions), device=positions.device)[:, None, None]
    separation = positions[batch, neighbours] - positions[:, :, None]
    open_axis = period.isinf()
    shift = torch.where(open_axis, 0.0, torch.where(open_axis, 1.0, period) * (separation / period).round())
    edge = neighbours != torch.arange(positions.shape[1], device=positions.device)[:, None]
    distance = torch.where(edge, (separation - shift).norm(dim=-1), 1.0)
    inside = edge & (distance < cutoff)
    return distance, torch.where(inside, 0.5 * (1 + torch.cos(torch.pi * (distance / cutoff).clip(max=1))), 0.0)
