import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from conftest import Tiny, toy_dataset
from vitrify.learn.devices import Placement
from vitrify.learn.train import train

_, progress = train(toy_dataset(), Tiny(), Tiny.recipe, seed=3)
weights = progress.state.weights["read_out/kernel"]
placed = Placement.of(8).spread({"x": __import__("numpy").zeros((8, 2), "float32")})["x"]
print(json.dumps({
    "history": progress.history,
    "devices": len(weights.sharding.device_set),
    "share": placed.addressable_shards[0].data.shape[0],
    "odd": len(Placement.of(7).devices),
}))
"""


def trained_on(devices):
    environment = os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_batch_on_two_devices_trains_as_on_one():
    one, two = trained_on(1), trained_on(2)
    assert (one["devices"], one["share"]) == (1, 8)
    assert (two["devices"], two["share"], two["odd"]) == (2, 4, 1)
    for alone, shared in zip(one["history"], two["history"], strict=True):
        assert shared == pytest.approx(alone, rel=1e-4, abs=1e-6)
