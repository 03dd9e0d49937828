"""What a user installs is what stands in the repository."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("md", "analysis", "learn", "pipelines")


def test_the_wheel_holds_every_file(tmp_path):
    hatchling = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(hatchling, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    built = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("vitrify/")}
    source = {path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    assert built == {f"vitrify/{path.relative_to(ROOT)}" for path in source if "__pycache__" not in path.parts}
    assert "vitrify/analysis/report/view/page.html" in built


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_refuses_its_bare_name(folder):
    done = subprocess.run([sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True)
    assert f"import vitrify.{folder}, not {folder}" in done.stderr
