"""How liquids move: families of decays coloured by temperature, and relaxation times against 1 / kT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from vitrify.analysis.figures.curves import ordered_colours
from vitrify.analysis.figures.style import MARKERS, MUTED, PALETTE, styled

if TYPE_CHECKING:
    from vitrify.analysis.dynamics.correlations import Dynamics
    from vitrify.analysis.dynamics.laws import Law
    from vitrify.analysis.dynamics.relaxation import RelaxationTime

TIME_LABEL = r"$t$  $[\tau]$"
LABELS = {
    "msd": r"$\langle u^2 \rangle$  $[\sigma_{AA}^2]$",
    "fs": r"$F_{\mathrm{s}}(k, t)$",
    "overlap": r"$Q(t)$",
}
LAW_STYLES = {"vft": "-", "parabolic": (0, (5, 2))}


@styled
def decay_figure(liquids: Sequence[Dynamics], quantity: str, species: str = "A", *, level: float = np.nan) -> Figure:
    """One correlation of each liquid against time, plain on the left, cage-relative on the right.

    Bands are one standard error over replicas.

    Args:
        liquids: coldest first.
        quantity: "msd", "fs" or "overlap".
        species: "A", "B" or "all".
        level: a level drawn across, such as 1/e; NaN for none.
    """
    figure = Figure(figsize=(8.6, 3.9), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, kind in zip(panels, ("plain", "cage-relative"), strict=True):
        for liquid, colour in zip(liquids, ordered_colours(len(liquids)), strict=True):
            values = liquid.of(quantity, species, kind)
            mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
            low = np.maximum(mean - error, mean / 10) if quantity == "msd" else mean - error
            axes.fill_between(liquid.time, low, mean + error, color=colour, alpha=0.25, lw=0)
            axes.plot(liquid.time, mean, "o-", ms=2.5, lw=1.3, color=colour, label=f"{liquid.kt:g}")
        if np.isfinite(level):
            axes.axhline(level, color=MUTED, lw=0.9, ls=(0, (4, 3)), zorder=0)
        axes.set_xscale("log")
        axes.set_xlabel(TIME_LABEL)
        axes.set_title(f"{species}, {kind}" if species != "all" else kind)
        if quantity == "msd":
            axes.set_yscale("log")
        else:
            axes.set_ylim(min(0.0, axes.get_ylim()[0]), 1.03)
    panels[0].set_ylabel(LABELS[quantity])
    panels[1].legend(title=r"$k_{\mathrm{B}}T$", loc="upper left" if quantity == "msd" else "upper right", fontsize=10)
    return figure


@styled
def relaxation_time_figure(
    times: Mapping[str, Sequence[RelaxationTime]], laws: Mapping[str, Sequence[Law]], *, coldest: float
) -> Figure:
    """tau_alpha against 1 / kT, bars the intervals over replicas, with the laws fitted to it.

    Args:
        times: tau_alpha by legend entry.
        laws: the laws of each entry, solid VFT, dashed parabolic; dotted where they extrapolate.
        coldest: kT down to which the laws are drawn [eps_AA].
    """
    figure = Figure(figsize=(6.4, 4.5), layout="constrained")
    axes = figure.subplots()
    for place, (name, found) in enumerate(times.items()):
        colour, marker = PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)]
        known = [one for one in found if one.reached]
        value = np.array([one.tau.value for one in known])
        ends = np.array([[one.tau.low, one.tau.high] if one.tau.interval else [one.tau.value] * 2 for one in known])
        axes.errorbar(
            [1 / one.kt for one in known], value, np.abs(ends.reshape(-1, 2).T - value), fmt=marker, color=colour,
            ms=6, label=name, zorder=4,
        )  # fmt: skip
        for law in laws.get(name, ()):
            inside = np.linspace(law.kt.min(), law.kt.max(), 200)
            outside = np.linspace(max(coldest, 1.01 * law.form.coldest(law.parameters)), law.kt.min(), 100)
            axes.plot(1 / inside, law(inside), color=colour, lw=1.3, ls=LAW_STYLES[law.form.name])
            axes.plot(1 / outside, law(outside), color=colour, lw=1.1, ls=":")
    for name, style in LAW_STYLES.items():
        if any(law.form.name == name for fitted in laws.values() for law in fitted):
            axes.plot([], [], color=MUTED, lw=1.3, ls=style, label="VFT" if name == "vft" else name)
    axes.set_yscale("log")
    axes.set(xlabel=r"$1 / k_{\mathrm{B}}T$  $[1/\epsilon_{AA}]$", ylabel=r"$\tau_\alpha$  $[\tau]$")
    axes.legend(loc="upper left")
    return figure
