"""What a run says when it was stopped."""

from __future__ import annotations

from pathlib import Path


class Unfinished(Exception):
    """A run was stopped; what it had done is in its checkpoint.

    Attributes:
        path: its directory.
    """

    def __init__(self, path: Path):
        super().__init__(f"{path}: checkpointed and unfinished; go on with --resume")
        self.path = path
