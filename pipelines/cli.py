"""``vitrify``: the command line. Verbs live in :mod:`vitrify.pipelines.commands`."""

from __future__ import annotations

import sys
from importlib import import_module

import typer
from rich.console import Console

CHAPTERS = ("simulate", "measure", "learning", "reproduce")

app = typer.Typer(
    help="Two-dimensional Kob-Andersen glasses in bulk: cooled, vapour-deposited, measured, and told apart by networks. "
    "Reduced Lennard-Jones units; energies per particle, truncated and not shifted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error.")) -> None:
    """Options that stand before the verb."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error is one clear line on stderr and exit status 2, with a traceback under --debug."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for chapter in CHAPTERS:
        import_module(f"vitrify.pipelines.commands.{chapter}").register(app)
    try:
        app(args=arguments, prog_name="vitrify")
    except (ValueError, OSError) as error:
        if "--debug" in arguments:
            raise
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"vitrify: {error}", markup=False)
        sys.exit(2)
    except KeyboardInterrupt:
        Console(stderr=True).print("vitrify: interrupted; what was finished is kept, go on with --resume")
        sys.exit(130)
