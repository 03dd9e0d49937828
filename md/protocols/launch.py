"""How every run begins and goes on: its engine, its directory, the state at its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vitrify.md.engines.base import Engine
from vitrify.md.engines.registry import choose_engine
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import PairTable
from vitrify.md.store.rundir import COLUMNS, RunDirectory, RunWriter, is_run_of

Progress = Callable[[int, int], None]
"""Called with what is done and its total: replica-steps, injections, frames."""

Announce = Callable[[str], None]
"""Told which engine was taken and why."""


class Spec(Protocol):
    """What the launch of a run needs to know of its spec."""

    @property
    def engine(self) -> str:
        """The engine asked for."""
        ...

    @property
    def device(self) -> str:
        """The device asked for."""
        ...

    def to_dict(self) -> dict:
        """What stands in spec.toml."""
        ...


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A run that is ready to go on.

    Attributes:
        engine: what moves the particles.
        writer: where the run is written.
        ensemble: the state at the checkpoint; None for a run that begins.
        extra: what else the checkpoint holds.
    """

    engine: Engine
    writer: RunWriter
    ensemble: Ensemble | None
    extra: dict[str, np.ndarray]


def launch(
    spec: Spec,
    out: Path,
    *,
    pairs: PairTable,
    time_step: float,
    particles: int,
    columns: Sequence[str] = COLUMNS,
    resume: bool,
    force: bool,
    announce: Announce | None,
) -> Launch:
    """Begin a run directory, or go on from its checkpoint with the engine's settings of its first launch.

    Args:
        spec: what to run.
        out: the directory.
        pairs: the pair table.
        time_step: [tau].
        particles: the largest number a replica will hold.
        columns: of the table.
        resume: go on with the run that is there; begin one where there is none.
        force: replace the run that is there.
        announce: told which engine was taken and why.

    Raises:
        FileExistsError: when there is a run and neither ``resume`` nor ``force`` is given.
        ValueError: when the run that is there was made from another spec or is damaged, or the engine is not to be had.
    """
    choice = choose_engine(
        spec.engine,
        pairs=pairs,
        time_step=time_step,
        device=spec.device,
        particles=particles,
        settings=first_settings(spec, out) if resume else None,
    )
    writer, ensemble, extra = RunWriter.begin_or_resume(
        out, spec.to_dict(), choice.facts, columns=columns, resume=resume, force=force
    )
    if announce is not None:
        announce(choice.reason)
    return Launch(engine=choice.engine, writer=writer, ensemble=ensemble, extra=extra)


def finished(spec: Spec, out: Path) -> bool:
    """Whether ``out`` holds this run, at its end."""
    return is_run_of(spec.to_dict(), out) and RunDirectory.open(out).finished


def first_settings(spec: Spec, out: Path) -> Mapping[str, Any]:
    """The engine's settings with which the run at ``out`` was begun; none where there is no run."""
    if not is_run_of(spec.to_dict(), out):
        return {}
    launches = RunDirectory.open(out).provenance.get("launches") or [{}]
    return launches[0].get("engine_settings", {})
