"""What the pages of a Parquet file say they unpack to; the footer, which is read first, may tell less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kymflow_zarr import limits
from kymflow_zarr.formats.parquet_footer import ColumnChunk
from kymflow_zarr.formats.thrift import INT32, STRUCT, Fields, read_struct, whole_number

# So many bytes the codecs give at most for one, by their numbers: uncompressed, Snappy, gzip, LZ4, Zstandard,
# and LZ4 without its frame. Others give about a million, as Brotli does.
_RATIOS = {0: 1, 1: 32, 2: 1032, 5: 256, 6: 2**15, 7: 256}
_HIGHEST_RATIO = 2**22
COMMON_RATIO = max(_RATIOS.values())
# Pages are of about 1 MiB; each costs some microseconds.
_MOST_PAGES = 1_000_000
DELTA_BYTE_ARRAY = 7

# Fields of the structure PageHeader, and of the two kinds of data pages that are in it.
_UNCOMPRESSED, _COMPRESSED = (2, INT32), (3, INT32)
_N_VALUES = (1, INT32)
_ENCODINGS = (((5, STRUCT), (2, INT32)), ((8, STRUCT), (4, INT32)))
_WHAT = "header of a page"


@dataclass
class Pages:
    """What the pages of a column say of themselves, in one row group.

    Attributes
    ----------
    n_bytes : int
        Bytes of all of them, uncompressed.
    n_values : int
        Values of all of them; in lists, each element is one.
    longest : int
        Bytes of the longest one.
    encodings : set of int
        How their values are written.
    """

    n_bytes: int = 0
    n_values: int = 0
    longest: int = 0
    encodings: set[int] = field(default_factory=set)


def most_bytes(chunks: Iterable[ColumnChunk]) -> int:
    """Return how many bytes the pages of columns may unpack to, by what they take and their codecs."""
    return sum([_RATIOS.get(chunk.codec, _HIGHEST_RATIO) * chunk.stored_bytes for chunk in chunks])


def read_pages(data: bytes, chunks: Iterable[ColumnChunk]) -> list[Pages]:
    """Return what the headers of each column's pages say; no page is unpacked.

    Raises
    ------
    TooLargeError
        There are more of them than can be read.
    ValueError
        They are damaged.
    """
    found = []
    n_pages = 0
    for chunk in chunks:
        pages = Pages()
        at, end = chunk.begin, chunk.begin + chunk.stored_bytes
        # Arrow, too, reads until it has all values, or the bytes end.
        while at < end and pages.n_values < chunk.n_values:
            n_pages += 1
            if n_pages > _MOST_PAGES:
                raise limits.TooLargeError(f"it has more than {_MOST_PAGES} pages")
            header, at = read_struct(data, at, _WHAT)
            _count(pages, header)
            at += _whole(header, _COMPRESSED)
        found.append(pages)
    return found


def _count(pages: Pages, header: Fields) -> None:
    n_bytes = _whole(header, _UNCOMPRESSED)
    pages.n_bytes += n_bytes
    pages.longest = max(pages.longest, n_bytes)
    # What a dictionary holds are no values of the column.
    for kind, encoding in _ENCODINGS:
        if kind in header:
            pages.n_values += _whole(header[kind], _N_VALUES)
            pages.encodings.add(_whole(header[kind], encoding))


def _whole(fields: Fields, field: tuple[int, int]) -> int:
    return whole_number(fields, field, _WHAT)
