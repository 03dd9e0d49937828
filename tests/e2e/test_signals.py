"""A signal or a time limit in any protocol: exit status 85 within seconds, and --resume ends in the same bytes."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from vitrify.md.store.naming import TABLE
from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.stopping import seconds

PROGRAM = [sys.executable, "-c", "from vitrify.pipelines.cli import main; main()"]
PATIENCE = 10.0
"""Seconds from a signal to the exit."""

TINY_FILMS = (
    "--set box_length=12.0 --set substrate.particles=80 --set substrate.relax_steps=4000 --set vapour.slab_gap=4.0 "
    "--replicas 3 --seed 3 --engine replica"
).split()


def protocols(scale: int) -> dict[str, list[str]]:
    """The command of each protocol, some ``scale`` seconds long; FILMS stands for a deposition."""
    return {
        "cool": f"cool --particles 256 --ramp-steps {40_000 * scale} --frames 12 --replicas 3 --seed 3 --store all",
        "anneal": f"anneal --kt 0.8 --particles 256 --steps {40_000 * scale} --equilibration-steps 8000 --frames 13 "
        "--origins 2 --spacing log --replicas 3 --seed 3 --store all",
        "deposit": f"deposit --injections 6 --steps-per-injection {6_000 * scale} --store-every 2 "
        + " ".join(TINY_FILMS),
        "cool-film": f"cool-film FILMS --ramp-steps {90_000 * scale} --frames 6 --melt-steps 6000 --seed 3",
        "impact": f"impact FILMS --impacts {60 * scale} --samples 40 --steps-per-sample 60 --depth 3 --seed 3",
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _heeding_interrupts():
    """Ctrl-C is ignored by what a shell starts in the background; what it starts in turn inherits that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def launch(words, out, *extra, **options):
    return subprocess.Popen(
        [*PROGRAM, *words, "--resume", "--out", str(out), *extra],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def complete(words, out):
    with launch(words, out) as process:
        process.communicate()
    return process.returncode


def run_in(out):
    return out / "run" if (out / "run").is_dir() else out


def stored(path):
    """Everything stored in a run, by kind and frame: numbers and positions."""
    run = RunDirectory.open(path)
    return {
        (inherent, frame): [(replica, c.positions) for replica, c in run.configurations(frame, inherent=inherent)]
        for inherent in (False, True)
        for frame in run.stored_frames(inherent=inherent)
    }


def assert_same(one, other):
    """Two runs byte for byte: tables and stored configurations."""
    assert (one / TABLE).read_bytes() == (other / TABLE).read_bytes()
    first, second = stored(one), stored(other)
    assert first.keys() == second.keys()
    for place, held in first.items():
        assert [number for number, _ in held] == [number for number, _ in second[place]]
        for (_, positions), (_, again) in zip(held, second[place], strict=True):
            np.testing.assert_array_equal(positions, again)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A finished deposition for the protocols that begin with one."""
    out = tmp_path_factory.mktemp("films") / "films"
    words = ["deposit", "--injections", "6", "--steps-per-injection", "2000", *TINY_FILMS]
    assert complete(words, out) == 0
    return out


def command(protocol, films, scale):
    return [str(films) if word == "FILMS" else word for word in protocols(scale)[protocol].split()]


def stop_after(words, out, delay, number):
    """Launch, wait until the run has begun and ``delay`` more, send a signal: exit status and seconds it took."""
    process = launch(words, out)
    while process.poll() is None and not (run_in(out) / TABLE).exists():
        time.sleep(0.005)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    sent = time.monotonic()
    _, error = process.communicate(timeout=60)
    return process.returncode, time.monotonic() - sent, error


@pytest.mark.parametrize("protocol", protocols(1))
def test_terminated_and_resumed(protocol, films, tmp_path):
    words, whole, out = command(protocol, films, 1), tmp_path / "undisturbed", tmp_path / "broken"
    assert complete(words, whole) == 0
    rng = np.random.default_rng(len(protocol))
    number = signal.SIGTERM if protocol in ("cool", "deposit", "impact") else signal.SIGUSR1
    status, took, error = stop_after(words, out, rng.uniform(0.0, 0.8), number)
    assert status == 85, error
    assert took < PATIENCE
    assert error.endswith("go on with --resume\n")
    assert complete(words, out) == 0
    assert_same(run_in(whole), run_in(out))
    if protocol == "impact":
        assert (out / "cascade.csv").read_bytes() == (whole / "cascade.csv").read_bytes()


def test_a_time_limit_and_ctrl_c(films, tmp_path):
    words, out = command("cool", films, 20), tmp_path / "run"
    begun = time.monotonic()
    limited = launch(words, out, "--time-limit", "6")
    _, error = limited.communicate(timeout=60)
    assert (limited.returncode, error) == (85, f"vitrify: {out}: checkpointed and unfinished; go on with --resume\n")
    assert time.monotonic() - begun < 6 + PATIENCE
    status, took, error = stop_after(words, out, 0.5, signal.SIGINT)
    assert (status, took < PATIENCE) == (130, True)
    assert error.endswith("interrupted; what was finished is kept, go on with --resume\n")


@pytest.mark.parametrize("text", ["0", "soon", "1:2:3:4", "-5", "2-00:10"])
def test_time_limits_that_are_none(text):
    with pytest.raises(ValueError, match="time-limit: got"):
        seconds(text)


@pytest.mark.validation
@pytest.mark.parametrize("protocol", protocols(1))
def test_terminated_at_random_moments_again_and_again(protocol, films, tmp_path):
    """Ten signals at random moments of a longer run, every one answered in time; the end is the undisturbed one's."""
    words, whole, out = command(protocol, films, 4), tmp_path / "undisturbed", tmp_path / "broken"
    begun = time.monotonic()
    assert complete(words, whole) == 0
    rng = np.random.default_rng(int(os.environ.get("VITRIFY_SEED", 11)))
    length, latest, stops = time.monotonic() - begun, 0.0, 0
    for _ in range(10):
        status, took, error = stop_after(words, out, rng.uniform(0.0, 0.15) * length, signal.SIGTERM)
        if status == 0:
            break
        assert status == 85, error
        latest, stops = max(latest, took), stops + 1
    print(f"{protocol}: {stops} stops, the slowest exit after {latest:.1f} s")
    assert stops >= 3
    assert latest < PATIENCE
    assert complete(words, out) == 0
    assert_same(run_in(whole), run_in(out))
