"""A campaign's directory: the file as it was when the campaign began, and the tasks, a directory each.

``campaign.toml``, ``workspace/<task>/task.json``, and once it is done ``report.html``. What a task leaves in its
directory is said in :mod:`vitrify.pipelines.campaign`.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from pathlib import Path

from vitrify.md.store.checkpoint import write_atomically
from vitrify.pipelines.campaign.campaign import REPORT, Campaign, parse_campaign, place_of_key, read_campaign
from vitrify.pipelines.campaign.tasks import TASK, Stage, Task, product

FILE, WORKSPACE, PAGE = "campaign.toml", "workspace", "report.html"


def begin(campaign: Campaign, out: Path) -> None:
    """Make a campaign's directory, or go on with the one that is there; a campaign may gain stages, never change them.

    Raises:
        FileExistsError: when something else is there.
        ValueError: when it is the directory of another campaign, or the campaign was edited after it began, with the
            line of what differs.
    """
    if (out / FILE).exists():
        require_same(campaign, open_campaign(out), out)
    elif out.exists() and any(out.iterdir()):
        raise FileExistsError(errno.EEXIST, f"exists and is no campaign's directory (it has no {FILE})", str(out))
    (out / WORKSPACE).mkdir(parents=True, exist_ok=True)
    if not (out / FILE).exists() or (out / FILE).read_text(encoding="utf-8") != campaign.document.text:
        write_atomically(out / FILE, campaign.document.text)
    for stage in campaign.stages:
        for task in stage.tasks:
            lay_out(task, task_directory(out, task), anew=stage.action == REPORT)


def find(which: str, out: Path | None = None) -> tuple[Campaign, Path]:
    """A campaign and its directory.

    Args:
        which: a campaign's directory, a TOML file, or the name of a campaign that comes with the package.
        out: the directory, of a file or a name; the campaign's name where None.

    Raises:
        FileNotFoundError, ValueError: as :func:`~vitrify.pipelines.campaign.campaign.read_campaign`.
    """
    if (Path(which) / FILE).is_file():
        if out is not None and out.resolve() != Path(which).resolve():
            raise ValueError(f"out: got {out} for the campaign that began in {which}, expected no other directory")
        return open_campaign(Path(which)), Path(which)
    campaign = read_campaign(which)
    return campaign, out or Path(campaign.name)


def open_campaign(out: Path) -> Campaign:
    """The campaign of a directory, as it was when it began.

    Raises:
        FileNotFoundError: when it is no campaign's directory.
        ValueError: when its file was damaged since.
    """
    path = out / FILE
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, f"no campaign's directory (it has no {FILE})", str(out))
    return parse_campaign(str(path), path.read_text(encoding="utf-8"))


def require_begun(campaign: Campaign, out: Path) -> None:
    """Raise FileNotFoundError or ValueError unless ``out`` is the directory of this campaign."""
    require_same(campaign, open_campaign(out), out)


def task_directory(out: Path, task: Task) -> Path:
    """Where a task of a campaign lives."""
    return out / WORKSPACE / task.name


def lay_out(task: Task, directory: Path, *, anew: bool = False) -> None:
    """Make a task's directory with its ``task.json``.

    Args:
        task: what is to be done there.
        directory: where.
        anew: whether another task that is there goes, with its product: a report, which is told again.

    Raises:
        ValueError: when the directory holds another task.
    """
    path, text = directory / TASK, task.text()
    try:
        held = path.read_text()
    except FileNotFoundError:
        held = ""
    if held and held != text and anew:
        shutil.rmtree(product(directory, task.stage), ignore_errors=True)
        held = ""
    if not held:
        directory.mkdir(exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(text)  # not flushed to the disk: thousands of them would take minutes, and it can come again
        partial.replace(path)
    elif held != text:
        raise ValueError(f"{path}: was edited since the campaign began; expected what {FILE} says, or no such file")


def require_same(campaign: Campaign, begun: Campaign, out: Path) -> None:
    """Raise ValueError unless every stage of the campaign that began is in ``campaign`` as it was."""
    if campaign.name != begun.name:
        raise ValueError(f"{out}: holds the campaign {begun.name}, got {campaign.name}; expected another directory")
    now = {stage.name: stage for stage in campaign.stages}
    for old in begun.stages:
        if old.name not in now:
            raise ValueError(
                f"{campaign.document.name}: edited since it began in {out}: stage {old.name} of [{old.table}] is gone; "
                "expected it as it was, or another directory"
            )
        if now[old.name] != old and not old.action == now[old.name].action == REPORT:
            what, place = difference(old, now[old.name])
            raise campaign.document.error(
                place_of_key(campaign.document, campaign.place(now[old.name]), place),
                f"edited since it began in {out}: stage {old.name} {what}; expected it as it was, or another directory",
            )


def difference(old: Stage, new: Stage) -> tuple[str, tuple[str, ...]]:
    """What differs between two versions of a stage, in words, and the key it is about."""
    if old.action != new.action:
        return f"was a {old.action}, is a {new.action}", ()
    if len(old.tasks) != len(new.tasks):
        return f"had {len(old.tasks)} batches, has {len(new.tasks)}", ("replicas",)
    for one, other in zip(old.tasks, new.tasks, strict=True):
        before, after = flat(one.asked), flat(other.asked)
        for key in [*before, *(key for key in after if key not in before)]:
            if before.get(key) != after.get(key):
                name = key[-1]
                return f"had {name} = {before.get(key)}, has {after.get(key)}", (name,)
        if one.inputs != other.inputs:
            return f"read {', '.join(one.inputs)}, reads {', '.join(other.inputs)}", ()
    return "differs", ()


def flat(table: dict | object, place: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    """Every value of nested tables by its place.

    >>> flat({"spec": {"seed": 1, "wall": {"gap": 2.0}}})
    {('spec', 'seed'): 1, ('spec', 'wall', 'gap'): 2.0}
    """
    if not isinstance(table, dict):
        return {place: table}
    found: dict[tuple[str, ...], object] = {}
    for key, value in table.items():
        found |= flat(value, (*place, key))
    return found


def directories(out: Path, stages: Sequence[Stage]) -> list[Path]:
    """The directories of all tasks of some stages."""
    return [task_directory(out, task) for stage in stages for task in stage.tasks]
