"""What a comparison shows: its tables and figures with their captions, and lines for a person."""

from __future__ import annotations

import numpy as np

from vitrify.analysis.comparison.comparison import Comparison, Tested
from vitrify.analysis.comparison.effect import Effect
from vitrify.analysis.comparison.sides import Side
from vitrify.analysis.figures import Bars, Profile, effects_figure, effects_on_curves_figure, energies_figure
from vitrify.analysis.report.tables import ENERGY_CONVENTION
from vitrify.analysis.results import Results, rows_to_columns
from vitrify.analysis.statistics import Quantity
from vitrify.analysis.structure.descriptors import CURVES

SHOWN = 24
"""Descriptors drawn in the forest plot, the strongest at one energy."""

SAID = 5
"""Descriptors named in words."""

SURE = 0.05
"""Corrected p below which a difference is called one."""


def results(comparison: Comparison, positions: str) -> Results:
    """Tables and figures of a comparison; ``positions`` is what it was measured on."""
    found = Results()
    one, other = comparison.first.name, comparison.second.name
    on = {"inherent": "inherent structures", "instant": "instantaneous positions"}[positions]
    _say(found, comparison, on)
    strongest = [tested for tested in comparison.numbers if np.isfinite(tested.matched.size.value)][:SHOWN]
    found.add_figure(
        "compare.png",
        effects_figure(
            [tested.key.name for tested in strongest],
            {
                f"{len(comparison.pairs)} pairs of one energy": _bars([tested.matched for tested in strongest]),
                "whole sets": _bars([tested.whole for tested in strongest]),
            },
            x_label=f"{one} less {other}  [standard deviations]",
        ),
        f"The {len(strongest)} descriptors that differ most between {one} and {other} at one inherent-structure "
        f"energy, on {on}: filled, in pairs of that energy; open, the whole sets. Hedges' g with its 95 % "
        "interval over replicas.",
    )
    families = [name for name in CURVES if comparison.points(name)]
    if families:
        found.add_figure(
            "compare_curves.png",
            effects_on_curves_figure({name: _profiles(comparison, name) for name in families}),
            f"Where curves of {one} and {other} differ at one energy, on {on}: the difference of each point in its "
            f"standard deviations over replicas, {one} less {other}; bands are 95 % intervals of one point each.",
        )
    rows, partners = comparison.pairs.first, comparison.pairs.second
    found.add_figure(
        "energies.png",
        energies_figure(
            {one: comparison.first.energies, other: comparison.second.energies},
            {one: comparison.first.energies[rows], other: comparison.second.energies[partners]},
        ),
        f"Inherent-structure energies {ENERGY_CONVENTION}: outlines, all configurations; filled, those in pairs.",
    )
    found.add_table(
        "matching.csv",
        _matching(comparison),
        f"How the sides were matched, the nearest in energy first. Energies {ENERGY_CONVENTION}; errors are standard "
        "errors over replicas.",
    )
    found.add_table(
        "compare.csv",
        rows_to_columns([_row(tested) for tested in comparison.numbers]),
        f"Every descriptor of {on}, {one} (first) less {other} (second), the largest effect at one energy first. "
        "Effect sizes are Hedges' g with 95 % intervals over replicas: matched, in deviations of one configuration at "
        "one energy; all, of the whole sets. p values are corrected together for all descriptors and all points of "
        "curves (Benjamini and Hochberg).",
        shown=("descriptor", "first", "second", "effect", "effect_low", "effect_high", "p_corrected", "effect_all",
               "effect_all_low", "effect_all_high"),
    )  # fmt: skip
    if families:
        found.add_table(
            "compare_curves.csv",
            rows_to_columns([_row(tested) for name in families for tested in comparison.points(name)]),
            "The same of each point of the curves; x in the unit of its curve.",
        )
    found.add_table(
        "pairs.csv",
        _pairs(comparison),
        f"Who was held against whom; energies {ENERGY_CONVENTION}.",
    )
    return found


