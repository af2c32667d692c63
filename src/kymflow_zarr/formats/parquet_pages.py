"""What the pages of a Parquet file say they unpack to; the footer, which is read first, may tell less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kymflow_zarr import limits

if TYPE_CHECKING:
    import pyarrow.parquet as pq

# So many bytes the codecs give at most for one. Others give about a million, as Brotli does.
_RATIOS = {"UNCOMPRESSED": 1, "SNAPPY": 32, "LZ4": 256, "GZIP": 1032, "ZSTD": 2**15}
_HIGHEST_RATIO = 2**22
COMMON_RATIO = max(_RATIOS.values())
# Pages are of about 1 MiB; each costs some microseconds.
_MOST_PAGES = 1_000_000
DELTA_BYTE_ARRAY = 7

# Fields of Thrift's structure PageHeader, and of the three that are in it.
_UNCOMPRESSED, _COMPRESSED, _DATA, _DATA_V2 = 2, 3, 5, 8
_N_VALUES, _ENCODING, _ENCODING_V2 = 1, 2, 4
# Types of its compact protocol.
_BYTE, _INTEGERS, _DOUBLE, _BINARY, _STRUCT = 3, (4, 5, 6), 7, 8, 12
_MOST_DEPTH = 8


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


def most_bytes(chunks: Iterable[pq.ColumnChunkMetaData]) -> int:
    """Return how many bytes the pages of columns may unpack to, by what they take and their codecs."""
    return sum(
        [_RATIOS.get(chunk.compression, _HIGHEST_RATIO) * chunk.total_compressed_size for chunk in chunks]
    )


def read_pages(data: bytes, chunks: Iterable[pq.ColumnChunkMetaData]) -> list[Pages]:
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
        at = min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
        end, values = at + chunk.total_compressed_size, chunk.num_values
        # Arrow, too, reads until it has all values, or the bytes end.
        while at < end and pages.n_values < values:
            n_pages += 1
            if n_pages > _MOST_PAGES:
                raise limits.TooLargeError(f"it has more than {_MOST_PAGES} pages")
            header, at = _read_header(data, at)
            _count(pages, header)
            at += _whole(header.get(_COMPRESSED))
        found.append(pages)
    return found


def _count(pages: Pages, header: dict[int, Any]) -> None:
    n_bytes = _whole(header.get(_UNCOMPRESSED))
    pages.n_bytes += n_bytes
    pages.longest = max(pages.longest, n_bytes)
    # What a dictionary holds are no values of the column.
    for kind, encoding in ((_DATA, _ENCODING), (_DATA_V2, _ENCODING_V2)):
        if isinstance(inner := header.get(kind), dict):
            pages.n_values += _whole(inner.get(_N_VALUES))
            pages.encodings.add(_whole(inner.get(encoding)))


def _whole(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("the header of a page is damaged")
    return value


def _read_header(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    try:
        return _read_struct(data, at, 0)
    except IndexError as error:
        raise ValueError("the header of a page goes on beyond the end of the file") from error


def _read_struct(data: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """Read the fields of a structure, by their numbers; return where it ends, too."""
    fields: dict[int, Any] = {}
    number = 0
    while (head := data[at]) != 0:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _read_integer(data, at)
        # Of a truth value, the type is the value.
        if (kind := head & 15) in (1, 2):
            fields[number] = kind == 1
        else:
            fields[number], at = _read_value(data, at, kind, depth)
    return fields, at + 1


def _read_value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in _INTEGERS:
        return _read_integer(data, at)
    if kind == _BINARY:
        length, at = _read_varint(data, at)
        return None, at + length
    if kind == _STRUCT and depth < _MOST_DEPTH:
        return _read_struct(data, at, depth + 1)
    if kind in (_BYTE, _DOUBLE):
        return None, at + (1 if kind == _BYTE else 8)
    # No header of a page has lists or maps.
    raise ValueError("the header of a page is damaged")


def _read_integer(data: bytes, at: int) -> tuple[int, int]:
    value, at = _read_varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("the header of a page is damaged")
