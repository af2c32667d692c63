"""Fixtures for the tests of ingesting folders."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from kymflow_zarr import ZarrDataset
from support.tiff_folders import settle, write_json, write_tiff


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three TIFFs, one of them with two sidecars, an hour old."""
    folder = tmp_path / "tiffs"
    write_tiff(folder / "b.tif", 1)
    write_tiff(folder / "a.tif", 2)
    write_tiff(folder / "day 2" / "c.tif", 3)
    write_json(folder / "a.params.json", {"v": 1})
    pd.DataFrame({"x": [1.0, 2.0]}).to_csv(folder / "a.events.csv", index=False)
    settle(folder, 3600)
    return folder


@pytest.fixture
def ingested(local: ZarrDataset, folder: Path) -> ZarrDataset:
    local.refresh_from_folder(folder)
    return local
