"""Opening a dataset for a command: only ingest and demo may create one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.cli.failures import say
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow_zarr import DatasetNotFoundError
from kymflow_zarr.root import describe_absence
from kymflow_zarr.store.locations import open_store

if TYPE_CHECKING:
    from kymflow_zarr.root import Mode


def open_existing(path: str, mode: Mode = "r+") -> KymDataset:
    """Open a dataset that must be there.

    Raises
    ------
    DatasetNotFoundError
        Nothing is there; nothing is created.
    DatasetError
        Something else is there.
    """
    try:
        return KymDataset(path, mode)
    except DatasetNotFoundError as error:
        # What it advises is for Python.
        raise DatasetNotFoundError(
            f"{describe_absence(open_store(path))} `kymflow ingest {path} FOLDER` makes one.",
            dataset=error.dataset,
        ) from error


def hint_at_indexers(kd: KymDataset) -> None:
    """Say what to install, if no indexer can be used, and which ones stand in each other's way."""
    if not kd.registry.indexers():
        say(f"kymflow: {kd.registry.what_there_is()}")
        return
    for info in kd.registry.list():
        if info.status == "conflict":
            say(f"kymflow: warning: indexer {info.name!r} is not used: {info.error}")
