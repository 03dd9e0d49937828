"""The data sheet of a release: what it is, how it was made, sizes, units, how to read it, licence, citation."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vitrify.md.store.rundir import RunDirectory
from vitrify.pipelines.campaign.plan import size as in_units

SHEET = "README.md"

NUMBERS = ("density", "fraction_a", "ramp_steps", "kt", "steps")
"""Of a spec, those that the sheet tells."""

_MODEL = """\
## What it is

Two-dimensional Kob-Andersen mixtures of Lennard-Jones particles A and B: eps_AA = sigma_AA = 1, eps_AB = 1.5,
sigma_AB = 0.8, eps_BB = 0.5, sigma_BB = 0.88, equal masses, cut off at 2.5 sigma_ab. Numbers are in reduced units of A:
lengths in sigma_AA, temperatures kT and energies in eps_AA, times in tau.

**Energies are per particle, truncated at the cut-off and not shifted.** Compare with published values only after asking
which convention those have. `inherent_energy` is that of the nearest minimum of the potential energy, at the same box.
"""

_READING = """\
## How to read it

```python
import vitrify

{examples}
```

Without vitrify: `frame-*.gsd` open in OVITO and with the gsd package (a GSD frame is a replica, exact positions are
logged as `log/particles/position64`), `block-*.npy` with NumPy, tables are CSV with a head, `sha256sum --check DONE`
checks every file. `manifest.json` says which folder belongs to which stage. Every product has its own `DONE` and its
own provenance: version, commit, machine, engine, seeds, times.
"""

_EXAMPLES = {
    "runs": (
        ('runs = release["{name}"]', "all batches, as one ensemble"),
        ('runs.table["inherent_energy"]', "a row per replica and frame"),
        ("runs.frame({frame}, inherent={inherent}).positions", "(replicas, particles, 2)"),
    ),
    "dataset": (
        ('data = release["{name}"]', ""),
        ('data.part("train").positions', "(configurations, particles, 2)"),
        ('data.part("train").label', "places in data.classes"),
    ),
    "tables": (('release["{name}"]', "tables by name, columns as arrays"),),
}


def data_sheet(directory: Path, manifest: Mapping[str, Any]) -> str:
    """The data sheet of a release whose products and manifest are in a directory, as Markdown."""
    stages = manifest["stages"]
    total = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    rows = "\n".join(
        f"| `{name}` | {facts['kind']} | {told(directory, facts)} | {room(directory, facts)} |"
        for name, facts in stages.items()
    )
    made = manifest["provenance"]
    lines = [(f'release = vitrify.load("{manifest["name"]}")', "this directory"), *_examples(directory, stages)]
    lines.append(("release.check()", "every file against its check sum"))
    examples = "\n".join(f"{code}  # {comment}" if comment else code for code, comment in lines)
    return "\n".join(
        [
            f"# {manifest['title']}\n",
            f"Release of the campaign `{manifest['name']}`, {in_units(total)} in all.\n",
            _MODEL,
            "## What is in it\n",
            f"| stage | kind | what | size |\n|---|---|---|---|\n{rows}\n",
            "Replicas are independent systems, numbered through all batches. Configurations of one replica are not\n"
            "independent of each other: `origin` (seed:replica) names them, and none is on both sides of a split.\n",
            "## How it was made\n",
            f"By vitrify {made['version']}"
            + (f" (commit {made['git_commit']})" if made["git_commit"] else "")
            + f" from `campaign.toml`, seed {manifest['seed']}: `vitrify campaign run campaign.toml` makes it again.\n"
            "Every seed follows from that one, from a stage's name and a replica's number. Packed "
            f"{made['started']}; each product's provenance says when and where it was made.\n",
            _READING.format(examples=examples),
            "## Known limits\n",
            "\n".join(f"- {line}" for line in limits(directory, stages)) + "\n",
            "## Licence and citation\n",
            f"{manifest['licence']}. Cite as: {citation(manifest)}. Please cite the software, too: its CITATION.cff\n"
            "names the papers that the model and the methods come from.\n",
        ]
    )


def told(directory: Path, facts: Mapping[str, Any]) -> str:
    """What a stage is, in a few words."""
    products = [directory / name for name in facts["products"]]
    if facts["kind"] == "runs":
        runs = [RunDirectory.open(path) for path in products]
        spec, replicas = runs[0].spec, sum(len(run.replicas) for run in runs)
        size = f" of {spec['particles']:,} particles" if "particles" in spec else ""
        words = [f"{facts['action']}: {replicas:,} replicas{size}"]
        words += [
            f"{key} = {spec[key]:g}" for key in ("density", "fraction_a", "ramp_steps", "kt", "steps") if key in spec
        ]
        stored = {kind: runs[0].stored_frames(inherent=kind == "inherent") for kind in ("instantaneous", "inherent")}
        words += [f"{len(frames)} {kind} frames stored" for kind, frames in stored.items() if frames]
        return ", ".join(words)
    if facts["kind"] == "dataset":
        head = tomllib.loads((products[0] / "dataset.toml").read_text())
        rows = len((products[0] / "configurations.csv").read_text().splitlines()) - 1
        return f"{rows:,} configurations, {head['positions']} positions, classes {', '.join(head['classes'])}"
    tables = sorted(path.stem for path in products[0].glob("*.csv"))
    return f"{facts['action']}: {', '.join(tables)}" if tables else facts["action"]


def limits(directory: Path, stages: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What users must know: replicas that failed, quenches that did not end, notes of the data sets."""
    found = []
    for name, facts in stages.items():
        for product in facts["products"]:
            path = directory / product
            if facts["kind"] == "runs":
                run = RunDirectory.open(path)
                quenched = ~(run.table["converged"] | (run.table["max_force"] != run.table["max_force"]))
                if failures := run.provenance.get("failures"):
                    found.append(f"`{product}`: {len(failures)} replicas failed; provenance.json says when and why.")
                if quenched.any():
                    found.append(f"`{product}`: {quenched.sum()} quenches did not reach fmax (`converged` is 0).")
            elif facts["kind"] == "dataset":
                head = tomllib.loads((path / "dataset.toml").read_text())
                found += [f"`{name}`: {note}" for note in head["notes"]]
    return found or ["No replica failed, and every quench reached its criterion."]


def citation(manifest: Mapping[str, Any]) -> str:
    """Who, what, when, where."""
    words = [", ".join(manifest["creators"]), f"*{manifest['title']}*", manifest["provenance"]["started"][:4]]
    return ", ".join([*words, *([manifest["identifier"]] if manifest["identifier"] else [])])


def room(directory: Path, facts: Mapping[str, Any]) -> str:
    """How large the products of a stage are."""
    paths = [path for name in facts["products"] for path in (directory / name).rglob("*") if path.is_file()]
    return in_units(sum(path.stat().st_size for path in paths))


def _examples(directory: Path, stages: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for kind, words in _EXAMPLES.items():
        name = next((name for name, facts in stages.items() if facts["kind"] == kind), None)
        if name is None:
            continue
        places = {"name": name, "frame": "", "inherent": ""}
        if kind == "runs":
            run = RunDirectory.open(directory / stages[name]["products"][0])
            stored = {inherent: run.stored_frames(inherent=inherent) for inherent in (True, False)}
            inherent = bool(stored[True])
            words = words if stored[inherent] else words[:2]
            places |= {"frame": str((stored[inherent] or [0])[-1]), "inherent": str(inherent)}
        lines += [(code.format(**places), comment) for code, comment in words]
    return lines
