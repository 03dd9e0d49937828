"""Comparisons of made-up runs: crystals whose energies and shapes are chosen apart from one another."""

import json

import numpy as np
import pytest

from vitrify.analysis.comparison.compare import compare, require_apart
from vitrify.analysis.comparison.comparison import compare_sides
from vitrify.analysis.comparison.pairing import pair_by_energy
from vitrify.analysis.comparison.sides import Member, Side, Source, require_one_system, side_of
from vitrify.analysis.report.chapters import chapter
from vitrify.analysis.report.tables import read_table
from vitrify.md.ensemble import Ensemble
from vitrify.md.protocols.cooling import CoolingSpec
from vitrify.md.store.rundir import RunDirectory
from vitrify.md.store.table import COLUMNS
from vitrify.md.store.writer import RunWriter

SIDE = 8


def write(path, *, seed=1, replicas=12, energies=None, noise=0.02, density=1.2, converged=True, **changes):
    """A run of one stored frame at kT 0.05: square lattices shaken by ``noise``, with the energies given."""
    particles = SIDE**2
    spec = CoolingSpec(seed=seed, replicas=replicas, particles=particles, density=density, ramp_steps=100, frames=1,
                       store="all", **changes)  # fmt: skip
    rng = np.random.default_rng([seed, 7])
    length = np.sqrt(particles / density)
    sites = (np.stack(np.meshgrid(*[np.arange(SIDE)] * 2), axis=-1).reshape(-1, 2) + 0.5) * length / SIDE - length / 2
    species = np.repeat(np.array([0, 1], dtype=np.int8), [42, 22])
    ensemble = Ensemble(
        positions=sites + rng.normal(0, noise, (replicas, particles, 2)),
        velocities=np.zeros((replicas, particles, 2)),
        species=np.stack([rng.permutation(species) for _ in range(replicas)]),
        box=np.full((replicas, 2), length),
        seed=seed,
        replica=np.arange(replicas),
        step=np.zeros(replicas, dtype=np.int64),
    )
    if energies is None:
        energies = rng.normal(-3.87, 0.004, replicas)
    with RunWriter.create(path, spec.to_dict(), {}, columns=COLUMNS) as writer:
        writer.write_frame(1, 0.05, ensemble, inherent=ensemble)
        writer.append_rows(
            {"replica": ensemble.replica, "frame": np.ones(replicas, dtype=int), "step": ensemble.step,
             "kt_set": np.full(replicas, 0.05), "inherent_energy": np.asarray(energies),
             "converged": np.broadcast_to(converged, replicas)}
        )  # fmt: skip
        return writer.finish()


def sources(*runs, kt=0.05):
    return [Source(run=run, kt=kt) for run in runs]


def made_up(name, energies, origins):
    members = [
        Member(where=(name, 1, place), energy=energy, origin=origin, load=lambda: None)
        for place, (energy, origin) in enumerate(zip(energies, origins, strict=True))
    ]
    return Side(name=name, members=members, system=None, left_out=0)


def test_a_difference_of_shape_is_found_and_one_of_energy_is_not_taken_for_it(tmp_path):
    """Shaken twice as much: disorder differs; drawn from one law: nothing does, however far apart the energies."""
    rng = np.random.default_rng(5)
    calm = write(tmp_path / "calm", seed=1, energies=rng.normal(-3.870, 0.004, 12))
    other = write(tmp_path / "other", seed=2, energies=rng.normal(-3.868, 0.004, 12))
    wild = write(tmp_path / "wild", seed=3, energies=rng.normal(-3.868, 0.004, 12), noise=0.04)
    found = compare_sides(side_of(sources(calm)), side_of(sources(wild)), tolerance=0.002)
    by_name = {one.key.name: one for one in found.numbers}
    assert len(found.pairs) >= 4
    assert by_name["psi4_A"].matched.size.low > 0
    assert by_name["psi4_A"].p_matched < 0.05
    assert abs(found.pairs.residual.value) < 0.001
    null = compare_sides(side_of(sources(calm)), side_of(sources(other)), tolerance=0.002)
    assert not any(one.p_matched < 0.05 for one in null.tested)
    angles = found.points("bond_angles")
    assert {one.key.name for one in angles} == {"p_A", "p_B"}


