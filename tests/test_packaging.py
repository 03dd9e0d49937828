"""What a user installs is what stands in the repository."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import vitrify
from vitrify.pipelines.campaign.released import load

ROOT = Path(__file__).parents[1]
FOLDERS = ("md", "analysis", "learn", "pipelines")


def test_the_wheel_holds_every_file(tmp_path):
    hatchling = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(hatchling, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    built = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("vitrify/")}
    source = {path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()}
    front = {"vitrify/__init__.py", "vitrify/py.typed"}
    assert built == front | {f"vitrify/{path.relative_to(ROOT)}" for path in source if "__pycache__" not in path.parts}
    assert "vitrify/analysis/report/view/page.html" in built


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_refuses_its_bare_name(folder):
    done = subprocess.run([sys.executable, "-c", f"import {folder}"], cwd=ROOT, capture_output=True, text=True)
    assert f"import vitrify.{folder}, not {folder}" in done.stderr


@pytest.mark.parametrize("file", ["environment.yml", "environment-gpu.yml"])
def test_conda_brings_what_pip_brings(file):
    """Every package, from the version on that pip takes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    from_pip = {name.replace("freud-analysis", "freud") for name in project["dependencies"]}  # as conda-forge has it
    lines = (ROOT / file).read_text().splitlines()
    from_conda = {re.sub(r"#.*", "", line).removeprefix("  - ").strip() for line in lines if line.startswith("  - ")}
    assert from_pip <= from_conda
    assert f"python{project['requires-python']}" in from_conda


def test_importing_vitrify_imports_nothing_else():
    program = "import sys, vitrify; print(sorted(one for one in sys.modules if one.startswith(('vitrify.', 'numpy'))))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"


def test_load_is_there_and_nothing_else():
    assert vitrify.load is load
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        _ = vitrify.lode
