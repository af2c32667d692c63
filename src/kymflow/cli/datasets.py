"""Opening a dataset for a command: only ingest and demo may create one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.cli.failures import say
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow_zarr import DatasetNotFoundError, is_dataset

if TYPE_CHECKING:
    from kymflow_zarr.root import Mode


def open_existing(path: str, mode: Mode = "a") -> KymDataset:
    """Open a dataset that must be there.

    Raises
    ------
    DatasetNotFoundError
        Nothing is there; nothing is created.
    DatasetError
        Something else is there.
    """
    if not is_dataset(path):
        try:
            # Says in its own words what is there instead.
            KymDataset(path, "r")
        except DatasetNotFoundError as error:
            raise DatasetNotFoundError(
                f"{error}. `kymflow ingest {path} FOLDER` makes one.", dataset=error.dataset
            ) from error
    return KymDataset(path, mode)


def hint_at_indexers(kd: KymDataset) -> None:
    """Say what to install, if no indexer can be used, and which ones stand in each other's way."""
    if not kd.registry.indexers():
        say(f"kymflow: {kd.registry.what_there_is()}")
        return
    for info in kd.registry.list():
        if info.status == "conflict":
            say(f"kymflow: warning: indexer {info.name!r} is not used: {info.error}")
