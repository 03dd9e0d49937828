"""Dynamics of equilibrium liquids: how long they take to relax, and when a ramp is too fast for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vitrify.analysis.curves.cooling_curve import cooling_curves
from vitrify.analysis.curves.equilibrium import equilibrium, no_drift
from vitrify.analysis.curves.equilibrium_line import SETTLED, equilibrium_line
from vitrify.analysis.curves.fictive import memory
from vitrify.analysis.dynamics.correlations import (
    KINDS,
    QUANTITIES,
    SPECIES,
    Dynamics,
    dynamics,
    first_peak,
    require_followed,
)
from vitrify.analysis.dynamics.displacements import common_pairs
from vitrify.analysis.dynamics.falling_out import RAMPS, Ramp, falling_out_rows
from vitrify.analysis.dynamics.laws import FORMS, Law, fit_law
from vitrify.analysis.dynamics.relaxation import DECAYS, LEVEL, RelaxationTime, relaxation_times
from vitrify.analysis.figures import decay_figure, relaxation_time_figure
from vitrify.analysis.report.tables import ENERGY_CONVENTION
from vitrify.analysis.results import Options, Progress, Results, of_protocols, rows_to_columns
from vitrify.analysis.statistics import Quantity, mean_and_error

if TYPE_CHECKING:
    from vitrify.md.store.rundir import RunDirectory

MAIN = ("fs", "A", "cage-relative")
"""What tau_alpha means where nothing else is said: F_s of A at the first peak of S_AA(k), as usual, but cage-relative:
the plain one falls largely by waves as long as the box, sooner than particles leave their neighbours."""

ENOUGH = 2.0
"""A liquid that waited for less than so many tau_alpha before it was followed is named in a note."""

Times = Mapping[tuple[str, str, str], Sequence[RelaxationTime]]


def results(runs: Sequence[RunDirectory], options: Options, progress: Progress | None = None) -> Results:
    """Correlations, tau_alpha, its laws and where ramps fall out, of runs with frames spaced in logarithmic time.

    Runs of one temperature each with equally spaced frames have no dynamics; a note says so of those that stored two
    frames or more.
    """
    found = Results()
    groups = _followed(found, of_protocols(runs, "anneal"))
    if not groups:
        return found
    coldest = min(groups, key=lambda group: group[0].spec["kt"])
    wave_number = options.wave_number or first_peak(coldest[0])
    told = _counter(groups, progress)
    liquids = [dynamics(group, wave_number, options.overlap_radius, told) for group in groups]
    liquids.sort(key=lambda one: one.kt)
    times = relaxation_times(liquids)
    _correlations(found, liquids)
    _equilibrium(found, liquids, times[MAIN])
    found.add_table(
        "tau_alpha.csv",
        rows_to_columns(_tau_rows(liquids, times)),
        "Relaxation times of A [tau]: where F_s(k, t), or the overlap Q(t), has fallen to 1/e, interpolated in the "
        "logarithm of time; 95 % intervals over replicas. Cage-relative: less the mean displacement of the Voronoi "
        "neighbours, without the long waves of two dimensions.",
    )
    found.add_table(
        "relaxation_times.csv",
        rows_to_columns(_time_rows(times)),
        "The same of A, B and all particles, with standard errors, and a note where 1/e was not reached.",
    )
    laws = _laws(found, liquids, times)
    ramps = _ramps(runs, options)
    rows = falling_out_rows(ramps, {kind: laws["fs", "A", kind] for kind in KINDS})
    _falling_out(found, rows)
    shown = {kind: f"$F_s$ of A, {kind}" for kind in KINDS}
    out = [row["kt_falls_out"] for row in rows if np.isfinite(row["kt_falls_out"])]
    found.add_figure(
        "tau_alpha.png",
        relaxation_time_figure(
            {name: times["fs", "A", kind] for kind, name in shown.items()},
            {name: laws["fs", "A", kind] for kind, name in shown.items()},
            coldest=min([liquids[0].kt, *out]),
        ),
        f"Relaxation time of A from F_s(k, t), k = {wave_number:.2f}, against 1 / kT; bars are 95 % intervals over "
        "replicas. Lines are the laws of Vogel, Fulcher and Tammann and of Elmatad, Chandler and Garrahan; dotted, "
        "they extrapolate, to where the slowest ramp falls out.",
    )
    return found


def _followed(found: Results, runs: Sequence[RunDirectory]) -> list[list[RunDirectory]]:
    """Batches of each ensemble that can be followed; a note for each that cannot, and was meant to be."""
    ensembles: dict[str, list[RunDirectory]] = {}
    for run in runs:
        ensembles.setdefault(run.ensemble_identity, []).append(run)
    followed = []
    for group in ensembles.values():
        if group[0].spec.get("spacing") != "log" and len(group[0].stored_frames()) < 2:
            continue
        try:
            require_followed(group)
        except ValueError as error:
            found.notes.append(f"no dynamics: {error}")
        else:
            followed.append(group)
            under_way = ", ".join(run.name for run in group if not run.finished)
            if under_way:
                found.notes.append(f"{under_way}: not finished, dynamics are of the frames stored so far")
    return followed


def _counter(groups: Sequence[Sequence[RunDirectory]], progress: Progress | None) -> Callable[[], None] | None:
    """What is called for each displacement measured."""
    if progress is None:
        return None
    total = sum(
        sum(len(run.replicas) for run in group) * sum(map(len, common_pairs(group).values())) for group in groups
    )
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    return told


def _correlations(found: Results, liquids: Sequence[Dynamics]) -> None:
    """The decays: a table, and a figure of each."""
    wave_number, radius = liquids[0].wave_number, liquids[0].radius
    captions = {
        "msd": "Mean-square displacement of A against time",
        "fs": f"Self-intermediate scattering function of A at k = {wave_number:.2f}, averaged over directions of k",
        "overlap": f"Overlap of A: the share of particles within {radius:g} of where they were",
    }
    for quantity, caption in captions.items():
        found.add_figure(
            f"{quantity}.png",
            decay_figure(liquids, quantity, level=float(LEVEL) if quantity in DECAYS else np.nan),
            f"{caption}, coloured by temperature; bands are one standard error over replicas. On the right, "
            "cage-relative: less the mean displacement of each particle's neighbours at the origin of time, which "
            "takes away the long waves of two dimensions."
            + (" Dashed, 1/e, where tau_alpha is read." if quantity in DECAYS else ""),
        )
    columns: dict[str, list] = {}
    for liquid in liquids:
        for kind in KINDS:
            count = len(liquid.time)
            block: dict[str, Sequence] = {
                "kt": [liquid.kt] * count,
                "displacement": [kind] * count,
                "time": liquid.time.tolist(),
                "origins": liquid.origins.tolist(),
                "replicas": [liquid.replicas] * count,
            }
            for quantity in QUANTITIES:
                for species in SPECIES:
                    estimate = mean_and_error(liquid.of(quantity, species, kind))
                    block[f"{quantity}_{species}"] = estimate.mean.tolist()
                    block[f"{quantity}_{species}_error"] = estimate.error.tolist()
            for name, values in block.items():
                columns.setdefault(name, []).extend(values)
    found.add_table(
        "dynamics.csv",
        columns,
        f"Mean-square displacement, F_s(k, t) at k = {wave_number:.4g} and overlap within {radius:g}, of A, B and all "
        "particles, against time [tau], with standard errors over replicas.",
    )


def _equilibrium(found: Results, liquids: Sequence[Dynamics], times: Sequence[RelaxationTime]) -> None:
    """How long each liquid waited in its own relaxation times, and whether its energy still drifts."""
    rows = []
    for liquid, one in zip(liquids, times, strict=True):
        tau = one.tau.value
        settled = _settled(liquid)
        rows.append(
            {
                "kt": liquid.kt,
                "run": liquid.name,
                "replicas": liquid.replicas,
                "waited": liquid.waited,
                "followed": liquid.followed,
                "tau_alpha": tau,
                "waited_over_tau": liquid.waited / tau,
                "followed_over_tau": liquid.followed / tau,
                "inherent_energy": float(liquid.energy.mean),
                "inherent_energy_error": float(liquid.energy.error),
                "drift": float(liquid.drift.mean),
                "drift_error": float(liquid.drift.error),
                "settled": str(settled).lower(),
            }
        )
        if not settled:
            found.notes.append(
                f"kT {liquid.kt:g}: E_IS still drifts, by {liquid.drift.mean:.4f} +- {liquid.drift.error:.4f} between "
                "the halves of the run; no law is fitted to its tau_alpha"
            )
        if not liquid.waited >= ENOUGH * tau:
            known = f"{liquid.waited / tau:.1f} tau_alpha" if np.isfinite(tau) else "an unknown part of tau_alpha"
            found.notes.append(f"kT {liquid.kt:g}: waited {liquid.waited:g} tau before it was followed, {known}")
    found.add_table(
        "settling.csv",
        rows_to_columns(rows),
        f"Whether each liquid was in equilibrium: times [tau], tau_alpha from F_s of A, cage-relative; energies "
        f"{ENERGY_CONVENTION}, with standard errors over replicas. Drift is E_IS of the second half of the frames "
        f"minus the first; a liquid is settled when that is within {SETTLED:g} standard errors of zero, more with few "
        "replicas, by Student's t.",
    )


def _settled(liquid: Dynamics) -> bool:
    return no_drift(liquid.drift, SETTLED)


def _tau_rows(liquids: Sequence[Dynamics], times: Times) -> list[dict]:
    """A row for each temperature: tau_alpha of A from both correlations, plain and cage-relative."""
    rows = []
    for place, liquid in enumerate(liquids):
        row: dict = {"kt": liquid.kt, "replicas": liquid.replicas}
        for decay in DECAYS:
            for kind in KINDS:
                name, tau = f"{decay}_{kind.replace('-', '_')}", times[decay, "A", kind][place].tau
                row |= {name: tau.value, f"{name}_low": tau.low, f"{name}_high": tau.high}
        rows.append(row)
    return rows


def _time_rows(times: Times) -> list[dict]:
    return [
        {
            "kt": one.kt,
            "correlation": decay,
            "species": species,
            "displacement": kind,
            "tau": one.tau.value,
            "tau_low": one.tau.low,
            "tau_high": one.tau.high,
            "tau_error": one.tau.error,
            "note": one.tau.note,
        }
        for (decay, species, kind), found in times.items()
        for one in found
    ]


def _laws(found: Results, liquids: Sequence[Dynamics], times: Times) -> dict[tuple[str, str, str], list[Law]]:
    """Both laws of tau_alpha of A, for each correlation and kind of displacement."""
    settled = [_settled(liquid) for liquid in liquids]
    laws: dict[tuple[str, str, str], list[Law]] = {}
    for key in [(decay, "A", kind) for decay in DECAYS for kind in KINDS]:
        used = [one for one, sure in zip(times[key], settled, strict=True) if sure]
        for form in FORMS:
            try:
                laws.setdefault(key, []).append(fit_law(form, used))
            except ValueError as error:
                found.notes.append(f"{key[0]} of A, {key[2]}: {error}")
    for one, plain in zip(times[MAIN], times["fs", "A", "plain"], strict=True):
        found.numbers.append(
            f"tau_alpha at kT {one.kt:g}: {_said(plain.tau)}; cage-relative {_said(one.tau)} (F_s of A)"
        )
    rows = [
        {
            "correlation": decay,
            "displacement": kind,
            "law": law.form.name,
            "parameter": name,
            "value": law.parameter(name).value,
            "value_low": law.parameter(name).low,
            "value_high": law.parameter(name).high,
            "kt_from": law.kt.min(),
            "kt_to": law.kt.max(),
            "temperatures": len(law.kt),
            "rms": law.residual,
        }
        for (decay, _, kind), fitted in laws.items()
        for law in fitted
        for name in law.form.parameters
    ]
    if rows:
        found.add_table(
            "relaxation_laws.csv",
            rows_to_columns(rows),
            "Laws of tau_alpha of A. vft: ln tau = ln tau_0 + B / (kT - kT_0); parabolic, below the onset kT_o: ln "
            "tau = ln tau_o + J^2 (1/kT - 1/kT_o)^2. Least squares of ln tau, rms what is left of it; 95 % intervals "
            "over replicas.",
        )
    return laws


def _ramps(runs: Sequence[RunDirectory], options: Options) -> list[Ramp]:
    """The ramps of the analysis with what their energies say; the log's where there is none."""
    cooled = of_protocols(runs, "cool")
    if not cooled:
        return [Ramp(steps=steps, rate=rate) for steps, rate in sorted(RAMPS.items(), reverse=True)]
    curves = cooling_curves(cooled)
    line, _ = equilibrium_line(
        [equilibrium(run) for run in of_protocols(runs, "anneal")], curves, options.equilibrium_range
    )
    return [
        Ramp(steps=curve.ramp_steps, rate=curve.rate, memory=memory(curve, line) if line is not None else None)
        for curve in curves
    ]


