"""Fictive temperatures of made-up runs: crystals whose energies lie on a line, shaken more where they are hotter."""

import json
import re

import numpy as np
import pytest

from vitrify.analysis.comparison.sides import Source
from vitrify.analysis.fictive.fictive import Scores, fictive
from vitrify.analysis.report.tables import read_table
from vitrify.md.ensemble import Ensemble
from vitrify.md.protocols.cooling import CoolingSpec
from vitrify.md.store.table import COLUMNS
from vitrify.md.store.writer import RunWriter
from vitrify.pipelines.cli import main

SIDE, DENSITY = 8, 1.2


def written(path, kt, *, seed, remembers=None, replicas=8):
    """One stored frame at ``kt``: lattices with the energy and the disorder that a liquid has at ``remembers``."""
    spec = CoolingSpec(seed=seed, replicas=replicas, particles=SIDE**2, ramp_steps=100, frames=1, store="all")
    rng, at = np.random.default_rng(seed), remembers or kt
    length = np.sqrt(SIDE**2 / DENSITY)
    sites = (np.stack(np.meshgrid(*[np.arange(SIDE)] * 2), axis=-1).reshape(-1, 2) + 0.5) * length / SIDE - length / 2
    species = np.repeat(np.array([0, 1], dtype=np.int8), [42, 22])
    ensemble = Ensemble(
        positions=sites + rng.normal(0, 0.05 - 0.02 / at, (replicas, SIDE**2, 2)),
        velocities=np.zeros((replicas, SIDE**2, 2)),
        species=np.stack([rng.permutation(species) for _ in range(replicas)]),
        box=np.full((replicas, 2), length),
        seed=seed,
        replica=np.arange(replicas),
        step=np.zeros(replicas, dtype=np.int64),
    )
    with RunWriter.create(path, spec.to_dict(), {}, columns=COLUMNS) as writer:
        writer.write_frame(1, kt, ensemble, inherent=ensemble)
        writer.append_rows(
            {"replica": ensemble.replica, "frame": np.ones(replicas, dtype=int), "step": ensemble.step,
             "kt_set": np.full(replicas, kt), "inherent_energy": -3.75 - 0.065 / at + rng.normal(0, 1e-4, replicas),
             "converged": np.ones(replicas)}
        )  # fmt: skip
        return Source(run=writer.finish(), kt=kt)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    liquids = [written(folder / f"kt-{kt:g}", kt, seed=seed) for seed, kt in ((2, 1.0), (3, 0.5), (4, 0.75))]
    return written(folder / "glass", 0.05, seed=1, remembers=0.6), liquids


def test_what_the_glass_remembers(made, tmp_path):
    glass, liquids = made
    scores = Scores(source="a network", of=lambda side: {"logit": 1000 * side.energies})
    said = fictive([glass], liquids, tmp_path / "out", scores=scores)
    table = read_table(tmp_path / "out" / "fictive.csv")
    rows = {name: place for place, name in enumerate(table["descriptor"])}
    for name in ("inherent_energy", "logit"):  # the same but for a factor
        assert float(table["fictive"][rows[name]]) == pytest.approx(0.6, abs=0.01)
        assert float(table["fictive_low"][rows[name]]) < 0.6 < float(table["fictive_high"][rows[name]])
    # How much Voronoi cells scatter goes with how much a lattice is shaken, and so with 1 / kT as well.
    area = rows["area_std_A"]
    assert float(table["fictive"][area]) == pytest.approx(0.6, abs=0.04)
    assert float(table["moves"][area]) > 10
    known = np.array([float(one) for one in table["fictive"] if one])
    known = known[np.isfinite(known)]
    assert (np.diff(known) >= 0).all()
    lines = read_table(tmp_path / "out" / "lines.csv")
    assert {float(kt) for kt in lines["kt"]} == {0.5, 0.75, 1.0}
    assert (tmp_path / "out" / "figures" / "fictive.png").stat().st_size > 5000
    assert any(re.match(r"by the energy: kT 0\.(600|599|601) ", line) for line in said)
    assert any("is no run of vitrify anneal; whether it is in equilibrium was not looked at" in line for line in said)
    captions = {one["file"]: one["caption"] for one in json.loads((tmp_path / "out" / "contents.json").read_text())}
    assert set(captions) == {"figures/fictive.png", "fictive.csv", "lines.csv"}
    assert fictive([glass], liquids, tmp_path / "out", scores=scores) == [
        f"{tmp_path / 'out'}: there already, of the same runs and options"
    ]
    with pytest.raises(FileExistsError):
        fictive([glass], liquids, tmp_path / "out")


def test_liquids_that_make_no_line_are_refused(made, tmp_path):
    glass, liquids = made
    with pytest.raises(ValueError, match=r"liquids: got kT 0.5, 1, expected at least 3 temperatures for a line"):
        fictive([glass], liquids[:2], tmp_path / "out")
    with pytest.raises(ValueError, match="got no temperature, expected a liquid as RUN@kT"):
        fictive([glass], [*liquids, Source(run=glass.run)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_from_the_command_line(made, tmp_path, capsys):
    glass, liquids = made

    def vitrify(*sources):
        with pytest.raises(SystemExit) as ended:
            main(["fictive", *(f"{one.run.path}@{one.kt:g}" for one in sources), "--out", str(tmp_path / "out")])
        return ended.value.code

    assert vitrify(glass, *liquids) == 0
    assert "by the energy: kT 0.6" in capsys.readouterr().out
    assert (tmp_path / "out" / "DONE").exists()
    assert vitrify(glass, *liquids[:2]) == 2
    assert "liquids: got kT 0.5, 1, expected at least 3 temperatures for a line" in capsys.readouterr().err
