"""Which engine a run gets, why, and what a person is told who asks for one that is not there."""

from dataclasses import dataclass

import pytest

from vitrify.md.engines import registry
from vitrify.md.engines.registry import available_engines, check_device, choose_engine, get_engine
from vitrify.md.engines.replica.graphics import why_no_gpu
from vitrify.md.model import kob_andersen_pairs

PAIRS = kob_andersen_pairs()
MOST_PARTICLES = 3567
"""What a block of a T4 has room for."""


@dataclass
class Stand:
    """An engine that only says where it is."""

    name: str
    device: str

    @property
    def most_particles(self):
        return None if self.device == "cpu" else MOST_PARTICLES


@pytest.fixture
def gpu_here(monkeypatch):
    """A machine with a GPU, HOOMD-blue installed or not."""

    def with_hoomd(installed: bool):
        def replica(wanted):
            return Stand("replica", "cpu" if wanted.device == "cpu" else "gpu:0")

        monkeypatch.setattr(registry, "_replica", replica)
        monkeypatch.setattr(registry, "_hoomd", lambda wanted: Stand("hoomd", "gpu:0"))
        monkeypatch.setattr(registry, "_has_hoomd", lambda: installed)

    return with_hoomd


@pytest.mark.parametrize("name", ["auto", "replica"])
def test_the_cpu_is_the_replica_engines_whatever_the_size(name):
    engine = get_engine(name, pairs=PAIRS, time_step=0.002, device="cpu", particles=1_000_000)
    assert (engine.name, engine.device, engine.time_step) == ("replica", "cpu", 0.002)
    assert engine.pairs is PAIRS


def test_the_reason_is_said():
    assert choose_engine("auto", pairs=PAIRS, device="cpu", particles=100).reason == "replica on cpu: the default"
    assert choose_engine("replica", pairs=PAIRS, device="cpu", particles=100).reason == "replica on cpu: asked for"


def test_auto_takes_hoomd_where_a_gpu_block_is_too_small(gpu_here):
    gpu_here(True)
    fits = choose_engine("auto", pairs=PAIRS, particles=MOST_PARTICLES)
    beyond = choose_engine("auto", pairs=PAIRS, particles=MOST_PARTICLES + 1)
    assert (fits.engine.name, beyond.engine.name) == ("replica", "hoomd")
    assert str(MOST_PARTICLES + 1) in beyond.reason


def test_auto_without_hoomd_goes_to_the_cpu_and_says_so(gpu_here):
    gpu_here(False)
    choice = choose_engine("auto", pairs=PAIRS, particles=MOST_PARTICLES + 1)
    assert (choice.engine.name, choice.engine.device) == ("replica", "cpu")
    assert "hoomd is not installed (conda install -c conda-forge hoomd)" in choice.reason


def test_a_gpu_asked_for_is_not_quietly_replaced(gpu_here):
    gpu_here(False)
    with pytest.raises(ValueError, match="expected the hoomd engine"):
        choose_engine("auto", pairs=PAIRS, device="gpu", particles=MOST_PARTICLES + 1)


def test_an_unknown_engine():
    with pytest.raises(ValueError, match=r"engine: got 'gromacs', expected one of auto, replica, hoomd"):
        get_engine("gromacs", pairs=PAIRS, particles=100)


def test_an_engine_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(registry, "_has_hoomd", lambda: False)
    with pytest.raises(ValueError, match=r"'hoomd', which is not installed; .*conda install -c conda-forge hoomd"):
        get_engine("hoomd", pairs=PAIRS, particles=100)


@pytest.mark.parametrize("device", ["", "tpu", "gpu:", "gpu:a", "gpu:0,", "gpu:0,0", "gpu:-1", "GPU"])
def test_an_unknown_device(device):
    with pytest.raises(ValueError, match=r"device: got .*, expected auto, cpu, gpu or gpu:0,1"):
        check_device(device)


def test_what_is_here_is_listed(monkeypatch):
    monkeypatch.setattr(registry, "_has_hoomd", lambda: False)
    replica, hoomd = available_engines()
    assert replica.installed
    assert replica.devices[0] == "cpu"
    assert not hoomd.installed
    assert hoomd.how_to_get == "conda install -c conda-forge hoomd"


