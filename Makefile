# Set-up and the two things a newcomer wants: see it work, and see it tested.
# Everything happens in .venv inside this folder; all of it can be run again and again.
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
  BIN := .venv/Scripts
else
  BIN := .venv/bin
endif
READY := .venv/.ready

.PHONY: help setup demo test check format bench clean
help:
	@echo "make demo   set up, map the embedded scene, evaluate it, say where the report is"
	@echo "make test   set up, run all tests"
	@echo "make check  formatting, lint and types"
	@echo "make bench  measure"

setup: $(READY)
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all,dev]"
	@$(BIN)/python -c "open('$(READY)', 'w').close()"

demo: $(READY)
	$(BIN)/python -m outcrop demo -o demo --overwrite

test: $(READY)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m benchmarks

clean:
	$(BIN)/python -c "import shutil; [shutil.rmtree(p, True) for p in ('demo', 'build', 'dist')]"
