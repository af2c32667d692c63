"""Pixel arrays: axes, chunks, and their encoding as Zarr documents and chunks."""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    import zarr

    from kymflow_zarr.store.base import StoreReader

DEFAULT_AXES: dict[int, tuple[str, ...]] = {
    2: ("y", "x"),
    3: ("z", "y", "x"),
    4: ("z", "y", "x", "c"),
    5: ("t", "z", "y", "x", "c"),
}
CHUNK_BYTES = 8 * 2**20
DIGEST_ATTR = "content_sha256"
AXES_ATTR = "axes"
# The document without which there is no array; it is removed first and written last.
ARRAY_DOCUMENT = {2: ".zarray", 3: "zarr.json"}
# The document that holds the attributes, the digest of the content among them.
ATTRS_DOCUMENT = {2: ".zattrs", 3: "zarr.json"}


@dataclass(frozen=True)
class EncodedArray:
    """An array as it will lie in the store: keys relative to the array, and a digest of its content."""

    blobs: dict[str, bytes]
    digest: str
    last: str


def check_pixels(arr: object) -> npt.NDArray[Any]:
    """Return `arr` as a numeric or boolean ndarray.

    Raises
    ------
    ValueError
        It holds something else (objects, text, dates).
    """
    array = np.asarray(arr)
    if array.dtype.kind not in "biufc":
        raise ValueError(f"pixels must be numbers or booleans, got dtype {array.dtype}")
    return array


def check_axes(ndim: int, axes: Sequence[str] | None) -> list[str]:
    """Return one name per dimension; by default y x, z y x, z y x c or t z y x c.

    Raises
    ------
    ValueError
        `ndim` is not 2 to 5, or `axes` does not fit it or names an axis twice.
    """
    if ndim not in DEFAULT_AXES:
        raise ValueError(f"an image has 2 to 5 dimensions, got {ndim}")
    if axes is None:
        return list(DEFAULT_AXES[ndim])
    names = [str(name) for name in axes]
    if len(names) != ndim or len(set(names)) != ndim or not all(names):
        raise ValueError(f"axes must name each of the {ndim} dimensions once, got {names}")
    return names


def choose_chunks(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Return chunks of about 8 MiB that keep the last axes whole, first axes cut.

    Parameters
    ----------
    shape : sequence of int
        Of the array.
    itemsize : int
        Bytes of one value.
    """
    chunks = []
    room = max(1, CHUNK_BYTES // itemsize)
    for length in reversed(shape):
        chunk = max(1, min(length, room))
        chunks.append(chunk)
        room = max(1, room // chunk)
    return tuple(reversed(chunks))


def check_chunks(shape: Sequence[int], itemsize: int, chunks: Sequence[int] | None) -> tuple[int, ...]:
    """Return `chunks`, or chosen ones.

    Raises
    ------
    ValueError
        They do not fit the dimensions or are not positive.
    """
    if chunks is None:
        return choose_chunks(shape, itemsize)
    try:
        given = tuple(operator.index(chunk) for chunk in chunks)
    except TypeError:
        given = ()
    if len(given) != len(shape) or min(given, default=1) < 1:
        raise ValueError(f"chunks must be {len(shape)} positive whole lengths, got {tuple(chunks)}")
    return given


def encode_array(
    arr: npt.NDArray[Any],
    zarr_format: int,
    *,
    axes: Sequence[str] | None = None,
    chunks: Sequence[int] | None = None,
) -> EncodedArray:
    """Encode an array in memory as the keys and bytes that zarr would write.

    Parameters
    ----------
    arr : ndarray
        Numbers or booleans, any shape.
    zarr_format : int
        2 or 3.
    axes : sequence of str, optional
        A name per dimension, kept among the array's attributes beside the digest of its content.
    chunks : sequence of int, optional
        About 8 MiB each unless given.
    """
    import zarr as zarr_library
    from zarr.storage import MemoryStore

    chunk_shape = check_chunks(arr.shape, arr.dtype.itemsize, chunks)
    digest = content_digest(arr)
    attrs: dict[str, Any] = {DIGEST_ATTR: digest}
    if axes is not None:
        attrs[AXES_ATTR] = list(axes)
    held: dict[str, Any] = {}
    array = zarr_library.create_array(
        MemoryStore(held),
        shape=arr.shape,
        dtype=arr.dtype,
        chunks=chunk_shape,
        zarr_format=cast("Any", zarr_format),
        dimension_names=list(axes) if axes is not None and zarr_format == 3 else None,
        attributes=attrs,
    )
    if arr.size:
        array[...] = arr
    blobs = {key: buffer.to_bytes() for key, buffer in held.items()}
    return EncodedArray(blobs, digest, ARRAY_DOCUMENT[zarr_format])


def content_digest(arr: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of an array's dtype, shape and values."""
    sha = hashlib.sha256(f"{arr.dtype.str}{arr.shape}".encode())
    sha.update(np.ascontiguousarray(arr).view(np.uint8).data if arr.size else b"")
    return sha.hexdigest()


def open_array(store: StoreReader, prefix: str, zarr_format: int) -> zarr.Array[Any]:
    """Open the array at `prefix` for reading.

    Raises
    ------
    FileNotFoundError
        There is none.
    ValueError, TypeError, KeyError
        Its documents are damaged.
    """
    import zarr as zarr_library

    return zarr_library.open_array(
        store.zarr_store(), path=prefix, mode="r", zarr_format=cast("Any", zarr_format)
    )


def read_documents(store: StoreReader, prefix: str, zarr_format: int) -> tuple[bytes, ...] | None:
    """Return the documents of the array at `prefix`, which change with its content; None if there is none."""
    try:
        documents = [store.read(f"{prefix}/{ARRAY_DOCUMENT[zarr_format]}")[0]]
    except FileNotFoundError:
        return None
    if zarr_format == 2:
        try:
            documents.append(store.read(f"{prefix}/.zattrs")[0])
        except FileNotFoundError:
            documents.append(b"{}")
    return tuple(documents)


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
