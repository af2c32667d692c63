"""Fixtures for the storage tests."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kymflow_zarr import ZarrDataset, ZarrImageRecord
from support import trees


@pytest.fixture
def tree() -> Callable[[str | Path], trees.Tree]:
    """Take a snapshot of a folder: modification time and content of everything in it."""
    return trees.tree


@pytest.fixture
def temporary_files() -> Callable[[str | Path], list[str]]:
    """List what an unfinished write would leave behind."""
    return lambda folder: [str(path) for path in Path(folder).rglob("*.kymflow-tmp*")]


@pytest.fixture
def record(dataset: ZarrDataset) -> ZarrImageRecord:
    """A record with a small image, in each place."""
    return dataset.add_image(np.arange(12, dtype=np.uint16).reshape(3, 4))


@pytest.fixture
def local_record(local: ZarrDataset) -> ZarrImageRecord:
    """A record with a small image, in a Zarr v3 dataset on the local disk."""
    return local.add_image(np.arange(12, dtype=np.uint16).reshape(3, 4))


@pytest.fixture
def disk_full(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let functions of `os` fail from now on, as on a full disk."""

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill(*names: str) -> None:
        for name in names:
            monkeypatch.setattr(os, name, fail)

    return fill


@pytest.fixture
def in_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace trees and files as where no two names can change places at once."""
    monkeypatch.setattr("kymflow_zarr.store.disk.exchange.exchange", lambda one, other: False)
