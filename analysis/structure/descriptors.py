"""The register of descriptors: columns per particle, numbers and curves per configuration, under one name each.

Tables, ``vitrify view``, ``vitrify compare``, data sets and the linear yardstick all take them from here. A new one is
a function of :class:`~vitrify.analysis.structure.surroundings.Surroundings` in the file of its question, and a line
here.

Averages are over the members, by species; error bars are not: they are taken over replicas, elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vitrify.analysis.structure.bonding import bonded, graph_around_b, ring
from vitrify.analysis.structure.cell_shape import (
    angle_spread,
    cell_area,
    cell_sides,
    local_composition,
    local_density,
    weighted_bond_order,
)
from vitrify.analysis.structure.pair_entropy import local_pair_entropy
from vitrify.analysis.structure.radial import PAIRS, SPECIES, bond_angles, radial_distribution_around
from vitrify.analysis.structure.structure_factor import structure_factor
from vitrify.analysis.structure.surroundings import Surroundings
from vitrify.md.model import A, B

if TYPE_CHECKING:
    from vitrify.md.store.frames import Configuration

Measure = Callable[[Surroundings], np.ndarray]

SIDES = (3, 4, 5, 6, 7, 8, 9)
"""Voronoi side counts that are told apart; fewer and more fall into the first and the last."""
RINGS = (3, 4, 5, 6, 7)
"""Closed rings that are told apart."""
GRAPH_NEIGHBOURS = (1, 2, 5)
"""Nearest neighbours k of the graphs around B. The published script takes 2, with which inherent structures are one or
two clusters; with 1 there are hundreds."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A number for each particle.

    Attributes:
        label: what a colour bar says, with its unit.
        measure: (N,) float64 of a configuration; NaN where it is not defined.
        whole: whether its values are whole numbers, which are drawn as classes.
        positions: ``instant`` or ``inherent`` where it means something on those alone; "" for both.
    """

    label: str
    measure: Measure
    whole: bool = False
    positions: str = ""


@dataclass(frozen=True, kw_only=True)
class CurveKind:
    """A family of curves of a configuration on a fixed abscissa.

    Attributes:
        title: what it is, as a caption begins.
        abscissa: its name in a table, ``radius``.
        lines: name of each curve, ``g_AA``.
        x_label: label of the abscissa with its unit.
        y_label: label of the ordinate with its unit.
        measure: the abscissa (K,) and the curves (len(lines), K) of a configuration; NaN where not defined.
        level: where a structureless configuration lies; None where that depends.
    """

    title: str
    abscissa: str
    lines: tuple[str, ...]
    x_label: str
    y_label: str
    measure: Callable[[Surroundings], tuple[np.ndarray, np.ndarray]]
    level: float | None = None


COLUMNS: dict[str, Column] = {
    "energy": Column(label="energy, not shifted [eps_AA]", measure=lambda around: around.energies),
    "area": Column(label="Voronoi area [sigma_AA^2]", measure=cell_area),
    "sides": Column(label="Voronoi sides", measure=cell_sides, whole=True),
    "psi4": Column(label="4-fold bond order", measure=weighted_bond_order(4)),
    "psi5": Column(label="5-fold bond order", measure=weighted_bond_order(5)),
    "psi6": Column(label="6-fold bond order", measure=weighted_bond_order(6)),
    "angle_spread": Column(label="spread of neighbour angles [rad]", measure=angle_spread),
    "density": Column(label="local density [sigma_AA^-2]", measure=local_density),
    "fraction_a": Column(label="local fraction of A", measure=local_composition),
    "bonded_a": Column(label="bonded A neighbours", measure=bonded(A), whole=True),
    "bonded_b": Column(label="bonded B neighbours", measure=bonded(B), whole=True),
    "ring": Column(label="closed ring of bonded neighbours", measure=ring, whole=True),
    "s2": Column(label="local pair entropy [k_B]", measure=local_pair_entropy),
}
"""Columns per particle by name."""

MEANS = ("energy", "area", "psi4", "psi5", "psi6", "angle_spread", "density", "fraction_a", "s2")
"""Columns of which each configuration has a mean, ``psi6_A``, and a deviation over particles, ``psi6_std_A``."""

ENERGIES = tuple(f"energy_{name}" for name, _ in SPECIES)
"""Numbers that together are the energy of a configuration: left out of a vector of descriptors."""

CURVES: dict[str, CurveKind] = {
    "g_of_r": CurveKind(
        title="Partial radial distribution functions",
        abscissa="radius",
        lines=tuple(f"g_{pair}" for pair, _, _ in PAIRS),
        x_label="r [sigma_AA]",
        y_label="g(r)",
        measure=lambda around: _pair(radial_distribution_around(around), "radius", "g"),
        level=1.0,
    ),
    "s_of_k": CurveKind(
        title="Partial structure factors after Ashcroft and Langreth",
        abscissa="k",
        lines=tuple(f"s_{pair}" for pair, _, _ in PAIRS),
        x_label="k [1/sigma_AA]",
        y_label="S(k)",
        measure=lambda around: _pair(structure_factor(around), "k", "s"),
    ),
    "bond_angles": CurveKind(
        title="Distribution of the angles between two bonds of an A and of a B",
        abscissa="angle",
        lines=tuple(f"p_{name}" for name, _ in SPECIES),
        x_label="angle between bonds [degrees]",
        y_label="probability density [1/degree]",
        measure=bond_angles,
    ),
}
"""Curves per configuration by name, which is also their table's."""


