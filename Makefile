# Set-up and the two things a newcomer wants: see it work, and see it tested.
# Everything happens in .venv inside this folder; all of it can be run again and again.
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
  BIN := .venv/Scripts
else
  BIN := .venv/bin
endif
READY := .venv/.ready
PAGE := src/outcrop/web/static/index.html

.PHONY: help setup demo test check docs format bench clean
help:
	@echo "make demo   set up, simulate a scene, map it, evaluate the map, say where the report is"
	@echo "make test   set up, run all tests"
	@echo "make check  formatting, lint and types"
	@echo "make docs   the documentation as pages, with the tutorial run: build/site/index.html"
	@echo "make bench  measure"

setup: $(READY) $(PAGE)
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all,dev]"
	@$(BIN)/python -c "open('$(READY)', 'w').close()"

# The workbench's page; all but `outcrop serve` works without.
$(PAGE): web/package-lock.json web/index.html web/vite.config.ts $(wildcard web/src/*)
	@if command -v npm >/dev/null; then cd web && npm ci --no-audit --no-fund --fetch-retries 1 && npm run build; \
	else echo "no npm: the workbench's page is not built (Node 20 brings it)"; fi || \
	echo "the workbench's page could not be built"

demo: $(READY)
	$(BIN)/python -m outcrop demo -o demo --overwrite

test: $(READY) $(PAGE)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Links that lead nowhere, docstrings that cannot be read and errors in the tutorial end it.
docs: $(READY)
	$(BIN)/python -m sphinx -q -b html -W --keep-going -d build/site-trees docs build/site
	@echo "build/site/index.html"

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/python -m benchmarks

clean:
	$(BIN)/python -c "import shutil; [shutil.rmtree(p, True) for p in ('demo', 'build', 'dist', 'docs/reference/generated')]"