def test_why_there_is_no_gpu(monkeypatch):
    """A machine with a driver, as Numba sees it."""
    from numba import cuda

    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "cuda_error", lambda: None)
    monkeypatch.setattr(cuda, "implementation", "NVIDIA", raising=False)
    assert why_no_gpu() == ""
    monkeypatch.setattr(cuda, "is_available", lambda: False)
    assert "no CUDA runtime: pip install 'vitrify[gpu13]'" in why_no_gpu()
    monkeypatch.setattr(cuda, "cuda_error", lambda: "\nCUDA driver library cannot be found.\nIf you are sure ...")
    assert why_no_gpu() == "CUDA driver library cannot be found"


def test_numbas_own_cuda_target_is_not_taken_in_silence(monkeypatch):
    from numba import cuda

    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "cuda_error", lambda: None)
    monkeypatch.setattr(cuda, "implementation", "Built-in", raising=False)
    choice = choose_engine("auto", pairs=PAIRS, particles=100)
    assert choice.engine.device == "cpu"
    assert "the default; numba-cuda is missing" in choice.reason
    assert "vitrify[gpu" in choice.reason
    with pytest.raises(ValueError, match=r"got 'gpu', but no CUDA GPU can be used here: numba-cuda is missing"):
        get_engine("replica", pairs=PAIRS, device="gpu", particles=100)
    assert "numba-cuda is missing" in available_engines()[0].why_no_gpu


def test_auto_goes_on_with_the_engine_a_run_was_begun_with(gpu_here):
    gpu_here(True)
    goes_on = choose_engine("auto", pairs=PAIRS, particles=MOST_PARTICLES + 1, settings={"name": "replica"})
    assert goes_on.engine.name == "replica"
    assert goes_on.reason.endswith("the run was begun with it")


@pytest.mark.hoomd
def test_a_run_does_not_go_on_with_other_noise():
    """HOOMD-blue 5.0 changed its random numbers: its thermostats go other ways from the same seed."""
    facts = choose_engine("hoomd", pairs=PAIRS, device="cpu", particles=100).facts
    settings = facts["engine_settings"]
    again = choose_engine("auto", pairs=PAIRS, device="cpu", particles=100, settings={**settings, "buffer": 0.3})
    assert (again.engine.name, again.engine.buffer) == ("hoomd", 0.3)
    other = {"random123": "openrand", "openrand": "random123"}[settings["noise"]]
    with pytest.raises(ValueError, match=rf"draw from {settings['noise']}; this run was begun .* and {other}"):
        choose_engine("auto", pairs=PAIRS, device="cpu", particles=100, settings={**settings, "noise": other})


@pytest.mark.hoomd
def test_a_hoomd_without_gpu_says_so():
    hoomd = available_engines()[1]
    assert bool(hoomd.why_no_gpu) == (hoomd.devices == ("cpu",))
    if hoomd.why_no_gpu:
        with pytest.raises(ValueError, match="finds 0 GPUs here: "):
            get_engine("hoomd", pairs=PAIRS, device="gpu", particles=100)


@pytest.mark.hoomd
def test_hoomd_is_listed_with_its_version():
    hoomd = available_engines()[1]
    assert hoomd.installed
    assert int(hoomd.version.split(".")[0]) >= 4
    assert get_engine("hoomd", pairs=PAIRS, device="cpu", particles=100).name == "hoomd"


@pytest.mark.hoomd
@pytest.mark.parametrize("device", ["gpu:0,1", "gpu:99", "abacus"])
def test_hoomd_runs_on_one_device_that_is_there(device):
    with pytest.raises(ValueError, match="device"):
        get_engine("hoomd", pairs=PAIRS, device=device, particles=100)


@pytest.mark.parametrize(("kib", "holds_the_default"), [(64, False), (163, True), (227, True)])
def test_the_size_a_gpu_block_holds_is_asked_of_the_device(monkeypatch, kib, holds_the_default):
    """A T4 (64 KiB a block) has no room for the 64-bit coordinates of 4,320 particles; A100 and H100 have."""
    from vitrify.md.engines.replica import cuda

    monkeypatch.setattr(cuda, "shared_memory", lambda device: (227 if device == 0 else kib) * 1024)
    most = cuda.Gpus(devices=(0, 1), lanes=512, threads=1).most_particles
    assert (most >= 4320) == holds_the_default
    assert 16 * most < kib * 1024
