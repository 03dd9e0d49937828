"""Stopped, written to disk, read back and gone on with in a new engine: bit for bit what it would have been?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from vitrify.md.engines.base import Thermostat
from vitrify.md.model import SUBSTRATE, kob_andersen_pairs
from vitrify.md.schedule import TemperatureSchedule
from vitrify.md.store.checkpoint import load_checkpoint, save_checkpoint
from vitrify.pipelines.check.systems import Machine, film_pairs, rattled_lattice, small_film
from vitrify.pipelines.check.verdict import Verdict

STEPS, CUT = 600, 217


def restart(machine: Machine) -> Iterator[Verdict]:
    """A liquid on a ramp and films under their thermostat; the cut falls between two rebuilds of neighbour lists."""
    liquid = rattled_lattice(100, 4, kt=1.5, rattle=0.05, seed=machine.seed)
    ramp = Thermostat(schedule=TemperatureSchedule.ramp(1.5, 0.8, start=0, steps=STEPS), tau=0.1)
    film, externals = small_film(kt=0.3, seed=machine.seed)
    cold = Thermostat(schedule=TemperatureSchedule.constant(0.3), species=(SUBSTRATE,))
    for name, pairs, start, bath, outside in (
        ("restart, liquid", kob_andersen_pairs(), liquid, ramp, ()),
        ("restart, film", film_pairs(), film, cold, externals),
    ):
        engine = machine.mover(pairs, start.slots)
        half = engine.integrate(start, CUT, bath, outside)
        # An engine that says that n + n steps are 2n is held to it; of the others the same pieces are asked.
        whole = start if engine.splits_exactly else half
        through = engine.integrate(whole, STEPS - int(whole.step[0]), bath, outside)
        with TemporaryDirectory() as folder:
            file = Path(folder) / "checkpoint"
            save_checkpoint(file, half, {})
            read, _ = load_checkpoint(file)
        resumed = machine.mover(pairs, start.slots).integrate(read, STEPS - CUT, bath, outside)
        changed = sum(
            int(np.count_nonzero(getattr(through, array) != getattr(resumed, array)))
            for array in ("positions", "velocities", "step")
        )
        yield Verdict(
            name=name,
            measured=f"{changed} of {2 * through.positions.size} numbers differ",
            expected="none, to the last bit",
            passed=changed == 0 and not through.failed.any(),
            numbers={"changed": changed},
        )
