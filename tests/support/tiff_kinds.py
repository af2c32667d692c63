"""TIFFs of every kind that tifffile writes, and ones bent by hand: rings, false counts, false places."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile


def values(*shape: int, dtype: str = "u2") -> np.ndarray:
    return np.random.default_rng(0).integers(1, 250, shape).astype(dtype)


def written(array: np.ndarray, **options: Any) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, array, **options)


def _stored(**options: Any) -> dict[str, Callable[[Path], None]]:
    """Kinds of images, all stored with these options."""
    separate = {"photometric": "rgb", "planarconfig": "separate"}
    return {
        "one strip": written(values(50, 37), rowsperstrip=50, **options),
        "strips": written(values(50, 37), rowsperstrip=7, **options),
        "tiles": written(values(50, 37), tile=(16, 16), **options),
        "rgb": written(values(50, 37, 3, dtype="u1"), photometric="rgb", rowsperstrip=7, **options),
        "planes": written(values(3, 50, 37, dtype="u1"), rowsperstrip=7, **separate, **options),
        "tiles of planes": written(values(3, 50, 37, dtype="u1"), tile=(16, 16), **separate, **options),
        "stack": written(values(5, 50, 37), rowsperstrip=7, **options),
        "stack of tiles": written(values(5, 50, 37), tile=(32, 16), **options),
        "volume": written(
            values(6, 50, 37), volumetric=True, tile=(4, 16, 16), photometric="minisblack", **options
        ),
        "big-endian": written(values(50, 37), byteorder=">", rowsperstrip=9, **options),
        "big-endian floats": written(values(50, 37, dtype="f4"), byteorder=">", bigtiff=True, **options),
        "complex": written(values(50, 37, dtype="c8"), **options),
        "booleans": written(values(50, 37) > 100, **options),
        "axes of one": written(values(1, 1, 50, 37), metadata={"axes": "TZYX"}, **options),
        "OME": written(values(2, 3, 4, 50, 37), ome=True, metadata={"axes": "TCZYX"}, **options),
    }


def _pyramid(path: Path) -> None:
    with tifffile.TiffWriter(path) as writer:
        writer.write(values(64, 64), subifds=1, tile=(16, 16))
        writer.write(values(32, 32), subfiletype=1, tile=(16, 16))


def _stack_and_thumbnail(path: Path) -> None:
    with tifffile.TiffWriter(path) as writer:
        writer.write(values(5, 50, 37))
        writer.write(values(20, 20))


# Each is read as `tifffile.imread` reads it.
KINDS: dict[str, Callable[[Path], None]] = {
    **_stored(),
    **{f"{kind}, compressed": write for kind, write in _stored(compression="zlib").items()},
    "predicted": written(values(50, 37), compression="zlib", predictor=True, rowsperstrip=7),
    "ImageJ": written(values(2, 3, 4, 50, 37), imagej=True, metadata={"axes": "TZCYX"}),
    "ImageJ, compressed": written(
        values(2, 3, 50, 37), imagej=True, metadata={"axes": "TZYX"}, compression="zlib"
    ),
    "pyramid": _pyramid,
    "stack and thumbnail": _stack_and_thumbnail,
}


def write_pages(path: Path, n_pages: int, *, big: bool = False, **options: Any) -> None:
    """Write a stack page by page: page 0 holds ones, and so on."""
    with tifffile.TiffWriter(path, bigtiff=big) as writer:
        for number in range(n_pages):
            writer.write(np.full((5, 6), number + 1, "u2"), contiguous=False, **options)


def write_overlapping_pages(path: Path, n_pages: int, n_tags: int) -> None:
    """Write a page at every twelfth byte; each has so many tags, which are those of the next pages, too."""
    data = bytearray(b"II*\0" + struct.pack("<II", 12, 0))
    for place in range(1, n_pages + n_tags + 2):
        # What is a tag of some pages tells another one where the next page is.
        page = place - n_tags
        following = 12 * (page + 1) if 1 <= page < n_pages else 0
        data += struct.pack("<HIIH", n_tags, following, 1, 7)
    path.write_bytes(data)


class BentTiff:
    """The bytes of a little-endian TIFF, to be bent in place; nothing is written before :meth:`save`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data = bytearray(path.read_bytes())
        self._big = self._data[2] == 43
        self._offset = "<Q" if self._big else "<I"
        self._head, self._entry = (8, 20) if self._big else (2, 12)

    def save(self) -> None:
        self._path.write_bytes(self._data)

    @property
    def pages(self) -> list[int]:
        """Where the directory of each page is."""
        found = []
        (at,) = struct.unpack_from(self._offset, self._data, self._first)
        while at:
            found.append(at)
            (at,) = struct.unpack_from(self._offset, self._data, self._next(at))
        return found

    @property
    def _first(self) -> int:
        return 8 if self._big else 4

    def _count(self, page: int) -> int:
        return int(struct.unpack_from("<Q" if self._big else "<H", self._data, page)[0])

    def _next(self, page: int) -> int:
        return page + self._head + self._entry * self._count(page)

    def begin_at(self, offset: int) -> None:
        """Let the first page be somewhere else."""
        struct.pack_into(self._offset, self._data, self._first, offset)

    def end_with(self, offset: int) -> None:
        """Let the last page lead there."""
        struct.pack_into(self._offset, self._data, self._next(self.pages[-1]), offset)

    def tag(self, code: int, page: int | None = None) -> int:
        """Return where the entry of a tag is."""
        start = self.pages[0] if page is None else page
        for number in range(self._count(start)):
            at = start + self._head + self._entry * number
            if struct.unpack_from("<H", self._data, at)[0] == code:
                return at
        raise LookupError(code)

    def value(self, code: int) -> int:
        return int(
            struct.unpack_from(self._offset, self._data, self.tag(code) + self._entry - self._first)[0]
        )

    def bend(self, code: int, *, kind: int | None = None, count: int | None = None, value: int) -> None:
        """Give a tag another type, count and value (or place of its values)."""
        at = self.tag(code)
        if kind is not None:
            struct.pack_into("<H", self._data, at + 2, kind)
        if count is not None:
            struct.pack_into(self._offset, self._data, at + 4, count)
        struct.pack_into(self._offset, self._data, at + self._entry - self._first, value)

    def nest(self, page: int) -> None:
        """Make the last tag of a page a list of one sub-image: the page itself."""
        at = self._next(page) - self._entry
        struct.pack_into("<HHII", self._data, at, 330, 13, 1, page)