class Measured(Surroundings):
    """Surroundings that keep each column once it was measured."""

    def __init__(self, configuration: Configuration, members: np.ndarray | None = None, **surroundings: Any):
        super().__init__(configuration, members, **surroundings)
        self._columns: dict[str, np.ndarray] = {}

    def column(self, name: str) -> np.ndarray:
        """The column of this name, (N,)."""
        if name not in self._columns:
            self._columns[name] = np.asarray(COLUMNS[name].measure(self), dtype=np.float64)
        return self._columns[name]


def _means(around: Measured) -> dict[str, float]:
    """Mean and standard deviation over particles of the columns that have them, by species."""
    values = {}
    for column in MEANS:
        for name, kind in SPECIES:
            known = around.column(column)[around.of(kind)]
            known = known[np.isfinite(known)]
            values[f"{column}_{name}"] = float(known.mean()) if len(known) else np.nan
            values[f"{column}_std_{name}"] = float(known.std()) if len(known) else np.nan
    return values


def _fractions(around: Measured) -> dict[str, float]:
    """Fractions of each species with so many sides, and in so large a closed ring."""
    values = {}
    for column, numbers in (("sides", SIDES), ("ring", RINGS)):
        for name, kind in SPECIES:
            own = around.column(column)[around.of(kind)]
            own = own[np.isfinite(own)]
            counted = own.clip(SIDES[0], SIDES[-1]) if column == "sides" else own
            for number in numbers:
                values[f"{column}{number}_{name}"] = float((counted == number).mean()) if len(own) else np.nan
    return values


def _coordination(around: Measured) -> dict[str, float]:
    """Mean number of bonded neighbours of each species around each."""
    values = {}
    for name, kind in SPECIES:
        for other in ("a", "b"):
            own = around.column(f"bonded_{other}")[around.of(kind)]
            values[f"coordination_{name}{other.upper()}"] = float(own.mean()) if len(own) else np.nan
    return values


def _graphs(around: Measured) -> dict[str, float]:
    """The metrics of the graphs of k nearest neighbours, ``b_clusters_k2``."""
    values = {}
    for k in GRAPH_NEIGHBOURS:
        if k < around.matter.sum():
            found = graph_around_b(around, k)
        else:
            found = dict.fromkeys(("b_clusters", "bb_edges", "a_outside"), np.nan)
        values |= {f"{name}_k{k}": value for name, value in found.items()}
    return values


