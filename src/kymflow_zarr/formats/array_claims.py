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
    """Refuse an array whose document tells of chunks without a value: newer zarr takes them for others.

    Raises
    ------
    ValueError
        It does.
    """
    try:
        found = json.loads(document)
        chunks = found["chunks"] if "chunks" in found else found["chunk_grid"]["configuration"]["chunk_shape"]
    except (ValueError, TypeError, KeyError, RecursionError):
        # No document of an array, or a damaged one, of which zarr says what is wrong.
        return
    if isinstance(chunks, list) and any(isinstance(length, int) and length < 1 for length in chunks):
        raise ValueError(f"its chunks are of shape {chunks}, which holds nothing")


def refuse_false_claims(array: zarr.Array[Any], store: StoreReader, prefix: str) -> None:
    """Refuse an array that would take more memory than its chunks can explain.

    Raises
    ------
    ValueError
        It claims more values, chunks or bytes in a chunk.
    """
    itemsize = array.dtype.itemsize
    limits.check_bytes(math.prod(array.chunks) * itemsize, "a chunk of it takes")
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
