"""Runs that begin with what another one stored."""

from dataclasses import replace

import numpy as np
import pytest

from vitrify.md.protocols.annealing import AnnealingSpec, anneal
from vitrify.md.protocols.cooling import CoolingSpec, cool
from vitrify.md.protocols.sources import Source
from vitrify.md.store.naming import TABLE


@pytest.fixture(scope="module")
def liquid(tmp_path_factory):
    spec = AnnealingSpec(
        kt=0.9, steps=400, frames=4, equilibration_steps=200, particles=100, replicas=3, store="all", inherent=False,
        seed=4,
    )  # fmt: skip
    return anneal(spec, tmp_path_factory.mktemp("source") / "liquid")


def fields(source, **given):
    return source.fields({"ramp_steps": 300, "frames": 3, "equilibration_steps": 0, "seed": 2, **given})


def test_every_replica_begins_where_its_source_ended(liquid, tmp_path):
    """With no step to take but one, positions are those of the source, replica by replica."""
    source = Source.parse(f"{liquid.path}@4")
    given = source.fields({"kt": 0.9, "steps": 1, "frames": 1, "equilibration_steps": 0, "seed": 2, "inherent": False})
    spec = AnnealingSpec(**given)
    assert (spec.replicas, spec.particles, spec.kt_start, spec.source) == (3, 100, 0.9, liquid.identity)
    run = anneal(spec, tmp_path / "run", source=source)
    for replica in range(3):
        before, after = liquid.configuration(replica, 4), run.configuration(replica, 1)
        away = after.positions - before.positions
        away -= after.box * np.rint(away / after.box)
        assert 0 < np.abs(away).max() < 0.05
        np.testing.assert_array_equal(after.species, before.species)
        # The last frame of the source holds velocities: they go on, but for one step.
        np.testing.assert_allclose(before.velocities * 0.005, away, atol=0.01)


def test_cooling_from_a_temperature(liquid, tmp_path):
    source = Source.parse(f"{liquid.path}@0.9")
    assert source.frame == 4
    assert Source.parse(str(liquid.path)).frame == 4
    spec = CoolingSpec(**fields(Source.parse(f"{liquid.path}@2")))
    run = cool(spec, tmp_path / "run", source=Source.parse(f"{liquid.path}@2"))
    assert run.table["kt_set"][0] == pytest.approx(0.9 - 0.85 / 3)
    # Frame 2 holds no velocities: they are drawn at kT 0.9.
    assert run.finished


def test_a_part_of_the_source_and_a_replica_it_lacks(liquid, tmp_path):
    source = Source.parse(f"{liquid.path}@4")
    whole = cool(CoolingSpec(**fields(source)), tmp_path / "whole", source=source)
    spec = CoolingSpec(**fields(source, first_replica=2))
    assert spec.replicas == 1
    part = cool(replace(spec, replicas=2), tmp_path / "part", source=source)
    own = whole.table["replica"] == 2
    for name, column in part.table.items():
        np.testing.assert_array_equal(column, whole.table[name][own], err_msg=name)
    (failure,) = part.provenance["failures"]
    assert (failure["replica"], failure["reason"]) == (3, f"{liquid.path} has no replica 3 at frame 4")


def test_a_run_from_a_source_resumes_bit_for_bit(liquid, tmp_path):
    source, seen = Source.parse(f"{liquid.path}@4"), [0.0]
    spec = CoolingSpec(**fields(source))
    whole = cool(spec, tmp_path / "whole", source=source)

    class Killed(Exception):
        pass

    def progress(done, total):
        seen.append(done / total)
        if seen[-1] > 0.5:
            raise Killed

    with pytest.raises(Killed):
        cool(spec, tmp_path / "run", source=source, progress=progress, checkpoint_every=0)
    again = cool(spec, tmp_path / "run", source=source, resume=True)
    assert (again.path / TABLE).read_bytes() == (whole.path / TABLE).read_bytes()


def test_what_cannot_be_a_source(liquid, tmp_path):
    with pytest.raises(ValueError, match="frame 9 is not stored; stored frames"):
        Source.parse(f"{liquid.path}@9")
    with pytest.raises(ValueError, match="expected RUN@frame or RUN@kT"):
        Source.parse(f"{liquid.path}@cold")
    with pytest.raises(FileNotFoundError, match="no such run directory"):
        Source.parse(str(tmp_path / "nowhere@3"))
    source = Source.parse(f"{liquid.path}@4")
    other = replace(CoolingSpec(**fields(source)), source="another")
    with pytest.raises(ValueError, match="source: got"):
        cool(other, tmp_path / "run", source=source)
    with pytest.raises(ValueError, match="source: got none"):
        cool(CoolingSpec(**fields(source)), tmp_path / "run")
