# Everything a developer runs. Needs Python 3.11 or newer, and make; the rest goes into a virtual environment.
PYTHON ?= python3
VENV ?= .venv
DEMO_DIR ?= build/demo

PROGRAMS := bin
ifeq ($(OS),Windows_NT)
PROGRAMS := Scripts
endif
BIN := $(VENV)/$(PROGRAMS)
VIEWERS_VENV := $(VENV)-viewers
VIEWERS_BIN := $(VIEWERS_VENV)/$(PROGRAMS)
VIEW_VENV := $(VENV)-view
VIEW_BIN := $(VIEW_VENV)/$(PROGRAMS)
DOCS_VENV := $(VENV)-docs
DOCS_BIN := $(DOCS_VENV)/$(PROGRAMS)

USER_STAMP := $(VENV)/.kymflow-installed
DEV_STAMP := $(VENV)/.kymflow-dev-installed
SEAWEEDFS_STAMP := $(VENV)/.kymflow-seaweedfs-installed
BENCH_STAMP := $(VENV)/.kymflow-bench-installed
DIST_STAMP := $(VENV)/.kymflow-dist-installed
VIEWERS_STAMP := $(VIEWERS_VENV)/.kymflow-viewers-installed
VIEW_STAMP := $(VIEW_VENV)/.kymflow-view-installed
DOCS_STAMP := $(DOCS_VENV)/.kymflow-docs-installed
HEART_RATE := examples/kymflow-indexer-heart-rate
CZI := examples/kymflow-reader-czi
PROJECTS := pyproject.toml src/kymflow_indexers_builtin/pyproject.toml src/kymflow_view/pyproject.toml
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

.PHONY: demo test test-fast test-shuffled test-seaweedfs test-viewers test-view test-long docs linkcheck dist test-dist lint style types imports format bench clean

$(USER_STAMP): $(PROJECTS)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kymflow needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e . -e src/kymflow_indexers_builtin -e src/kymflow_view
	touch $@

# Each is a dependency group.
$(VENV)/.kymflow-%-installed: $(USER_STAMP)
	$(BIN)/python -m pip install --quiet --group $*
	touch $@

demo: $(USER_STAMP)
	rm -rf $(DEMO_DIR)
	$(BIN)/kymflow demo $(DEMO_DIR)

# Some three minutes on two cores, for every few lines: no servers, no other processes, no virtual environments.
test-fast: $(DEV_STAMP)
	$(PYTEST) -m "not long and not slow"

# Always in the same order: what has failed fails again.
test: $(DEV_STAMP)
	$(PYTEST)

# In an order by lot, so that no test leans on another one. The seed is printed: make test-shuffled SEED=...
test-shuffled: $(DEV_STAMP)
	$(PYTEST) -p randomly $(if $(SEED),--randomly-seed=$(SEED))

# The object store's tests on another S3 server, which lists keys folder by folder.
test-seaweedfs: $(DEV_STAMP) $(SEAWEEDFS_STAMP)
	$(PYTEST) -k s3 --s3-server seaweedfs

# That napari, ome-zarr, validators and xarray open the images, and DuckDB and Polars tables. napari's plugins of pytest are left out.
test-viewers: $(VIEWERS_STAMP)
	PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(VIEWERS_BIN)/python -m pytest tests/viewers

$(VIEWERS_STAMP): $(PROJECTS)
	$(PYTHON) -m venv $(VIEWERS_VENV)
	$(VIEWERS_BIN)/python -m pip install --quiet --upgrade pip
	$(VIEWERS_BIN)/python -m pip install --quiet -e . -e src/kymflow_indexers_builtin --group viewers
	touch $@

# The viewer's pages in a real browser, which must be there: without one, this fails.
test-view: $(VIEW_STAMP)
	tests/browser/get_browser.sh
	$(VIEW_BIN)/python -m pytest tests/browser

$(VIEW_STAMP): $(PROJECTS)
	$(PYTHON) -m venv $(VIEW_VENV)
	$(VIEW_BIN)/python -m pip install --quiet --upgrade pip
	$(VIEW_BIN)/python -m pip install --quiet -e . -e src/kymflow_indexers_builtin -e src/kymflow_view --group view
	touch $@

# The site of docs/, in build/site: without the internet, and a warning is an error. Then its pages are tested.
docs: $(DOCS_STAMP)
	rm -rf build/site build/doctrees docs/api/generated
	$(DOCS_BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -d build/doctrees docs build/site
	$(DOCS_BIN)/python -m pytest tests/site

# That links to other sites lead somewhere. It needs the internet, so CI does not run it.
linkcheck: $(DOCS_STAMP)
	$(DOCS_BIN)/python -m sphinx --quiet -b linkcheck -d build/doctrees docs build/linkcheck

$(DOCS_STAMP): $(PROJECTS)
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_BIN)/python -m pip install --quiet --upgrade pip
	$(DOCS_BIN)/python -m pip install --quiet -e . -e src/kymflow_indexers_builtin -e src/kymflow_view --group docs
	touch $@

# What takes minutes: all tests, the long ones too.
test-long: $(DEV_STAMP)
	$(PYTEST) -m "long or not long"

# What is released: a wheel and an sdist of each, from what is committed and nothing else that lies here.
dist: $(DEV_STAMP) $(DIST_STAMP)
	rm -rf dist build/dist-source
	git clone --quiet . build/dist-source
	for project in . src/kymflow_indexers_builtin src/kymflow_view; do \
		$(BIN)/python -m build --outdir dist build/dist-source/$$project > build/dist.log || exit 1; done
	rm -rf build/dist-source
	$(BIN)/python -m twine check --strict dist/*
	wc -c dist/*

# That dist/ installs and works in fresh environments of each Python that is here, with the oldest and the newest pandas.
test-dist: dist
	$(PYTEST) -m long tests/packaging/test_dist.py --distributions dist

lint: style types imports

style: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_STAMP)
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy --config-file $(HEART_RATE)/pyproject.toml $(HEART_RATE)/src $(HEART_RATE)/tests
	$(BIN)/python -m mypy --config-file $(CZI)/pyproject.toml $(CZI)/src $(CZI)/tests

imports: $(DEV_STAMP)
	$(BIN)/lint-imports

format: $(DEV_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(BENCH_STAMP)
	$(BIN)/python benchmarks/rebuild.py

clean:
	rm -rf $(VENV) $(VIEWERS_VENV) $(VIEW_VENV) $(DOCS_VENV) docs/api/generated build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
