"""What each number of a configuration is called on figures, from its name in the register."""

from __future__ import annotations

import re

from vitrify.analysis.structure.descriptors import COLUMNS

_SPECIAL = {"fraction_a": "fraction of A around", "density": "local density around"}
_GRAPHS = {"b_clusters": "clusters around B", "bb_edges": "B-B edges", "a_outside": "A outside all clusters"}


def title_of(name: str) -> str:
    """A few words for a descriptor; the name itself where it is none of the register's.

    >>> title_of("area_std_A"), title_of("coordination_BB"), title_of("ring5_B")
    ('Voronoi area of A, deviation', 'bonded B around a B', 'B in a closed ring of 5')
    >>> title_of("bb_edges_k5"), title_of("fraction_a_B"), title_of("inherent_energy")
    ('B-B edges, 5 nearest', 'fraction of A around B', 'inherent-structure energy')
    """
    if name == "inherent_energy":
        return "inherent-structure energy"
    if found := re.fullmatch(r"coordination_([AB])([AB])", name):
        return f"bonded {found[2]} around {'an A' if found[1] == 'A' else 'a B'}"
    if found := re.fullmatch(r"sides(\d)_([AB])", name):
        return f"{found[2]} with {found[1]} Voronoi sides"
    if found := re.fullmatch(r"ring(\d)_([AB])", name):
        return f"{found[2]} in a closed ring of {found[1]}"
    if found := re.fullmatch(r"(\w+)_k(\d)", name):
        return f"{_GRAPHS[found[1]]}, {found[2]} nearest" if found[1] in _GRAPHS else name
    found = re.fullmatch(r"(\w+?)(_std)?_([AB])", name)
    if not found or found[1] not in COLUMNS:
        return name
    what = _SPECIAL.get(found[1], COLUMNS[found[1]].label.split(" [")[0].removesuffix(", not shifted") + " of")
    return f"{what} {found[3]}{', deviation' if found[2] else ''}"
