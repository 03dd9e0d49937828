"""Options of a network and numbers of its recipe, by name: from a TOML file and from ``key=value``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from vitrify.learn.models import ARCHITECTURES, get_architecture
from vitrify.learn.models.base import Architecture
from vitrify.learn.recipe import Recipe


def read_settings(config: Path | None = None, pairs: Sequence[str] = ()) -> dict[str, Any]:
    """Options and numbers of a recipe by name.

    Args:
        config: TOML file of both, all on one level.
        pairs: ``key=value`` each; they go before the file.

    Raises:
        ValueError: for a file that is no TOML, or a pair that is none.

    >>> read_settings(pairs=["epochs=40", "schedule=cosine"])
    {'epochs': 40, 'schedule': 'cosine'}
    """
    given = dict(_read(config)) if config else {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise ValueError(f"set: got {pair!r}, expected key=value")
        given[key.strip()] = value(text.strip())
    return given


def settled(name: str, given: Mapping[str, Any]) -> tuple[Architecture, Recipe | None]:
    """A network with its options, and its recipe, from one table of both.

    Raises:
        ValueError: for a name that neither has, or a value that is none of theirs.

    >>> settled("linear", {"features": "both"})
    (Linear(features='both', folds=5, reach=1.75, spacing=0.1, whitened=True), None)
    """
    plain = get_architecture(name)
    options = {field.name for field in fields(ARCHITECTURES[name])}
    numbers = {field.name for field in fields(Recipe)} if plain.recipe else set()
    if unknown := [key for key in given if key not in options | numbers]:
        raise ValueError(f"{name}: has no {unknown[0]}; expected one of {', '.join(sorted(options | numbers))}")
    typed = {key: _as(key, given[key], _now(plain, key)) for key in given}
    architecture = get_architecture(name, **{key: typed[key] for key in typed if key in options})
    recipe = architecture.recipe
    return architecture, replace(recipe, **{key: typed[key] for key in typed if key in numbers}) if recipe else None


def value(text: str) -> Any:
    """A value as TOML has it; what is no TOML is a string.

    >>> value("1e-3"), value("2e4"), value("true"), value("cosine")
    (0.001, 20000.0, True, 'cosine')
    """
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file ({error})") from error


def _now(architecture: Architecture, key: str) -> Any:
    return getattr(architecture, key) if hasattr(architecture, key) else getattr(architecture.recipe, key)


def _as(key: str, given: Any, now: Any) -> Any:
    """``given`` in the type of what it replaces."""
    kind = type(now)
    if isinstance(given, kind) and (kind is bool or not isinstance(given, bool)):
        return given
    if kind is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if kind is int and isinstance(given, float) and given.is_integer():
        return int(given)
    if kind is tuple and isinstance(given, list):
        return tuple(given)
    raise ValueError(f"{key}: got {given!r}, expected {_NAMES.get(kind, kind.__name__)} such as {now!r}")


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
