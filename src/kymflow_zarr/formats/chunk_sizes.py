"""What a compressed chunk of an array unpacks to, found out before it is unpacked."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kymflow_zarr import limits

if TYPE_CHECKING:
    import zarr

# Filters may make values longer before they are compressed, each up to eight bytes.
_LONGER = 8
_SLACK_BYTES = 2**16
_PIECE_BYTES = 2**20
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

# Given how many bytes are of interest, tells to how many a chunk unpacks.
Size = Callable[[memoryview, int], int]


@dataclass(frozen=True)
class ChunkCheck:
    """Refuses a chunk that unpacks to more than it may.

    Attributes
    ----------
    codec : str
        By which chunks are compressed.
    most : int
        How many bytes they may unpack to.
    """

    codec: str
    most: int

    def __call__(self, data: memoryview) -> None:
        """Raise ValueError if these bytes unpack to more."""
        if _SIZES[self.codec](data, self.most) > self.most:
            raise ValueError(f"a chunk of it unpacks to more than {self.most} bytes")


def chunk_check(array: zarr.Array[Any]) -> ChunkCheck | None:
    """Return what refuses a chunk that unpacks to far more than it holds; None where that cannot be told.

    Of codecs that are applied one upon the other, the last one is looked at; chunks within shards are not.
    """
    document = array.metadata.to_dict()
    found = [*_names(document.get("codecs"), "name"), *_names([document.get("compressor")], "id")]
    codec = next((name for name in reversed(found) if name in _SIZES), None)
    if codec is None or "sharding_indexed" in found:
        return None
    most = limits.max_artifact_bytes()
    if array.dtype.kind in "biufc":
        most = min(most, _LONGER * math.prod(array.chunks) * array.dtype.itemsize) + _SLACK_BYTES
    return ChunkCheck(codec, most)


def _names(codecs: object, key: str) -> list[str]:
    listed = codecs if isinstance(codecs, list | tuple) else ()
    return [str(codec[key]) for codec in listed if isinstance(codec, dict) and key in codec]


def _size_of_zstd(data: memoryview, most: int) -> int:
    head = bytes(data[:18])
    if head[:4] == _ZSTD_MAGIC and len(head) > 4:
        flags = head[4]
        single = flags >> 5 & 1
        at = 5 + (not single) + (0, 1, 2, 4)[flags & 3]
        length = (single, 2, 4, 8)[flags >> 6]
        if length:
            return int.from_bytes(head[at : at + length], "little") + (256 if length == 2 else 0)
    return _count(_zstd_pieces(data), most)


def _zstd_pieces(data: memoryview) -> Iterator[bytes]:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(pa.py_buffer(data)), "zstd") as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield piece


def _size_of_gzip(data: memoryview, most: int) -> int:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        return _count(iter(lambda: file.read(_PIECE_BYTES), b""), most)


def _size_of_zlib(data: memoryview, most: int) -> int:
    def beginning() -> Iterator[bytes]:
        yield zlib.decompressobj().decompress(data, most + 1)

    return _count(beginning(), most)


def _size_of_blosc(data: memoryview, most: int) -> int:
    return int.from_bytes(data[4:8], "little")


def _size_of_lz4(data: memoryview, most: int) -> int:
    return int.from_bytes(data[:4], "little")


def _count(pieces: Iterator[bytes], most: int) -> int:
    n_bytes = 0
    try:
        for piece in pieces:
            n_bytes += len(piece)
            if n_bytes > most:
                break
    except (OSError, EOFError, zlib.error):
        # Damaged: whoever decodes it says so.
        pass
    return n_bytes


_SIZES: dict[str, Size] = {
    "zstd": _size_of_zstd,
    "gzip": _size_of_gzip,
    "zlib": _size_of_zlib,
    "blosc": _size_of_blosc,
    "lz4": _size_of_lz4,
}