def _say(found: Results, comparison: Comparison, on: str) -> None:
    one, other, pairs = comparison.first, comparison.second, comparison.pairs
    left = pairs.residual
    found.numbers.append(
        f"{len(pairs)} pairs within {pairs.tolerance:.2g} of each other in E_IS, of {len(one.members)} {one.name} and "
        f"{len(other.members)} {other.name}; {left.value:.1e} apart on the mean ({left.low:.1e} to {left.high:.1e}), "
        f"before {comparison.energy.difference.value:.1e}"
    )
    tested = [each for each in comparison.numbers if np.isfinite(each.p_matched)]
    sure = sum(each.p_matched < SURE for each in tested)
    found.numbers.append(f"{sure} of {len(tested)} descriptors of {on} differ at one energy (corrected p < {SURE:g})")
    found.numbers += [
        f"{each.key.name}: {each.matched.means[0]:.4g} and {each.matched.means[1]:.4g}, g = "
        f"{each.matched.size.value:.2f} ({each.matched.size.low:.2f} to {each.matched.size.high:.2f}); whole sets "
        f"{each.whole.size.value:.2f}"
        for each in tested[:SAID]
    ]
    found.notes.append("pairs hold one configuration of each replica, the last stored at its temperature")
    if pairs.shared:
        found.notes.append(
            f"{pairs.shared} replicas began with the same configuration on both sides; each stands in one pair only, "
            "and the whole sets are compared replica by replica"
        )
    for side in (one, other):
        if side.left_out:
            found.notes.append(
                f"{side.name}: {side.left_out} configurations are left out, their quench did not converge or they have "
                "no bulk"
            )


def _bars(effects: list[Effect]) -> Bars:
    return Bars(*(np.array([getattr(one.size, end) for one in effects]) for end in ("value", "low", "high")))


def _profiles(comparison: Comparison, family: str) -> tuple[str, dict[str, Profile]]:
    """The label of the abscissa, and effects along each line of a family."""
    points = comparison.points(family)
    lines = {}
    for line in CURVES[family].lines:
        own = [tested for tested in points if tested.key.name == line]
        x = np.array([tested.key.x for tested in own])
        lines[line] = Profile(x, *_bars([tested.matched for tested in own]))
    return CURVES[family].x_label, lines


def _row(tested: Tested) -> dict:
    row = {"curve": tested.key.curve, "line": tested.key.name, "x": tested.key.x}
    if not tested.key.curve:
        row = {"descriptor": tested.key.name}
    first, second = tested.matched.means
    row |= {"first": first, "second": second, **_columns("difference", tested.matched.difference)}
    row |= {**_columns("effect", tested.matched.size), "p": tested.matched.p, "p_corrected": tested.p_matched}
    row |= {"pairs": tested.matched.counts[0], "first_all": tested.whole.means[0], "second_all": tested.whole.means[1]}
    row |= {**_columns("effect_all", tested.whole.size), "p_corrected_all": tested.p_whole}
    return row


def _columns(name: str, quantity: Quantity) -> dict[str, float]:
    return {name: quantity.value, f"{name}_low": quantity.low, f"{name}_high": quantity.high}


def _matching(comparison: Comparison) -> dict[str, list]:
    pairs = comparison.pairs

    def row(side: Side, places: np.ndarray) -> dict:
        energies = side.energies
        return {
            "side": side.name,
            "configurations": len(energies),
            "in_pairs": len(places),
            "energy": float(energies.mean()),
            "energy_error": float(energies.std(ddof=1) / np.sqrt(len(energies))),
            "energy_deviation": float(energies.std(ddof=1)),
            "energy_in_pairs": float(energies[places].mean()),
            "tolerance": pairs.tolerance,
            **_columns("residual", pairs.residual),
        }

    return rows_to_columns([row(comparison.first, pairs.first), row(comparison.second, pairs.second)])


def _pairs(comparison: Comparison) -> dict[str, list]:
    rows = []
    for one, other in zip(comparison.pairs.first, comparison.pairs.second, strict=True):
        row: dict = {}
        for name, member in (("first", comparison.first.members[one]), ("second", comparison.second.members[other])):
            run, frame, replica = member.where
            row |= {f"{name}_run": run, f"{name}_frame": frame, f"{name}_replica": replica}
            row |= {f"{name}_energy": member.energy}
        rows.append(row | {"difference": row["first_energy"] - row["second_energy"]})
    return rows_to_columns(rows)
