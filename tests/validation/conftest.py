"""Where long runs are found, or made and found the next time."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The folder that VITRIFY_VALIDATION_RUNS names, or one of this session."""
    named = os.environ.get("VITRIFY_VALIDATION_RUNS")
    return Path(named) if named else tmp_path_factory.mktemp("validation")
