"""A TOML file whose every key knows the line it stands on."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Place = tuple[str, ...]
"""A key of a document, from the outermost table inwards."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """A TOML document and where it stands.

    Attributes:
        name: of the file, for messages.
        text: its text.
        table: what it says.
        lines: the line of each table and key, from 1.
    """

    name: str
    text: str
    table: Mapping[str, Any]
    lines: Mapping[Place, int]

    @classmethod
    def of(cls, name: str, text: str) -> Document:
        r"""Read a document.

        Raises:
            ValueError: when it is no TOML, with the line.

        >>> Document.of("a.toml", "seed = 1\n[cool.fast]\nreplicas = 8\n").lines["cool", "fast", "replicas"]
        3
        """
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{name}: no TOML file: {error}") from error
        return cls(name=name, text=text, table=table, lines=lines_of(text, table))

    def error(self, place: Place, message: str) -> ValueError:
        """An error that names the line of a key, or of the nearest table around it that has one."""
        known = place
        while known and known not in self.lines:
            known = known[:-1]
        where = f", line {self.lines[known]}" if known else ""
        return ValueError(f"{self.name}{where}: {message}")


def lines_of(text: str, table: Mapping[str, Any]) -> dict[Place, int]:
    r"""The line of each table and key of a text whose meaning is known; the first where several lines look like it.

    >>> lines_of("a = 1\n[b]\nc.d = 2\n", {"a": 1, "b": {"c": {"d": 2}}})
    {('a',): 1, ('b',): 2, ('b', 'c', 'd'): 3, ('b', 'c'): 3}
    """
    found: dict[Place, int] = {}
    within: Place = ()
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if bare.startswith("[") and (header := _place(bare)) and _holds(table, header):
            within = header
            for length in range(len(header), 0, -1):
                found.setdefault(header[:length], number)
        elif "=" in bare and (key := _place(bare.partition("=")[0] + "= 0")) and _holds(table, within + key):
            for length in range(len(key), 0, -1):
                found.setdefault(within + key[:length], number)
    return found


def _place(line: str) -> Place:
    """The key that a line names; () where it names none."""
    try:
        inner: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    place: list[str] = []
    while isinstance(inner, dict) and inner:
        ((key, inner),) = inner.items()
        place.append(key)
    return tuple(place)


def _holds(table: Any, place: Place) -> bool:
    for key in place:
        if not isinstance(table, Mapping) or key not in table:
            return False
        table = table[key]
    return True
