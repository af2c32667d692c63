"""Fixtures for the tests of what a kymograph's record holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kymflow import IndexerRegistry, KymDataset, ZarrDataset, ZarrImageRecord


@pytest.fixture
def record(local: ZarrDataset) -> ZarrImageRecord:
    """An image that nobody has analysed."""
    return local.add_image([[0, 1, 2], [3, 4, 5], [6, 7, 8]])


@pytest.fixture
def empty_kd(tmp_path: Path, registry: IndexerRegistry) -> KymDataset:
    """A new dataset with the built-in indexers."""
    return KymDataset(tmp_path / "ingested.zarr", "a", registry=registry)


@pytest.fixture
def real_record(empty_kd: KymDataset, shared_data: Path) -> Callable[[str, str], ZarrImageRecord]:
    """Take in a folder of the real data; return the record of one of its files by name."""

    def find(folder: str, file_name: str) -> ZarrImageRecord:
        empty_kd.ingest_folder(shared_data / folder)
        sources = empty_kd.ds.load_sources_index()
        (image_id,) = sources.loc[sources["source_primary_path"].str.endswith(file_name), "image_id"]
        return empty_kd.ds.record(image_id)

    return find
