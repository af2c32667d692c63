"""Opening a dataset for a command: only ingest and demo may create one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.cli.failures import fail, say
from kymflow.cli.hints import call, here, with_pip
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow_zarr import DatasetError, ZarrDataset, is_dataset
from kymflow_zarr.store.locations import is_url

if TYPE_CHECKING:
    from kymflow_zarr.root import Mode


def open_existing(
    path: str, mode: Mode = "r+", *, settings: Mapping[str, Mapping[str, object]] | None = None
) -> KymDataset:
    """Open a dataset that must be there, with settings for its indexers.

    Raises
    ------
    DatasetNotFoundError
        Nothing is there; nothing is created.
    DatasetError
        Something else is there.
    """
    try:
        return KymDataset(path, mode, settings=settings)
    except DatasetError:
        refuse_inner_path(path)
        raise


def refuse_inner_path(path: str) -> None:
    """End with what was meant, if a path lies within a dataset."""
    outer = dataset_around(path)
    if outer is None:
        return
    parts = Path(os.path.realpath(path)).relative_to(outer).parts
    shown = here(str(outer))
    if len(parts) == 2 and parts[0] == "tables":
        table = parts[1].removesuffix(".parquet")
        fail(f"{path} is a table of {shown}: did you mean `{call('show', shown, table)}`?")
    fail(f"{path} is a part of the dataset {shown}: give that")


def dataset_around(path: str) -> Path | None:
    """Return the dataset that a local path lies in; None if it lies in none, or is one."""
    if is_url(path):
        return None
    try:
        folders = Path(os.path.realpath(path)).parents
    except (OSError, ValueError):
        # It holds NUL, say, and is no path at all.
        return None
    for folder in folders:
        # Of a mistyped path, most parents are not there: to open each of thousands takes minutes.
        # Path.is_dir() raises where one is too long for the system.
        if os.path.isdir(folder) and names_dataset(str(folder)):
            return folder
    return None


def explain_order(command: str, dataset: str, others: Sequence[str]) -> None:
    """End with the command that was meant, if the dataset is not the first of the arguments."""
    if not others or names_dataset(dataset):
        return
    for place, other in enumerate(others):
        if not names_dataset(other):
            continue
        rest = [dataset, *others[:place], *others[place + 1 :]]
        meant = call(command, other, *rest)
        if command == "ingest":
            fail(f"{other} is a dataset, and the folder comes after it: did you mean `{meant}`?")
        known = dataset in ZarrDataset(other, "r").list_table_names()
        what = f"{dataset} is a table of {other}" if known else f"the dataset {other} comes first"
        fail(f"{what}: did you mean `{meant}`?")


def names_dataset(path: str) -> bool:
    """Tell whether a dataset is at a path; of one that cannot be looked at, no."""
    try:
        return is_dataset(path)
    except (DatasetError, OSError):
        # Of a newer version or damaged, or no path that this system takes.
        return False


def hint_at_indexers(kd: KymDataset) -> None:
    """Say what to install, if no indexer can be used, and which ones stand in each other's way."""
    # After a run of all indexers, this is all of them as they were loaded.
    infos = kd.registry.known()
    if all(info.status != "ok" for info in infos):
        more = f"; `{call('indexers')}` says why" if infos else ""
        say(f"kymflow: {with_pip(kd.registry.what_there_is())}{more}")
        return
    for info in infos:
        if info.status == "conflict":
            say(f"kymflow: warning: indexer {info.name!r} is not used: {info.error}")