def _falling_out(found: Results, rows: Sequence[Mapping]) -> None:
    """Where ramps fall out, as a table and in words."""
    if not rows:
        return
    found.add_table(
        "falling_out.csv",
        rows_to_columns(rows),
        "The kT at which a ramp falls out of equilibrium, where rate |d tau_alpha / d kT| reaches one, by each law of "
        "tau_alpha (F_s of A), and tau_alpha there [tau]; beside it the fictive temperature and the departure of ramps "
        "that were run. 95 % intervals over replicas; 'extrapolated' where no liquid was followed so cold.",
    )
    for row in rows:
        if row["displacement"] == MAIN[2] and np.isfinite(row["kt_falls_out"]):
            beyond = ", extrapolating" if row["extrapolated"] == "true" else ""
            sure = f"95 % {row['kt_falls_out_low']:.3f} to {row['kt_falls_out_high']:.3f}"
            found.numbers.append(
                f"M = {row['ramp_steps']:,} falls out at kT {row['kt_falls_out']:.3f} ({sure}; {row['law']}, "
                f"{MAIN[2]}{beyond})"
            )


def _said(tau: Quantity) -> str:
    interval = tau.interval
    if interval is None:
        return tau.note if np.isnan(tau.value) else f"{tau.value:.4g} ({tau.note})"
    return f"{tau.value:.4g} ({100 * interval.level:g} % {interval.low:.4g} to {interval.high:.4g})"
