"""Specs: strict types, whatever NumPy hands in; noise of their own; read back whatever was added since."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest

from vitrify.md.protocols.annealing import AnnealingSpec
from vitrify.md.protocols.cooling import CoolingSpec
from vitrify.md.protocols.films.cooled import FilmCoolingSpec
from vitrify.md.protocols.films.impact import ImpactSpec
from vitrify.md.protocols.films.recipe import DepositionSpec
from vitrify.md.store.provenance import to_toml

COOL = CoolingSpec(ramp_steps=1000, frames=10, seed=1)
ANNEAL = AnnealingSpec(kt=0.5, steps=1000, frames=10, seed=1)
DEPOSIT = DepositionSpec.preset("reid", seed=1, bulk_slab=(10.0, 25.0))
MELT = FilmCoolingSpec(source="a", deposition=DEPOSIT, ramp_steps=1000, frames=10, seed=1)
IMPACT = ImpactSpec(source="a", deposition=DEPOSIT, seed=1)
ALL = [COOL, ANNEAL, DEPOSIT, MELT, IMPACT]


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.protocol)
def test_what_was_written_is_read_back(spec):
    table = tomllib.loads(to_toml(spec.to_dict()))
    assert table["protocol"] == spec.protocol
    assert type(spec).from_table(table) == spec


def test_numpy_numbers_are_numbers():
    """A kT from np.linspace used to write a spec.toml that nobody could read, found out after the run."""
    plain = AnnealingSpec(kt=0.5, steps=1000, frames=10, seed=3, store=(1, 5))
    numbers = AnnealingSpec(
        kt=np.linspace(0.5, 1, 3)[0], steps=np.int64(1000), frames=np.int32(10), seed=np.uint8(3),
        store=np.array([1, 5]), inherent=np.bool_(True), density=np.float32(1.5) * np.float64(0.8),
    )  # fmt: skip
    assert replace(numbers, density=1.2) == plain
    assert all(type(entry) is int for entry in numbers.store)
    assert tomllib.loads(to_toml(numbers.to_dict()))["kt"] == 0.5
    changed = {"substrate": {"kt": np.float64(0.2)}, "bulk_slab": np.array([5.0, 9.0]), "injections": np.int16(7)}
    film = DepositionSpec.preset("reid", seed=np.int64(1), **changed)
    assert (type(film.substrate.kt), film.bulk_slab, type(film.injections)) == (float, (5.0, 9.0), int)
    assert tomllib.loads(to_toml(film.to_dict()))["substrate"]["kt"] == 0.2


@pytest.mark.parametrize(
    ("field", "value"),
    [("frames", 2.5), ("frames", "10"), ("frames", True), ("kt", "cold"), ("kt", None), ("inherent", 1), ("seed", 1.0)],
)
def test_wrong_types_are_refused(field, value):
    with pytest.raises(ValueError, match=rf"{field}: got .*expected a value of type"):
        replace(ANNEAL, **{field: value})


def test_a_whole_number_for_a_real_one_is_the_same_request():
    assert to_toml(replace(ANNEAL, kt=1).to_dict()) == to_toml(replace(ANNEAL, kt=1.0).to_dict())


def test_a_field_added_since_has_its_default():
    table = COOL.to_dict()
    del table["thermostat_tau"], table["first_replica"]
    assert CoolingSpec.from_table(table) == COOL
    del table["ramp_steps"]
    with pytest.raises(ValueError, match="no ramp_steps"):
        CoolingSpec.from_table(table)


def test_protocols_and_rates_with_one_seed_share_no_noise():
    """Positions, velocities and thermostat of a cooling at two rates used to be the same random numbers."""
    others = [
        COOL, ANNEAL, DEPOSIT, MELT, IMPACT, replace(COOL, ramp_steps=2000), replace(COOL, kt_end=0.1),
        replace(COOL, seed=2), replace(ANNEAL, kt=0.6), replace(COOL, particles=1080), replace(COOL, density=1.1),
        replace(COOL, source="a", source_frame=3), replace(MELT, ramp_steps=2000),
        replace(DEPOSIT, steps_per_injection=5), replace(DEPOSIT, substrate=replace(DEPOSIT.substrate, kt=0.2)),
    ]  # fmt: skip
    assert len({spec.noise_seed for spec in others}) == len(others)
    assert all(0 <= spec.noise_seed < 1 << 63 for spec in others)


def test_how_many_and_what_is_kept_change_no_noise():
    for changes in ({"replicas": 9}, {"first_replica": 5}, {"store": "all"}, {"inherent": False}, {"frames": 20}):
        assert replace(COOL, **changes).noise_seed == COOL.noise_seed
    assert replace(ANNEAL, steps=2000, frames=20).noise_seed == ANNEAL.noise_seed
    assert replace(DEPOSIT, injections=200).noise_seed == DEPOSIT.noise_seed


@pytest.mark.parametrize("origins", [1, 3])
def test_logarithmic_frames(origins):
    spec = AnnealingSpec(
        kt=0.5, steps=30_000, frames=20 * origins + 1, spacing="log", origins=origins, first_step=10, seed=1
    )
    steps = spec.frame_steps - spec.equilibration_steps
    assert (len(steps), steps[0], steps[-1]) == (20 * origins + 1, 0, 30_000)
    assert (np.diff(steps) > 0).all()
    stretch = 30_000 // origins
    for origin in range(origins):
        after = steps[20 * origin + 1 : 20 * origin + 21] - origin * stretch
        assert (after[0], after[-1]) == (10, stretch)
        np.testing.assert_allclose(np.diff(np.log(after)), np.log(stretch / 10) / 19, atol=0.06)


def test_crowded_logarithmic_frames_have_a_step_each():
    spec = AnnealingSpec(kt=0.5, steps=50, frames=46, spacing="log", equilibration_steps=0, seed=1)
    steps = spec.frame_steps
    assert (np.diff(steps) >= 1).all()
    assert (len(steps), steps[0], steps[-1]) == (46, 0, 50)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spacing": "random"}, "spacing: got 'random'"),
        ({"spacing": "log", "origins": 3}, "steps: got 1000, expected a multiple of origins"),
        ({"spacing": "log", "origins": 2}, "frames: got 10, expected one and a multiple"),
        ({"spacing": "log", "first_step": 2000}, "expected at least a time step per frame"),
    ],
)
def test_impossible_spacings_say_why(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(ANNEAL, **changes)
