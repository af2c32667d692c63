"""Fixtures for the tests of what is stale, why, and what is done about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import IndexerRegistry, KymDataset, ZarrDataset
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


@pytest.fixture
def lab_anywhere(dataset: ZarrDataset) -> KymDataset:
    """Three images, ``a`` and ``b`` with cells, in each kind of place."""
    kd = KymDataset(dataset, registry=IndexerRegistry(()))
    for number, image_id in enumerate("abc"):
        record = add_image(kd, image_id)
        if image_id != "c":
            record.save_df_parquet(TABLE, cells(number))
    return kd


@pytest.fixture
def local_lab(local: ZarrDataset) -> KymDataset:
    """Two images with cells, on the local disk."""
    kd = KymDataset(local, registry=IndexerRegistry(()))
    for number, image_id in enumerate("ab"):
        add_image(kd, image_id).save_df_parquet(TABLE, cells(number))
    return kd
