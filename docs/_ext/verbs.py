"""The page of commands, written from the very options that the command line parses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from typer.main import get_command

from vitrify.pipelines.cli import application

PAGE = "reference/commands.md"

HEAD = """# Commands

What `vitrify VERB --help` says, of every verb. Counts may be written as the field writes them, `2e5`. Exit status: 0
done, 2 a clear line about what was given, 85 checkpointed and unfinished (a signal or `--time-limit`), 130 Ctrl-C.
"""


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the page before Sphinx looks for sources."""
    app.connect("config-inited", lambda app, _: write(Path(app.srcdir) / PAGE))
    return {"parallel_read_safe": True}


def write(path: Path) -> None:
    """Write the page, unless it is there word for word: what has not changed is not read again."""
    text = "\n".join([HEAD, *chapters(get_command(application()), ())])
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def chapters(command: Any, names: tuple[str, ...]) -> Iterator[str]:
    """Markdown of a verb, or of all verbs of a group."""
    if hasattr(command, "commands"):
        for name, verb in command.commands.items():
            yield from chapters(verb, (*names, name))
        return
    arguments = [argument for argument in command.params if argument.param_type_name == "argument"]
    options = [option for option in command.params if option.param_type_name == "option" and not option.hidden]
    name = " ".join(names)
    yield f"## {name}\n"
    usage = [f"vitrify {name}", *(placeholder(argument) for argument in arguments), "[OPTIONS]"]
    yield f"```text\n{' '.join(usage)}\n```\n"
    yield f"{command.help}\n"
    for argument in arguments:
        yield entry(f"`{placeholder(argument)}`", argument)
    for option in sorted(options, key=lambda option: not option.required):
        yield entry(spelling(option), option)


def spelling(option: Any) -> str:
    """How an option is given: ``--ramp-steps M``, ``--inherent`` or ``--no-inherent``."""
    switches = " or ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    return switches if option.is_flag else f"{switches[:-1]} {placeholder(option)}`"


def placeholder(parameter: Any) -> str:
    """What stands for a value, ``KT``; of a type without a name of its own, the parameter's."""
    return parameter.metavar or parameter.name.upper()


def entry(term: str, parameter: Any) -> str:
    """A line of a definition list: what it is, and what is taken where it is not given."""
    said = [" ".join((parameter.help or "").split())]
    if parameter.required:
        said.append("Required.")
    elif parameter.default not in (None, False, "", (), []) and not callable(parameter.default):
        on = parameter.default is True and parameter.secondary_opts
        said.append(f"Unless given: `{parameter.opts[0] if on else parameter.default}`.")
    return f"{term}\n: {' '.join(said)}\n"
