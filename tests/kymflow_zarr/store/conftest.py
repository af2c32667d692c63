"""Stores: in each kind of place, and on a disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow_zarr.store.base import Store
from kymflow_zarr.store.locations import open_store


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, new_url) -> Store:
    return open_store(tmp_path / "root" if request.param == "local" else new_url(request.param))


@pytest.fixture
def disk(tmp_path: Path) -> Store:
    return open_store(tmp_path / "root")
