"""The root of a dataset: what makes a path one, how it is created, and how it is erased."""

from __future__ import annotations

import difflib
import os
from contextlib import suppress
from typing import Literal

from kymflow_zarr import layout
from kymflow_zarr.errors import DatasetError, DatasetNotFoundError, KymflowError
from kymflow_zarr.formats.groups import Group, read_group, write_group
from kymflow_zarr.record.attrs import utc_now
from kymflow_zarr.store.base import Store
from kymflow_zarr.store.locations import is_url, open_store

Mode = Literal["r", "r+", "lazy", "a", "w"]

# How many datasets of similar names a message tells of.
_N_NEAR = 3


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
    >>> ds = ZarrDataset("memory://not-there-yet", mode="a")
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
        if mode in ("lazy", "a", "w"):
            return
        raise DatasetNotFoundError(
            describe_absence(store), dataset=store.url, advice="To make one, open it with mode='a'."
        )
    what = "a file" if not is_url(store.url) and os.path.isfile(store.url) else "something else"
    raise DatasetError(
        f"{store.url} is no kymflow dataset but {what}; nothing in it was touched. "
        "Give the path of a dataset, or one that does not exist yet.",
        dataset=store.url,
    )


def describe_absence(store: Store) -> str:
    """Say that there is no dataset, what there is instead, and which datasets beside it have such a name."""
    if is_url(store.url):
        return f"there is no dataset at {store.url}: nothing is there."
    folder, name = os.path.split(store.url)
    if os.path.isdir(store.url):
        what = "the folder is empty."
    elif os.path.isdir(folder):
        what = "nothing is there."
    else:
        what = f"there is no folder {folder} either."
    near = _datasets_named_like(folder, name)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"there is no dataset at {store.url}: {what}{meant}"


def _datasets_named_like(folder: str, name: str) -> list[str]:
    """Return paths of datasets in a folder, those of the most similar names first."""
    names: dict[str, list[str]] = {}
    with suppress(OSError):
        for there in sorted(os.listdir(folder)):
            names.setdefault(_stem(there), []).append(there)
    found = []
    for stem in difflib.get_close_matches(_stem(name), names, n=len(names) or 1):
        for there in names[stem]:
            path = os.path.join(folder, there)
            with suppress(KymflowError):
                if os.path.isdir(path) and is_dataset(path):
                    found.append(path)
        if len(found) >= _N_NEAR:
            break
    return found[:_N_NEAR]


def _stem(name: str) -> str:
    # Who forgets the suffix, or upper case, means the same.
    return name.lower().removesuffix(".zarr")


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
