"""A campaign whose workers are killed at random moments ends in the tables of one that was left alone."""

import os
import threading
import time

import numpy as np
import pytest

from vitrify.pipelines.campaign.campaign import parse_campaign, read_campaign
from vitrify.pipelines.campaign.directory import begin
from vitrify.pipelines.campaign.local import Devices, Runner, devices_of, run_campaign
from vitrify.pipelines.campaign.status import status_of

CORE = """
name = "killed"
seed = 5
[mixture]
particles = 100
frames = 30
store = "all"
[cool.ramp]
ramp_steps = {steps}
replicas = 4
batch = 2
"""

MORE = """
[analyze.curves]
runs = "ramp"
structure = false
[deposit.films]
preset = "reid"
box_length = 12.0
substrate = {particles = 80, relax_steps = 400}
vapour = {slab_gap = 4.0}
bulk_slab = [8.0, 14.0]
injections = 24
steps_per_injection = 4000
store_every = 1
replicas = 2
batch = 1
[cool-film.partners]
of = "films"
frames = 24
[analyze.film-curves]
runs = ["films", "partners"]
[dataset.pair]
positions = "inherent"
classes.liquid = "ramp@1.5"
classes.glass = "ramp@0.05"
[train.energy]
model = "linear"
on = "pair"
settings = {features = "energy", folds = 2}
[train.network]
model = "mpnn"
on = "pair"
settings = {epochs = 4}
[evaluate.matrix]
models = ["energy", "network"]
on = "pair"
null_permutations = 20
[report]
"""

CORES = Devices(kind="cpu", numbers=tuple(sorted(os.sched_getaffinity(0)))[:2])


class Killed(Runner):
    """A run whose workers are killed with signal 9 at random moments, so many of them."""

    def run_under_fire(self, kills, longest, seed=1):
        """Go through all tasks; returns how many were hit."""
        rng, hits, over = np.random.default_rng(seed), [], threading.Event()

        def shoot():
            while len(hits) < kills and not over.wait(rng.uniform(0.2, longest)):
                if targets := [launch for launch in list(self.running) if launch.process.poll() is None]:
                    target = targets[rng.integers(len(targets))]
                    target.process.kill()
                    hits.append(target.task.name)

        thread = threading.Thread(target=shoot)
        thread.start()
        try:
            self.run(lambda: False)
        finally:
            over.set()
            thread.join()
        return hits


def tables(out):
    """Every table of every product: of runs, analyses, data sets, evaluations."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in (out / "workspace").rglob("*.csv")
        if "working" not in path.parts
    }


def under_fire(text, tmp_path, *, kills, longest):
    campaign = parse_campaign("killed.toml", text)
    whole, broken = tmp_path / "undisturbed", tmp_path / "killed"
    run_campaign(campaign, whole, CORES, checkpoint_every=0.0)
    expected = tables(whole)
    hits, rounds = [], 0
    while len(hits) < kills:  # a run that ends before it was hit often enough is one of several
        rounds += 1
        out = broken / str(rounds)
        begin(campaign, out)
        runner = Killed(campaign, out, CORES, retries=10 * kills, checkpoint_every=0.0)
        hits += runner.run_under_fire(kills - len(hits), longest, seed=rounds)
        assert not runner.failed
        assert status_of(campaign, out).finished
        assert tables(out) == expected
    return hits, rounds


def test_workers_that_are_killed_cost_nothing_but_time(tmp_path):
    hits, _ = under_fire(CORE.format(steps=60_000), tmp_path, kills=2, longest=4.0)
    assert len(hits) == 2


@pytest.mark.validation
def test_a_hundred_kills_of_random_workers(tmp_path):
    began = time.monotonic()
    longest = float(os.environ.get("VITRIFY_LONGEST_PAUSE", 8.0))  # between kills [s]: a busy machine needs longer ones
    hits, rounds = under_fire(CORE.format(steps=400_000) + MORE, tmp_path, kills=100, longest=longest)
    counts = {name: hits.count(name) for name in sorted(set(hits))}
    print(f"{len(hits)} kills in {rounds} campaigns, {time.monotonic() - began:.0f} s: {counts}")
    assert len(hits) == 100


@pytest.mark.validation
def test_the_smallest_campaign_that_ships_runs_from_end_to_end(tmp_path):
    campaign = read_campaign("smoke")
    run_campaign(campaign, tmp_path / "smoke", devices_of("auto", None))
    assert status_of(campaign, tmp_path / "smoke").finished
    page = (tmp_path / "smoke" / "report.html").read_text()
    for told in ("Curves", "Film-curves", "Matrix", "Along-the-curve"):
        assert told in page
