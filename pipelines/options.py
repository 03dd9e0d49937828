"""Options that several verbs share, written once: a verb takes a group of them as one argument."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from vitrify.pipelines.stopping import seconds


def count(text: str | int) -> int:
    """A whole number, as 200000 or as the field writes it, 2e5.

    >>> count("2e5"), count("17")
    (200000, 17)
    """
    with suppress(ValueError):
        return int(text)
    with suppress(ValueError):
        if float(text).is_integer():
            return int(float(text))
    raise typer.BadParameter(f"got {text!r}, expected a whole number such as 20000 or 2e4")


def number(text: str | float) -> float:
    """A number.

    >>> number("0.05")
    0.05
    """
    try:
        return float(text)
    except ValueError as error:
        raise typer.BadParameter(f"got {text!r}, expected a number such as 1.2") from error


def limit(text: str | float) -> float:
    """A time limit in seconds."""
    try:
        return seconds(text) if isinstance(text, str) else float(text)
    except ValueError as error:
        raise typer.BadParameter(str(error).removeprefix("time-limit: ")) from error


Out = Annotated[Path, typer.Option(help="Run directory to write.", metavar="DIR")]
Seed = Annotated[int, typer.Option(help="What every random number of the run derives from.", parser=count, metavar="S")]
EngineName = Annotated[
    str, typer.Option("--engine", help="auto, replica or hoomd; see vitrify engines.", metavar="ENGINE")
]
Device = Annotated[str, typer.Option(help="auto, cpu, gpu or gpu:0,1.", metavar="DEVICE")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from the checkpoint; a finished run is left alone, none there begins.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace the run that is there.")]
Replicas = Annotated[int, typer.Option(help="Independent systems R, run side by side.", parser=count, metavar="R")]
FirstReplica = Annotated[
    int, typer.Option(help="Number of the first; batches of one ensemble differ in it.", parser=count, metavar="K")
]
Fmax = Annotated[
    float, typer.Option(help="max|F| at which a quench ends [eps_AA / sigma_AA].", parser=number, metavar="F")
]
ThermostatTau = Annotated[
    float, typer.Option(help="Relaxation time of the thermostat [tau].", parser=number, metavar="TAU")
]
CheckpointEvery = Annotated[float, typer.Option(help="Seconds between checkpoints.", parser=number, metavar="SECONDS")]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        help="Checkpoint and leave with status 85 before this is over: 23:50:00, or seconds.", parser=limit, metavar="T"
    ),
]


@dataclass(frozen=True, kw_only=True)
class HowOptions:
    """How a run is made: what every protocol's verb takes."""

    seed: Seed = 1
    fmax: Fmax = 1e-6
    engine: EngineName = "auto"
    device: Device = "auto"

    def fields(self) -> dict[str, Any]:
        """As fields of a spec."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True)
class LaunchOptions:
    """One launch of a run: what is no part of its spec."""

    out: Out
    resume: Resume = False
    force: Force = False
    checkpoint_every: CheckpointEvery = 60.0
    time_limit: TimeLimit = None


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb whose arguments that are dataclasses stand for an option a field."""
    hints = get_type_hints(verb, include_extras=True)
    groups: dict[str, type] = {}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(verb).parameters.items():
        kind = hints[name]
        if not is_dataclass(kind) or not isinstance(kind, type):
            parameters.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        groups[name], types = kind, get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            parameters.append(
                inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=types[field.name]
                )
            )

    @functools.wraps(verb)
    def with_groups(**given: Any) -> None:
        made = {
            name: kind(**{field.name: given.pop(field.name) for field in fields(kind)}) for name, kind in groups.items()
        }
        verb(**given, **made)

    del with_groups.__wrapped__
    with_groups.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    with_groups.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
    return with_groups
