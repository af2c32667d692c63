"""Fixtures for the tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command_line import Run, run_command


@pytest.fixture
def run(site: Path) -> Run:
    """Run a command in this process, with the built-in indexers installed; check its exit code."""
    return run_command


@pytest.fixture
def lab(run: Run, folder: Path, tmp_path: Path) -> Path:
    """The folder, ingested."""
    run("ingest", tmp_path / "lab.zarr", folder)
    return tmp_path / "lab.zarr"
