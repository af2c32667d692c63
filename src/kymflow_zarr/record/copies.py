"""Records that are copies of others, which sync programs and file browsers left beside them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Set
from typing import Any

from kymflow_zarr import layout
from kymflow_zarr.copied_names import original_of
from kymflow_zarr.errors import DatasetError, StoreError
from kymflow_zarr.formats.groups import ATTRS_DOCUMENT, read_group
from kymflow_zarr.formats.ngff import multiscales_of
from kymflow_zarr.store.base import StoreReader

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_UUID_LENGTH = 36
# macOS, iCloud and Google Drive; people name things so, too.
_NUMBER = re.compile(r" (\d+|\(\d+\))$")


def find_copies(
    store: StoreReader, names: Iterable[str], zarr_format: int, *, known: Collection[str] | None = None
) -> dict[str, str]:
    """Return which records are copies of others: the name of the original, by the copy's.

    A record's attributes tell its name, since it is an image's in OME-NGFF. A record is a copy if that
    name is another one, which its folder's name contains as copies do, and whose record is there. Of
    records that tell no name, as earlier versions wrote them, the folder's name decides alone: an id of
    ours with something behind it, or the words that programs use for copies.

    Parameters
    ----------
    store, zarr_format
        The dataset's.
    names : iterable of str
        Of the records in question.
    known : collection of str, optional
        The names of all records, where they have been listed; otherwise the store is asked.
    """
    copies = {}
    for name in names:
        # Nearly all are ids that add_image made.
        if len(name) <= _UUID_LENGTH and " " not in name and "conflict" not in name:
            continue
        for original, is_sure in _candidates(name):
            if known is not None and not isinstance(known, Set):
                # As a list it came; of many copies each is looked up.
                known = frozenset(known)
            if not _is_there(store, original, zarr_format, known):
                continue
            told = _told_name(store, name)
            if told == original or (told is None and is_sure):
                copies[name] = original
                break
    return copies


def _candidates(name: str) -> Iterator[tuple[str, bool]]:
    """Yield of which records this one may be a copy, and whether the name alone tells."""
    found = _UUID4.search(name)
    if found is not None and found[0] != name:
        yield found[0], True
    base = original_of(name)
    if base is not None:
        yield base, True
    base = _NUMBER.sub("", name)
    if base != name and base:
        yield base, False


def _is_there(store: StoreReader, name: str, zarr_format: int, known: Collection[str] | None) -> bool:
    if known is not None:
        return name in known
    return layout.is_name(name) and store.exists(f"{layout.IMAGES}/{name}/{ATTRS_DOCUMENT[zarr_format]}")


def _told_name(store: StoreReader, name: str) -> str | None:
    """Return the name that a record's attributes tell; None where they tell none."""
    try:
        group = read_group(store, f"{layout.IMAGES}/{name}")
        attrs = {} if group is None else group.attrs
        images: Any = multiscales_of(attrs, 2 if group is None else group.zarr_format)
        told = images[0]["name"]
    except (StoreError, DatasetError, LookupError, TypeError):
        return None
    return told if isinstance(told, str) else None
