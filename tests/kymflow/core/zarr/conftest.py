"""Fixtures for the tests of tables: how they are made, and what makes them stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kymflow import IndexerRegistry, KymDataset
from kymflow.core.zarr.extraction import task
from support.refreshing import open_dataset
from support.simple_indexers import add_image


@pytest.fixture
def four_images(tmp_path: Path) -> KymDataset:
    """Images ``a`` to ``d`` without artifacts, in a dataset without registered indexers."""
    kd = open_dataset(tmp_path / "lab.zarr")
    for image_id in "abcd":
        add_image(kd, image_id)
    return kd


@pytest.fixture
def empty(tmp_path: Path, registry: IndexerRegistry) -> KymDataset:
    """A new dataset with the built-in indexers."""
    return KymDataset(tmp_path / "ingested.zarr", mode="a", registry=registry)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Images that were asked one by one."""
    noted: list[str] = []
    ask = task.extract_image

    def noting(ds: Any, indexer: Any, contract: Any, image_id: str, reader: Any = None) -> Any:
        noted.append(image_id)
        return ask(ds, indexer, contract, image_id, reader)

    monkeypatch.setattr(task, "extract_image", noting)
    return noted
