"""``vitrify campaign release``: what a campaign made, as one directory that others can cite, check and read.

What is in it says :mod:`vitrify.pipelines.campaign.released`, which reads it. Only files that a product's own ``DONE``
names are taken, after their check sums: what was damaged since is not released. They are hard links to the campaign's
own where the file system has them, so that a release takes no room of its own; a copy of it is whole by itself.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitrify.md.store.product import DONE, check_sums, whole_directory
from vitrify.md.store.provenance import provenance
from vitrify.pipelines.campaign.campaign import REPORT, Campaign
from vitrify.pipelines.campaign.data_sheet import SHEET, data_sheet
from vitrify.pipelines.campaign.directory import FILE, PAGE, task_directory
from vitrify.pipelines.campaign.released import DATA, FORMAT, MANIFEST
from vitrify.pipelines.campaign.simulating import RUNS
from vitrify.pipelines.campaign.tasks import Stage, product

UNITS = {
    "length": "sigma_AA",
    "energy": "eps_AA, per particle, truncated at 2.5 sigma_ab and not shifted",
    "temperature": "kT in eps_AA",
    "time": "tau = sigma_AA (m / eps_AA)^(1/2)",
    "pressure": "eps_AA / sigma_AA^2",
}


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Under which terms data are released.

    Attributes:
        licence: as SPDX has it: "CC-BY-4.0".
        creators: who made them.
        identifier: a DOI or an address, where there is one already.
    """

    licence: str
    creators: tuple[str, ...]
    identifier: str = ""

    def __post_init__(self):
        if not self.licence.strip() or not self.creators or not all(name.strip() for name in self.creators):
            raise ValueError("licence, creator: expected a licence such as CC-BY-4.0 and a creator at least")


def release(
    campaign: Campaign, out: Path, to: Path, terms: Terms, *, stages: Sequence[str] = (), force: bool = False
) -> int:
    """Write a release, whole or not at all.

    Args:
        campaign: the campaign.
        out: its directory.
        to: the release.
        terms: under which it is released.
        stages: which stages; all but the report's where empty, whose page comes along.
        force: replace the release that is there.

    Returns:
        How many files it has.

    Raises:
        FileExistsError: when something is at ``to``.
        ValueError: for a stage that there is not, or that is not done in full, or whose product was damaged.
    """
    chosen = choose(campaign, stages)
    for stage in chosen:
        left = [task.name for task in stage.tasks if not product(task_directory(out, task), stage.name).is_dir()]
        if left:
            raise ValueError(f"{out}: {left[0]} and {len(left)} tasks of stage {stage.name} in all are not done")
    with whole_directory(to, MANIFEST, folders=(DATA,), force=force) as directory:
        for stage in chosen:
            for task in stage.tasks:
                take(product(task_directory(out, task), stage.name), directory / DATA / task.name, stage.name)
        for name in (FILE, PAGE):
            if (out / name).is_file():
                shutil.copyfile(out / name, directory / name)
        manifest = describe(campaign, chosen, terms)
        (directory / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        (directory / SHEET).write_text(data_sheet(directory, manifest))
        return sum(path.is_file() for path in directory.rglob("*")) + 1


def choose(campaign: Campaign, names: Sequence[str]) -> list[Stage]:
    """The stages of these names, in the order of the campaign.

    Raises:
        ValueError: for a name that no stage has.
    """
    known = [stage for stage in campaign.stages if stage.action != REPORT]
    if unknown := sorted(set(names) - {stage.name for stage in known}):
        raise ValueError(f"stage: got {unknown[0]!r}, expected one of {', '.join(stage.name for stage in known)}")
    return [stage for stage in known if not names or stage.name in names]


def take(made: Path, to: Path, what: str) -> None:
    """Link or copy the files of a product that its ``DONE`` names, once their check sums are right."""
    for name in [*check_sums(made, what), DONE]:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(made / name, to / name)
        except OSError:  # another disk, or a file system without hard links
            shutil.copyfile(made / name, to / name)


def describe(campaign: Campaign, stages: Sequence[Stage], terms: Terms) -> dict[str, Any]:
    """The manifest."""
    released = {stage.name for stage in stages}
    held: dict[str, Mapping[str, Any]] = {
        stage.name: {
            "kind": kind_of(stage),
            "action": stage.action,
            "table": stage.table,
            "needs": [name for name in stage.needs if name in released],
            "products": [f"{DATA}/{task.name}" for task in stage.tasks],
        }
        for stage in stages
    }
    return {
        "format": FORMAT,
        "name": campaign.name,
        "title": campaign.title,
        "seed": campaign.seed,
        "licence": terms.licence,
        "creators": list(terms.creators),
        "identifier": terms.identifier,
        "units": UNITS,
        "provenance": provenance(),
        "stages": held,
    }


def kind_of(stage: Stage) -> str:
    """What the products of a stage are read as."""
    if stage.action in RUNS:
        return "runs"
    return {"dataset": "dataset", "train": "model"}.get(stage.action, "tables")
