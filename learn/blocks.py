"""Positions and species of a dataset on disk: blocks named by what they hold, and shared between datasets.

A block is what a dataset took of one run at one temperature. Datasets side by side often take the same: the glass of
six sets, one class of a null test. The second one to be written finds the block in a directory beside its own and links
to it; a file that has two names lies on the disk once and goes with the last of them. Where a file system knows no
links every dataset has its own copy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vitrify.learn.configurations import Configurations
from vitrify.learn.gathered import Gathered
from vitrify.md.model import EMPTY
from vitrify.md.store.product import sha256

_DIGITS = 16


def write_blocks(configurations: Configurations, directory: Path, *, beside: Path) -> dict[str, list]:
    """Write the blocks that configurations lie in.

    Args:
        configurations: gathered from blocks; arrays of their own are one block.
        directory: where to.
        beside: directory whose other directories may hold the same blocks.

    Returns:
        The columns ``block`` and ``row`` of the table: where each configuration lies.
    """
    positions, species = configurations.positions, configurations.species
    everything = np.zeros(len(species), dtype=np.int64), np.arange(len(species))
    blocks, where = [(positions, species)], everything
    if isinstance(positions, Gathered) and isinstance(species, Gathered):
        blocks, where = list(zip(positions.blocks, species.blocks, strict=True)), (positions.block, positions.row)
    names = []
    for number, (r, s) in enumerate(blocks):
        if not (where[0] == number).any():
            names.append("")
            continue
        parts = {"positions": directory / "positions.npy", "species": directory / "species.npy"}
        np.save(parts["positions"], np.asarray(r, dtype=np.float64))
        np.save(parts["species"], np.asarray(s, dtype=np.int8))
        sums = {kind: sha256(path) for kind, path in parts.items()}
        name = "block-" + "".join(sums[kind][: _DIGITS // 2] for kind in ("positions", "species"))
        names.append(name)
        for kind, path in parts.items():
            file = path.replace(directory / f"{name}.{kind}.npy")
            _share(file, sums[kind], _neighbours(file.name, beside, directory))
    return {"block": [names[number] for number in where[0]], "row": where[1].tolist()}


def read_blocks(directory: Path, block: Sequence[str], row: np.ndarray) -> tuple[Any, Any]:
    """Positions (C, N, 2) and species (C, N) of the configurations at ``row`` of each ``block``, mapped and not read.

    Raises:
        ValueError: when a block is missing.
    """
    names, number = np.unique(np.array(block), return_inverse=True)
    found = []
    for kind, fill in (("positions", 0.0), ("species", EMPTY)):
        files = [directory / f"{name}.{kind}.npy" for name in names]
        if missing := [file.name for file in files if not file.is_file()]:
            raise ValueError(f"{directory}: damaged dataset directory ({missing[0]} is missing)")
        found.append(Gathered([np.load(file, mmap_mode="r") for file in files], number, row, fill=fill))
    return found[0], found[1]


def _neighbours(name: str, beside: Path, directory: Path) -> Iterator[Path]:
    """Files of this name in finished directories beside the one being written."""
    for other in sorted(beside.glob(f"*/{name}")):
        if other.parent != directory and (other.parent / "DONE").is_file():
            yield other


def _share(file: Path, digest: str, others: Iterator[Path]) -> None:
    """Make ``file`` another name of the first of ``others`` that holds the same."""
    for other in others:
        if sha256(other) == digest:
            link = file.with_suffix(".link")
            try:
                os.link(other, link)
            except OSError:  # no links here, or too many of this file: a copy is as good
                return
            link.replace(file)
            return
