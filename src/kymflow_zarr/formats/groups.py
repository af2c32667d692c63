"""Zarr group documents, of formats 2 and 3, read and written as the plain JSON they are.

Opening a group through zarr costs a millisecond and trips over the artifacts beside the arrays;
the documents themselves are two or three lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kymflow_zarr.errors import DatasetError
from kymflow_zarr.formats.documents import UnreadableDocument, bytes_to_json, json_to_bytes
from kymflow_zarr.store.base import Store, StoreReader

# The document that carries a group's attributes: without it there is no group for us.
ATTRS_DOCUMENT = {2: ".zattrs", 3: "zarr.json"}


@dataclass(frozen=True)
class Group:
    """A Zarr group as found: its format (2 or 3) and its attributes."""

    zarr_format: int
    attrs: dict[str, Any]


def _key(prefix: str, document: str) -> str:
    return f"{prefix}/{document}" if prefix else document


def _read_document(store: StoreReader, key: str, *, calibrated: bool = True) -> dict[str, Any] | None:
    try:
        data = store.read(key)[0] if calibrated else store.read_attributes(key)
    except FileNotFoundError:
        return None
    try:
        document = bytes_to_json(data)
    except UnreadableDocument as error:
        raise DatasetError(
            f"{key!r} in {store.url} is not the JSON document it should be ({error}). "
            "Restore it from a backup; nothing was changed.",
            dataset=store.url,
        ) from error
    if not isinstance(document, dict):
        raise DatasetError(
            f"{key!r} in {store.url} must be a JSON object, got {type(document).__name__}",
            dataset=store.url,
        )
    return document


def read_group(store: StoreReader, prefix: str = "", *, calibrated: bool = True) -> Group | None:
    """Return the group at `prefix` (the root by default), or None if there is none.

    Parameters
    ----------
    store, prefix
        Where it is.
    calibrated : bool
        Whether calibration, and what is derived of it, counts; if not, nobody who notes dependencies
        takes a new calibration for a change.

    Raises
    ------
    DatasetError
        Its document is there but is damaged.
    """
    document = _read_document(store, _key(prefix, "zarr.json"), calibrated=calibrated)
    if document is not None:
        attrs = document.get("attributes", {})
        if document.get("node_type") != "group" or not isinstance(attrs, dict):
            return None
        return Group(3, attrs)
    if not store.exists(_key(prefix, ".zgroup")):
        return None
    return Group(2, _read_document(store, _key(prefix, ".zattrs"), calibrated=calibrated) or {})


def write_group(store: Store, prefix: str, attrs: dict[str, Any], zarr_format: int) -> None:
    """Write the group at `prefix`; the document with the attributes comes last.

    Raises
    ------
    ValueError
        JSON cannot hold an attribute; nothing was written.
    """
    if zarr_format == 3:
        document = {"zarr_format": 3, "node_type": "group", "attributes": attrs}
        store.put(_key(prefix, "zarr.json"), json_to_bytes(document))
        return
    encoded = json_to_bytes(attrs)
    store.put(_key(prefix, ".zgroup"), json_to_bytes({"zarr_format": 2}))
    store.put(_key(prefix, ".zattrs"), encoded)
