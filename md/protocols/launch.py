"""How every run begins and goes on: its engine, its directory, the state at its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from vitrify.md.engines.base import Engine
from vitrify.md.engines.registry import choose_engine
from vitrify.md.ensemble import Ensemble
from vitrify.md.protocols.pace import wave_size
from vitrify.md.protocols.spec import Spec
from vitrify.md.protocols.stages import Protocol
from vitrify.md.store.identity import HOW
from vitrify.md.store.naming import SPEC
from vitrify.md.store.rundir import RunDirectory, is_run_of
from vitrify.md.store.writer import RunWriter

Progress = Callable[[int, int], None]
"""Called with replica-steps done and their total."""

Announce = Callable[[str], None]
"""Told which engine was taken and why."""


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


def launch(protocol: Protocol, out: Path, *, resume: bool, force: bool, announce: Announce | None) -> Launch:
    """Begin a run directory, or go on from its checkpoint with the engine's settings of its first launch.

    Args:
        protocol: what to run.
        out: the directory.
        resume: go on with the run that is there, extend it if it is finished and shorter; begin one where none is.
        force: replace the run that is there.
        announce: told which engine was taken and why.

    Raises:
        FileExistsError: when there is a run and neither ``resume`` nor ``force`` is given.
        ValueError: when the run that is there was made from another spec or is damaged, or the engine is not to be had.
    """
    spec = protocol.spec
    shorter = shorter_run(spec, out) if resume else None
    asked = settings(spec, out) if resume else spec.to_dict()
    there = shorter.spec if shorter else asked
    choice = choose_engine(
        spec.engine,
        pairs=protocol.pairs,
        time_step=protocol.time_step,
        device=spec.device,
        particles=protocol.slots,
        settings=first_settings(there, out) if resume else None,
    )
    if shorter is None:
        writer, ensemble, extra = RunWriter.begin_or_resume(
            out, asked, choice.facts, columns=protocol.columns, resume=resume, force=force
        )
    else:
        ensemble, extra = taken_up(protocol, shorter)
        writer = RunWriter.extend(out, spec.to_dict(), choice.facts, ensemble, extra, columns=protocol.columns)
    if announce is not None:
        announce(choice.reason)
    return Launch(engine=choice.engine, writer=writer, ensemble=ensemble, extra=extra)


def taken_up(protocol: Protocol, run: RunDirectory) -> tuple[Ensemble, dict[str, np.ndarray]]:
    """The first wave as a shorter run left it, as a checkpoint of the longer one holds it."""
    last = type(protocol.spec).from_table(run.spec).last_frame
    stage = protocol.stage_after(last)
    wave = protocol.take_up(protocol.spec.numbers[: wave_size(protocol.slots)], run, last)
    wave = protocol.enter(stage, wave)
    places = {"wave": 0, "stage": stage, "relaxed": 0, "taken_up": last}
    memory = {f"memory/{name}": array for name, array in wave.memory.items()}
    return wave.ensemble, {name: np.array(number) for name, number in places.items()} | memory


def shorter_run(spec: Spec, out: Path) -> RunDirectory | None:
    """The finished run at ``out`` that this spec extends, or None where there is none.

    Raises:
        ValueError: when the two differ in nothing but what may grow, and yet one does not go on from the other.
    """
    if not (spec.may_grow and (out / SPEC).exists()):
        return None
    run = RunDirectory.open(out)
    if not run.finished or run.spec["protocol"] != spec.protocol:
        return None
    there = type(spec).from_table(run.spec)
    differing = {field.name for field in fields(spec) if getattr(spec, field.name) != getattr(there, field.name)}
    differing -= HOW
    if not differing or not differing <= set(spec.may_grow):
        return None
    spec.require_longer_than(there)
    return run


def finished(spec: Spec, out: Path) -> bool:
    """Whether ``out`` holds this run, at its end."""
    return shorter_run(spec, out) is None and is_run_of(settings(spec, out), out) and RunDirectory.open(out).finished


def settings(spec: Spec, out: Path) -> dict[str, Any]:
    """What ``spec`` asks for, as the run at ``out`` has it written down if it is that run.

    A run of an earlier version lacks the fields added since; it is the same run where their defaults are asked for.
    """
    asked = spec.to_dict()
    if not (out / SPEC).exists():
        return asked
    there = RunDirectory.open(out).spec
    if set(there) >= {name for name, value in asked.items() if value is not None}:
        return asked
    try:
        known = type(spec).from_table(there)
    except ValueError:
        return asked
    if there["protocol"] != spec.protocol:
        return asked
    for name in [field.name for field in fields(spec) if field.name not in HOW]:
        if (old := getattr(known, name)) != (new := getattr(spec, name)):
            raise ValueError(f"{out}: its run has {name} = {old}, this one {new}")
    return {**there, **{name: getattr(spec, name) for name in HOW if hasattr(spec, name)}}


def first_settings(spec: Mapping[str, Any], out: Path) -> Mapping[str, Any]:
    """The engine's settings with which the run at ``out`` was begun; none where there is no run."""
    if not is_run_of(spec, out):
        return {}
    launches = RunDirectory.open(out).provenance.get("launches") or [{}]
    return launches[0].get("engine_settings", {})
