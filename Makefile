# Everything a developer runs. Needs Python 3.11 or newer, and make; the rest goes into a virtual environment.
PYTHON ?= python3
VENV ?= .venv
DEMO_DIR ?= build/demo

BIN := $(VENV)/bin
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
endif

USER_STAMP := $(VENV)/.kymflow-installed
DEV_STAMP := $(VENV)/.kymflow-dev-installed
HEART_RATE := examples/kymflow-indexer-heart-rate
PROJECTS := pyproject.toml src/kymflow_indexers_builtin/pyproject.toml

.PHONY: demo test test-seaweedfs test-long lint format bench clean

$(USER_STAMP): $(PROJECTS)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kymflow needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e . -e src/kymflow_indexers_builtin
	touch $@

$(DEV_STAMP): $(USER_STAMP)
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

demo: $(USER_STAMP)
	rm -rf $(DEMO_DIR)
	$(BIN)/kymflow demo $(DEMO_DIR)

test: $(DEV_STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile

# The object store's tests on another S3 server, which lists keys folder by folder.
test-seaweedfs: $(DEV_STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile -k s3 --s3-server seaweedfs

# What takes minutes: all tests, the long ones too.
test-long: $(DEV_STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "long or not long"

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy --config-file $(HEART_RATE)/pyproject.toml $(HEART_RATE)/src $(HEART_RATE)/tests
	$(BIN)/lint-imports

format: $(DEV_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV_STAMP)
	$(BIN)/python benchmarks/rebuild.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
