"""Arrays as they lie in a store: opened for reading, and what their documents tell without that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from kymflow_zarr.formats.array_claims import refuse_empty_chunks, refuse_false_claims
from kymflow_zarr.formats.chunk_sizes import chunk_check
from kymflow_zarr.formats.zarr_import import require_zarr

if TYPE_CHECKING:
    from collections.abc import Callable

    import zarr

    from kymflow_zarr.store.base import StoreReader

AXES_ATTR = "axes"
# The document without which there is no array; it is removed first and written last.
ARRAY_DOCUMENT = {2: ".zarray", 3: "zarr.json"}
# The document that holds the attributes, the digest of the content among them.
ATTRS_DOCUMENT = {2: ".zattrs", 3: "zarr.json"}


def open_array(
    store: StoreReader, prefix: str, zarr_format: int, replaced: Callable[[], Exception]
) -> zarr.Array[Any]:
    """Open the array at `prefix` for reading, as the one that it is now.

    Reading a chunk of it raises what `replaced` makes if there is another array by then, or none.

    Raises
    ------
    FileNotFoundError
        There is none.
    ValueError, TypeError, KeyError
        Its documents are damaged, or claim more than there can be.
    """
    require_zarr()
    import zarr as zarr_library

    from kymflow_zarr.formats.pinned import PinnedStore

    names = dict.fromkeys((ATTRS_DOCUMENT[zarr_format], ARRAY_DOCUMENT[zarr_format]))
    pinned = PinnedStore(store.zarr_store(), [f"{prefix}/{name}" for name in names], replaced)
    pinned.check_document = refuse_empty_chunks
    array = zarr_library.open_array(pinned, path=prefix, mode="r", zarr_format=cast("Any", zarr_format))
    refuse_false_claims(array, store, prefix)
    pinned.check_chunk = chunk_check(array)
    return array


def read_documents(store: StoreReader, prefix: str, zarr_format: int) -> tuple[bytes, ...] | None:
    """Return the documents of the array at `prefix`, which change with its content; None if there is none."""
    try:
        documents = [store.read(f"{prefix}/{ARRAY_DOCUMENT[zarr_format]}")[0]]
    except FileNotFoundError:
        return None
    if zarr_format == 2:
        try:
            documents.append(store.read_attributes(f"{prefix}/.zattrs"))
        except FileNotFoundError:
            documents.append(b"{}")
    return tuple(documents)


def read_shape(store: StoreReader, prefix: str, zarr_format: int) -> tuple[int, ...] | None:
    """Return the shape of the array at `prefix`; None if there is none.

    Raises
    ------
    ValueError
        Its document is damaged.
    """
    documents = read_documents(store, prefix, zarr_format)
    if documents is None:
        return None
    try:
        document = json.loads(documents[0])
    except RecursionError as error:
        raise ValueError("nested beyond reason") from error
    shape = document.get("shape") if isinstance(document, dict) else None
    if not isinstance(shape, list) or not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError(f"its shape must be a list of whole numbers, got {str(shape)[:80]}")
    return tuple(shape)


def read_attrs(store: StoreReader, prefix: str, zarr_format: int) -> dict[str, Any] | None:
    """Return the attributes of the array at `prefix`; None if there is none.

    Raises
    ------
    ValueError
        Its document is damaged.
    """
    documents = read_documents(store, prefix, zarr_format)
    if documents is None:
        return None
    try:
        attrs = json.loads(documents[-1])
        if zarr_format == 3:
            attrs = attrs["attributes"] if isinstance(attrs, dict) and "attributes" in attrs else {}
    except RecursionError as error:
        raise ValueError("nested beyond reason") from error
    if not isinstance(attrs, dict):
        raise ValueError(f"attributes must be a JSON object, got {type(attrs).__name__}")
    return attrs
