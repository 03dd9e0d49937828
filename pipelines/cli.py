"""``vitrify``: the command line. Verbs live in :mod:`vitrify.pipelines.commands`."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Any, cast

import typer

from vitrify.md.protocols.unfinished import Unfinished
from vitrify.pipelines.stopping import INTERRUPTED, UNFINISHED, Terminated, listening

CHAPTERS = (
    "simulate",
    "films",
    "exchange",
    "measure",
    "learning",
    "train",
    "application",
    "explain",
    "reproduce",
    "campaign",
)

DEBUG = "--debug"

_UsageError: type[Exception] = typer.BadParameter.__bases__[
    0
]  # of Typer's own Click in new versions, of the click package in older ones


def application() -> typer.Typer:
    """The command line with the verbs of every chapter."""
    app = typer.Typer(
        help="Two-dimensional Kob-Andersen glasses in bulk: cooled, vapour-deposited, measured, and told apart by "
        "networks. Reduced Lennard-Jones units; energies per particle, truncated and not shifted.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode="markdown",  # rich's own takes [eps_AA] for a tag
    )

    @app.callback()
    def options(
        debug: bool = typer.Option(False, DEBUG, help="Show the traceback of an error; may stand anywhere."),
        show: bool = typer.Option(False, "--version", callback=show_version, is_eager=True, help="Show the version."),
    ) -> None:
        """Options that stand before the verb."""

    for chapter in CHAPTERS:
        import_module(f"vitrify.pipelines.commands.{chapter}").register(app)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    An error is one clear line on stderr and exit status 2, with a traceback under --debug. A signal or a time limit
    leaves with status 85, Ctrl-C with 130 (128 + SIGINT, as shells have it; some versions of Typer turn the interrupt
    into it themselves).
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        with listening():
            status = application()(
                args=[argument for argument in given if argument != DEBUG], prog_name="vitrify", standalone_mode=False
            )
    except Terminated:
        fail("terminated; what was finished is kept, go on with --resume", UNFINISHED)
    except (ValueError, OSError, _UsageError) as error:
        if DEBUG in given:
            raise
        fail(line(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except Unfinished as error:
        fail(line(error), UNFINISHED)
    if status == INTERRUPTED:
        fail("interrupted; what was finished is kept, go on with --resume", INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)


def show_version(wanted: bool) -> None:
    """Say the version and leave."""
    if wanted:
        typer.echo(f"vitrify {version('vitrify')}")
        raise typer.Exit()


def line(error: Exception) -> str:
    """An error as one line for a person.

    >>> line(FileNotFoundError(2, "no such run directory", "runs/a"))
    'runs/a: no such run directory'
    """
    if isinstance(error, _UsageError):
        text = cast(Any, error).format_message()
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text += "; nothing that was finished is lost: make room and go on with --resume"
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())


def fail(text: str, status: int) -> None:
    """Say ``text`` on stderr and leave; with that status even where stderr is a file on a full disk."""
    try:
        typer.echo(f"vitrify: {text}", err=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)  # else Python tries again at its end, and leaves with 120
        os.dup2(nowhere, sys.stdout.fileno())
        os.dup2(nowhere, sys.stderr.fileno())
    sys.exit(status)
