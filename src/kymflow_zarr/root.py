"""The root of a dataset: what makes a path one, how it is created, and how it is erased."""

from __future__ import annotations

import os
from typing import Literal

from kymflow_zarr import layout
from kymflow_zarr.errors import DatasetError, DatasetNotFoundError
from kymflow_zarr.formats.groups import Group, read_group, write_group
from kymflow_zarr.record.attrs import utc_now
from kymflow_zarr.store.base import Store
from kymflow_zarr.store.locations import is_url, open_store

Mode = Literal["r", "a", "w"]


def is_dataset(path: str | os.PathLike[str]) -> bool:
    """Tell whether there is a dataset that this version can open; nothing is created.

    Raises
    ------
    DatasetError
        There is one, but of a newer version, or damaged.

    Examples
    --------
    >>> from kymflow_zarr import ZarrDataset, is_dataset
    >>> is_dataset("memory://not-there-yet")
    False
    >>> ds = ZarrDataset("memory://not-there-yet")
    >>> is_dataset("memory://not-there-yet")
    True
    """
    return find_root(open_store(path)) is not None


def find_root(store: Store) -> Group | None:
    """Return the root group of a dataset, or None if there is none; errors as :func:`is_dataset`."""
    root = read_group(store)
    if root is None or root.attrs.get("format") != layout.FORMAT:
        return None
    version = root.attrs.get("schema_version")
    if not isinstance(version, int) or version > layout.SCHEMA_VERSION:
        raise DatasetError(
            f"{store.url} has schema version {version!r}; this kymflow reads up to "
            f"{layout.SCHEMA_VERSION}. Upgrade kymflow to open it; nothing was changed.",
            dataset=store.url,
        )
    return root


def check_creatable(store: Store, mode: Mode) -> None:
    """Raise DatasetError unless nothing is there yet and `mode` may create."""
    if store.is_empty():
        if mode != "r":
            return
        raise DatasetNotFoundError(f"there is no dataset at {store.url}", dataset=store.url)
    what = "a file" if not is_url(store.url) and os.path.isfile(store.url) else "something else"
    raise DatasetError(
        f"{store.url} is no kymflow dataset but {what}; nothing in it was touched. "
        "Give the path of a dataset, or one that does not exist yet.",
        dataset=store.url,
    )


def create(store: Store, zarr_format: int) -> Group:
    """Create a dataset, and return its root group."""
    attrs = {
        "format": layout.FORMAT,
        "schema_version": layout.SCHEMA_VERSION,
        "created_utc": utc_now(),
    }
    write_group(store, "", attrs, zarr_format)
    write_group(store, layout.IMAGES, {}, zarr_format)
    return Group(zarr_format, attrs)


def erase(store: Store, root: Group, zarr_format: int) -> None:
    """Erase images, tables and ledgers of a dataset; refused where it is of another Zarr format."""
    if root.zarr_format != zarr_format:
        raise DatasetError(
            f"mode='w' would erase {store.url}, a Zarr v{root.zarr_format} dataset, to make a "
            f"v{zarr_format} one of it; nothing was touched. Choose another path, or pass "
            f"zarr_format={root.zarr_format} to erase it.",
            dataset=store.url,
        )
    for prefix in (layout.IMAGES, layout.TABLES, layout.INDEX):
        store.delete_tree(prefix)
