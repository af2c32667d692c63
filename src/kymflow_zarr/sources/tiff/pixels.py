"""The pixels of a TIFF, read piece by piece; between two reads, the file is closed."""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from kymflow_zarr.sources.tiff.unpacking import refuse_bomb, refuse_long_segments

if TYPE_CHECKING:
    import numpy.typing as npt
    import tifffile

    AnyPage = tifffile.TiffPage | tifffile.TiffFrame

# What no compression can explain; pages that are all zero compress a thousandfold.
_LARGEST_RATIO = 2000
_UNSUSPICIOUS_PAGE_BYTES = 64 * 2**20
_UNSUSPICIOUS_BYTES = 4 * 2**30

# How an error that comes up while pixels are read is told.
Blaming = Callable[[], AbstractContextManager[None]]


class TiffPixels:
    """The pixels of one image of a TIFF: shape, dtype, and slices, each of which opens and closes the file.

    Parameters
    ----------
    path : Path
        The file.
    pages : sequence of TiffPage or TiffFrame
        All of the image, in order; they stay usable after their file is closed.
    shape : tuple of int
        Of the image.
    blaming : callable
        Makes a context that turns whatever comes up while pixels are read into an error that names the file.
    """

    def __init__(
        self,
        path: Path,
        pages: Sequence[AnyPage],
        shape: tuple[int, ...],
        blaming: Blaming,
    ) -> None:
        self.shape = shape
        keyframe = keyframe_of(pages[0])
        self.dtype = np.dtype(keyframe.dtype)
        self._path = path
        self._pages = pages
        self._page_size = math.prod(shape) // len(pages)
        self._layout = _Layout(keyframe)
        self._state = _state_of(os.stat(path))
        self._blaming = blaming

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self[...], dtype)

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        """Return values as an ndarray would; whole rows of the first axes are read for it."""
        key = key if isinstance(key, tuple) else (key,)
        bounds: list[slice] = []
        # As long as an axis is cut to one, the next one can be cut as well: the rest follows in the file.
        for length, one in zip(self.shape, key, strict=False):
            if not isinstance(one, slice) or one.step not in (None, 1):
                break
            start, stop, _ = one.indices(length)
            bounds.append(slice(start, max(start, stop)))
            if stop - start != 1:
                break
        below = math.prod(self.shape[len(bounds) :])
        start = stop = 0
        for length, one in zip(self.shape, bounds, strict=False):
            start, stop = start * length + one.start, start * length + one.stop
        count = stop - start if bounds else 1
        with self._blaming():
            values = self._read(start * below, (start + count) * below)
        ahead = (*(1 for _ in bounds[1:]), *(count for _ in bounds[:1]))
        values = values.reshape(ahead + self.shape[len(bounds) :])
        return np.asarray(values[(slice(None),) * len(bounds) + key[len(bounds) :]])

    def _read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return values `start` to `stop` of all, in the order in which numpy counts them."""
        out = np.empty(stop - start, self.dtype)
        with open(self._path, "rb") as file:
            if _state_of(os.fstat(file.fileno())) != self._state:
                raise ValueError("it was changed while it was read; ingest it again")
            done = start
            while done < stop:
                number, first = divmod(done, self._page_size)
                last = min(self._page_size, first + stop - done)
                into = out[done - start : done - start + last - first]
                page = self._pages[number]
                keyframe = keyframe_of(page)
                if keyframe.is_final:
                    _read_plain(file, page, keyframe, first, into)
                else:
                    self._layout_of(keyframe).read(file, page, first, into)
                done += last - first
        return out

    def _layout_of(self, keyframe: tifffile.TiffPage) -> _Layout:
        # Pages that are stored alike share a keyframe.
        layout = self._layout
        if layout.keyframe is not keyframe:
            layout = self._layout = _Layout(keyframe)
        return layout


def keyframe_of(page: AnyPage) -> tifffile.TiffPage:
    """Return the page that tells how the pixels of `page` are stored."""
    if page.keyframe is None:
        raise ValueError("a page lacks the tags that say how its pixels are stored")
    return page.keyframe


def _state_of(info: os.stat_result) -> tuple[int, int]:
    return info.st_size, info.st_mtime_ns


def _read_plain(
    file: BinaryIO, page: AnyPage, keyframe: tifffile.TiffPage, first: int, into: npt.NDArray[Any]
) -> None:
    """Read values that lie in the file one after the other, as they are."""
    file.seek(page.dataoffsets[0] + first * into.itemsize)
    wanted = into.view(np.uint8)
    got = file.readinto(wanted.data)  # type: ignore[attr-defined]
    if got != wanted.size:
        raise ValueError(f"expected {wanted.size} bytes of pixels, got {got}")
    if keyframe.parent.byteorder != _NATIVE and into.itemsize > 1:
        into.byteswap(inplace=True)


_NATIVE = np.dtype("u2").newbyteorder("=").str[0]


@dataclass
class _Decoded:
    """A strip or tile that reaches beyond what was read last: the next read goes on with it."""

    page: AnyPage | None
    values: dict[int, Any]


class _Layout:
    """Where in an image the strips or tiles of its pages are."""

    def __init__(self, keyframe: tifffile.TiffPage) -> None:
        self.keyframe = keyframe
        self._kept = _Decoded(None, {})
        # Made while the file is open: it may read more tags.
        self._decoder = keyframe.decode

    @cached_property
    def _segments(self) -> list[tuple[int, int, int]]:
        """First row, row after the last one, and number of each strip or tile, sorted."""
        samples, depth, length, _, _ = self.keyframe.shaped
        found = []
        for number in range(math.prod(self.keyframe.chunked)):
            _, (sample, plane, row, _, _), shape = self._decoder(None, number)
            if sample >= samples or plane >= depth or row >= length:
                continue
            last_plane = min(plane + shape[0], depth) - 1
            first = (sample * depth + plane) * length + row
            found.append(
                (first, (sample * depth + last_plane) * length + min(row + shape[1], length), number)
            )
        covered, rows = max((end for _, end, _ in found), default=0), samples * depth * length
        if covered < rows:
            raise ValueError(f"its strips or tiles hold {covered} of {rows} rows")
        return sorted(found)

    @cached_property
    def _highest(self) -> int:
        return max((stop - start for start, stop, _ in self._segments), default=0)

    def read(
        self,
        file: BinaryIO,
        page: AnyPage,
        first: int,
        into: npt.NDArray[Any],
    ) -> None:
        """Decode what covers the values from `first` on, as many as `into` takes."""
        width, samples = self.keyframe.shaped[3:]
        row_size = width * samples
        start, stop = first // row_size, -(-(first + into.size) // row_size)
        rows = np.empty((stop - start, width, samples), into.dtype)
        before = self._kept.values if self._kept.page is page else {}
        kept = _Decoded(page, {})
        for number, end in self._covering(start, stop):
            decoded = before.get(number)
            if decoded is None:
                decoded = self._decode(file, page, number)
            if end > stop:
                kept.values[number] = decoded
            self._paste(decoded, rows, start)
        self._kept = kept
        skipped = first - start * row_size
        into[:] = rows.reshape(-1)[skipped : skipped + into.size]

    def _covering(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yield the number, and the row after the last one, of each strip or tile with rows between these."""
        segments = self._segments
        begin = bisect_right(segments, (start - self._highest, 0, -1))
        for first, end, number in segments[begin:]:
            if first >= stop:
                break
            if end > start:
                yield number, end

    def _decode(self, file: BinaryIO, page: AnyPage, number: int) -> Any:
        offset = page.dataoffsets[number] if number < len(page.dataoffsets) else 0
        count = page.databytecounts[number] if number < len(page.databytecounts) else 0
        data = None
        if offset and count:
            file.seek(offset)
            data = file.read(count)
            refuse_bomb(data, self.keyframe, number)
        tables = {} if page.jpegtables is None else {"jpegtables": page.jpegtables}
        return self._decoder(data, number, **tables)

    def _paste(self, decoded: Any, rows: npt.NDArray[Any], start: int) -> None:
        values, (sample, plane, row, column, _), shape = decoded
        _, depth, length, width, _ = self.keyframe.shaped
        high, wide = min(shape[1], length - row), min(shape[2], width - column)
        for below in range(min(shape[0], depth - plane)):
            # Rows are counted through all samples and planes.
            first = (sample * depth + plane + below) * length + row - start
            skip, end = max(0, -first), min(high, len(rows) - first)
            if skip < end:
                source = self.keyframe.nodata if values is None else values[below, skip:end, :wide]
                rows[first + skip : first + end, column : column + wide] = source