NUMBERS: tuple[Callable[[Measured], dict[str, float]], ...] = (_means, _fractions, _coordination, _graphs)
"""What gives the numbers of a configuration, each a few of them by name."""


def descriptors(
    configuration: Configuration | Measured, members: np.ndarray | None = None, **surroundings
) -> dict[str, float]:
    """Numbers of one configuration, by name.

    ========================  =======================================================================================
    ``psi6_A``, ``area_B``..  mean of a column of MEANS over a species; psi_k are weighted by Voronoi sides
    ``psi6_std_A`` ...        its standard deviation over the particles of the species
    ``sides3_A`` ...          fraction of a species whose Voronoi cell has 3 (or fewer) to 9 (or more) sides
    ``ring5_B`` ...           fraction of a species in a closed ring of so many bonded neighbours
    ``coordination_AB`` ...   mean number of bonded B neighbours of an A; AA, AB, BA, BB
    ``b_clusters_k2`` ...     clusters of the edges that touch a B on the graph of 2 nearest neighbours, per particle
    ``bb_edges_k2`` ...       edges between two B on it, per particle
    ``a_outside_k2`` ...      A that no edge with a B touches, per particle
    ========================  =======================================================================================

    Args:
        configuration: positions in double precision, or its surroundings.
        members: (N,) bool, the particles averaged over; None for every A and B. Substrate is never a member.
        surroundings: ``pairs`` and ``interior`` of :class:`Surroundings`.

    Returns:
        values by name, in a fixed order; NaN for the average over a species that is not there.

    Raises:
        ValueError: for a mask of another length or without particles.
    """
    around = configuration if isinstance(configuration, Measured) else Measured(configuration, members, **surroundings)
    values: dict[str, float] = {}
    for numbers in NUMBERS:
        values |= numbers(around)
    return values


def particle_columns(
    configuration: Configuration, names: Sequence[str] | None = None, **surroundings
) -> dict[str, np.ndarray]:
    """Columns per particle, by name.

    Args:
        configuration: positions in double precision.
        names: which ones; None for all of COLUMNS.
        surroundings: ``members``, ``pairs`` and ``interior`` of :class:`Surroundings`.

    Returns:
        (N,) float64 each; NaN where a column is not defined: at a surface, in a substrate.

    Raises:
        ValueError: for a name that is not there.
    """
    names = tuple(COLUMNS) if names is None else tuple(names)
    if unknown := [name for name in names if name not in COLUMNS]:
        raise ValueError(f"column: got {unknown[0]!r}, expected one of {', '.join(COLUMNS)}")
    around = Measured(configuration, **surroundings)
    return {name: around.column(name) for name in names}


def descriptor_vector(configuration: Configuration) -> tuple[tuple[str, ...], np.ndarray]:
    """The numbers and the three partial g(r) as one vector of fixed length.

    The yardstick of a network: what a linear model makes of the field's own descriptors. The mean energies are not in
    it.

    Args:
        configuration: a bulk configuration.

    Returns:
        names: (K,) ``psi4_A`` ... ``g_AA(1.075)`` ...
        values: (K,) float64; 0 where a species is missing.
    """
    around = Measured(configuration)
    numbers = {name: value for name, value in descriptors(around).items() if name not in ENERGIES}
    names, values = list(numbers), [np.array(list(numbers.values()))]
    kind = CURVES["g_of_r"]
    abscissa, lines = kind.measure(around)
    for name, line in zip(kind.lines, lines, strict=True):
        names += [f"{name}({x:.3f})" for x in abscissa]
        values.append(line)
    return tuple(names), np.nan_to_num(np.concatenate(values))


def _pair(found: object, abscissa: str, ordinate: str) -> tuple[np.ndarray, np.ndarray]:
    return getattr(found, abscissa), getattr(found, ordinate)