def test_the_directory_holds_what_a_report_needs(tmp_path):
    runs = [write(tmp_path / name, seed=seed) for seed, name in enumerate(("a", "b", "c"), start=1)]
    out = tmp_path / "out"
    lines = compare(sources(runs[0]), sources(*runs[1:]), out, tolerance=0.002, names=("glass", "liquid"))
    assert "of 12 glass and 24 liquid" in lines[0]
    columns = read_table(out / "compare.csv")
    sizes = np.abs(columns["effect"])
    assert (np.diff(sizes[np.isfinite(sizes)]) <= 0).all()
    known = np.isfinite(columns["p"])
    assert (columns["p_corrected"][known] >= columns["p"][known]).all()
    pairs = read_table(out / "pairs.csv")
    assert (np.abs(pairs["difference"]) <= 0.002).all()
    section = chapter(out)
    assert section.heading.startswith("Comparison")
    facts = json.loads((out / "provenance.json").read_text())
    assert facts["request"]["options"]["positions"] == "inherent"
    again = compare(sources(runs[0]), sources(*runs[1:]), out, tolerance=0.002, names=("glass", "liquid"))
    assert "there already" in again[0]
    with pytest.raises(FileExistsError, match="other runs or options"):
        compare(sources(runs[0]), sources(runs[1]), out)


def test_sets_that_cannot_be_matched_leave_nothing_behind(tmp_path):
    low, high = write(tmp_path / "low", seed=1), write(tmp_path / "high", seed=2, energies=np.full(12, -3.7))
    with pytest.raises(ValueError, match=r"0 pairs within 0\.001 .*expected at least 4: low at kT 0\.05 has 12 from"):
        compare(sources(low), sources(high), tmp_path / "out", tolerance=0.001)
    assert not list(tmp_path.glob("out*"))


def test_what_does_not_belong_together_says_so(tmp_path):
    run, dense = write(tmp_path / "a", seed=1), write(tmp_path / "dense", seed=2, density=1.1)
    one = side_of(sources(run))
    other = side_of(sources(dense))
    with pytest.raises(ValueError, match=r"density is 1\.1, expected 1\.2"):
        require_one_system(run, one.system, dense, other.system)
    with pytest.raises(ValueError, match="began with the same configuration"):
        side_of(sources(run, run))
    with pytest.raises(ValueError, match=r"no configuration stored at kT 0\.5; stored at kT 0\.05"):
        side_of(sources(run, kt=0.5))
    with pytest.raises(ValueError, match="is on both sides"):
        require_apart(one, side_of(sources(run), name="again"))
    with pytest.raises(ValueError, match="3 configurations with an inherent-structure energy"):
        side_of(sources(write(tmp_path / "three", seed=3, replicas=3)))
    with pytest.raises(ValueError, match="0 configurations with an inherent-structure energy"):
        side_of(sources(write(tmp_path / "unquenched", seed=4, converged=False)))
    with pytest.raises(ValueError, match="positions: got 'both'"):
        side_of(sources(run), positions="both")


def test_a_source_is_read_and_refused(tmp_path):
    run = write(tmp_path / "run@home", seed=1)
    assert Source.parse(str(run.path)).kt is None
    assert Source.parse(f"{run.path}@0.05").kt == 0.05
    with pytest.raises(ValueError, match="expected RUN@kT"):
        Source.parse(f"{run.path}@cold")
    with pytest.raises(FileNotFoundError):
        Source.parse(str(tmp_path / "none@0.05"))
    (run.path / "DONE").unlink()
    with pytest.raises(ValueError, match="not finished"):
        Source.parse(str(RunDirectory.open(run.path).path))


def test_an_origin_on_both_sides_stands_in_one_pair_only():
    energies = np.linspace(-3.9, -3.8, 8)
    names = [f"a:{k}" for k in range(8)]
    first, second = made_up("hot", energies, names), made_up("cold", energies[::-1] + 1e-4, names)
    pairs = pair_by_energy(first, second, tolerance=0.01)
    # Each energy's partner is of another origin, so that eight origins make four pairs.
    assert (len(pairs), pairs.shared) == (4, 8)
    used = [first.origins[row] for row in pairs.first] + [second.origins[row] for row in pairs.second]
    assert len(set(used)) == 8
    themselves = pair_by_energy(first, made_up("twin", energies, names), tolerance=0.001)
    assert len(themselves) == 8


def test_the_default_tolerance_is_a_fifth_of_the_deviation():
    rng = np.random.default_rng(1)
    sides = [made_up(name, rng.normal(-3.87, 0.004, 400), [f"{name}:{k}" for k in range(400)]) for name in "ab"]
    pairs = pair_by_energy(*sides)
    assert pairs.tolerance == pytest.approx(0.0008, rel=0.1)
    assert pairs.residual.low < 0.0002
    assert len(pairs) > 300
