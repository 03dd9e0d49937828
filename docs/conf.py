"""How the documentation site is made: ``make docs``. Nothing is fetched, neither to build it nor to read it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "vitrify"
author = "The vitrify developers"
copyright = "the vitrify developers, BSD-3-Clause"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "references",
    "verbs",
]
myst_enable_extensions = ["deflist"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_templates", "_ext"]
templates_path = ["_templates"]

myst_heading_anchors = 3
suppress_warnings = ["ref.python"]  # a type that is imported for type checkers only, and of which there are several

autosummary_generate = True
autodoc_default_options = {"members": True, "member-order": "bysource", "ignore-module-all": True}
autodoc_mock_imports = ["hoomd", "lammps", "mpi4py", "jax_md", "torch"]  # engine and peers that not every machine has
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_ivar = True

nitpicky = True
nitpick_ignore_regex = [("py:.*", r"vitrify\..*\.(Found|Item)")]  # type variables
smartquotes = False  # --resume is no dash

html_theme = "furo"
html_title = f"vitrify {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = None
