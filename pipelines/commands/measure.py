"""measure."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add this chapter's verbs to the command line."""
