"""Compressed strips and tiles of a TIFF: none may unpack to far more than the tags say it holds.

tifffile unpacks all of a strip, and cuts off what is too much. Where imagecodecs is not installed, it does so
with Python's own modules, which have no bound.
"""

from __future__ import annotations

import lzma
import math
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tifffile

# A strip that cannot be compressed gets a little longer; edges of tiles and headers of codecs add some.
_LONGER = 2
_SLACK_BYTES = 2**16
_PIECE_BYTES = 2**20
_UNCOMPRESSED = 1
_DEFLATE = (8, 32946)
_LZMA = 34925
# So much the codecs give at most for a byte.
_RATIOS = {**dict.fromkeys(_DEFLATE, 1032), _LZMA: 10_000}


def refuse_long_segments(page: Any, keyframe: tifffile.TiffPage, number: int) -> None:
    """Refuse a page of which a strip or tile has more bytes, compressed, than it holds values.

    Raises
    ------
    ValueError
        One has.
    """
    most = _expected_bytes(keyframe) * _LONGER + _SLACK_BYTES
    longest = max(page.databytecounts, default=0)
    if keyframe.compression != _UNCOMPRESSED and longest > most:
        raise ValueError(
            f"a strip or tile of page {number} is {longest} bytes long, compressed, and holds at most "
            f"{_expected_bytes(keyframe)} bytes of pixels"
        )


def refuse_bomb(data: bytes, keyframe: tifffile.TiffPage, number: int) -> None:
    """Refuse a strip or tile that unpacks to far more than it holds; few are looked at so closely.

    Raises
    ------
    ValueError
        It does.
    """
    most = _expected_bytes(keyframe) * _LONGER + _SLACK_BYTES
    if len(data) * _RATIOS.get(int(keyframe.compression), 0) <= most + 64 * _PIECE_BYTES:
        return
    unpacked = 0
    try:
        for piece in _pieces(data, int(keyframe.compression)):
            unpacked += len(piece)
            if unpacked > most:
                break
    except (zlib.error, lzma.LZMAError):
        # Damaged: whoever decodes it says so.
        return
    if unpacked > most:
        raise ValueError(
            f"strip or tile {number} unpacks to more than {most} bytes, and holds at most "
            f"{_expected_bytes(keyframe)} bytes of pixels"
        )


def _pieces(data: bytes, compression: int) -> Iterator[bytes]:
    if compression in _DEFLATE:
        inflating = zlib.decompressobj()
        while piece := inflating.decompress(data, _PIECE_BYTES):
            yield piece
            data = inflating.unconsumed_tail
        return
    expanding = lzma.LZMADecompressor()
    while not expanding.eof and (piece := expanding.decompress(data, _PIECE_BYTES)):
        yield piece
        data = b""


def _expected_bytes(keyframe: tifffile.TiffPage) -> int:
    """Return how many bytes a strip or tile holds, at most."""
    return math.prod(keyframe.chunks) * np.dtype(keyframe.dtype).itemsize
