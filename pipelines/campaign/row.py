"""A campaign as a project of row (glotzerlab/row), whose contract is the same: a directory a task, a product there.

``workflow.toml`` has an action a stage. row takes a directory as a stage's by the ``stage`` in its ``task.json``, and
as done by the product in it. Its ``previous_actions`` speak of one directory, ours of others, so a task says itself
whether its inputs are there (status 75, nothing written): stages are submitted in order.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import tomli_w

from vitrify.md.store.checkpoint import write_atomically
from vitrify.pipelines.campaign.campaign import Campaign
from vitrify.pipelines.campaign.directory import WORKSPACE
from vitrify.pipelines.campaign.resources import Requests, Resources
from vitrify.pipelines.campaign.tasks import TASK, Stage
from vitrify.pipelines.stopping import seconds

WORKFLOW = "workflow.toml"


def export(campaign: Campaign, out: Path, requests: Requests) -> Path:
    """Write ``workflow.toml`` into a campaign's directory.

    Raises:
        ValueError: where accounts, partitions, memory or options are asked for, which row keeps by cluster.
    """
    for stage in campaign.stages:
        asked = requests.of(stage)
        if asked.partition or asked.account or asked.memory or asked.options or asked.setup:
            raise ValueError(
                f"{stage.name}: row has partition, account, memory, option and setup by cluster, in submit_options; "
                f"expected them there, in {WORKFLOW} or row's clusters.toml"
            )
    table = {
        "workspace": {"path": WORKSPACE, "value_file": TASK},
        "default": {"action": {"group": {"maximum_size": 1}}},
        "action": [action(stage, requests.of(stage)) for stage in campaign.stages],
    }
    write_atomically(out / WORKFLOW, tomli_w.dumps(table))
    return out / WORKFLOW


def action(stage: Stage, asked: Resources) -> dict[str, Any]:
    """A stage as row has it. A task leaves before the wall time; row submits again what is unfinished."""
    resources: dict[str, Any] = {
        "threads_per_process": asked.cpus,
        "walltime": {"per_submission": clock(seconds(asked.time))},
    }
    if asked.gpus:
        resources["gpus_per_process"] = asked.gpus
    program = shlex.join([sys.executable, "-P", "-c", "from vitrify.pipelines.cli import main; main()"])
    return {
        "name": stage.name,
        "command": f"{program} task {stage.name} {{workspace_path}}/{{directory}} "
        "--time-limit $ACTION_WALLTIME_IN_MINUTES:00",
        "products": [stage.name],
        "resources": resources,
        "group": {"include": [{"condition": ["/stage", "==", stage.name]}]},
    }


def clock(limit: float) -> str:
    """Seconds as row has them.

    >>> clock(90_000), clock(600)
    ('1 days, 01:00:00', '00:10:00')
    """
    days, rest = divmod(round(limit), 86400)
    text = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days} days, {text}" if days else text
