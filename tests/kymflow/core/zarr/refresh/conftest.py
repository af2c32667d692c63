"""Fixtures for the tests of what is stale, why, and what is done about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import KymDataset
from support.refreshing import TABLE, CellsIndexer, cells, open_dataset
from support.simple_indexers import add_image


@pytest.fixture
def indexer() -> CellsIndexer:
    return CellsIndexer()


@pytest.fixture
def lab(tmp_path: Path, indexer: CellsIndexer) -> KymDataset:
    """Three images with cells, and their table; no indexer is registered."""
    kd = open_dataset(tmp_path / "lab.zarr")
    for number, image_id in enumerate("abc"):
        add_image(kd, image_id).save_df_parquet(TABLE, cells(number))
    kd.refresh(indexer)
    indexer.asked = []
    return kd
