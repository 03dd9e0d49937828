"""One reading of RUN@kT and RUN@frame."""

import pytest

from vitrify.md.protocols.annealing import AnnealingSpec, anneal
from vitrify.md.protocols.sources import Source
from vitrify.md.store.address import Address, stored_frame, stored_kt


@pytest.mark.parametrize("text", ["run", "@0.5", "run@", "run@cold", "run@-1", "run@nan", ""])
def test_a_temperature_is_positive_and_behind_a_run(text):
    with pytest.raises(ValueError, match="expected RUN@kT"):
        _ = Address.parse(text).kt


def test_a_whole_number_may_be_a_frame_or_a_temperature():
    assert (Address.parse("run@2").frame, Address.parse("run@2").kt) == (2, 2.0)
    assert Address.parse("run@2.0").frame is None


def test_an_at_sign_in_the_name_of_a_directory(tmp_path):
    (tmp_path / "me@home").mkdir()
    address = Address.parse(str(tmp_path / "me@home"))
    assert (address.path, address.place) == (tmp_path / "me@home", "")
    assert Address.parse(f"{tmp_path / 'me@home'}@0.5").path == tmp_path / "me@home"


def test_nothing_far_from_what_was_stored_is_taken(tmp_path):
    spec = AnnealingSpec(
        kt=0.9, steps=20, frames=2, equilibration_steps=0, particles=64, replicas=1, store="all", inherent=False, seed=1
    )
    run = anneal(spec, tmp_path / "liquid")
    assert stored_kt(run, 0.903) == 0.9
    assert stored_frame(run, 0.9) == 2
    for ask in (lambda: stored_kt(run, 0.8), lambda: Source.parse(f"{run.path}@0.8")):
        with pytest.raises(ValueError, match=r"no configuration stored at kT 0\.8; stored at kT 0\.9"):
            ask()
    with pytest.raises(ValueError, match="no stored inherent structures"):
        stored_kt(run, 0.9, inherent=True)
