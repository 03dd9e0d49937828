"""How often each kind of interval holds the truth: ramps, liquids, films and configurations drawn from known laws.

    python -m vitrify.analysis.coverage --draws 1000 --out docs/coverage-analysis.csv

Every kind of interval that analyses and comparisons give is computed by the very functions that give it, of made-up
replicas whose truth is known: the same statistic of the curve without noise. A ramp's noise has the scatter and the
memory of 256 ramps of M = 2e5 (N = 1080, halved to that of N = 4320): frames above kT 0.7 know nothing of each other,
below 0.3 they are the same glass. Intervals of accuracies and AUC have their own test, beside their code in learn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from vitrify.analysis.comparison.effect import paired_effect, unpaired_effect
from vitrify.analysis.curves.cooling_curve import CoolingCurve
from vitrify.analysis.curves.equilibrium import Equilibrium
from vitrify.analysis.curves.equilibrium_line import EquilibriumLine, line_through_liquids
from vitrify.analysis.curves.fictive import memory
from vitrify.analysis.curves.glass_transition import FILM_WINDOWS, glass_transition
from vitrify.analysis.curves.hyperbola import smooth_transition
from vitrify.analysis.curves.rate_law import rate_law
from vitrify.analysis.films.ancova import adjusted_means
from vitrify.analysis.report.tables import write_table
from vitrify.analysis.results import rows_to_columns
from vitrify.analysis.statistics import Quantity, jackknife, mean_and_error, mean_without_each

REPLICAS = (4, 6, 8, 16, 80)

KT = np.round(2.0 - 0.0325 * np.arange(1, 61), 6)
"""Frames of a made-up ramp, kT 1.9675 to 0.05."""

GLASSES = {20_000: -3.853, 200_000: -3.867, 2_000_000: -3.880}
"""E_IS at the end of three ramps."""

LINE_A, LINE_B = -3.7505, -0.0650
"""The equilibrium line of the made-up mixture."""

LIQUIDS = (0.5, 0.6, 0.7, 0.8, 1.0)

MEMORY_KT = (0.0, 0.10, 0.20, 0.30, 0.39, 0.49, 0.59, 0.68, 0.78, 2.0)
MEMORY = (0.995, 0.991, 0.963, 0.913, 0.802, 0.602, 0.456, 0.171, 0.05, 0.05)
"""Correlation of a frame with the one 0.0975 in kT before, as measured."""

Draw = Callable[[np.random.Generator, int], Quantity]
"""One experiment with n replicas: an interval."""


def mean_energy(kt: np.ndarray, ramp_steps: int) -> np.ndarray:
    """The truth: the equilibrium line, left smoothly for a glass with a slope of its own [eps_AA per particle]."""
    glass = GLASSES[ramp_steps] + 0.006 * (kt - 0.05)
    return 0.004 * np.logaddexp((LINE_A + LINE_B / kt) / 0.004, glass / 0.004)


def made_up_ramp(rng: np.random.Generator | None, replicas: int, ramp_steps: int) -> CoolingCurve:
    """A ramp of so many replicas; without a generator two replicas without noise: the truth."""
    replicas = replicas if rng else 2
    noise = np.zeros((replicas, len(KT)))
    if rng:
        keeps = np.interp(KT, MEMORY_KT, MEMORY) ** (np.ptp(KT) / (len(KT) - 1) / 0.0975)
        fresh = rng.normal(size=noise.shape)
        noise[:, 0] = fresh[:, 0]
        for frame in range(1, len(KT)):
            noise[:, frame] = keeps[frame] * noise[:, frame - 1] + np.sqrt(1 - keeps[frame] ** 2) * fresh[:, frame]
        noise *= 0.0030 + 0.0016 * KT
    energies = mean_energy(KT, ramp_steps) + noise
    kt = np.tile(KT, (replicas, 1))
    return CoolingCurve(
        ramp_steps=ramp_steps, rate=390 / ramp_steps, kt_set=KT, kt=kt, potential_energy=energies,
        inherent_energy=energies,
    )  # fmt: skip


def made_up_films(rng: np.random.Generator | None, films: int) -> CoolingCurve:
    """Films cooled on their substrates, which bend at 0.21 and scatter as ramps do; without a generator the truth."""
    bulk = made_up_ramp(rng, films, 200_000)
    noise = bulk.inherent_energy - mean_energy(KT, 200_000)
    kt = 0.05 + (KT - 0.05) / 2
    energies = -3.93 + 0.075 * (kt - 0.21) + 0.065 * np.hypot(kt - 0.21, 0.03) + noise
    return replace(bulk, kt_set=kt, kt=np.tile(kt, (len(energies), 1)), inherent_energy=energies)


def made_up_line(rng: np.random.Generator | None, replicas: int) -> EquilibriumLine:
    """The equilibrium line through liquids of so many replicas each; without a generator the truth."""
    liquids = []
    for kt in LIQUIDS:
        energies = np.full(replicas, LINE_A + LINE_B / kt)
        energies += rng.normal(0, 0.0015, replicas) if rng else 0.0
        drift = mean_and_error(np.array([1.0, -1.0]))
        mean = mean_and_error(energies)
        liquids.append(
            Equilibrium(kt_set=kt, inherent=mean, instantaneous=mean, drift=drift, replica_energies=energies, waited=0,
                        followed=0)
        )  # fmt: skip
    return line_through_liquids(liquids)


def law_of(rng: np.random.Generator | None, replicas: int, fictive: bool) -> Quantity:
    """The slope of the law through three ramps, of the fictive temperature or of Tg by two lines."""
    ramps = [made_up_ramp(rng, replicas, steps) for steps in GLASSES]
    if fictive:
        line = made_up_line(rng, replicas)
        found = [memory(ramp, line) for ramp in ramps]
        values, without = [one.fictive.value for one in found], [one.without for one in found]
    else:
        lines = [glass_transition(ramp) for ramp in ramps]
        values = [one.tg.value for one in lines]
        without = [{f"{one.curve.ramp_steps}": one.without} for one in lines]
    return rate_law([ramp.rate for ramp in ramps], values, without).slope


def film_difference(rng: np.random.Generator, films: int, *, scatter: float, paired: bool) -> Quantity:
    """Two preparations of equal energy at one composition; ``scatter`` is that of the second in units of the first's.

    Films in pairs share what their substrate does to their energy.
    """
    substrate = rng.normal(0, 0.006, films) if paired else np.zeros(films)
    compositions = [rng.normal(mean, 0.008, films) for mean in (0.645, 0.650)]
    energies = [
        -3.94 + 1.1 * (x - 0.65) + substrate + rng.normal(0, 0.004 * wide, films)
        for x, wide in zip(compositions, (1.0, scatter), strict=True)
    ]
    origins = [np.arange(films), np.arange(films) + (0 if paired else films)]
    return adjusted_means(energies, compositions, 0.65, origins).difference(0, 1)


def pairs_of_one_energy(rng: np.random.Generator, pairs: int, size: float, scatter: float) -> Quantity:
    """Pairs share an energy that a descriptor follows; beyond it they are ``size`` deviations apart."""
    energy, unit = rng.normal(0, 1, pairs), np.sqrt((1 + scatter**2) / 2)
    first = energy + size * unit + rng.normal(0, 1, pairs)
    return paired_effect(first, energy + rng.normal(0, scatter, pairs)).size


def whole_sets(rng: np.random.Generator, replicas: int, size: float, scatter: float) -> Quantity:
    """Two sets ``size`` deviations apart, the second scattering ``scatter`` times as much."""
    first = size * np.sqrt((1 + scatter**2) / 2) + rng.normal(0, 1, replicas)
    second = rng.normal(0, scatter, replicas)
    return unpaired_effect(first, second, np.arange(replicas), np.arange(replicas) + replicas).size


def mean(rng: np.random.Generator, replicas: int) -> Quantity:
    """A mean energy."""
    values = rng.normal(0, 1, replicas)
    return jackknife(float(values.mean()), [mean_without_each(values)])


def kinds() -> Iterator[tuple[str, Draw, float]]:
    """Each kind of interval by name, how to draw one, and its truth."""
    steps = 200_000
    ramp, line = made_up_ramp(None, 2, steps), made_up_line(None, 4)
    truth = memory(ramp, line)
    yield "mean energy", mean, 0.0
    yield (
        "T_g, two lines",
        lambda rng, n: glass_transition(made_up_ramp(rng, n, steps)).tg,
        glass_transition(ramp).tg.value,
    )
    yield (
        "T_g of films, two lines",
        lambda rng, n: glass_transition(made_up_films(rng, n), FILM_WINDOWS).tg,
        glass_transition(made_up_films(None, 2), FILM_WINDOWS).tg.value,
    )
    yield (
        "T_g, hyperbola",
        lambda rng, n: smooth_transition(made_up_ramp(rng, n, steps)).tg,
        smooth_transition(ramp).tg.value,
    )
    yield "equilibrium line, a", lambda rng, n: made_up_line(rng, n).intercept, LINE_A
    yield "equilibrium line, b", lambda rng, n: made_up_line(rng, n).slope, LINE_B
    yield (
        "fictive temperature",
        lambda rng, n: memory(made_up_ramp(rng, n, steps), made_up_line(rng, n)).fictive,
        truth.fictive.value,
    )
    yield (
        "departure from the line",
        lambda rng, n: memory(made_up_ramp(rng, n, steps), made_up_line(rng, n)).departure,
        truth.departure.value,
    )
    yield "slope of T_f per decade", lambda rng, n: law_of(rng, n, True), law_of(None, 4, True).value
    yield "slope of T_g per decade, two lines", lambda rng, n: law_of(rng, n, False), law_of(None, 2, False).value
    for size in (0.0, 1.0, 4.0):
        yield f"effect size {size:g}, pairs", lambda rng, n, s=size: pairs_of_one_energy(rng, n, s, 1.0), size
        yield f"effect size {size:g}, whole sets", lambda rng, n, s=size: whole_sets(rng, n, s, 1.0), size
    yield "effect size 1, pairs, unequal scatter 1:3", lambda rng, n: pairs_of_one_energy(rng, n, 1.0, 3.0), 1.0
    yield "effect size 1, whole sets, unequal scatter 1:3", lambda rng, n: whole_sets(rng, n, 1.0, 3.0), 1.0
    for scatter in (1.0, 4.0):
        for paired in (False, True):
            name = f"films, {'one substrate' if paired else 'other substrates'}, scatter 1:{scatter:g}"
            yield name, lambda rng, n, s=scatter, p=paired: film_difference(rng, n, scatter=s, paired=p), 0.0


def coverage(draws: int, replicas: tuple[int, ...] = REPLICAS, seed: int = 1, only: str = "") -> dict[str, list]:
    """The fraction of intervals that hold the truth, a row a kind and a column a number of replicas.

    Args:
        draws: experiments of each kind and number; the standard error is ``sqrt(0.95 x 0.05 / draws)``.
        replicas: numbers of replicas.
        seed: what the draws derive from.
        only: part of the names of the kinds wanted.

    Returns:
        ``interval``, ``replicas_4`` ..., and ``undefined``: the largest fraction of experiments without an interval,
        which are left out.
    """
    rows = []
    for place, (name, draw, truth) in enumerate(kinds()):
        if only not in name:
            continue
        row: dict = {"interval": name}
        undefined = 0.0
        for count in replicas:
            rng = np.random.default_rng([seed, place, count])
            held, known = _held(draw, truth, rng, count, draws)
            row[f"replicas_{count}"] = held / known if known else np.nan
            undefined = max(undefined, 1 - known / draws)
        rows.append(row | {"undefined": undefined})
    return rows_to_columns(rows)


def _held(draw: Draw, truth: float, rng: np.random.Generator, replicas: int, draws: int) -> tuple[int, int]:
    """How many of the draws hold the truth, of how many that have an interval."""
    held = known = 0
    for _ in range(draws):
        try:
            found = draw(rng, replicas)
        except ValueError:  # a curve that cannot be read: said instead of an interval
            continue
        if found.interval is not None:
            known += 1
            held += truth in found.interval
    return held, known


def as_markdown(columns: dict[str, list]) -> str:
    """The table for a page."""
    names = list(columns)
    rows = [names, ["---"] * len(names)]
    rows += [
        [cell if isinstance(cell, str) else f"{cell:.3f}" for cell in row]
        for row in zip(*columns.values(), strict=True)
    ]
    return "\n".join(
        f"| {' | '.join(name.replace('_', ' ') if row is names else name for name in row)} |" for row in rows
    )


def main() -> None:
    """Simulate, print the table and write it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--draws", type=int, default=1000, help="experiments of each kind and number of replicas")
    parser.add_argument("--only", default="", help="part of the names of the kinds wanted")
    parser.add_argument("--out", type=Path, help="CSV file to write")
    given = parser.parse_args()
    columns = coverage(given.draws, only=given.only)
    if given.out:
        write_table(given.out, columns)
    print(as_markdown(columns))


if __name__ == "__main__":
    main()
