"""What the document of an array claims of its size, compared with what is stored of it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from kymflow_zarr import limits

if TYPE_CHECKING:
    import zarr

    from kymflow_zarr.store.base import StoreReader

# What no compression can explain. Chunks that are all zero are left out; up to so many bytes, all may be.
_LARGEST_RATIO = 2000
_UNSUSPICIOUS_BYTES = 4 * 2**30
# zarr makes a list of them, and each costs a fraction of a millisecond; ours have 8 MiB each.
_MOST_CHUNKS = 1_000_000


def refuse_empty_chunks(document: bytes) -> None:
    """Refuse an array whose document tells of chunks without a value.

    zarr 3.4 takes them for others, and 3.1 divides by the length of those in shards.

    Raises
    ------
    ValueError
        It does.
    """
    try:
        shapes = _chunk_shapes(json.loads(document))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        # No document of an array, or a damaged one, of which zarr says what is wrong.
        return
    for shape in shapes:
        if isinstance(shape, list) and any(isinstance(length, int) and length < 1 for length in shape):
            raise ValueError(f"its chunks are of shape {shape}, which holds nothing")


def _chunk_shapes(document: Any) -> list[Any]:
    if "chunks" in document:
        return [document["chunks"]]
    in_shards = [codec.get("configuration", {}).get("chunk_shape") for codec in document["codecs"]]
    return [document["chunk_grid"]["configuration"]["chunk_shape"], *in_shards]


def refuse_false_claims(array: zarr.Array[Any], store: StoreReader, prefix: str) -> None:
    """Refuse an array that would take more memory than its chunks can explain.

    Raises
    ------
    ValueError
        It claims more values, chunks or bytes in a chunk.
    """
    itemsize = array.dtype.itemsize
    limits.check_bytes(math.prod(array.chunks) * itemsize, "a chunk of it takes")
    if 0 in array.chunks:
        raise ValueError(f"its chunks are of shape {array.chunks}, which holds nothing")
    n_chunks = math.prod(-(-length // chunk) for length, chunk in zip(array.shape, array.chunks, strict=True))
    if n_chunks > _MOST_CHUNKS:
        raise ValueError(f"it claims {n_chunks} chunks, and at most {_MOST_CHUNKS} can be read")
    n_bytes = math.prod(array.shape) * itemsize
    if n_bytes > _UNSUSPICIOUS_BYTES:
        stored = sum(found.size for found in store.list(prefix))
        if n_bytes > _UNSUSPICIOUS_BYTES + _LARGEST_RATIO * stored:
            raise ValueError(
                f"it claims {n_bytes} bytes, of shape {array.shape}, and {stored} bytes hold them"
            )
