"""The published recipes, and how they are changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from vitrify.md.protocols.films.ingredients import GROUPS

PRESETS: dict[str, dict[str, Any]] = {
    "reid": {
        "box_length": 30.0,
        "injections": 120,
        "steps_per_injection": 86_000,
        "substrate": {"particles": 212, "slab": 7.0, "relax_stiffnesses": (1.0,), "kt": 0.14},
        "interactions": {"cutoff_in_pair_sigma": False},
        "vapour": {"batch": 10, "kt": 1.0, "rescale": False},
    },
    "log": {
        "box_length": 66.0,
        "injections": 55,
        "steps_per_injection": 1_000_000,
        "bulk_slab": (25.0, 65.0),
        "substrate": {"particles": 330, "layers": 5, "slab": 5.0, "relax_stiffnesses": (10.0, 1.0), "kt": 0.25},
        "interactions": {"cutoff_in_pair_sigma": True},
        "vapour": {"batch": 100, "kt": 0.5, "rescale": True},
    },
}
"""The published numbers; what a preset does not name has the default of its field in both.

The log gives its substrate as c Tg, c from 0.7 to 1.1, without the Tg: 0.25 is 0.8 of the 0.31 (95 % interval 0.23 to
0.34) that two films melted and cooled in 1.2e6 steps on the substrate of ``reid`` gave here."""


def preset_table(recipe: str, changes: Mapping[str, Any], own: Collection[str]) -> dict[str, Any]:
    """The fields of a preset with ``changes``, for the spec of a deposition.

    Args:
        recipe: name of the preset.
        changes: fields; groups as mappings of what differs, or their fields by one name.
        own: the spec's own fields, those that stand in no group.

    Raises:
        ValueError: for a preset or a field that there is not.
    """
    if recipe not in PRESETS:
        raise ValueError(f"preset: got {recipe!r}, expected one of {', '.join(PRESETS)}")
    table: dict[str, Any] = {"recipe": recipe}
    for name, value in PRESETS[recipe].items():
        table[name] = dict(value) if isinstance(value, Mapping) else value
    for name, value in changes.items():
        if name in GROUPS and isinstance(value, Mapping):
            unknown = [f"{name}.{one}" for one in value if one not in names_of(GROUPS[name])]
            table[name] = table.get(name, {}) | dict(value)
        else:
            group, one = place_of(name, own)
            unknown = [] if one else [name]
            (table.setdefault(group, {}) if group else table)[one] = value
        if unknown:
            raise ValueError(f"{unknown[0]}: got a change to preset {recipe}, expected a field of it")
    return table


def names_of(settings: type) -> list[str]:
    """Names of the fields of a group."""
    return [entry.name for entry in fields(settings)]


def place_of(name: str, own: Collection[str]) -> tuple[str, str]:
    """Group and field that one name stands for; ("", "") where there is no such field, or more than one.

    >>> place_of("wall_gap", ()), place_of("kt", ())
    (('wall', 'gap'), ('', ''))
    """
    if name in own:
        return "", name
    found = [
        (group, one)
        for group, settings in GROUPS.items()
        for one in names_of(settings)
        if name in (f"{group}_{one}", f"{one}_{group}", one)
    ]
    return found[0] if len(found) == 1 else ("", "")
