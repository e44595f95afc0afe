# Everything runs in .venv, made with plain venv and pip from constraints.txt.
PYTHON ?= python3
TEST_PROCESSES ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
SOURCES := $(shell find src -type f -not -name '*.pyc')
WHEEL = $(wildcard dist/tilth-*.whl)

.NOTPARALLEL:
.PHONY: help demo test check docs develop clean

help:
	@echo "make demo     set up .venv and calibrate embedded synthetic sites (about 4 minutes)"
	@echo "make test     set up .venv, build and install the wheel, test it"
	@echo "make check    linter, formatter, type checker, layers, documentation"
	@echo "make docs     build the documentation into site/"
	@echo "make develop  set up .venv with the package in editable form"
	@echo "make clean    remove what was built, .venv included"

# With huge pages (glibc on Linux; others pass it over) a surrogate trains in two thirds of the time.
demo: $(VENV)/wheel
	GLIBC_TUNABLES=glibc.malloc.hugetlb=1 $(BIN)/tilth demo --force

test: $(VENV)/test $(VENV)/wheel
	$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --durations 40 $(PYTEST_OPTIONS)

check: $(VENV)/lint $(VENV)/docs $(VENV)/wheel
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs: $(VENV)/docs $(VENV)/wheel
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

develop: $(VENV)/lint $(VENV)/docs $(VENV)/test
	$(PIP) --no-build-isolation --editable .
	rm -f $(VENV)/wheel

clean:
	rm -rf $(VENV) dist site .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# An interrupted set-up starts again: a stamp is written only after the step it stands for.
$(VENV)/python: constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else \
	  "tilth needs Python 3.11 or newer, got %d.%d: give another with make PYTHON=..." % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(PIP) build hatchling
	touch $@

dist/built: $(VENV)/python pyproject.toml README.md LICENSE $(SOURCES)
	rm -rf dist
	$(BIN)/python -m build --wheel --no-isolation --outdir dist . > /dev/null
	touch $@

$(VENV)/wheel: dist/built
	$(PIP) $(WHEEL)
	$(PIP) --force-reinstall --no-deps $(WHEEL)
	touch $@

$(VENV)/test $(VENV)/lint $(VENV)/docs: $(VENV)/%: $(VENV)/python pyproject.toml | dist/built
	$(PIP) "$(WHEEL)[$*]"
	touch $@