def refuse_false_claims(pages: Sequence[AnyPage], shape: tuple[int, ...], size_bytes: int) -> None:
    """Compare what the tags claim with the file.

    Raises
    ------
    ValueError
        Pixels lie beyond the end of the file, or there are more than its bytes can hold.
    """
    itemsize = np.dtype(keyframe_of(pages[0]).dtype).itemsize
    total = math.prod(shape) * itemsize
    stored_bytes, most_stored = 0, size_bytes
    for number, page in enumerate(pages):
        keyframe = keyframe_of(page)
        ends = [
            offset + length for offset, length in zip(page.dataoffsets, page.databytecounts, strict=False)
        ]
        _refuse_lost_segments(page, keyframe, number)
        refuse_long_segments(page, keyframe, number)
        if keyframe.is_final:
            values = math.prod(shape) if len(pages) == 1 else math.prod(keyframe.shaped)
            ends.append(page.dataoffsets[0] + values * itemsize)
        end = max(ends, default=0)
        if end > size_bytes:
            raise ValueError(f"page {number} goes on to byte {end}, but the file ends at {size_bytes}")
        stored = sum(page.databytecounts)
        claimed = max(math.prod(keyframe.shaped), math.prod(keyframe.chunks)) * itemsize
        if claimed > _UNSUSPICIOUS_PAGE_BYTES + _LARGEST_RATIO * stored and not keyframe.is_final:
            raise ValueError(f"page {number} claims {claimed} bytes of pixels, and {stored} bytes hold them")
        # Some may lie in one place, as empty ones do, but each is hardly longer than what it holds.
        stored_bytes, most_stored = stored_bytes + stored, most_stored + 2 * claimed
        if stored_bytes > most_stored:
            raise ValueError(
                f"its strips or tiles up to page {number} take {stored_bytes} bytes, and it is {size_bytes} "
                "bytes long: they lie one upon the other"
            )
    if total > _UNSUSPICIOUS_BYTES + _LARGEST_RATIO * size_bytes:
        raise ValueError(f"it claims {total} bytes of pixels, and is {size_bytes} bytes long")


def _refuse_lost_segments(page: AnyPage, keyframe: tifffile.TiffPage, number: int) -> None:
    """Refuse a page some of whose strips or tiles have lost their place or length.

    Those that were left out on purpose, as they are empty, have neither.
    """
    if keyframe.is_final:
        lost = page.dataoffsets[0] == 0
    else:
        places = list(zip(page.dataoffsets, page.databytecounts, strict=False))
        lost = len(places) < math.prod(keyframe.chunked)
        lost = lost or any((offset == 0) != (length == 0) for offset, length in places)
    if lost:
        raise ValueError(f"page {number} lacks the place or the length of some of its pixels")
